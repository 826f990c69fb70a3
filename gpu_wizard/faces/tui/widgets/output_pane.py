"""The output pane: any flood, lines split and coloured only where they are seen, findings below their lines."""

from __future__ import annotations

from collections.abc import Callable
from typing import ClassVar

from rich.ansi import AnsiDecoder
from rich.console import Console
from rich.segment import Segment
from rich.style import Style
from textual import events
from textual.binding import Binding, BindingType
from textual.geometry import Size
from textual.message import Message
from textual.scroll_view import ScrollView
from textual.strip import Strip

from gpu_wizard.faces.tui.look import Look
from gpu_wizard.faces.tui.output_log import OutputLog, fold_returns
from gpu_wizard.faces.tui.output_marks import Mark
from gpu_wizard.faces.tui.output_view import OutputView
from gpu_wizard.faces.tui.ui import FindingWanted

_SIDE_STEP = 16
_CACHED_STRIPS = 2000
GUTTER = 2
"""Cells left of every line, for the sign of one that a finding was recognised in."""


class OutputPane(ScrollView, can_focus=True):
    """Shows an `OutputLog`. `following`: new lines scroll in; scrolling up ends that, End begins it again."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("up,k,л", "scroll_up", "does.scroll", show=False),
        Binding("down,j,о", "scroll_down", "does.scroll", show=False),
        Binding("shift+left", "side(-1)", "does.side", show=False),
        Binding("shift+right", "side(1)", "does.side", show=False),
        Binding("enter", "finding", "does.told", show=False),
    ]
    COMPONENT_CLASSES: ClassVar[set[str]] = {"output-pane--finding"}
    DEFAULT_CSS = """
    OutputPane { height: 1fr; overflow-x: hidden; scrollbar-size-vertical: 1; }
    OutputPane > .output-pane--finding { color: $text-error; text-style: bold; }
    """

    class Moved(Message):
        """What is seen is another part now, or the following began or ended."""

    def __init__(
        self,
        log: OutputLog,
        look: Look,
        title: Callable[[str], str] = str,
        *,
        id: str | None = None,
    ) -> None:
        """Follows the end of `log`. `title`: what a finding of this id is, in a few words."""
        super().__init__(id=id)
        self.view = OutputView(log)
        self.look = look
        self._title = title
        self.following = True
        self.side = 0
        self.plain = False
        """Colours of the node's programs are left out."""
        self._strips: dict[tuple[int, str], Strip] = {}
        self._seen = (-1, -1)
        self._moving = False
        self._window: tuple[int, int, list[str]] = (-1, 0, [])

    def show_log(self, log: OutputLog) -> None:
        """Show another log, from its end."""
        if log is self.view.log:
            return
        self.view, self.following, self.side = OutputView(log), True, 0
        self._seen = (-1, -1)
        self._strips.clear()
        self.tick()

    @property
    def below(self) -> int:
        """Rows below the last one seen."""
        return max(0, self.view.rows - round(self.scroll_offset.y) - self.size.height)

    def tick(self) -> None:
        """Take notice of what came; called some 20 times a second at most."""
        busy = self.view.advance()
        if self.view.version == self._seen and not busy:
            return
        self._seen = self.view.version if not busy else (-1, -1)
        self._relayout()

    def _relayout(self) -> None:
        self.view.arrange()
        self.virtual_size = Size(max(1, self.size.width), self.view.rows)
        self.refresh()
        # The new height counts for scrolling only once it is laid out.
        self.call_after_refresh(self._settle)

    def _settle(self) -> None:
        if self.following:
            self._go(self.view.rows - self.size.height)
        self.post_message(self.Moved())

    def _go(self, y: int) -> None:
        """Scroll by the program, which does not end the following."""
        self._moving = True
        self.scroll_to(y=max(0, y), animate=False, immediate=True)
        self._moving = False
        self.refresh()

    def watch_scroll_y(self, old_value: float, new_value: float) -> None:
        """The person scrolled: follow again only from the very end."""
        super().watch_scroll_y(old_value, new_value)
        if not self._moving:
            self.following = self.below == 0
            self.post_message(self.Moved())

    def on_resize(self) -> None:
        """Other width, other strips; the end stays in sight while it is followed."""
        self._strips.clear()
        self._relayout()

    def notify_style_update(self) -> None:
        """Another theme: the strips' colours are old."""
        super().notify_style_update()
        self._strips.clear()

    def render_line(self, y: int) -> Strip:
        """One row: the line of that number, its returns folded and its colours parsed, now that it is seen."""
        row = round(self.scroll_offset.y) + y
        width = self.size.width
        if row >= self.view.rows:
            return Strip.blank(width, self.rich_style)
        number = self.view.at(row)
        if isinstance(number, Mark):
            return self._finding(number).crop_extend(0, width, self.rich_style)
        text = self._text_of(number)
        key = (number, text)
        strip = self._strips.get(key)
        if strip is None:
            if len(self._strips) > _CACHED_STRIPS:
                self._strips.clear()
            strip = self._strips[key] = self._strip(text)
        strip = strip.crop(self.side, self.side + width - GUTTER)
        strip = Strip([self._sign(number), *strip]).extend_cell_length(width, self.rich_style)
        return strip.apply_style(Style(reverse=True)) if self.view.is_hit(number) else strip

    def _sign(self, number: int) -> Segment:
        """What stands left of a line."""
        if self.view.is_marked(number):
            style = self.get_component_rich_style("output-pane--finding")
            return Segment(f"{self.look.glyph('failed')} ", style)
        return Segment(" " * GUTTER, self.rich_style)

    def _finding(self, mark: Mark) -> Strip:
        """The row below a line that a finding was recognised in."""
        style = self.get_component_rich_style("output-pane--finding")
        return Strip([Segment(self.look.text(f"  └ {self._title(mark.signature)}"), style)])

    def on_click(self, event: events.Click) -> None:
        """A click on a finding leads to it."""
        row = round(self.scroll_offset.y) + event.y
        shown = self.view.at(row) if row < self.view.rows else row
        if isinstance(shown, Mark):
            self.post_message(FindingWanted(shown.signature))

    def action_finding(self) -> None:
        """To the last finding in sight, else to the newest of all."""
        signature = self.view.finding(round(self.scroll_offset.y), self.size.height)
        if signature:
            self.post_message(FindingWanted(signature))

    def in_sight(self) -> list[str]:
        """The lines in sight, as they came."""
        top = round(self.scroll_offset.y)
        shown = [
            self.view.at(row) for row in range(top, min(self.view.rows, top + self.size.height))
        ]
        return [self._text_of(each) for each in shown if not isinstance(each, Mark)]

    def _text_of(self, number: int) -> str:
        """A line's text; the screenful around it is read at once and kept while nothing new comes."""
        version, first, texts = self._window
        if version != self.view.log.version or not first <= number < first + len(texts):
            first = number
            texts = self.view.log.read(
                first, 1 if self.view.errors_only else max(1, self.size.height)
            )
            self._window = (self.view.log.version, first, texts)
        return texts[number - first] if number - first < len(texts) else ""

    def _strip(self, text: str) -> Strip:
        shown = self.look.text(fold_returns(text).expandtabs(8))
        return _coloured(shown, self.rich_style, self.app.console, plain=self.plain)

    def action_scroll_end(self) -> None:
        """To the end, and follow it."""
        self.following = True
        self._relayout()

    def action_side(self, step: int) -> None:
        """Long lines: further right, or back."""
        self.side = max(0, self.side + step * _SIDE_STEP)
        self.refresh()

    def toggle_errors(self) -> None:
        """Only lines that speak of errors, or all again."""
        self.view.toggle_errors()
        self.following = True
        self._relayout()

    def search(self, text: str) -> None:
        """Find a text, upper and lower case alike; "" ends the search."""
        self.view.search(text)
        self.next_match()
        self._relayout()

    def next_match(self) -> None:
        """To the next match; after the last comes the first."""
        row = self.view.next_match()
        if row is not None:
            self.following = False
            self.call_after_refresh(self._go, row - self.size.height // 2)
            self.post_message(self.Moved())


def _coloured(text: str, base: Style, console: Console, *, plain: bool) -> Strip:
    """A line with its colours parsed, or without them."""
    if "\x1b" not in text:
        return Strip([Segment(text, base)])
    decoded = AnsiDecoder().decode_line(text)
    if plain:
        return Strip([Segment(decoded.plain, base)])
    segments = decoded.render(console)
    return Strip([Segment(s.text, base + s.style if s.style else base) for s in segments])
