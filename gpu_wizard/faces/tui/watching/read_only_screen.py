"""What every read-only screen has: header, body, footer, painting."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import ClassVar

from textual.app import ComposeResult
from textual.containers import Vertical
from textual.screen import Screen
from textual.widget import Widget

from gpu_wizard.faces.tui.look import MUTED, STRONG, Line, Part
from gpu_wizard.faces.tui.watching.keys import OF_NODES, Keys
from gpu_wizard.faces.tui.watching.view import ValuesCame, View
from gpu_wizard.faces.tui.widgets.bars import Footer, Header, Hint
from gpu_wizard.faces.tui.widgets.drawn import Drawn

HELP = Hint("?", "key.help", "app.help")
QUIT = Hint("q", "key.quit", "app.leave")


class ReadOnlyScreen(Screen[None]):
    """A full screen over what is known; it draws and moves, and asks for another look at most."""

    AUTO_FOCUS = ""
    CSS_PATH = "watching.tcss"
    HORIZONTAL_BREAKPOINTS = [(0, "-narrow"), (120, "-wide")]  # noqa: RUF012 - Textual declares it without ClassVar
    VERTICAL_BREAKPOINTS = [(0, "-short"), (36, "-tall")]  # noqa: RUF012 - as above

    keys: ClassVar[Keys] = OF_NODES
    """What the help says."""

    def __init__(self, view: View) -> None:
        """`view` is shared by the screens."""
        super().__init__()
        self.view = view

    def compose(self) -> ComposeResult:
        """Header, body, footer."""
        yield Header(self.header, id="header")
        yield from self.body()
        with Vertical(id="foot"):
            yield from self.above_footer()
            yield Footer(self.hints, lambda: self.view.words, self.view.look)

    def header(self, width: int) -> list[Line]:
        """The top line: the program, and that it changes nothing."""
        left: list[Part] = [("gpu-wizard", STRONG)]
        return [self.view.look.ends(width, left, [(self.view.words("head.read-only"), MUTED)])]

    def body(self) -> Iterator[Widget]:
        """The widgets between header and foot."""
        yield from ()

    def above_footer(self) -> Iterator[Widget]:
        """What stands in the foot besides the keys."""
        yield from ()

    def hints(self) -> Sequence[Hint]:
        """The footer's keys, the most wanted first."""
        return (HELP, QUIT)

    def values_came(self) -> None:
        """Something is new, or older by now; nobody pressed a key for it."""
        self.post_message(ValuesCame())

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
