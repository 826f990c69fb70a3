"""A widget whose lines are drawn by a pure function of the width."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from textual.content import Content
from textual.geometry import Size
from textual.widget import Widget

from gpu_wizard.faces.tui.look import Line

Draw = Callable[[int], Sequence[Line]]


class Drawn(Widget):
    """Draws its lines anew when asked to, and when its width changes; never breaks one itself."""

    DEFAULT_CSS = """
    Drawn { height: auto; text-wrap: nowrap; text-overflow: clip; }
    """

    def __init__(self, draw: Draw, *, id: str | None = None, classes: str | None = None) -> None:
        """`draw`: the lines for a width in cells."""
        super().__init__(id=id, classes=classes)
        self._draw = draw
        self._width = -1
        self._lines: Sequence[Line] = ()

    def redraw(self) -> None:
        """Draw anew. What reads as before is not painted; laid out again only for another number of lines."""
        if self._width < 0:
            return
        if not self.is_on_screen:
            self._width = -1
            self.refresh()
            return
        before, self._lines = self._lines, self._draw(self._width)
        if len(before) != len(self._lines):
            self.refresh(layout=True)
        elif any(not a.is_same(b) for a, b in zip(before, self._lines, strict=True)):
            self.refresh()

    @property
    def is_on_screen(self) -> bool:
        """Whether it takes room; what is hidden is drawn when it shows."""
        return bool(self.size) and all(
            node.display for node in self.ancestors_with_self if isinstance(node, Widget)
        )

    def get_content_height(self, container: Size, viewport: Size, width: int) -> int:
        """As many rows as there are lines."""
        return max(1, len(self._at(width)))

    def render(self) -> Content:
        """The lines at the width at hand."""
        return Content("\n").join(self._at(self.content_size.width))

    def _at(self, width: int) -> Sequence[Line]:
        if width != self._width:
            self._width, self._lines = width, self._draw(width)
        return self._lines
