"""`gpu`: the cards of one machine, sampled until stopped."""

from __future__ import annotations

import argparse
import os
import socket
import sys
from contextlib import AsyncExitStack, aclosing
from dataclasses import dataclass, replace

from gpu_wizard import __version__
from gpu_wizard.cli.edges import NOTHING_GIVEN, READERS, Edges, Given
from gpu_wizard.cli.exits import Exit
from gpu_wizard.cli.stopping import shown, until_stopped
from gpu_wizard.engine.gpu_watch import GpuWatch
from gpu_wizard.faces.gpu import GpuJson, GpuTable
from gpu_wizard.host.local import local_reader
from gpu_wizard.host.ssh import Open, connect_sampled
from gpu_wizard.host.target import SshOptions, SshTarget
from gpu_wizard.model.errors import InputError
from gpu_wizard.model.ports import ClusterReader, HostReader, TelemetrySource
from gpu_wizard.model.secret import Secret
from gpu_wizard.model.setup_file import LOCAL, ClusterEntry, HostEntry
from gpu_wizard.telemetry.local import LocalTelemetry
from gpu_wizard.telemetry.remote import RemoteTelemetry

SHORTEST_SECONDS = 0.05


@dataclass(frozen=True)
class Machine:
    """A machine to watch: its samples, and the same connection to ask on."""

    host: HostReader
    source: TelemetrySource


def gpu(arguments: argparse.Namespace) -> Exit:
    """Show samples until stopped. Raises: InputError, UnreachableError, TrustError, AccessError."""
    if arguments.every < SHORTEST_SECONDS or arguments.count < 0:
        raise InputError(
            "gpu-usage",
            f"--every must be at least {SHORTEST_SECONDS} s, and --count not below zero.",
            next_step="See: gpu-wizard gpu --help",
        )
    if (arguments.ascii or arguments.calm) and not _is_screen(arguments):
        raise InputError("gpu-usage", "--ascii and --calm go with the screen, on a terminal.")
    return until_stopped(_look(arguments))


async def connect_machine(
    entry: HostEntry, edges: Edges[HostReader, ClusterReader], given: Given = NOTHING_GIVEN
) -> Machine:
    """One connection that carries questions and samples. Nobody is asked for sudo's password in the midst of these.

    Raises: UnreachableError, TrustError, AccessError.
    """
    if entry.host == LOCAL:
        return Machine(local_reader(given.sudo), LocalTelemetry())
    openings: list[Open] = []

    async def remote(target: SshTarget, options: SshOptions) -> HostReader:
        reader, opening = await connect_sampled(target, replace(options, ask_sudo_password=None))
        openings.append(opening)
        return reader

    host = await Edges(remote, _no_local, edges.cluster, edges.trust, edges.ask).host(entry, given)
    return Machine(host, RemoteTelemetry(openings[0]))


def _no_local(_sudo: Secret | None, _ask: object) -> HostReader:
    raise TypeError("this machine is no remote one")


def _is_screen(arguments: argparse.Namespace) -> bool:
    """Whether live panels are wanted: somebody sits at a terminal, and asked for nothing else."""
    if arguments.json or arguments.plain or arguments.once or arguments.count:
        return False
    return sys.stdin.isatty() and sys.stdout.isatty()


async def _look(arguments: argparse.Namespace) -> Exit:
    async with AsyncExitStack() as stack:
        machine = await connect_machine(HostEntry(arguments.target), READERS)
        stack.push_async_callback(machine.host.close)
        cluster = await _cluster(arguments, stack)
        watch = GpuWatch(machine.source, machine.host, cluster)
        return await (_panels if _is_screen(arguments) else _stream)(arguments, watch)


async def _panels(arguments: argparse.Namespace, watch: GpuWatch) -> Exit:
    from gpu_wizard.cli.terminal import has_few_colours, wants_ascii
    from gpu_wizard.faces.tui.live_cards import LiveCards
    from gpu_wizard.faces.tui.look import Look
    from gpu_wizard.faces.tui.watching.cards import CardsApp

    app = CardsApp(
        socket.gethostname() if arguments.target == LOCAL else arguments.target,
        watch,
        LiveCards(every_seconds=arguments.every),
        language=arguments.lang,
        look=Look(ascii_only=wants_ascii(arguments.ascii)),
        plain="NO_COLOR" in os.environ,
        few_colours=has_few_colours(),
        calm=arguments.calm,
    )
    return Exit.INTERRUPTED if await shown(app) is None else Exit.DONE


async def _stream(arguments: argparse.Namespace, watch: GpuWatch) -> Exit:
    face = (
        GpuJson(sys.stdout, __version__) if arguments.json else GpuTable(sys.stdout, arguments.lang)
    )
    left = 1 if arguments.once else arguments.count
    async with aclosing(watch.watch(arguments.every)) as samples:
        async for watched in samples:
            face.show(watched)
            left -= 1
            if left == 0:
                break
    return Exit.DONE


async def _cluster(arguments: argparse.Namespace, stack: AsyncExitStack) -> ClusterReader | None:
    """The cluster that was named; None: pods are known by what the machine itself tells."""
    if not (arguments.kubeconfig or arguments.control_plane):
        return None
    control: HostReader | None = None
    if arguments.control_plane and not arguments.kubeconfig:
        control = await READERS.host(HostEntry(arguments.control_plane))
        stack.push_async_callback(control.close)
    entry = ClusterEntry(arguments.kubeconfig, arguments.context)
    cluster = await READERS.api(entry, control)
    if cluster is not None:
        stack.push_async_callback(cluster.close)
    return cluster
