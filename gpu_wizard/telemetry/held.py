"""A command held open on another machine, read by the line as long as somebody listens."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from typing import Protocol

from gpu_wizard.model.errors import WizardError
from gpu_wizard.model.line import Stream
from gpu_wizard.telemetry.newest import Newest

BEAT = b".\n"
BEAT_SECONDS = 20.0
"""How often the command is told that its reader is still there."""
STATUS_SECONDS = 5.0
_LINE_BYTES = 1 << 20
_ERROR_BYTES = 2000


class HeldProcess(Protocol):
    """A started command, as `host/process.py` has it."""

    async def write(self, data: bytes) -> None:
        """Send to standard input; nothing happens where the command is gone."""

    async def read(self, stream: Stream) -> bytes:
        """The next bytes of a stream, empty at its end. Raises: UnreachableError."""

    async def status(self) -> int | None:
        """The exit status; None where it does not come. Raises: UnreachableError."""

    async def close(self) -> None:
        """Let go of it, whatever it does."""


Open = Callable[[str], Awaitable[HeldProcess]]
"""Starts a POSIX shell command on one machine. Raises: UnreachableError, TrustError, AccessError."""


class Held:
    """The command's lines, and how it ended. While it is held it hears a line every BEAT_SECONDS."""

    def __init__(self, process: HeldProcess) -> None:
        self._process = process
        self._lines = Newest[bytes | None]()
        self._errors = bytearray()
        self._lost: WizardError | None = None
        self._tasks = [
            asyncio.create_task(work())
            for work in (self._read_lines, self._read_errors, self._beat)
        ]

    async def send(self, data: bytes) -> None:
        """Write to its standard input."""
        await self._process.write(data)

    async def line(self) -> bytes | None:
        """The next line, without its end; None at the end. Raises: UnreachableError: the connection was lost."""
        line = await self._lines.take()
        if line is None and self._lost is not None:
            raise self._lost
        return line

    async def status(self) -> int | None:
        """How it ended; None where that does not come. Raises: UnreachableError."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(STATUS_SECONDS):
                return await self._process.status()
        return None

    @property
    def errors(self) -> str:
        """The end of its error output."""
        return self._errors.decode(errors="replace")

    async def close(self) -> None:
        """Let go of it: its standard input closes, and it ends."""
        for task in self._tasks:
            task.cancel()
        await self._process.close()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _read_lines(self) -> None:
        rest = b""
        try:
            while data := await self._process.read("out"):
                *lines, rest = (rest + data).split(b"\n")
                for line in lines:
                    self._lines.put(line)
                rest = rest if len(rest) <= _LINE_BYTES else b""
        except WizardError as error:
            self._lost = error
        self._lines.put(None)

    async def _read_errors(self) -> None:
        with contextlib.suppress(WizardError):
            while data := await self._process.read("err"):
                self._errors += data
                del self._errors[:-_ERROR_BYTES]

    async def _beat(self) -> None:
        while True:
            await asyncio.sleep(BEAT_SECONDS)
            await self._process.write(BEAT)
