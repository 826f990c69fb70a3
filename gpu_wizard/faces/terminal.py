"""A terminal or a pipe, line by line: what `--plain` says, and what is typed there."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Protocol, TextIO

from gpu_wizard.faces.headless import Outlet
from gpu_wizard.faces.printable import printable
from gpu_wizard.faces.words import Words
from gpu_wizard.model.secret import Secret

Choice = tuple[str, str]
"""An id, and how it reads."""


class Source(Protocol):
    """Where lines come from."""

    def isatty(self) -> bool:
        """Whether a terminal is there, which shows what is typed."""

    async def line(self) -> str:
        """The next line with its end; "" at the end of the input. Can be called off."""

    async def secret(self, purpose: str, refused: int = 0, /) -> Secret | None:
        """A password, not shown where it is typed; see `AskSecret`."""


class Terminal:
    """Lines out, lines in. `ended`: no more input will come, or nobody takes the output. `asking`: it waits for one."""

    def __init__(self, source: Source, sink: TextIO, words: Words) -> None:
        """`source` may be a pipe."""
        self._source, self.words = source, words
        self._sink = Outlet(sink, self._gone)
        self.ended = self.asking = False

    def _gone(self) -> None:
        self.ended = True

    def say(self, *lines: str) -> None:
        """Whole lines, without anything that would steer a terminal."""
        self._sink.write("".join(f"{printable(line)}\n" for line in lines))

    async def read(self, prompt: str) -> str:
        """One line; "" at the end of the input."""
        self._sink.write(printable(prompt))
        line = await self._line()
        if line and not self._source.isatty():
            self.say(line.rstrip())
        return line.strip()

    async def _line(self) -> str:
        """A line with its end; "" where the input has ended, which is said once."""
        with self._waiting():
            line = "" if self.ended else await self._source.line()
        if not line and not self.ended:
            self.ended = True
            self.say("", self.words("plain.input-ended"))
        return line

    async def choose(self, choices: Sequence[Choice], default: str) -> str:
        """A numbered choice; an empty line is the default, the end of the input the last one."""
        at = next((n for n, (each, _) in enumerate(choices, 1) if each == default), 1)
        menu = ", ".join(f"{n} {text}" for n, (_, text) in enumerate(choices, 1))
        while True:
            typed = await self.read(f"{menu} [{at}]: ")
            if self.ended:
                return choices[-1][0]
            number = typed or str(at)
            if number.isdecimal() and 0 < int(number) <= len(choices):
                return choices[int(number) - 1][0]
            self.say(self.words("plain.number", all=len(choices)))

    async def secret(self, purpose: str, refused: int = 0) -> Secret | None:
        """A password; None where nothing was typed."""
        if not self._source.isatty():
            self.say(f"{purpose}:")
        with self._waiting():
            return await self._source.secret(purpose, refused)

    @contextmanager
    def _waiting(self) -> Iterator[None]:
        self.asking = True
        try:
            yield
        finally:
            self.asking = False
