"""The wizard on the practice lab, driven by keys alone."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from textual.pilot import Pilot

from gpu_wizard.cli import tui
from gpu_wizard.faces.tui.app import WizardApp
from gpu_wizard.journal.recording import read_setup
from gpu_wizard.lab.serve import Lab
from tests.faces.tui.bench import as_text

SPEED = 25.0
WAIT_SECONDS = 60.0


@dataclass
class Journey:
    """A running wizard and the lab under it."""

    app: WizardApp
    pilot: Pilot[int]
    lab: Lab

    async def press(self, *keys: str) -> None:
        """Keys, one after the other."""
        await self.pilot.press(*keys)

    async def until(self, done: Callable[[], bool], what: str) -> None:
        """Wait for the program. Raises: TimeoutError."""
        try:
            async with asyncio.timeout(WAIT_SECONDS):
                while not done():
                    await self.pilot.pause(0.05)
        except TimeoutError:
            raise AssertionError(f"waited in vain for: {what}\n{as_text(self.app)}") from None
        await self.app.paint()

    async def looked(self) -> None:
        """Until the node was looked at."""
        await self.until(lambda: self.finished and not self.app.runs.in_hand, "the first look")

    @property
    def finished(self) -> bool:
        """Whether the last run has ended."""
        return self.app.ui.control.progress.finished is not None

    def state(self, stage: str) -> str:
        """A stage's state as the screen has it."""
        return self.app.ui.control.stage(self.app.ui.node, stage).state

    def node(self) -> dict[str, object]:
        """The Node object of the lab's API."""
        assert self.lab.api is not None
        node = self.lab.api.cluster.get("Node", "", "gpu1")
        assert node is not None
        return dict(node)


@asynccontextmanager
async def on_lab(
    scenario: str, folder: Path, *, size: tuple[int, int] = (80, 24)
) -> AsyncIterator[Journey]:
    """The wizard as `demo` opens it."""
    (folder / "lab").mkdir()
    async with Lab(scenario, folder / "lab", speed=SPEED) as lab:
        setup = read_setup(lab.directory / "setup.toml")
        app = WizardApp(tui.services(), setup=setup)
        async with app.run_test(size=size) as pilot:
            yield Journey(app, pilot, lab)
