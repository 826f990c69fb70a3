"""The GPU panels: live samples of the node's cards, from wherever the program gets them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import aclosing
from datetime import datetime
from typing import ClassVar

from textual.binding import Binding, BindingType
from textual.containers import VerticalScroll
from textual.widget import Widget

from gpu_wizard.engine.gpu_watch import CardSource
from gpu_wizard.faces.exchanged import Asker
from gpu_wizard.faces.tui.drawing.gpu import age_text, panel_lines
from gpu_wizard.faces.tui.live_cards import EVERY_SECONDS, LiveCards
from gpu_wizard.faces.tui.look import HEADING, MUTED, Line, Part
from gpu_wizard.faces.tui.screens.wizard_screen import BACK, HELP, QUIT, WizardScreen
from gpu_wizard.faces.tui.telemetry_view import History
from gpu_wizard.faces.tui.ui import Ui
from gpu_wizard.faces.tui.widgets.bars import Hint
from gpu_wizard.faces.tui.widgets.drawn import Drawn


class GpuScreen(WizardScreen):
    """Samples come while it is open, and stop when it closes."""

    CSS_PATH = "gpu.tcss"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("up,k,л", "move(-1)", "does.card", show=False),
        Binding("down,j,о", "move(1)", "does.card", show=False),
        Binding("m,ь", "mig", "does.mig", show=False),
        Binding("h,р", "history", "does.history", show=False),
        Binding("r,к", "reconnect", "does.anew", show=False),
    ]

    def __init__(self, ui: Ui, history: History | None = None) -> None:
        """`history`: what is known already."""
        super().__init__(ui)
        self.cards = LiveCards(history)

    def body(self) -> Iterator[Widget]:
        """One drawing."""
        with VerticalScroll(id="gpu", can_focus=False):
            yield Drawn(self._drawn)

    def on_mount(self) -> None:
        """Begin to sample."""
        self.action_reconnect()

    def action_reconnect(self) -> None:
        """Begin to sample, anew where it had ended."""
        source = self._source()
        if source is None:
            if not self.cards.history.samples:
                self.cards.history.failure = self.ui.words("gpu.no-source")
            return
        self.run_worker(self._sample(source), group="telemetry", exclusive=True)

    def _source(self) -> CardSource | None:
        setup, make = self.ui.setup, self.ui.services.telemetry
        asker: Asker = self.app.asker  # type: ignore[attr-defined]  # our own app
        return make(setup, self.ui.node, asker) if setup is not None and make else None

    async def _sample(self, source: CardSource) -> None:
        painted: datetime | None = None
        news = self.cards.follow(source, self.ui.now, self.ui.words.trouble)
        async with aclosing(news):
            async for _ in news:
                now = self.ui.now()
                if painted is None or (now - painted).total_seconds() > self._pause:
                    painted = now
                    await self.paint()
        await self.paint()

    @property
    def _pause(self) -> float:
        """Seconds between two paints; a sample comes a little early or late."""
        return self.ui.every_seconds - EVERY_SECONDS / 2

    def title_parts(self) -> tuple[list[Part], list[Part]]:
        """Live or not, and that nothing is changed here."""
        words = self.ui.words
        text, style = age_text(self.cards.panel, self.ui.pen(80))
        right: list[Part] = [(text, style), (f" · {words('head.read-only')}", MUTED)]
        return [(f"  {words('gpu.title')}", HEADING)], right

    def hints(self) -> Sequence[Hint]:
        """The keys."""
        return (
            Hint("↑↓", "key.card"),
            Hint("m", "key.mig", "screen.mig"),
            Hint("h", "key.history", "screen.history"),
            Hint("r", "key.look", "screen.reconnect"),
            BACK,
            HELP,
            QUIT,
        )

    def _drawn(self, width: int) -> list[Line]:
        rows = self.query_one("#gpu").size.height or 20
        return panel_lines(self.cards.panel, self.ui.pen(width), rows)

    async def action_move(self, by: int) -> None:
        """Another card."""
        self.cards.choose(by)
        await self.paint()

    async def action_mig(self) -> None:
        """MIG instances shown or not."""
        self.cards.toggle_mig()
        await self.paint()

    async def action_history(self) -> None:
        """1, 10 or 60 minutes."""
        self.cards.next_window()
        await self.paint()
