"""What stands where the screens have no room: the size wanted. What is behind it stays as it was."""

from __future__ import annotations

from collections.abc import Callable
from typing import ClassVar, Final

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.geometry import Size
from textual.screen import ModalScreen

from gpu_wizard.faces.tui.look import Line, Look
from gpu_wizard.faces.tui.widgets.drawn import Drawn
from gpu_wizard.faces.words import Words

SMALLEST: Final = Size(60, 20)


def fits(size: Size, smallest: Size) -> bool:
    """Whether the screens have room; a terminal that does not tell its size has."""
    return not size or (size.width >= smallest.width and size.height >= smallest.height)


class TooSmall(ModalScreen[None]):
    """Takes no key but those that leave the program, and goes as soon as there is room."""

    DEFAULT_CSS = "TooSmall { background: $background; }"
    BINDINGS: ClassVar[list[BindingType]] = [Binding("q,й,ctrl+q", "app.leave", show=False)]

    def __init__(self, words: Callable[[], Words], smallest: Size = SMALLEST) -> None:
        """`words`: of the language of the moment; `smallest`: what is wanted."""
        super().__init__()
        self._words, self._smallest = words, smallest

    def compose(self) -> ComposeResult:
        """One sentence."""
        yield Drawn(self._drawn)

    def _drawn(self, width: int) -> list[Line]:
        size, wanted = self.app.size, self._smallest
        there = {"w": size.width, "h": size.height}
        text = self._words()("line.too-small", width=wanted.width, height=wanted.height, **there)
        return Look(ascii_only=self.app.has_class("-ascii")).wrapped(text, width)

    def on_resize(self) -> None:
        """There may be room now; if not, the size is another one."""
        self._again()

    def on_screen_resume(self) -> None:
        """What lay over it is closed: that ends first."""
        self.app.call_later(self._again)

    def _again(self) -> None:
        if fits(self.app.size, self._smallest) and self.app.screen is self:
            self.dismiss()
        else:
            self.query_one(Drawn).refresh(layout=True)
