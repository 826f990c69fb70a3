"""What SSH and this machine have in common: a started shell command with three streams."""

from __future__ import annotations

import asyncio
import contextlib
from typing import Protocol

from gpu_wizard.model.errors import UnreachableError, WizardError
from gpu_wizard.model.line import Stream

STREAMS: tuple[Stream, Stream] = ("out", "err")
LOST = "connection-lost"
CUT = "login-cut"
"""The code of the error for a connection that was there and broke."""

CHUNK_BYTES = 1 << 16
ROOM_BYTES = 1 << 18
CLOSE_SECONDS = 5.0


class Process(Protocol):
    """A started command. Its methods raise the errors of the model alone."""

    @property
    def exit_status(self) -> int | None:
        """The exit status, once it is known; its output may still be held open by a child."""

    async def write(self, data: bytes) -> None:
        """Send to standard input, waiting for room. Nothing happens where the command is gone."""

    def end_input(self) -> None:
        """Close standard input."""

    async def read(self, stream: Stream) -> bytes:
        """The next bytes of a stream, at most CHUNK_BYTES; empty at its end."""

    async def status(self) -> int:
        """The exit status; 128 + N after signal N. Raises: UnreachableError: the connection was lost."""

    async def abandon(self) -> None:
        """Let go of it, whatever it does; waits a moment at most."""


class Transport(Protocol):
    """Starts commands of a POSIX shell on one machine, over one held connection."""

    @property
    def name(self) -> str:
        """The machine, as the user wrote it."""

    async def open(self, command: str) -> Process:
        """Start a command; connects where there is no connection.

        Raises: UnreachableError, TrustError, AccessError.
        """

    async def connect(self) -> None:
        """Connect where there is no connection. Raises: as `open`."""

    async def close(self) -> None:
        """Close the connection; `open` opens it anew."""


class Output:
    """Reads both streams of a process at once, a bounded piece ahead of who takes it.

    `room`: bytes read ahead of each stream; then the remote writer waits.
    """

    def __init__(self, process: Process, room: int = ROOM_BYTES) -> None:
        self.process = process
        self.lost: WizardError | None = None
        self._room = room
        self.held: dict[Stream, bytearray] = {"out": bytearray(), "err": bytearray()}
        """What was read and not yet taken; to look at alone."""
        self._news = asyncio.Event()
        self._space = asyncio.Event()
        self._readers = {
            asyncio.create_task(self._read("out")),
            asyncio.create_task(self._read("err")),
        }

    @property
    def ended(self) -> bool:
        """Both streams are at their end; what was read may still be there to take."""
        return all(reader.done() for reader in self._readers)

    def take(self, stream: Stream, size: int | None = None) -> bytes:
        """Take what was read of a stream, or its first `size` bytes."""
        buffer = self.held[stream]
        data = bytes(buffer if size is None else buffer[:size])
        del buffer[: len(data)]
        self._space.set()
        return data

    async def more(self, seconds: float | None) -> bool:
        """Wait until something new was read or a stream ended; False where the time ran out."""
        try:
            async with asyncio.timeout(seconds):
                await self._news.wait()
        except TimeoutError:
            return False
        self._news.clear()
        return True

    async def close(self) -> None:
        """Stop reading and let go of the process."""
        await self.process.abandon()
        for reader in self._readers:
            reader.cancel()
        await asyncio.gather(*self._readers, return_exceptions=True)

    async def status(self) -> int | None:
        """The exit status of a process whose streams have ended; None where it does not come.

        Raises: UnreachableError: the connection was lost.
        """
        if self.lost is not None:
            raise self.lost
        if self.process.exit_status is not None:
            return self.process.exit_status
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(CLOSE_SECONDS):
                return await self.process.status()
        return None

    async def _read(self, stream: Stream) -> None:
        buffer = self.held[stream]
        try:
            while data := await self.process.read(stream):
                buffer += data
                self._news.set()
                while len(buffer) >= self._room:
                    self._space.clear()
                    await self._space.wait()
        except UnreachableError as error:
            self.lost = error
        finally:
            asyncio.get_running_loop().call_soon(self._news.set)
