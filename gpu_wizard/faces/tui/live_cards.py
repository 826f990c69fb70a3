"""A machine's cards as they come, and what a person chose to see of them: the same on every screen."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from dataclasses import replace
from datetime import datetime

from gpu_wizard.engine.gpu_watch import CardSource
from gpu_wizard.faces.tui.drawing.gpu import Panel
from gpu_wizard.faces.tui.telemetry_view import WINDOWS, History
from gpu_wizard.model.errors import WizardError

EVERY_SECONDS = 1.0


class LiveCards:
    """The panel of one machine."""

    def __init__(
        self, history: History | None = None, every_seconds: float = EVERY_SECONDS
    ) -> None:
        """`history`: samples that are known already."""
        self.panel = Panel(history or History(), every_seconds=every_seconds)

    @property
    def history(self) -> History:
        """What came so far."""
        return self.panel.history

    @property
    def count(self) -> int:
        """How many cards there are."""
        return len(self.history.latest.gpus) if self.history.latest else 0

    async def follow(
        self,
        source: CardSource,
        now: Callable[[], datetime],
        say: Callable[[WizardError], str],
    ) -> AsyncGenerator[None, None]:
        """Take samples until they end; yields when there is something new to draw."""
        try:
            async with aclosing(source.watch(self.panel.every_seconds)) as samples:
                async for watched in samples:
                    self.history.add(watched, now())
                    yield
        except WizardError as error:
            self.history.failure = say(error)
            yield

    def choose(self, by: int) -> None:
        """Another card."""
        chosen = max(0, min(self.count - 1, self.panel.chosen + by))
        self.panel = replace(self.panel, chosen=chosen)

    def toggle_mig(self) -> None:
        """MIG instances shown or not."""
        self.panel = replace(self.panel, mig=not self.panel.mig)

    def next_window(self) -> None:
        """1, 10 or 60 minutes."""
        following = (WINDOWS.index(self.panel.minutes) + 1) % len(WINDOWS)
        self.panel = replace(self.panel, minutes=WINDOWS[following])
