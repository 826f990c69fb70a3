"""Findings beside the lines of the output that they were recognised in, and which row shows what."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from gpu_wizard.knowledge.diagnosis.text import line_as_shown

if TYPE_CHECKING:
    from gpu_wizard.faces.tui.output_log import OutputLog

_SEARCHED_LINES = 4000
"""Back from the end: what was recognised stood in the last chunk."""


@dataclass(frozen=True, order=True)
class Mark:
    """A finding. `line`: where it was recognised, from 0; `signature`: its id; `stage`: whose output it was."""

    line: int
    signature: str
    stage: str


class Marks:
    """The findings in one node's output, in the order of their lines."""

    def __init__(self) -> None:
        """None yet."""
        self.all: list[Mark] = []
        self.version = 0
        """Grows with every change."""

    def put(self, mark: Mark) -> None:
        """One more; the same one twice is one."""
        if mark not in self.all:
            # Causes are told before what follows from them: of one line they keep that order.
            self.all.insert(bisect_right(self.all, mark.line, key=lambda one: one.line), mark)
            self.version += 1

    def drop(self, stage: str) -> None:
        """A stage ended well: what its output told of was no fault."""
        kept = [mark for mark in self.all if mark.stage != stage]
        self.version += kept != self.all
        self.all = kept


def line_of(log: OutputLog, text: str) -> int | None:
    """The last line of the output that reads so, cleaned, or quotes it; None where it is not in it."""
    first = max(0, log.lines - _SEARCHED_LINES)
    lines = log.read(first, _SEARCHED_LINES)
    for number in range(len(lines) - 1, -1, -1):
        shown = line_as_shown(lines[number])
        if shown == text or shown.endswith(f": {text}"):
            return first + number
    return None


class Rows:
    """Rows of a pane: each line, and below it its findings."""

    def __init__(self, marks: Iterable[Mark], place: Callable[[int], int]) -> None:
        """`place`: the number of a line among those shown."""
        self.marks = list(marks)
        self._places = [place(mark.line) for mark in self.marks]
        self._rows = [at + n + 1 for n, at in enumerate(self._places)]

    def at(self, row: int) -> int | Mark:
        """What a row shows: the number of a line among those shown, or a finding."""
        before = bisect_left(self._rows, row)
        if before < len(self._rows) and self._rows[before] == row:
            return self.marks[before]
        return row - before

    def row_of(self, place: int) -> int:
        """The row of a line, given its number among those shown."""
        return place + bisect_left(self._places, place)

    def row_of_mark(self, mark: Mark) -> int:
        """The row of a finding."""
        return self._rows[self.marks.index(mark)]
