"""Lines of ours and a program's output on one stream, neither of which may spoil the other."""

from __future__ import annotations

from gpu_wizard.faces.headless import Outlet
from gpu_wizard.faces.printable import printable, uncoloured

_INDENT = "     | "


class Paper:
    """What is written on line by line. `say` for our own words, `output` for a program's as they come."""

    def __init__(self, outlet: Outlet) -> None:
        """A terminal draws a progress line over itself; elsewhere its last state alone is kept."""
        self._stream, self._is_terminal = outlet, outlet.isatty()
        self._line = ""
        self._fresh_line = True
        self._coloured = False

    def say(self, *lines: str) -> None:
        """Write lines, without anything that would steer a terminal."""
        self.end_line()
        self._stream.write("".join(f"{printable(line)}\n" for line in lines))

    def output(self, text: str) -> None:
        """Write cleaned output, set in; its last line may go on in the next chunk."""
        self._coloured = self._coloured or "\x1b" in text
        if self._is_terminal:
            for part in text.splitlines(keepends=True):
                self._stream.write(f"{_INDENT}{part}" if self._fresh_line else part)
                self._fresh_line = part.endswith(("\n", "\r"))
        else:
            *whole, self._line = (self._line + uncoloured(text)).split("\n")
            for line in whole:
                self._stream.write(f"{_INDENT}{_last_state(line.rstrip(chr(13)))}\n")

    def end_line(self) -> None:
        """End what was begun: a line without its end, colours that a program left switched on."""
        if self._line:
            self._stream.write(f"{_INDENT}{_last_state(self._line)}\n")
            self._line = ""
        if not self._fresh_line:
            self._stream.write("\n")
            self._fresh_line = True
        if self._coloured and self._is_terminal:
            self._stream.write("\x1b[0m")
        self._coloured = False


def _last_state(line: str) -> str:
    return line.rpartition("\r")[2]
