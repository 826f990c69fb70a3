"""Output of a node's steps: the newest part in memory, all of it in a spool, lines found by number.

Taking a chunk counts its newlines and no more; splitting into lines is done for what is shown.
"""

from __future__ import annotations

import re
import tempfile
from bisect import bisect_left, insort
from collections import deque
from itertools import islice
from typing import Final

from gpu_wizard.faces.tui.output_marks import Marks

TAIL_BYTES: Final = 1 << 20
LINE_BYTES: Final = 8 << 10
"""Of a line, what is shown of it; the spool has all."""
MARK_LINES: Final = 1000
MARK_BYTES: Final = 1 << 20
_SCAN_BYTES: Final = 1 << 18


class OutputLog:
    """The output of one node. `lines`: how many there are, the unfinished last one too."""

    def __init__(self) -> None:
        """Empty; its spool is a file without a name that goes away with it."""
        # Unbuffered: what a full disk does not take would be tried again at each turn, and fail again.
        self._spool = tempfile.TemporaryFile(buffering=0)  # noqa: SIM115 - lives as long as the log
        self._tail: deque[tuple[int, int, bytes]] = deque()
        self._tail_bytes = 0
        self._marks: list[tuple[int, int]] = [(0, 0)]
        self._newlines = 0
        self.marks = Marks()
        self.size = 0
        self.version = 0
        """Grows with every chunk."""

    @property
    def lines(self) -> int:
        """Lines so far; a text that ends with a newline has no empty line behind it."""
        if not self.size:
            return 0
        return self._newlines + (not self._tail[-1][2].endswith(b"\n"))

    @property
    def ends_line(self) -> bool:
        """Whether the next chunk begins a line."""
        return not self._tail or self._tail[-1][2].endswith(b"\n")

    def close(self) -> None:
        """The spool goes away."""
        self._spool.close()

    def feed(self, text: str) -> None:
        """Take a chunk; it may begin and end within a line. What a full disk does not take is not shown."""
        data = self._spooled(text.encode(errors="replace"))
        if not data:
            return
        at_line, at = self._marks[-1]
        if self._newlines - at_line >= MARK_LINES or self.size - at >= MARK_BYTES:
            self._marks.append((self._newlines, self.size))
        self._tail.append((self._newlines, self.size, data))
        self._tail_bytes += len(data)
        while self._tail_bytes > TAIL_BYTES and len(self._tail) > 1:
            self._tail_bytes -= len(self._tail.popleft()[2])
        self._newlines += data.count(b"\n")
        self.size += len(data)
        self.version += 1

    def _spooled(self, data: bytes) -> bytes:
        """What of this the spool took. An error out of a face would end the step in hand."""
        try:
            self._spool.seek(self.size)
            return data[: self._spool.write(data)]
        except OSError:
            return b""

    def read(self, first: int, count: int) -> list[str]:
        """Lines `first` (from 0) to `first + count`, as they came; fewer at the end."""
        first, count = max(0, first), min(count, self.lines - max(0, first))
        if count <= 0:
            return []
        before, offset, data = self._from(first)
        last = first - before + count
        pieces = data.split(b"\n", last)
        while len(pieces) <= last and offset + len(data) < self.size:
            self._spool.seek(offset)
            data = self._spool.read(len(data) + MARK_BYTES)
            pieces = data.split(b"\n", last)
        wanted = pieces[first - before : last]
        return [piece[:LINE_BYTES].decode(errors="replace") for piece in wanted]

    def text(self) -> str:
        """All of it."""
        self._spool.seek(0)
        return self._spool.read().decode(errors="replace")

    def _from(self, first: int) -> tuple[int, int, bytes]:
        """A text that holds the beginning of line `first`: newlines before it, its offset, and it."""
        at = bisect_left(self._tail, (first, -1, b"")) - 1
        if at < 0 and self._tail[0][:2] == (0, 0):
            at = 0
        if at >= 0:
            newlines, offset, _ = self._tail[at]
            return newlines, offset, b"".join(data for _, _, data in islice(self._tail, at, None))
        mark = max(0, bisect_left(self._marks, (first, -1)) - 1)
        newlines, offset = self._marks[mark]
        self._spool.seek(offset)
        return newlines, offset, self._spool.read(MARK_BYTES)

    def block(self, offset: int) -> bytes:
        """Up to 256 KiB of the spool from an offset, for whoever searches it."""
        self._spool.seek(offset)
        return self._spool.read(_SCAN_BYTES)


class Matches:
    """The numbers of the lines that match, found a block at a time as the output grows."""

    def __init__(self, log: OutputLog, pattern: re.Pattern[bytes]) -> None:
        """Nothing is searched yet."""
        self._log, self._pattern = log, pattern
        self._offset = 0
        self._line = 0
        self.found: list[int] = []

    def keep(self, line: int) -> bool:
        """Let a line count as a match, once the search has passed it; whether it counts."""
        at = bisect_left(self.found, line)
        if at < len(self.found) and self.found[at] == line:
            return True
        if line < self._line:
            insort(self.found, line)
            return True
        return False

    def advance(self) -> bool:
        """Search one more block; whether there is more to search."""
        block = self._log.block(self._offset)
        end = block.rfind(b"\n") + 1
        if not end:
            at_end = self._offset + len(block) >= self._log.size
            if not block or at_end:
                return False
            end = len(block)
        seen = 0
        for match in self._pattern.finditer(block, 0, end):
            newlines = block.count(b"\n", seen, match.start())
            self._line += newlines
            seen = match.start()
            if not self.found or self.found[-1] != self._line:
                self.found.append(self._line)
        self._line += block.count(b"\n", seen, end)
        self._offset += end
        return self._offset < self._log.size


ERRORS: Final = re.compile(
    rb"(?i)\b(?:error|err|fail(?:ed|ure|s)?|fatal|panic|denied|refused|cannot|can't|could not|unable|unauthorized|not found|no such|timed? ?out|E:|W:)"
)


def fold_returns(line: str) -> str:
    """A line as a terminal leaves it after its carriage returns: what comes later overwrites what was there."""
    if "\r" not in line:
        return line
    shown = ""
    for piece in line.rstrip("\r").split("\r"):
        shown = piece if "\x1b" in piece else piece + shown[len(piece) :]
    return shown
