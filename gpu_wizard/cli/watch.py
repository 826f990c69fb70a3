"""`status --watch`: readers put together for a screen, their connections held from look to look."""

from __future__ import annotations

import argparse
import os
from collections.abc import AsyncGenerator, Callable, Mapping
from contextlib import aclosing
from dataclasses import replace

from gpu_wizard.cli.edges import NOTHING_GIVEN, READERS, Given
from gpu_wizard.cli.gpu import connect_machine
from gpu_wizard.cli.keyring import prompt
from gpu_wizard.cli.passwords import nobody, passwords
from gpu_wizard.cli.reach import Reach
from gpu_wizard.cli.stopping import shown, until_stopped
from gpu_wizard.engine.fleet import Arrived, Fleet, NodeSeen
from gpu_wizard.engine.gpu_watch import CardSource, GpuWatch, Watched
from gpu_wizard.engine.shared import BOUND_SECONDS
from gpu_wizard.faces.tui.look import Look
from gpu_wizard.faces.tui.watching.app import WatchApp
from gpu_wizard.faces.tui.watching.nodes_view import Eyes
from gpu_wizard.model.ports import ClusterReader
from gpu_wizard.model.setup_file import HostEntry, SetupFile
from gpu_wizard.stages import LOOKED_AT

EVERY_SECONDS = 10.0


def watch(
    setup: SetupFile, arguments: argparse.Namespace, *, ascii_only: bool, few_colours: bool
) -> tuple[NodeSeen, ...]:
    """Watch until a person quits; what was seen last, empty where nothing was or a signal ended it. Raises: InputError."""

    def app(eyes: Eyes) -> WatchApp:
        return WatchApp(
            [node.name for node in setup.nodes],
            eyes,
            every_seconds=arguments.every or EVERY_SECONDS,
            setup=setup.path,
            language=arguments.lang,
            look=Look(ascii_only=ascii_only),
            plain="NO_COLOR" in os.environ,
            few_colours=few_colours,
            calm=arguments.calm,
        )

    return until_stopped(_watch(setup, arguments, app))


async def _watch(
    setup: SetupFile, arguments: argparse.Namespace, make: Callable[[Eyes], WatchApp]
) -> tuple[NodeSeen, ...]:
    given = await passwords(setup, prompt, READERS, once=arguments.ask_sudo)
    async with aclosing(Outlook(setup, given, arguments.timeout)) as outlook:
        await outlook.reach.begin()
        app = make(Eyes(outlook.look, outlook.telemetry))
        if await shown(app) is None:
            return ()
    return tuple(app.view.sight.seen.values())


class Outlook:
    """What a watch looks with: readers alone."""

    def __init__(
        self, setup: SetupFile, given: Mapping[HostEntry, Given], deadline_seconds: float
    ) -> None:
        """`given`: passwords that were typed; `deadline_seconds`: for one node and look."""
        self._setup, self._given = setup, given
        self.reach = Reach(setup, READERS, given, min(BOUND_SECONDS, deadline_seconds / 4))
        self.fleet = Fleet(
            [self.reach.berth(node) for node in setup.nodes],
            LOOKED_AT,
            deadline_seconds=deadline_seconds,
            keep_open=True,
            with_events=True,
        )

    async def look(self, arrived: Arrived) -> tuple[NodeSeen, ...]:
        """At all nodes that no look is at."""
        self.reach.renew()
        return await self.fleet.look(arrived)

    def telemetry(self, node: str) -> CardSource:
        """Samples of a node's cards."""
        entry = next(one.host for one in self._setup.nodes if one.name == node)
        return _Cards(entry, self._given.get(entry, NOTHING_GIVEN), self.reach.cluster)

    async def aclose(self) -> None:
        """Close every connection."""
        await self.fleet.close()
        await self.reach.close()


class _Cards:
    """A node's cards: samples travel on a connection of their own, pods come from the common one. See `CardSource`."""

    def __init__(self, entry: HostEntry, given: Given, cluster: ClusterReader | None) -> None:
        self._entry, self._given, self._cluster = entry, given, cluster

    async def watch(self, every_seconds: float) -> AsyncGenerator[Watched, None]:
        """See `CardSource.watch`."""
        edges = replace(READERS, ask=nobody)
        machine = await connect_machine(self._entry, edges, self._given)
        try:
            watch = GpuWatch(machine.source, machine.host, self._cluster)
            async with aclosing(watch.watch(every_seconds)) as samples:
                async for watched in samples:
                    yield watched
        finally:
            await machine.host.close()
