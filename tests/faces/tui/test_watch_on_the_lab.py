"""The watch as its user runs it on the practice lab: over real SSH and HTTPS, look after look, and nothing is changed."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import aclosing, asynccontextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

from textual.pilot import Pilot

from gpu_wizard.cli.watch import Outlook
from gpu_wizard.faces.tui.watching.app import WatchApp
from gpu_wizard.faces.tui.watching.node import NodeScreen
from gpu_wizard.faces.tui.watching.nodes_view import Eyes
from gpu_wizard.journal.recording import read_setup
from gpu_wizard.lab.serve import Lab
from gpu_wizard.model.setup_file import NodeEntry, SetupFile
from tests.faces.test_status_on_the_lab import everything
from tests.faces.tui.bench import as_text

WAIT_SECONDS = 60.0


@dataclass
class Watching:
    """A running watch and the lab under it."""

    app: WatchApp
    pilot: Pilot[int]
    lab: Lab

    async def until(self, done: Callable[[], bool], what: str) -> None:
        """Wait for the program. Raises: AssertionError."""
        try:
            async with asyncio.timeout(WAIT_SECONDS):
                while not done():
                    assert self.app.failure is None, repr(self.app.failure)
                    await self.pilot.pause(0.1)
        except TimeoutError:
            raise AssertionError(f"waited in vain for {what}:\n{as_text(self.app)}") from None
        self.app.paint()
        await self.pilot.pause()

    async def shows(self, *texts: str) -> None:
        """Until the screen holds all of these."""
        await self.until(lambda: all(text in as_text(self.app) for text in texts), str(texts))


def all_machines(lab: Lab) -> SetupFile:
    """The lab's setup file with every machine of it as a node."""
    setup = read_setup(lab.directory / "setup.toml")
    (gpu,) = setup.nodes
    user = gpu.host.host.partition("@")[0]
    hosts = {
        name: replace(gpu.host, host=f"{user}@127.0.0.1:{door.port}")
        for name, door in lab.ssh.items()
    }
    return replace(setup, nodes=tuple(NodeEntry(name, host) for name, host in hosts.items()))


@asynccontextmanager
async def watching(scenario: str, folder: Path, every: float = 2.0) -> AsyncIterator[Watching]:
    """The watch as `status --setup … --watch` opens it."""
    (folder / "lab").mkdir()
    async with Lab(scenario, folder / "lab", speed=25.0) as lab:
        setup = all_machines(lab)
        async with aclosing(Outlook(setup, {}, 30.0)) as outlook:
            await outlook.reach.begin()
            eyes = Eyes(outlook.look, outlook.telemetry)
            names = [node.name for node in setup.nodes]
            app = WatchApp(names, eyes, every_seconds=every, setup="setup.toml")
            async with app.run_test(size=(80, 24)) as pilot:
                yield Watching(app, pilot, lab)


async def test_nodes_are_shown_refreshed_on_open_connections_and_left_alone(
    tmp_path: Path,
) -> None:
    async with watching("three-nodes", tmp_path) as watch:
        assert watch.lab.api is not None
        await watch.shows("read-only", "of 3 done", "1 Join: ", "needed", "control", "worker1")
        machines = watch.lab.world.machines
        before = {name: everything(each.tree.node("/")) for name, each in machines.items()}
        sight = watch.app.view.sight
        first = sight.looked_at
        connections = {name: set(server.connections) for name, server in watch.lab.ssh.items()}
        for _ in range(2):
            last = sight.looked_at
            await watch.until(lambda seen=last: sight.looked_at != seen, "another look")  # type: ignore[misc]  # bound at once
        assert sight.looked_at != first
        now = {name: set(server.connections) for name, server in watch.lab.ssh.items()}
        assert now == connections
        watch.app.view.chosen = "gpu1"
        await watch.pilot.press("g")
        screen = watch.app.screen
        assert isinstance(screen, NodeScreen)
        await watch.until(lambda: screen.cards.history.latest is not None, "a sample")
        await watch.shows("A6000", "live")
        await watch.pilot.press("escape")
        requests = watch.lab.api.requests
        after = {name: everything(each.tree.node("/")) for name, each in machines.items()}
    assert after == before
    assert {request.method for request in requests} == {"GET"}


async def test_a_node_that_goes_and_comes_back_is_told(tmp_path: Path) -> None:
    async with watching("done", tmp_path) as watch:
        await watch.until(lambda: watch.app.view.sight.state("gpu1") == "done", "done")
        server = watch.lab.ssh["gpu1"]
        await server.stop()
        await watch.shows("unknown", "does not answer")
        await server.start()
        await watch.shows("answers again")
        await watch.until(lambda: watch.app.view.sight.state("gpu1") == "done", "done again")


async def test_what_the_cluster_tells_of_a_node_is_shown_as_it_comes(tmp_path: Path) -> None:
    async with watching("done", tmp_path) as watch:
        await watch.until(lambda: watch.app.view.sight.state("gpu1") == "done", "done")
        soon = datetime.now(UTC) + timedelta(seconds=2)
        event = {
            "apiVersion": "v1",
            "kind": "Event",
            "metadata": {"name": "gpu1.1", "namespace": "default"},
            "involvedObject": {"kind": "Node", "name": "gpu1", "uid": "gpu1"},
            "reason": "NodeNotReady",
            "message": "Node gpu1 status is now: NodeNotReady",
            "type": "Normal",
            "lastTimestamp": soon.strftime("%Y-%m-%dT%H:%M:%SZ"),
            "count": 3,
        }
        watch.lab.site.control.cluster.put(event)
        await watch.shows("gpu1  NodeNotReady  ×3")
        watch.app.view.chosen = "gpu1"
        await watch.pilot.press("enter", "end", *["pagedown"] * 6)
        await watch.shows("Events", "NodeNotReady")
        assert watch.lab.api is not None
        assert {request.method for request in watch.lab.api.requests} == {"GET"}
