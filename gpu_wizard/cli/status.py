"""`status`: what can be asked, put together from readers alone, and shown by a face that only shows."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from gpu_wizard import __version__
from gpu_wizard.cli.edges import READERS
from gpu_wizard.cli.exits import Exit
from gpu_wizard.cli.garbage import search_seldom
from gpu_wizard.cli.keyring import prompt
from gpu_wizard.cli.passwords import passwords
from gpu_wizard.cli.reach import Reach
from gpu_wizard.cli.stopping import until_stopped
from gpu_wizard.engine.fleet import Fleet, NodeSeen
from gpu_wizard.engine.shared import BOUND_SECONDS
from gpu_wizard.faces.status import StatusFace
from gpu_wizard.host.target import SshTarget
from gpu_wizard.model.errors import InputError
from gpu_wizard.model.secret import SecretSource
from gpu_wizard.model.setup_file import LOCAL, ClusterEntry, HostEntry, NodeEntry, SetupFile
from gpu_wizard.stages import LOOKED_AT


def status(arguments: argparse.Namespace) -> Exit:
    """Look at every node. Raises: InputError: before anything was connected to."""
    setup = wanted(arguments)
    if arguments.watch:
        return _watched(setup, arguments)
    seen = until_stopped(_look(setup, arguments))
    if arguments.json:
        from gpu_wizard.faces.status_json import document

        print(document(seen, __version__, setup.path, arguments.lang))
    return exit_of(seen)


def exit_of(seen: Sequence[NodeSeen]) -> Exit:
    """3: something is needed, waiting or blocked; else 1: something could not be looked at; else 0."""
    states = {event.assessment.state for node in seen for event in node.stages}
    if states & {"needed", "waiting", "blocked"}:
        return Exit.CHANGES
    return Exit.FAILED if "unknown" in states else Exit.DONE


def _watched(setup: SetupFile, arguments: argparse.Namespace) -> Exit:
    from gpu_wizard.cli.terminal import has_few_colours, wants_ascii
    from gpu_wizard.cli.watch import watch

    ascii_only, few_colours = wants_ascii(arguments.ascii), has_few_colours()
    seen = watch(setup, arguments, ascii_only=ascii_only, few_colours=few_colours)
    return exit_of(seen) if seen else Exit.INTERRUPTED


def wanted(arguments: argparse.Namespace) -> SetupFile:
    """The setup file, or one made of bare targets. Raises: InputError."""
    bare = (arguments.control_plane, arguments.kubeconfig, arguments.context, arguments.ask_sudo)
    if arguments.setup and (arguments.targets or any(bare)):
        raise _usage(
            "--setup names nodes and cluster by itself: give no target and no option of theirs."
        )
    _check_watch(arguments)
    if arguments.setup:
        from gpu_wizard.journal.recording import read_setup

        return read_setup(Path(arguments.setup))
    if not arguments.targets:
        raise _usage("status wants --setup FILE or at least one target.")
    if len(set(arguments.targets)) < len(arguments.targets):
        raise _usage("A target stands twice.")
    sudo = SecretSource("prompt") if arguments.ask_sudo else None
    hosts = [HostEntry(target, sudo=sudo) for target in arguments.targets]
    control = HostEntry(arguments.control_plane, sudo=sudo) if arguments.control_plane else None
    for entry in (*hosts, *((control,) if control else ())):
        if entry.host != LOCAL:
            SshTarget.parse(entry.host)
    return SetupFile(
        nodes=tuple(NodeEntry(entry.host, entry) for entry in hosts),
        control_plane=control,
        cluster=ClusterEntry(arguments.kubeconfig, arguments.context),
    )


def _check_watch(arguments: argparse.Namespace) -> None:
    if not arguments.watch and (arguments.every is not None or arguments.ascii or arguments.calm):
        raise _usage("--every, --ascii and --calm go with --watch.")
    if arguments.watch and arguments.json:
        raise _usage("--watch is a screen; --json looks once. One of them.")
    if arguments.every is not None and arguments.every < 1:
        raise _usage("--every must be at least 1 second.")
    if arguments.watch and not (sys.stdin.isatty() and sys.stdout.isatty()):
        raise InputError(
            "no-terminal",
            "status --watch needs a terminal.",
            next_step="Without one, look once: gpu-wizard status, or gpu-wizard status --json.",
        )


def _usage(message: str) -> InputError:
    return InputError("status-usage", message, next_step="See: gpu-wizard status --help")


async def _look(setup: SetupFile, arguments: argparse.Namespace) -> tuple[NodeSeen, ...]:
    given = await passwords(setup, prompt, READERS, once=arguments.ask_sudo)
    reach = Reach(setup, READERS, given, min(BOUND_SECONDS, arguments.timeout / 4))
    search_seldom()
    face = StatusFace(sys.stdout, arguments.lang, [node.name for node in setup.nodes], setup.path)
    try:
        await reach.begin()
        fleet = Fleet(
            [reach.berth(node) for node in setup.nodes],
            LOOKED_AT,
            deadline_seconds=arguments.timeout,
        )
        if arguments.json:
            return await fleet.look(_in_silence)
        face.begin()
        seen = await fleet.look(face.arrived)
    finally:
        await reach.close()
    face.finish(seen)
    return seen


async def _in_silence(_seen: NodeSeen) -> None:
    """A document is written when all have arrived."""
