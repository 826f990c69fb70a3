"""The output pane: any flood, lines split and coloured only where they are seen."""

from __future__ import annotations

import re
from typing import ClassVar

from rich.ansi import AnsiDecoder
from rich.segment import Segment
from rich.style import Style
from textual.binding import Binding, BindingType
from textual.geometry import Size
from textual.message import Message
from textual.scroll_view import ScrollView
from textual.strip import Strip

from gpu_wizard.faces.tui.look import Look
from gpu_wizard.faces.tui.output_log import ERRORS, Matches, OutputLog, fold_returns

_SIDE_STEP = 16
_CACHED_STRIPS = 2000


class OutputPane(ScrollView, can_focus=True):
    """Shows an `OutputLog`. `following`: new lines scroll in; scrolling up ends that, End begins it again."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("up,k,л", "scroll_up", show=False),
        Binding("down,j,о", "scroll_down", show=False),
        Binding("shift+left", "side(-1)", show=False),
        Binding("shift+right", "side(1)", show=False),
    ]
    DEFAULT_CSS = """
    OutputPane { height: 1fr; overflow-x: hidden; scrollbar-size-vertical: 1; }
    """

    class Moved(Message):
        """What is seen is another part now, or the following began or ended."""

    def __init__(self, log: OutputLog, look: Look, *, id: str | None = None) -> None:
        """Follows the end of `log`."""
        super().__init__(id=id)
        self.log_shown = log
        self.look = look
        self.following = True
        self.side = 0
        self.plain = False
        """Colours of the node's programs are left out."""
        self._strips: dict[tuple[int, str], Strip] = {}
        self._seen_version = -1
        self._moving = False
        self._errors: Matches | None = None
        self._search: Matches | None = None
        self._hit = -1
        self._window: tuple[int, int, list[str]] = (-1, 0, [])

    def show_log(self, log: OutputLog) -> None:
        """Show another log, from its end."""
        if log is self.log_shown:
            return
        self.log_shown, self.following, self.side = log, True, 0
        self._errors = self._search = None
        self._seen_version, self._hit = -1, -1
        self._strips.clear()
        self.tick()

    @property
    def rows(self) -> int:
        """How many rows there are with the filter at hand."""
        return self.log_shown.lines if self._errors is None else len(self._errors.found)

    @property
    def below(self) -> int:
        """Rows below the last one seen."""
        return max(0, self.rows - round(self.scroll_offset.y) - self.size.height)

    @property
    def errors_only(self) -> bool:
        """Whether only lines that speak of errors are shown."""
        return self._errors is not None

    @property
    def hits(self) -> tuple[int, int] | None:
        """Which match of how many is shown, from 1; None while nothing is searched."""
        return (self._hit + 1, len(self._search.found)) if self._search else None

    def tick(self) -> None:
        """Take notice of what came; called some 20 times a second at most."""
        busy = False
        for matches in (self._errors, self._search):
            busy = (matches is not None and matches.advance()) or busy
        if self.log_shown.version == self._seen_version and not busy:
            return
        self._seen_version = self.log_shown.version if not busy else -1
        self._relayout()

    def _relayout(self) -> None:
        self.virtual_size = Size(max(1, self.size.width), self.rows)
        self.refresh()
        # The new height counts for scrolling only once it is laid out.
        self.call_after_refresh(self._settle)

    def _settle(self) -> None:
        if self.following:
            self._go(self.rows - self.size.height)
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
        if row >= self.rows:
            return Strip.blank(width, self.rich_style)
        number = row if self._errors is None else self._errors.found[row]
        text = self._text_of(number)
        key = (number, text)
        strip = self._strips.get(key)
        if strip is None:
            if len(self._strips) > _CACHED_STRIPS:
                self._strips.clear()
            strip = self._strips[key] = self._strip(text)
        strip = strip.crop(self.side, self.side + width).extend_cell_length(width, self.rich_style)
        hit = self._search is not None and 0 <= self._hit < len(self._search.found)
        if hit and self._search is not None and self._search.found[self._hit] == number:
            strip = strip.apply_style(Style(reverse=True))
        return strip

    def _text_of(self, number: int) -> str:
        """A line's text; the screenful around it is read at once and kept while nothing new comes."""
        version, first, texts = self._window
        if version != self.log_shown.version or not first <= number < first + len(texts):
            first = number
            texts = self.log_shown.read(first, 1 if self.errors_only else max(1, self.size.height))
            self._window = (self.log_shown.version, first, texts)
        return texts[number - first] if number - first < len(texts) else ""

    def _strip(self, text: str) -> Strip:
        shown = self.look.text(fold_returns(text).expandtabs(8))
        base = self.rich_style
        if "\x1b" not in shown:
            return Strip([Segment(shown, base)])
        decoded = AnsiDecoder().decode_line(shown)
        if self.plain:
            return Strip([Segment(decoded.plain, base)])
        segments = decoded.render(self.app.console)
        return Strip([Segment(s.text, base + s.style if s.style else base) for s in segments])

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
        self._errors = None if self._errors else Matches(self.log_shown, ERRORS)
        self.following = True
        while (
            self._errors is not None and self._errors.advance() and len(self._errors.found) < 1000
        ):
            pass
        self._relayout()

    def search(self, text: str) -> None:
        """Find a text, upper and lower case alike; "" ends the search."""
        self._hit = -1
        self._search = None
        if text:
            pattern = re.compile(re.escape(text.encode()), re.IGNORECASE)
            self._search = Matches(self.log_shown, pattern)
            self._search.advance()
            self.next_match()
        self._relayout()

    def next_match(self) -> None:
        """To the next match; after the last comes the first."""
        if self._search is None:
            return
        while self._hit + 1 >= len(self._search.found) and self._search.advance():
            pass
        found = self._search.found
        if not found:
            return
        self._hit = (self._hit + 1) % len(found)
        self.following = False
        self.call_after_refresh(self._go, found[self._hit] - self.size.height // 2)
        self.post_message(self.Moved())
