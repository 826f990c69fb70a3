"""What both screens of the watch share: header, change row, footer, painting."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from textual.app import ComposeResult
from textual.containers import Vertical
from textual.screen import Screen
from textual.widget import Widget

from gpu_wizard.faces.tui.look import BODY, MUTED, RISK, STRONG, Line, Part
from gpu_wizard.faces.tui.watching.keys import OF_NODES
from gpu_wizard.faces.tui.watching.rows import last_change
from gpu_wizard.faces.tui.watching.view import View
from gpu_wizard.faces.tui.widgets.bars import Footer, Header, Hint
from gpu_wizard.faces.tui.widgets.drawn import Drawn

HELP = Hint("?", "key.help", "app.help")
QUIT = Hint("q", "key.quit", "app.leave")


class WatchScreen(Screen[None]):
    """A full screen over what is known; it draws and moves, and asks for another look at most."""

    AUTO_FOCUS = ""
    CSS_PATH = "watching.tcss"
    HORIZONTAL_BREAKPOINTS = [(0, "-narrow"), (120, "-wide")]  # noqa: RUF012 - Textual declares it without ClassVar
    VERTICAL_BREAKPOINTS = [(0, "-short"), (36, "-tall")]  # noqa: RUF012 - as above

    keys = OF_NODES
    """What the help says."""

    def __init__(self, view: View) -> None:
        """`view` is shared by the screens."""
        super().__init__()
        self.view = view

    def compose(self) -> ComposeResult:
        """Header, body, what changed last, footer."""
        yield Header(self._header, id="header")
        yield from self.body()
        with Vertical(id="foot"):
            yield from self.above_footer()
            yield Footer(self.hints, lambda: self.view.words, self.view.look)

    def body(self) -> Iterator[Widget]:
        """The widgets between header and foot."""
        yield from ()

    def above_footer(self) -> Iterator[Widget]:
        """What stands in the foot besides the keys."""
        yield Drawn(self._last_change, id="last-change")

    def hints(self) -> Sequence[Hint]:
        """The footer's keys, the most wanted first."""
        return (HELP, QUIT)

    def title_parts(self) -> list[Part]:
        """What the header says behind the program's name."""
        return []

    def narrowing(self) -> str:
        """Which nodes are left out; "" for none."""
        return ""

    def paint(self) -> None:
        """Draw what may have changed."""
        for drawn in self.query(Drawn):
            drawn.redraw()

    def on_resize(self) -> None:
        """Another size may mean another arrangement."""
        self.call_after_refresh(self.paint)

    def on_screen_resume(self) -> None:
        """Shown again: what changed meanwhile is drawn."""
        self.call_later(self.paint)

    def _header(self, width: int) -> list[Line]:
        left: list[Part] = [("gpu-wizard", STRONG), ("  ", BODY), *self.title_parts()]
        left.append((f" · {self.view.words('head.read-only')}", MUTED))
        left.append((self.narrowing(), RISK))
        return [self.view.look.ends(width, left, self._progress())]

    def _progress(self) -> list[Part]:
        """How many are done, and when they were looked at."""
        view, words = self.view, self.view.words
        sight = view.sight
        if sight.looked_at is None:
            return [(words("watch.seen", n=len(sight.seen), all=len(sight.names)), MUTED)]
        done = words("head.done", done=sight.counts().get("done", 0), all=len(sight.names))
        at = sight.looked_at.astimezone().strftime("%H:%M:%S")
        return [(done, BODY), (f" · {at}", MUTED)]

    def _last_change(self, width: int) -> list[Line]:
        """Nothing where the changes have a pane of their own."""
        if any(pane.display for pane in self.query("#board-events, #node-events")):
            return []
        return last_change(self.view.sight, self.view.pen(width))
