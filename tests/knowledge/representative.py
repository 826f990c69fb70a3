"""Facts that make the stages plan everything that they can plan, and the commands that come of it."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import gpu_wizard.facts
from gpu_wizard.facts import apt, rpm
from gpu_wizard.facts.disk import Room
from gpu_wizard.facts.driver_steps import load_steps
from gpu_wizard.facts.identity import HOSTNAME
from gpu_wizard.facts.k3s_installer import installation
from gpu_wizard.facts.kernel import DriverFiles, DriverState
from gpu_wizard.facts.packages import TOOLKIT_PACKAGES
from gpu_wizard.facts.toolkit import ToolkitFiles
from gpu_wizard.model.action import Action, Plan, Run, SecretFrom, Step
from gpu_wizard.model.fact import ABSENT, Known
from gpu_wizard.model.question import Ask, Command, Probe, probes_of
from gpu_wizard.model.secret import SecretSource
from gpu_wizard.model.spec import JoinOptions, Spec, StageOptions, ToolkitOptions
from gpu_wizard.model.stage import AnyStage
from gpu_wizard.stages import PROOF, STAGES
from tests.stages import (
    test_device_plugin,
    test_driver,
    test_join,
    test_labels,
    test_plugin_runtime,
    test_proof,
    test_runtime,
    test_runtime_class,
    test_toolkit,
)
from tests.stages.cluster_facts import SPEC as SPEC_OF
from tests.stages.cluster_facts import daemonset

ALL: tuple[AnyStage, ...] = (*STAGES, PROOF)
PROXY = "http://192.0.2.3:3128"
SPEC = Spec(
    "gpu1",
    server="https://10.0.0.10:6443",
    kubernetes_node="gpu1",
    has_control_plane=True,
    prove=True,
    run_id="run-1",
)


def asks() -> Iterator[tuple[str, str, Ask[Any]]]:
    """Stage, probe, question: everything that is ever asked."""
    seen: set[str] = set()
    for stage in ALL:
        for probe in probes_of(stage.facts_type).values():
            question = probe.question(SPEC)
            if question is not None and probe.id not in seen:
                seen.add(probe.id)
                yield stage.id, probe.id, question
    question = HOSTNAME.question(SPEC)
    if question is not None and HOSTNAME.id not in seen:
        yield "join", HOSTNAME.id, question


def steps() -> Iterator[tuple[str, Step]]:
    """Stage, step: all plans of the representative facts."""
    for stage, plan in plans():
        for step in plan:
            yield stage, step


def plans() -> Iterator[tuple[str, Plan]]:
    yield from (("join", plan) for plan in _join())
    for facts in (row[1] for row in test_driver.TABLE):
        yield "driver", test_driver.STAGE.plan(facts, test_driver.SPEC)
        yield "driver", test_driver.STAGE.plan(facts, test_driver.AGREED)
    yield "driver", load_steps(DriverState(), DriverFiles(modprobe=False))
    yield "driver", load_steps(DriverState(), DriverFiles(modprobe=True))
    yield from (("toolkit", plan) for plan in _toolkit())
    for row in test_runtime.CASES:
        yield "runtime", test_runtime.STAGE.plan(row[1], test_runtime.SPEC)
    chosen = replace(
        test_runtime.GOOD,
        programs=test_runtime.programs(test_runtime.USR_BIN, test_runtime.ELSEWHERE),
    )
    yield "runtime", test_runtime.STAGE.plan(chosen, test_runtime.wanting(test_runtime.ELSEWHERE))
    yield from _cluster()


def _join() -> Iterator[Plan]:
    make, facts, agent = test_join.spec, test_join.facts, test_join.agent
    stage = test_join.STAGE
    token = SecretSource("env", "GPU_WIZARD_TOKEN")
    yield stage.plan(facts(), make())
    yield stage.plan(
        facts(curl=ABSENT, files=Known(replace(test_join.JOINED_FILES, downloader="wget"))), make()
    )
    yield stage.plan(
        facts(), make(token=token, installer_sha256="0" * 64, node_name="gpu1", node_ip="10.0.0.21")
    )
    yield stage.plan(facts(server_version=ABSENT), make(version="v1.25.0+k3s1"))
    yield stage.plan(
        agent(test_join.AGENT_UP, journal=test_join.fault("node-deleted"), node=ABSENT), make()
    )
    yield stage.plan(facts(password=Known(False)), make())
    for options in (
        JoinOptions(binary_file="k3s", images_file="images.tar.zst", installer_file="install.sh"),
        JoinOptions(http_proxy=PROXY, https_proxy=PROXY, no_proxy="10.0.0.0/8"),
    ):
        for downloader in ("curl", "wget"):
            yield installation(options, "v1.34.3+k3s1", downloader, fresh=True)


def _toolkit() -> Iterator[Plan]:
    stage, spec = test_toolkit.STAGE, test_toolkit.SPEC
    rows = [row[1] for row in test_toolkit.TABLE]
    behind = ToolkitOptions(http_proxy=PROXY, https_proxy=PROXY)
    proxied = replace(spec, options=StageOptions(toolkit=behind))
    for facts in rows:
        yield stage.plan(facts, spec)
        yield stage.plan(facts, proxied)
    fresh = test_toolkit.FRESH
    yield stage.plan(replace(fresh, dpkg=Known({}), files=Known(ToolkitFiles())), spec)
    wget = {"wget": test_toolkit.BASICS["curl"], "gpg": test_toolkit.BASICS["gpg"]}
    yield stage.plan(replace(fresh, dpkg=Known(wget), interrupted=Known(True)), spec)
    old = apt.AptSources(
        (apt.Source("/etc/apt/sources.list.d/old.list", f"{test_toolkit.REPOSITORY}/deb"),),
        "",
        ("0",),
    )
    yield stage.plan(replace(fresh, sources=Known(old), room=Known((Room("/", 10 << 30),))), spec)
    suse = replace(fresh, system=Known(test_toolkit.LEAP), dpkg=ABSENT)
    older = test_toolkit.packages("1.16.0-1")
    residue = {
        n: replace(p, installed=False, residue=True)
        for n, p in older.items()
        if n in TOOLKIT_PACKAGES
    }
    yield stage.plan(replace(fresh, dpkg=Known({**test_toolkit.BASICS, **residue})), spec)
    for known in ({}, older):
        yield stage.plan(replace(suse, rpm=Known(known)), spec)
        yield stage.plan(replace(suse, system=Known(test_toolkit.ROCKY), rpm=Known(known)), spec)
    assert rpm.KEY


def _cluster() -> Iterator[tuple[str, Plan]]:
    for given, *_ in test_device_plugin.CASES.values():
        yield "device-plugin", test_device_plugin.STAGE.plan(given, SPEC)
    for facts, *_rest in test_proof.CASES.values():
        yield "proof", test_proof.STAGE.plan(facts, test_proof.PROVE)
    labels, classes, plugin = test_labels, test_runtime_class, test_plugin_runtime
    sets = (daemonset(), test_device_plugin.OURS)
    yield from (("plugin-runtime", plugin.STAGE.plan(plugin.facts(each), SPEC_OF)) for each in sets)
    yield "labels", labels.STAGE.plan(labels.facts(), SPEC_OF)
    yield "runtime-class", classes.STAGE.plan(classes.facts(), SPEC_OF)


def commands() -> Iterator[tuple[str, str, tuple[str, ...]]]:
    """Stage, probe or step, argv: every command, wrapped as it is run."""
    for stage, probe, question in asks():
        if isinstance(question, Command):
            yield stage, probe, question.argv
    for probe, question in other_asks():
        if isinstance(question, Command):
            yield "", probe, question.argv
    for stage, step in steps():
        for action in (step.action, *step.undo):
            for run in runs(action):
                yield stage, step.id, argv_of(run)


def runs(action: Action) -> Iterator[Run]:
    if isinstance(action, Run):
        yield action
    secret = getattr(action, "content", None)
    if isinstance(secret, SecretFrom):
        yield secret.run
        if secret.undo_argv:
            yield Run(secret.undo_argv)


def argv_of(run: Run) -> tuple[str, ...]:
    """As `faces/wording.command` shows it."""
    environment = tuple(f"{key}={value}" for key, value in run.environment)
    prefix = (*(("sudo",) if run.root else ()), *(("env", *environment) if environment else ()))
    return (*prefix, *run.argv)


def other_asks() -> Iterator[tuple[str, Ask[Any]]]:
    """Probe, question: what is asked beside the stages, for status, telemetry and diagnosis."""
    seen = {probe for _, probe, _ in asks()}
    for module in pkgutil.iter_modules(gpu_wizard.facts.__path__):
        held = importlib.import_module(f"gpu_wizard.facts.{module.name}")
        for probe in vars(held).values():
            if isinstance(probe, Probe) and probe.id not in seen:
                seen.add(probe.id)
                question = probe.question(SPEC)
                if question is not None:
                    yield probe.id, question
