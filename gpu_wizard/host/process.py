"""What SSH and this machine have in common: a started shell command with three streams."""

from __future__ import annotations

import asyncio
import contextlib
from abc import ABC, abstractmethod
from typing import Protocol

from gpu_wizard.model.errors import UnreachableError
from gpu_wizard.model.line import Stream

STREAMS: tuple[Stream, Stream] = ("out", "err")
LOST = "connection-lost"
CUT = "login-cut"
"""The code of the error for a connection that was there and broke."""

CHUNK_BYTES = 1 << 16
ROOM_BYTES = 1 << 18
CLOSE_SECONDS = 5.0


class Process(ABC):
    """A started command. What it says is kept, a bounded piece ahead of who takes it; then its writer waits.

    Its methods raise the errors of the model alone. Whoever runs the command tells it by `_said` and `_ended`.
    """

    def __init__(self, room: int) -> None:
        """`room`: bytes kept of each stream."""
        self.lost: UnreachableError | None = None
        self.held: dict[Stream, bytearray] = {"out": bytearray(), "err": bytearray()}
        """What was said and not yet taken; to look at alone."""
        self._open: set[Stream] = set(STREAMS)
        self._room, self._is_full = room, False
        self._news = asyncio.Event()

    @property
    def ended(self) -> bool:
        """Both streams are at their end; what was said may still be there to take."""
        return not self._open

    def take(self, stream: Stream, size: int | None = None) -> bytes:
        """Take what was said on a stream, or its first `size` bytes."""
        buffer = self.held[stream]
        data = bytes(buffer if size is None else buffer[:size])
        del buffer[: len(data)]
        if self._is_full and all(len(held) < self._room for held in self.held.values()):
            self._is_full = False
            self._go_on()
        return data

    async def more(self, seconds: float | None) -> bool:
        """Wait until something new is said or a stream ends; False where the time ran out."""
        try:
            async with asyncio.timeout(seconds):
                await self._news.wait()
        except TimeoutError:
            return False
        self._news.clear()
        return True

    async def read(self, stream: Stream) -> bytes:
        """The next bytes of a stream, at most CHUNK_BYTES; empty at its end. Raises: UnreachableError."""
        while not self.held[stream]:
            if stream not in self._open:
                if self.lost is not None:
                    raise self.lost
                return b""
            await self.more(None)
        return self.take(stream, CHUNK_BYTES)

    async def status(self) -> int | None:
        """The exit status of a command whose streams have ended, 128 + N after signal N; None where it does not come.

        Raises: UnreachableError: the connection was lost.
        """
        if self.lost is not None:
            raise self.lost
        if self.exit_status is None:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(CLOSE_SECONDS):
                    await self._gone()
        return self.exit_status

    @property
    @abstractmethod
    def exit_status(self) -> int | None:
        """The exit status, once it is known; its output may still be held open by a child."""

    @abstractmethod
    async def write(self, data: bytes) -> None:
        """Send to standard input, waiting for room. Nothing happens where the command is gone."""

    @abstractmethod
    def end_input(self) -> None:
        """Close standard input."""

    @abstractmethod
    async def close(self) -> None:
        """Let go of it, whatever it does; waits a moment at most."""

    @abstractmethod
    async def _gone(self) -> None:
        """Wait until it has ended. Raises: UnreachableError: the connection was lost."""

    @abstractmethod
    def _wait(self) -> None:
        """Nothing more is to be said before `_go_on`."""

    @abstractmethod
    def _go_on(self) -> None:
        """There is room again."""

    def _said(self, stream: Stream, data: bytes) -> None:
        buffer = self.held[stream]
        buffer += data
        if len(buffer) >= self._room and not self._is_full:
            self._is_full = True
            self._wait()
        self._news.set()

    def _ended(self, *streams: Stream) -> None:
        self._open.difference_update(streams)
        self._news.set()


class Transport(Protocol):
    """Starts commands of a POSIX shell on one machine, over one held connection."""

    @property
    def name(self) -> str:
        """The machine, as the user wrote it."""

    async def open(self, command: str, room: int = ROOM_BYTES) -> Process:
        """Start a command; connects where there is no connection. `room`: see `Process`.

        Raises: UnreachableError, TrustError, AccessError.
        """

    async def connect(self) -> None:
        """Connect where there is no connection. Raises: as `open`."""

    async def close(self) -> None:
        """Close the connection; `open` opens it anew."""
