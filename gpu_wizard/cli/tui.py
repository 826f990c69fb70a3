"""The wizard on a terminal: connections, journal and files as the functions that its screens are given."""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import gc
import importlib.util
import os
import sys
import tempfile
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from gpu_wizard.cli.exits import Exit
from gpu_wizard.cli.run_folders import prune, runs_folder
from gpu_wizard.cli.stopping import shown, until_stopped
from gpu_wizard.cli.terminal import has_few_colours, wants_ascii
from gpu_wizard.model.errors import InputError

if TYPE_CHECKING:
    from gpu_wizard.engine.gpu_watch import CardSource
    from gpu_wizard.faces.exchanged import (
        Asker,
        Bundle,
        Candidate,
        Recent,
        RunRequest,
        Tested,
        Unfinished,
    )
    from gpu_wizard.faces.tui.services import Services
    from gpu_wizard.knowledge.texts import Language
    from gpu_wizard.model.events import SetupFinished
    from gpu_wizard.model.ports import Face
    from gpu_wizard.model.setup_file import ClusterEntry, HostEntry, SetupFile


def interactive(arguments: argparse.Namespace, setup: SetupFile | None = None) -> Exit:
    """The screens, or with `--plain` the dialogue line by line. Raises: InputError: there is no terminal."""
    if arguments.plain:
        from gpu_wizard.cli.plain import dialogue

        return dialogue(arguments, setup)
    require_terminal(arguments)
    return wizard(arguments, setup)


def require_terminal(arguments: argparse.Namespace) -> None:
    """Raises: InputError: the screens need a terminal, and there is none."""
    streams = (sys.stdin, sys.stdout, sys.stderr)
    if not arguments.plain and not all(stream.isatty() for stream in streams):
        raise InputError(
            "no-terminal",
            "The wizard needs a terminal.",
            next_step="Without one: gpu-wizard --plain, or gpu-wizard --auto FILE.",
        )


def wizard(arguments: argparse.Namespace, setup: SetupFile | None = None) -> Exit:
    """Run the wizard on this terminal."""
    quicken()
    with contextlib.ExitStack() as stack:
        return _run(arguments, setup, services()._replace(practice=practice(stack)))


def _run(arguments: argparse.Namespace, setup: SetupFile | None, given: Services) -> Exit:
    from gpu_wizard.faces.tui.app import WizardApp
    from gpu_wizard.faces.tui.look import Look

    app = WizardApp(
        given,
        setup=setup,
        language=arguments.lang,
        look=Look(ascii_only=wants_ascii(arguments.ascii)),
        plain="NO_COLOR" in os.environ,
        few_colours=has_few_colours(),
        calm=arguments.calm,
    )
    status = until_stopped(shown(app))
    for line in app.last_words():
        print(line)
    return Exit(status) if status is not None else Exit.INTERRUPTED


def practice(stack: contextlib.ExitStack) -> Callable[[], Awaitable[SetupFile]] | None:
    """What starts the practice lab, which ends with `stack`; None where its packages are not installed."""
    if importlib.util.find_spec("bashkit") is None:
        return None

    def start() -> SetupFile:
        from gpu_wizard.cli.demo import lab_process
        from gpu_wizard.journal.recording import read_setup

        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="gpu-wizard-lab-")))
        ordinary = argparse.Namespace(scenario="fresh", speed=5.0, k3s="1.34.3")
        stack.enter_context(lab_process(ordinary, folder))
        return read_setup(folder / "setup.toml")

    return lambda: asyncio.to_thread(start)


def services() -> Services:
    """What the screens need of the outside."""
    from gpu_wizard.faces.tui.services import Services

    return Services(
        run=run,
        test=test,
        contexts=contexts,
        test_api=test_api,
        candidates=candidates,
        unfinished=unfinished,
        recent=recent,
        save_setup=save_setup,
        save_text=save_text,
        bundle=bundle,
        save_bundle=save_bundle,
        telemetry=telemetry,
        prepare=prepare,
    )


def quicken() -> None:
    """Collect no garbage until the first frame stands: what is imported stays, and looking at it costs a tenth."""
    gc.disable()


def prepare() -> None:
    """Import what connections need, once the first frame stands; takes half a second, and no terminal waits for it."""
    import gpu_wizard.cli.auto
    import gpu_wizard.cli.edges  # noqa: F401 - imported for later
    from gpu_wizard.cli.garbage import search_seldom

    search_seldom()
    gc.enable()


async def run(request: RunRequest, face: Face, asker: Asker) -> SetupFinished:
    """One run of the engine, with a journal in a folder of its own."""
    from gpu_wizard.cli.auto import new_run_id, target
    from gpu_wizard.cli.edges import Edges
    from gpu_wizard.cli.tui_files import FINISHED_NAME, SETUP_NAME
    from gpu_wizard.cluster.api import KubeCluster
    from gpu_wizard.engine.setup import Course, run_setup
    from gpu_wizard.host.local import local_host
    from gpu_wizard.host.ssh import connect
    from gpu_wizard.journal.journal import FileJournal
    from gpu_wizard.model.ports import Cluster, Host
    from gpu_wizard.stages import PROOF, STAGES

    run_id = new_run_id()
    folder = runs_folder() / run_id
    stages = tuple(s for s in STAGES if not request.stages or s.id in request.stages)
    course = Course(
        stages,
        PROOF,
        plan_only=request.plan,
        prove=request.prove,
        whole=not request.stages,
        keep_going=len(request.setup.nodes) > 1,
    )
    edges: Edges[Host, Cluster] = Edges(
        connect, local_host, KubeCluster, trust=asker.trust, ask=asker.secret
    )
    targets = [target(request.setup, node, run_id, edges) for node in request.setup.nodes]
    with contextlib.closing(FileJournal(folder)) as journal:
        prune(runs_folder())
        if not request.plan:
            _note_setup(request.setup, folder)
        finished = await run_setup(targets, course, face, journal, str(folder))
        if finished.outcome == "done" and not request.plan:
            with contextlib.suppress(OSError):
                (folder / SETUP_NAME).replace(folder / FINISHED_NAME)
        return finished


def telemetry(setup: SetupFile, node: str, asker: Asker) -> CardSource:
    """Samples of a node's cards over a connection of their own, while somebody watches."""
    from gpu_wizard.cli.tui_gpu import NodeTelemetry

    return NodeTelemetry(setup, node, asker)


def _note_setup(setup: SetupFile, folder: Path) -> None:
    """Say how to go on with this run; what an older run of the same machines left is over."""
    from gpu_wizard.cli.tui_files import SETUP_NAME, unfinished_runs
    from gpu_wizard.journal.recording import write_new
    from gpu_wizard.journal.rendering import render

    hosts = {node.host.host for node in setup.nodes}
    for old in unfinished_runs(runs_folder()):
        if hosts == {node.host.host for node in old.setup.nodes}:
            Path(old.setup.path).unlink(missing_ok=True)
    write_new(folder / SETUP_NAME, render(setup))


async def test(entry: HostEntry, asker: Asker) -> Tested:
    """Log in to a machine and look at it briefly. Raises: WizardError."""
    from gpu_wizard.cli.tui_hosts import look_at

    return await look_at(entry, asker)


def contexts(path: str) -> Sequence[str]:
    """The contexts of a kubeconfig, the current one first. Raises: InputError."""
    from gpu_wizard.cli.tui_hosts import contexts_of

    return contexts_of(path)


async def test_api(entry: ClusterEntry) -> Tested:
    """Ask the API that a kubeconfig names for its version. Raises: WizardError."""
    from gpu_wizard.cli.tui_hosts import api_of

    return await api_of(entry)


def candidates() -> Sequence[Candidate]:
    """The machines of ~/.ssh/config."""
    from gpu_wizard.cli.tui_files import ssh_config_hosts

    return ssh_config_hosts(Path("~/.ssh/config").expanduser())


def unfinished() -> Sequence[Unfinished]:
    """Runs that did not end well, newest first."""
    from gpu_wizard.cli.tui_files import unfinished_runs

    return unfinished_runs(runs_folder())


def recent() -> Sequence[Recent]:
    """Runs that ended well, newest first."""
    from gpu_wizard.cli.tui_files import recent_runs

    return recent_runs(runs_folder())


def save_setup(setup: SetupFile, path: Path) -> None:
    """Write a setup file. Raises: InputError: it is there already, or can't be written."""
    from gpu_wizard.journal.rendering import render

    save_text(render(replace(setup, path="")), path)


def save_text(text: str, path: Path) -> None:
    """Write a file. Raises: InputError: it is there already, or can't be written."""
    from gpu_wizard.journal.recording import write_new

    write_new(path, text)


def bundle(language: Language, told: Mapping[str, str]) -> Bundle:
    """The support bundle of the newest run. Raises: InputError: there is none, or it can't be read."""
    from gpu_wizard.cli.bundle import gathered, run_folder

    found = gathered(run_folder(None), told, language)
    if found is None:
        raise InputError("no-such-run", "There is nothing to gather yet.")
    return found


def save_bundle(found: Bundle, path: Path) -> None:
    """Write it. Raises: InputError: it is there already, or can't be written."""
    from gpu_wizard.cli.bundle import write

    write(found, path)
