"""Stage 3 as a table: what is found → the judgement, and which steps lead from there to done."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from gpu_wizard.facts import apt, rpm
from gpu_wizard.facts.apt import AptSources, Source
from gpu_wizard.facts.disk import Room
from gpu_wizard.facts.identity import OsRelease
from gpu_wizard.facts.objects import NodeObject, PodObject
from gpu_wizard.facts.operator import Operator
from gpu_wizard.facts.packages import TOOLKIT_PACKAGES, Package
from gpu_wizard.facts.toolkit import ToolkitConfig, ToolkitFiles
from gpu_wizard.model.action import PutFile, Run, Step
from gpu_wizard.model.fact import ABSENT, Known, Unknown
from gpu_wizard.model.spec import NVIDIA_FINGERPRINT, Spec, StageOptions, ToolkitOptions
from gpu_wizard.model.version import Version
from gpu_wizard.stages.toolkit import Toolkit, ToolkitFacts

STAGE = Toolkit()
SPEC = Spec("gpu-1")
REPOSITORY = "https://nvidia.github.io/libnvidia-container/stable"
BASICS = {name: Package(Version("1")) for name in ("ca-certificates", "curl", "gpg")}
RIGHT = AptSources((Source(apt.LIST, f"{REPOSITORY}/deb/$(ARCH)"),), apt.list_text(REPOSITORY), (NVIDIA_FINGERPRINT,))  # fmt: skip
UBUNTU = OsRelease("ubuntu", "24.04", ("debian",), "Ubuntu 24.04")
ROCKY = OsRelease("rocky", "9.6", ("rhel", "centos", "fedora"), "Rocky Linux 9.6")
LEAP = OsRelease("opensuse-leap", "15.6", ("suse", "opensuse"), "openSUSE Leap 15.6")
FRESH = ToolkitFacts(
    system=Known(UBUNTU),
    dpkg=Known(BASICS),
    rpm=ABSENT,
    interrupted=Known(False),
    ctk=ABSENT,
    files=Known(ToolkitFiles(apt_lists=True)),
    config=ABSENT,
    sources=Known(AptSources()),
    room=Known((Room("/", 10 << 30),)),
    node=ABSENT,
    operator=ABSENT,
    pods=Known(()),
)
PROGRAMS = ToolkitFiles(runtime=True, config=True, apt_lists=True)


def with_facts(base: ToolkitFacts = FRESH, **changes: Any) -> ToolkitFacts:
    known: dict[str, Any] = {
        key: value if value in (ABSENT,) or isinstance(value, Known | Unknown) else Known(value)
        for key, value in changes.items()
    }
    return replace(base, **known)


def packages(version: str = "1.20.0-1", **others: Package | None) -> dict[str, Package]:
    """All four in one version; `others` by their short name replace (None: remove) one."""
    known = {**BASICS, **{name: Package(Version(version)) for name in TOOLKIT_PACKAGES}}
    short = {"base": TOOLKIT_PACKAGES[1], "tools": TOOLKIT_PACKAGES[2], "library": TOOLKIT_PACKAGES[3]}  # fmt: skip
    for name, package in others.items():
        known.pop(short[name])
        if package is not None:
            known[short[name]] = package
    return known


def installed(version: str = "1.20.0-1", **others: Package | None) -> ToolkitFacts:
    ctk = Version(version.rpartition("-")[0])
    return with_facts(dpkg=packages(version, **others), files=PROGRAMS, ctk=ctk, sources=RIGHT)


def operated(**labels: str) -> dict[str, Any]:
    node = NodeObject("gpu-1", "u", "True", "b", labels, {}, {}, "v1.34.3+k3s1", "containerd", ())
    files = ToolkitFiles(operator_runtime=True, apt_lists=True)
    return {"node": node, "operator": Operator("cluster-policy", "ready"), "files": files}


HELD = Package(Version("1.16.2-1"), held=True)
TABLE: list[tuple[str, ToolkitFacts, str, str]] = [
    ("fresh", FRESH, "needed", "toolkit.missing"),
    ("residue-only", with_facts(dpkg={**BASICS, TOOLKIT_PACKAGES[0]: Package(Version("1.15.0-1"), False, residue=True)}), "needed", "toolkit.missing"),
    ("recommended", installed(), "done", "toolkit.installed"),
    ("floor", installed("1.17.4-1"), "done", "toolkit.installed"),
    ("newer-than-wanted", installed("1.21.0-1"), "done", "toolkit.installed"),
    ("below-floor", installed("1.17.3-1"), "needed", "toolkit.old"),
    ("guide", installed("1.15.0-1"), "needed", "toolkit.old"),
    ("one-missing", installed(tools=None), "needed", "toolkit.incomplete"),
    ("one-unpacked", installed(tools=Package(Version("1.20.0-1"), False)), "needed", "toolkit.incomplete"),
    ("mixed", installed(base=Package(Version("1.19.1-1"))), "needed", "toolkit.mixed"),
    ("program-gone", with_facts(installed(), files=ToolkitFiles(config=True)), "needed", "toolkit.program-gone"),
    ("held-and-fine", installed(base=Package(Version("1.20.0-1"), held=True)), "done", "toolkit.installed"),
    ("held-and-old", installed("1.16.2-1", base=HELD), "blocked", "toolkit.held"),
    ("by-hand", with_facts(ctk=Version("1.18.0"), files=ToolkitFiles(local_runtime=True)), "done", "toolkit.unpackaged"),
    ("by-hand-old", with_facts(ctk=Version("1.14.0"), files=ToolkitFiles(local_runtime=True)), "blocked", "toolkit.unpackaged-old"),
    ("operator", with_facts(**operated()), "done", "toolkit.operator"),
    ("operator-unknown", with_facts(**{**operated(), "operator": Unknown("no-cluster")}), "unknown", "toolkit.operator-unknown"),
    ("operator-not-there-yet", with_facts(**{**operated(), "files": ToolkitFiles(apt_lists=True)}), "blocked", "toolkit.operator-pending"),
    ("operator-without-toolkit", with_facts(**{**operated(), "operator": Operator("cluster-policy", "ready", toolkit=False)}), "needed", "toolkit.missing"),
    ("operator-kept-off", with_facts(**operated(**{"nvidia.com/gpu.deploy.operands": "false"})), "needed", "toolkit.missing"),
    ("operator-left-over", with_facts(files=ToolkitFiles(operator_runtime=True, apt_lists=True)), "needed", "toolkit.missing"),
    ("database-unreadable", with_facts(dpkg=Unknown("timed-out")), "unknown", "timed-out"),
    ("files-unknown", with_facts(files=Unknown("unreachable")), "unknown", "unreachable"),
    ("system-unknown", with_facts(system=Unknown("timed-out")), "unknown", "timed-out"),
    ("unsupported", with_facts(system=OsRelease("arch", "", (), "Arch Linux"), dpkg=ABSENT), "blocked", "toolkit.unsupported-system"),
    ("unsupported-by-hand", with_facts(system=OsRelease("nixos", "", (), "NixOS"), dpkg=ABSENT, ctk=Version("1.20.0"), files=PROGRAMS), "done", "toolkit.unpackaged"),
    ("ostree", with_facts(system=ROCKY, files=ToolkitFiles(read_only="ostree")), "blocked", "toolkit.ostree"),
    ("transactional", with_facts(system=LEAP, files=ToolkitFiles(read_only="transactional")), "blocked", "toolkit.transactional"),
    ("full", with_facts(room=(Room("/", 10 << 30), Room("/var", 90 << 20))), "blocked", "toolkit.disk-full"),
    ("full-and-installed", with_facts(installed(), room=(Room("/", 0),)), "done", "toolkit.installed"),
    ("room-unknown", with_facts(room=Unknown("timed-out")), "needed", "toolkit.missing"),
    ("source-in-the-main-file", with_facts(sources=AptSources((Source(apt.SOURCES, f"{REPOSITORY}/deb/amd64"),))), "blocked", "toolkit.source-conflict"),
    ("rocky", with_facts(system=ROCKY, dpkg=ABSENT, rpm={}), "needed", "toolkit.missing"),
    ("rocky-done", with_facts(system=ROCKY, dpkg=ABSENT, rpm=packages(), files=PROGRAMS), "done", "toolkit.installed"),
    ("rocky-with-dpkg-as-a-tool", with_facts(system=ROCKY, dpkg={}, rpm=packages(), files=PROGRAMS), "done", "toolkit.installed"),
]  # fmt: skip


@pytest.mark.parametrize(
    ("facts", "state", "code"), [row[1:] for row in TABLE], ids=[row[0] for row in TABLE]
)
def test_the_judgement(facts: ToolkitFacts, state: str, code: str) -> None:
    assessment = STAGE.assess(facts, SPEC)
    assert (assessment.state, assessment.code) == (state, code)
    assert bool(STAGE.plan(facts, SPEC)) == (state == "needed")
    assert all(isinstance(row.value, str) for row in STAGE.found(facts, SPEC))


@pytest.mark.parametrize(
    ("facts", "notes"),
    [
        (installed(), []),
        (installed("1.17.7-1"), ["toolkit.security-floor"]),
        (with_facts(installed(), config=ToolkitConfig("legacy", True)), ["toolkit.no-cgroups", "toolkit.legacy-mode"]),
        (with_facts(installed(), config=ToolkitConfig(broken=True)), ["toolkit.config-broken"]),
        (with_facts(installed(), files=replace(PROGRAMS, operator_runtime=True)), ["toolkit.operator-left-over"]),
        (with_facts(dpkg={**packages(), "nvidia-docker2": Package(Version("2.14.0-1"))}, files=PROGRAMS), ["toolkit.old-packages"]),
        (with_facts(system=ROCKY, dpkg=ABSENT, rpm={}), ["toolkit.untested-system"]),
    ],
)  # fmt: skip
def test_what_is_worth_a_word(facts: ToolkitFacts, notes: list[str]) -> None:
    assert [note.code for note in STAGE.assess(facts, SPEC).notes] == notes


def test_a_version_that_k3s_can_not_use_is_not_installed() -> None:
    old = Spec("n", options=StageOptions(toolkit=ToolkitOptions(version="1.17.3")))
    assert STAGE.assess(FRESH, old).code == "toolkit.pinned-too-old"
    assert STAGE.assess(installed("1.17.4-1"), old).state == "done"


def plan(facts: ToolkitFacts, spec: Spec = SPEC) -> list[Step]:
    return list(STAGE.plan(facts, spec))


def ids(facts: ToolkitFacts, spec: Spec = SPEC) -> list[str]:
    return [step.id.removeprefix("toolkit.") for step in plan(facts, spec)]


KEY = ["key-fetch", "key-check", "key"]
END = ["refresh", "available", "install"]


def test_the_key_is_checked_before_anything_trusts_it() -> None:
    assert ids(FRESH) == [*KEY, "source", *END]


@pytest.mark.parametrize(
    ("facts", "expected"),
    [
        (with_facts(sources=RIGHT), END),
        (with_facts(sources=replace(RIGHT, keys=None)), [*KEY, *END]),
        (with_facts(sources=replace(RIGHT, keys=())), ["old-key", *KEY, *END]),
        (with_facts(sources=replace(RIGHT, keys=("AB",))), ["old-key", *KEY, *END]),
        (with_facts(sources=replace(RIGHT, keys=(NVIDIA_FINGERPRINT, "AB"))), ["old-key", *KEY, *END]),
        (with_facts(sources=replace(RIGHT, list_text="<html>")), ["source", *END]),
        (with_facts(sources=replace(RIGHT, sources=(*RIGHT.sources, Source(f"{apt.PARTS}/nvidia-docker.list", "https://nvidia.github.io/nvidia-docker/x")))), ["old-source", *END]),
        (with_facts(sources=RIGHT, interrupted=True), ["dpkg-configure", *END]),
        (installed(tools=Package(Version("1.20.0-1"), False)), ["dpkg-configure", *END]),
        (with_facts(sources=RIGHT, files=ToolkitFiles()), ["refresh-all", *END]),
        (with_facts(dpkg={}, sources=RIGHT), ["refresh-all", "prerequisites", *END]),
    ],
)  # fmt: skip
def test_only_what_is_not_right_yet_is_done(facts: ToolkitFacts, expected: list[str]) -> None:
    assert ids(facts) == expected


def last(facts: ToolkitFacts, spec: Spec = SPEC) -> tuple[Step, Run]:
    step = plan(facts, spec)[-1]
    assert isinstance(step.action, Run)
    return step, step.action


def pinned(version: str) -> tuple[str, ...]:
    return tuple(f"{name}={version}" for name in TOOLKIT_PACKAGES)


def test_all_four_are_pinned_and_nothing_is_asked() -> None:
    _, run = last(FRESH)
    assert run.argv[:3] == ("apt-get", "install", "-y")
    assert "DPkg::Lock::Timeout=300" in run.argv
    assert run.argv[-4:] == pinned("1.20.0-1")
    assert ("DEBIAN_FRONTEND", "noninteractive") in run.environment


@pytest.mark.parametrize(
    ("facts", "wanted", "version"),
    [
        (FRESH, "1.18.2", "1.18.2-1"),
        (FRESH, "1.18.2-2", "1.18.2-2"),
        (installed("1.16.2-1"), "1.18.2", "1.18.2-1"),
        (installed("1.21.0-1", tools=None), "1.18.2", "1.21.0-1"),
        (installed("1.19.0-1", base=Package(Version("1.19.1-1"))), "1.18.2", "1.19.1-1"),
    ],
)
def test_never_a_downgrade(facts: ToolkitFacts, wanted: str, version: str) -> None:
    spec = Spec("n", options=StageOptions(toolkit=ToolkitOptions(version=wanted)))
    _, run = last(facts, spec)
    assert run.argv[-4:] == pinned(version)


def undo(facts: ToolkitFacts) -> list[tuple[str, ...]]:
    return [action.argv for action in last(facts)[0].undo if isinstance(action, Run)]


def test_undo_of_a_fresh_installation_leaves_nothing() -> None:
    purge, remove, folder = undo(FRESH)
    assert purge[:2] == ("apt-get", "purge")
    assert purge[-4:] == TOOLKIT_PACKAGES
    assert remove[-1] == "/etc/nvidia-container-runtime/config.toml"
    assert folder[0] == "rmdir"


def test_undo_of_an_upgrade_gives_the_old_versions_back() -> None:
    (back,) = undo(installed("1.16.2-1"))
    assert "--allow-downgrades" in back
    assert set(back[-4:]) == set(pinned("1.16.2-1"))
    back, purge = undo(installed("1.20.0-1", tools=None))
    assert TOOLKIT_PACKAGES[2] not in " ".join(back)
    assert purge[-1] == TOOLKIT_PACKAGES[2]


def test_undo_keeps_a_configuration_that_was_there() -> None:
    facts = with_facts(
        dpkg={**BASICS, TOOLKIT_PACKAGES[1]: Package(Version("1.15.0-1"), False, residue=True)},
        files=ToolkitFiles(config=True, apt_lists=True),
    )
    assert [argv[:2] for argv in undo(facts)][:2] == [("apt-get", "remove"), ("apt-get", "purge")]
    assert not any("config.toml" in word for argv in undo(facts) for word in argv)


def test_a_failed_stage_leaves_no_source_behind() -> None:
    by_id = {step.id: step for step in plan(FRESH)}
    assert all(by_id[f"toolkit.{name}"].revert for name in ("key-fetch", "key", "source"))
    assert not by_id["toolkit.install"].revert
    put = by_id["toolkit.source"].action
    assert isinstance(put, PutFile)
    assert put.content == (
        b"deb [signed-by=/usr/share/keyrings/nvidia-container-toolkit-keyring.gpg]"
        b" https://nvidia.github.io/libnvidia-container/stable/deb/$(ARCH) /\n"
    )


def test_mirror_fingerprint_and_proxies_are_options() -> None:
    options = ToolkitOptions(
        repository="https://mirror.example/nvidia/",
        key_url="https://mirror.example/key",
        fingerprint="abcd 1234",
        https_proxy="http://proxy.example:3128",
    )
    steps = plan(FRESH, Spec("n", options=StageOptions(toolkit=options)))
    runs = {step.id: step.action for step in steps if isinstance(step.action, Run)}
    puts = [step.action for step in steps if isinstance(step.action, PutFile)]
    assert runs["toolkit.key-fetch"].argv[-1] == "https://mirror.example/key"
    assert runs["toolkit.key-check"].argv[-1] == "ABCD1234"
    assert isinstance(puts[0].content, bytes)
    assert b" https://mirror.example/nvidia/deb/$(ARCH) /" in puts[0].content
    for name in ("key-fetch", "refresh", "install"):
        environment = runs[f"toolkit.{name}"].environment
        assert ("https_proxy", "http://proxy.example:3128") in environment


def test_wget_serves_where_there_is_no_curl() -> None:
    basics = {name: Package(Version("1")) for name in ("ca-certificates", "wget", "gnupg")}
    fetch = plan(with_facts(dpkg=basics))[0].action
    assert isinstance(fetch, Run)
    assert "wget -nv" in fetch.argv[2]


def pod(name: str, gpus: dict[str, int]) -> PodObject:
    return PodObject("ml", name, name, "gpu-1", "Running", True, gpus, (), {}, "nvidia", "")


def test_the_plan_names_the_pods_that_a_reload_may_hurt() -> None:
    risk = last(with_facts(pods=(pod("train", {"nvidia.com/gpu": 1}), pod("web", {}))))[0].risk
    assert risk is not None
    assert (risk.code, risk.params) == ("toolkit.daemon-reload-gpu-pods", {"pods": "ml/train"})
    assert last(FRESH)[0].risk is None
    unknown = last(with_facts(pods=Unknown("no-cluster")))[0].risk
    assert unknown is not None
    assert unknown.code == "toolkit.daemon-reload-pods-unknown"


def test_dnf() -> None:
    facts = with_facts(system=ROCKY, dpkg=ABSENT, rpm={})
    assert ids(facts) == [*KEY, "source", "refresh", "install"]
    step, run = last(facts)
    versions = tuple(f"{name}-1.20.0-1" for name in TOOLKIT_PACKAGES)
    assert run.argv == ("dnf", "-y", "install", *versions)
    assert [a.argv for a in step.undo if isinstance(a, Run)] == [
        ("dnf", "-y", "remove", *TOOLKIT_PACKAGES)
    ]
    put = plan(facts)[3].action
    assert isinstance(put, PutFile)
    assert put.path == rpm.DNF_REPOSITORY
    assert isinstance(put.content, bytes)
    assert b"repo_gpgcheck=1" in put.content
    assert f"gpgkey=file://{rpm.KEY}".encode() in put.content


def test_dnf_gives_old_versions_back() -> None:
    facts = with_facts(system=ROCKY, dpkg=ABSENT, rpm=packages("1.16.2-1"), files=PROGRAMS)
    (back,) = [action.argv for action in last(facts)[0].undo if isinstance(action, Run)]
    assert back[:3] == ("dnf", "-y", "downgrade")


def test_zypper() -> None:
    facts = with_facts(system=LEAP, dpkg=ABSENT, rpm={})
    assert ids(facts) == [*KEY, "source", "key-import", "refresh", "install"]
    step, run = last(facts)
    versions = tuple(f"{name}=1.20.0-1" for name in TOOLKIT_PACKAGES)
    assert run.argv == ("zypper", "--non-interactive", "install", *versions)
    assert ("ZYPP_LOCK_TIMEOUT", "300") in run.environment
    assert [a.argv for a in step.undo if isinstance(a, Run)] == [
        ("zypper", "--non-interactive", "remove", *TOOLKIT_PACKAGES)
    ]


def test_the_rows() -> None:
    rows = [(row.id, row.value, row.state) for row in STAGE.found(installed(), SPEC)]
    assert rows[:4] == [
        ("toolkit.package", f"{name} 1.20.0-1", "done") for name in TOOLKIT_PACKAGES
    ]
    assert rows[4] == ("toolkit.ctk", "1.20.0", "done")
    fresh = [(row.value, row.state) for row in STAGE.found(FRESH, SPEC)]
    assert fresh[0] == ("nvidia-container-toolkit -", "needed")
