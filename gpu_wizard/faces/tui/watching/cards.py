"""The cards of one machine alone, live."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import aclosing
from datetime import UTC, datetime
from typing import ClassVar

from textual.binding import Binding, BindingType
from textual.containers import VerticalScroll
from textual.geometry import Size
from textual.widget import Widget

from gpu_wizard.engine.gpu_watch import CardSource
from gpu_wizard.faces.tui.drawing.gpu import age_text, panel_lines
from gpu_wizard.faces.tui.live_cards import LiveCards
from gpu_wizard.faces.tui.look import BODY, HEADING, MUTED, STRONG, Line, Look, Part
from gpu_wizard.faces.tui.watching.keys import OF_CARDS
from gpu_wizard.faces.tui.watching.read_only import ReadOnlyApp
from gpu_wizard.faces.tui.watching.read_only_screen import HELP, QUIT, ReadOnlyScreen
from gpu_wizard.faces.tui.watching.view import View
from gpu_wizard.faces.tui.widgets.bars import Hint
from gpu_wizard.faces.tui.widgets.drawn import Drawn
from gpu_wizard.faces.words import Words
from gpu_wizard.knowledge.texts import Language


class CardsScreen(ReadOnlyScreen):
    """Samples come while it is open."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("up,k,л", "move(-1)", show=False),
        Binding("down,j,о", "move(1)", show=False),
        Binding("pageup", "page(-1)", show=False),
        Binding("pagedown", "page(1)", show=False),
        Binding("m,ь", "mig", show=False),
        Binding("h,р", "history", show=False),
    ]
    keys = OF_CARDS

    def __init__(self, view: View, machine: str, source: CardSource, cards: LiveCards) -> None:
        """`machine`: its name; `cards`: with what is known already."""
        super().__init__(view)
        self._machine, self._source, self.cards = machine, source, cards

    def body(self) -> Iterator[Widget]:
        """One drawing."""
        with VerticalScroll(id="cards", can_focus=False):
            yield Drawn(self._drawn)

    def on_mount(self) -> None:
        """Begin to sample; what gets old says so by itself."""
        self.set_interval(1.0, self.values_came)
        self.sample()

    def sample(self) -> None:
        """Begin to sample, anew where it had ended."""
        self.run_worker(self._sample(), group="telemetry", exclusive=True)

    async def _sample(self) -> None:
        news = self.cards.follow(self._source, self.view.now, self.view.words.trouble)
        async with aclosing(news):
            async for _ in news:
                self.values_came()

    def hints(self) -> Sequence[Hint]:
        """The keys."""
        several = self.cards.count > 2
        return (
            Hint("↑↓", "key.card" if several else "watch.scroll"),
            Hint("m", "key.mig", "screen.mig"),
            Hint("h", "key.history", "screen.history"),
            Hint("r", "key.reconnect", "app.refresh"),
            HELP,
            QUIT,
        )

    def action_move(self, by: int) -> None:
        """Another card where there are many; else the view scrolls."""
        if self.cards.count > 2:
            self.cards.choose(by)
            self.paint()
        else:
            self._pane().scroll_relative(y=by, animate=False)

    def action_page(self, by: int) -> None:
        """A screenful on."""
        pane = self._pane()
        pane.scroll_relative(y=by * max(1, pane.size.height - 1), animate=False)

    def action_mig(self) -> None:
        """MIG instances shown or not."""
        self.cards.toggle_mig()
        self.paint()

    def action_history(self) -> None:
        """1, 10 or 60 minutes."""
        self.cards.next_window()
        self.paint()

    def _pane(self) -> VerticalScroll:
        return self.query_one("#cards", VerticalScroll)

    def header(self, width: int) -> list[Line]:
        """The machine, and how old the newest sample is."""
        words, look = self.view.words, self.view.look
        left: list[Part] = [
            ("gpu-wizard", STRONG),
            (f"  {self._machine}", BODY),
            (f"  {words('gpu.title')}", HEADING),
        ]
        text, style = age_text(self.cards.panel, self.view.pen(width))
        age: list[Part] = [] if self.cards.history.failure else [(text, style), (" · ", MUTED)]
        return [look.ends(width, left, [*age, (words("head.read-only"), MUTED)])]

    def _drawn(self, width: int) -> list[Line]:
        room = self._pane().size.height or 20
        return panel_lines(self.cards.panel, self.view.pen(width), room)


class CardsApp(ReadOnlyApp):
    """One screen, which also serves in a corner of somebody's terminal."""

    smallest = Size(40, 6)

    def __init__(
        self,
        machine: str,
        source: CardSource,
        cards: LiveCards | None = None,
        *,
        language: Language = "en",
        look: Look | None = None,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
        plain: bool = False,
        few_colours: bool = False,
        calm: bool = False,
    ) -> None:
        """`machine`: its name as it was typed. `plain`: without colours; `few_colours`: the terminal has sixteen.

        `calm`: values are painted seldom.
        """
        view = View(look or Look(), Words(language), now)
        super().__init__(view, plain=plain, few_colours=few_colours, calm=calm)
        self._screen = CardsScreen(view, machine, source, cards or LiveCards())

    def on_mount(self) -> None:
        """The cards."""
        self.push_screen(self._screen)

    def action_refresh(self) -> None:
        """Sample anew."""
        self._screen.sample()
