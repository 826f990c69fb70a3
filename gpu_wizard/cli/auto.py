"""`--auto FILE`: the engine on the targets of a setup file, without a question."""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from secrets import token_hex

from gpu_wizard import __version__
from gpu_wizard.cli.edges import WRITERS, Edges, server_of
from gpu_wizard.cli.exits import Exit
from gpu_wizard.cli.keyring import is_prompting, prompt, secret_of
from gpu_wizard.cli.preflight import check
from gpu_wizard.cli.run_folders import prune, runs_folder
from gpu_wizard.cli.stopping import heard, until_stopped
from gpu_wizard.engine.setup import Course, Target, run_setup
from gpu_wizard.faces.auto import TextFace
from gpu_wizard.faces.headless import JsonFace
from gpu_wizard.journal.journal import FileJournal
from gpu_wizard.journal.recording import read_setup
from gpu_wizard.knowledge.texts import Language
from gpu_wizard.model.errors import CommandError, Where
from gpu_wizard.model.events import SetupFinished
from gpu_wizard.model.ports import Cluster, Host, Node
from gpu_wizard.model.secret import RememberedSecrets, Secret
from gpu_wizard.model.setup_file import NodeEntry, SetupFile
from gpu_wizard.model.spec import Spec
from gpu_wizard.stages import PROOF, STAGES


@dataclass(frozen=True)
class AutoOptions:
    """What the command line says about a headless run."""

    plan: bool = False
    json: bool = False
    prove: bool = False
    keep_going: bool = False
    language: Language = "en"


def options_of(arguments: argparse.Namespace) -> AutoOptions:
    """The options among the arguments."""
    return AutoOptions(
        plan=arguments.plan,
        json=arguments.json,
        prove=arguments.prove,
        keep_going=arguments.keep_going,
        language=arguments.lang,
    )


def auto(path: Path, options: AutoOptions) -> Exit:
    """Run a setup file. Raises: InputError: before anything was connected to."""
    setup = read_setup(path)
    check(setup)
    finished = until_stopped(_run(setup, options))
    return exit_of(finished)


def exit_of(finished: SetupFinished) -> Exit:
    """The exit status of a run."""
    if finished.outcome == "stopped":
        return Exit.INTERRUPTED
    if finished.outcome == "failed":
        return Exit.FAILED
    return Exit.CHANGES if finished.plan and finished.planned else Exit.DONE


async def _run(setup: SetupFile, options: AutoOptions) -> SetupFinished:
    run_id = new_run_id()
    folder = runs_folder() / run_id
    stages = tuple(stage.id for stage in (*STAGES, PROOF))
    face = (
        JsonFace(sys.stdout, __version__)
        if options.json
        else TextFace(sys.stdout, options.language, stages, plan_only=options.plan)
    )
    course = Course(STAGES, PROOF, options.plan, options.keep_going, options.prove)
    journal = FileJournal(folder)
    prune(runs_folder())
    edges = replace(WRITERS, ask=RememberedSecrets(prompt))
    targets = [target(setup, node, run_id, edges) for node in setup.nodes]
    with contextlib.closing(journal), _interrupts(face.request_stop):
        finished = await run_setup(targets, course, face, journal, str(folder))
    _check_output(face.outlet.failed, folder)
    return finished


def _check_output(failed: OSError | None, folder: Path) -> None:
    """The run was stopped because its output was not taken any more. Raises: BrokenPipeError, CommandError."""
    if isinstance(failed, BrokenPipeError):
        raise failed
    if failed is not None:
        raise CommandError(
            "output-unwritable",
            f"Standard output can't be written ({failed.strerror}), so the run was stopped.",
            Where(file=str(folder)),
            "The journal holds what was done; a second run goes on from there.",
        )


def new_run_id() -> str:
    """Names a run: its folder, its backups on nodes, its short pods."""
    return f"{datetime.now(UTC):%Y%m%d-%H%M%S}-{token_hex(2)}"


def target(setup: SetupFile, entry: NodeEntry, run_id: str, edges: Edges[Host, Cluster]) -> Target:
    """One node of a setup file, connected to when its turn comes."""
    spec = Spec(
        node=entry.name,
        server=setup.cluster.server,
        has_control_plane=setup.control_plane is not None,
        options=entry.options,
        choices=setup.choices,
        run_id=run_id,
    )

    async def connect() -> tuple[Spec, Node]:
        return await _connect(setup, entry, spec, edges)

    return Target(spec, connect)


async def _connect(
    setup: SetupFile, entry: NodeEntry, spec: Spec, edges: Edges[Host, Cluster]
) -> tuple[Spec, Node]:
    """The node's connections: all of them, or none that is left open."""
    async with contextlib.AsyncExitStack() as opened:
        host = await edges.host(entry.host)
        opened.push_async_callback(host.close)
        control_plane = await _control_plane(setup, entry, host, edges)
        if control_plane is not None:
            opened.push_async_callback(control_plane.close)
        cluster = await edges.api(setup.cluster, control_plane)
        if cluster is not None:
            opened.push_async_callback(cluster.close)
        secrets = await _secrets(entry, edges)
        opened.pop_all()
    server = server_of(setup.cluster, control_plane)
    return replace(spec, server=server), Node(entry.name, host, control_plane, cluster, secrets)


async def _control_plane(
    setup: SetupFile, entry: NodeEntry, host: Host, edges: Edges[Host, Cluster]
) -> Host | None:
    """The control plane's host: the node's own connection where both are one machine."""
    if setup.control_plane is None or setup.control_plane.host == entry.host.host:
        return host if setup.control_plane is not None else None
    return await edges.host(setup.control_plane)


async def _secrets(entry: NodeEntry, edges: Edges[Host, Cluster]) -> dict[str, Secret]:
    source = entry.options.join.token
    if source.kind == "control-plane":
        return {}
    token = secret_of(source, "token") or await edges.ask(f"K3s join token for {entry.name}")
    return {"token": token} if token else {}


@contextlib.contextmanager
def _interrupts(request_stop: Callable[[], None]) -> Iterator[None]:
    """Ctrl-C once: stop after the step in hand; twice, or at a prompt: abandon it."""
    task = asyncio.current_task()
    presses = 0

    def pressed() -> None:
        nonlocal presses
        presses += 1
        request_stop()
        if presses == 1 and not is_prompting():
            with contextlib.suppress(OSError):
                print(
                    "\nStopping after the step in hand; Ctrl-C again abandons it.", file=sys.stderr
                )
        elif task is not None:
            task.cancel()

    with heard(pressed):
        yield
