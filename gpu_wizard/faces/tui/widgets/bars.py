"""The first and the last row of a screen."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

from rich.cells import cell_len
from textual import events

from gpu_wizard.faces.tui.look import BODY, KEY, Line, Look, Part
from gpu_wizard.faces.tui.widgets.drawn import Drawn
from gpu_wizard.faces.words import Words


class Hint(NamedTuple):
    """A key in the footer: how it is written, the word of what it does, and the action of the screen."""

    key: str
    word: str
    action: str = ""


class Footer(Drawn):
    """As many keys as fit, the most wanted first; help and quit stay."""

    DEFAULT_CSS = """
    Footer { height: 1; background: $panel; padding: 0 1; }
    """

    def __init__(
        self, hints: Callable[[], Sequence[Hint]], words: Callable[[], Words], look: Look
    ) -> None:
        """`hints`: the keys of the moment, the last two always shown."""
        super().__init__(self._lines_for, id="footer")
        self._hints, self._words, self._look = hints, words, look
        self._places: list[tuple[int, int, str]] = []

    def _lines_for(self, width: int) -> list[Line]:
        hints = list(self._hints())
        keep, rest = hints[-2:], hints[:-2]
        room = width - sum(self._cells(hint) for hint in keep)
        shown: list[Hint] = []
        for hint in rest:
            if self._cells(hint) > room:
                break
            room -= self._cells(hint)
            shown.append(hint)
        parts: list[Part] = []
        self._places, at = [], 0
        for hint in [*shown, *keep]:
            self._places.append((at, at + self._cells(hint) - 3, hint.action))
            at += self._cells(hint)
            parts += [(hint.key, KEY), (f" {self._words()(hint.word)}   ", BODY)]
        return [self._look.line(*parts)]

    def _cells(self, hint: Hint) -> int:
        return cell_len(self._look.text(hint.key)) + cell_len(self._words()(hint.word)) + 4

    async def on_click(self, event: events.Click) -> None:
        """A click on a key does what the key does."""
        for start, end, action in self._places:
            if action and start <= event.x - 1 < end:
                await self.screen.run_action(action)


class Header(Drawn):
    """Where one is, and how far things are."""

    DEFAULT_CSS = """
    Header { dock: top; height: 1; background: $panel; padding: 0 1; }
    """
