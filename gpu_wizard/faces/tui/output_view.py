"""What of an output is shown: all of it or the errors alone, findings below their lines, and the matches of a search."""

from __future__ import annotations

import re
from bisect import bisect_left
from typing import Final

from gpu_wizard.faces.tui.output_log import ERRORS, Matches, OutputLog
from gpu_wizard.faces.tui.output_marks import Mark, Rows

_AT_ONCE: Final = 1000
"""Matches that a filter waits for; the others come as they are found."""


class OutputView:
    """Rows over an `OutputLog`. Nothing is searched but on `advance`."""

    def __init__(self, log: OutputLog) -> None:
        """All of it."""
        self.log = log
        self._errors: Matches | None = None
        self._search: Matches | None = None
        self._hit = -1
        self._rows = Rows((), int)

    @property
    def version(self) -> tuple[int, int]:
        """Another one whenever there is something new to show."""
        return self.log.version, self.log.marks.version

    @property
    def rows(self) -> int:
        """How many there are with the filter at hand."""
        lines = self.log.lines if self._errors is None else len(self._errors.found)
        return lines + len(self._rows.marks)

    @property
    def errors_only(self) -> bool:
        """Whether only lines that speak of errors are shown."""
        return self._errors is not None

    @property
    def hits(self) -> tuple[int, int] | None:
        """Which match of how many is shown, from 1; None while nothing is searched."""
        return (self._hit + 1, len(self._search.found)) if self._search else None

    def advance(self) -> bool:
        """Search one more block; whether there is more to search."""
        busy = False
        for matches in (self._errors, self._search):
            busy = (matches is not None and matches.advance()) or busy
        return busy

    def arrange(self) -> None:
        """Which row shows what, as of now; a line with a finding passes the filter."""
        marks, errors = self.log.marks.all, self._errors
        if errors is None:
            self._rows = Rows(marks, int)
            return
        kept = [mark for mark in marks if errors.keep(mark.line)]
        self._rows = Rows(kept, lambda line: bisect_left(errors.found, line))

    def at(self, row: int) -> int | Mark:
        """What a row shows: the line of a number, from 0, or a finding."""
        shown = self._rows.at(row)
        if isinstance(shown, Mark) or self._errors is None:
            return shown
        return self._errors.found[shown]

    def is_marked(self, number: int) -> bool:
        """Whether a finding was recognised in this line."""
        return any(mark.line == number for mark in self._rows.marks)

    def is_hit(self, number: int) -> bool:
        """Whether this line is the match shown."""
        found = self._search.found if self._search else []
        return 0 <= self._hit < len(found) and found[self._hit] == number

    def finding(self, top: int, height: int) -> str:
        """The id of the last finding in sight, else of the newest; "" where there is none."""
        rows, marks = self._rows, self._rows.marks
        seen = [mark for mark in marks if top <= rows.row_of_mark(mark) < top + height]
        return (seen or marks)[-1].signature if marks else ""

    def toggle_errors(self) -> None:
        """Only lines that speak of errors, or all again."""
        self._errors = None if self._errors else Matches(self.log, ERRORS)
        while (
            self._errors is not None
            and self._errors.advance()
            and len(self._errors.found) < _AT_ONCE
        ):
            pass

    def search(self, text: str) -> None:
        """Find a text, upper and lower case alike; "" ends the search."""
        self._hit = -1
        self._search = None
        if text:
            pattern = re.compile(re.escape(text.encode()), re.IGNORECASE)
            self._search = Matches(self.log, pattern)
            self._search.advance()

    def next_match(self) -> int | None:
        """The row of the next match; after the last comes the first. None where nothing is found."""
        if self._search is None:
            return None
        while self._hit + 1 >= len(self._search.found) and self._search.advance():
            pass
        found = self._search.found
        if not found:
            return None
        self._hit = (self._hit + 1) % len(found)
        number = found[self._hit]
        place = number if self._errors is None else bisect_left(self._errors.found, number)
        return self._rows.row_of(place)
