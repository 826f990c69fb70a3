"""What the programs of a lab machine read from and write to."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from typing import Protocol

Writer = Callable[[bytes], Awaitable[None]]
"""Takes bytes for a stream, and returns once they are on their way."""


class Input(Protocol):
    """A standard input. What one reader leaves is the next one's."""

    async def some(self) -> bytes:
        """What is there, waiting for at least a byte; empty at the end."""

    async def line(self) -> bytes:
        """Up to and with the next line feed; without one at the end, empty past it."""


async def everything(source: Input) -> bytes:
    """All that is left in an input."""
    chunks: list[bytes] = []
    while chunk := await source.some():
        chunks.append(chunk)
    return b"".join(chunks)


class Buffered:
    """An input fed from a function that gives a chunk, empty at the end.

    None is an end for whoever reads now, as Control-D is on a terminal: the next reader reads on.
    """

    def __init__(self, fetch: Callable[[], Awaitable[bytes | None]]) -> None:
        self._fetch = fetch
        self._held = b""
        self._ended = False

    async def some(self) -> bytes:
        """What is there, waiting for at least a byte; empty at the end."""
        if not self._held:
            await self._more()
        held, self._held = self._held, b""
        return held

    async def line(self) -> bytes:
        """Up to and with the next line feed; without one at the end, empty past it."""
        while b"\n" not in self._held and await self._more():
            pass
        end = self._held.find(b"\n") + 1 or len(self._held)
        line, self._held = self._held[:end], self._held[end:]
        return line

    async def _more(self) -> bool:
        """Take one more chunk; False at an end."""
        if self._ended:
            return False
        chunk = await self._fetch()
        self._ended = chunk == b""
        self._held += chunk or b""
        return bool(chunk)


def fixed(content: bytes) -> Buffered:
    """An input that holds these bytes and ends."""
    left = [content]

    async def fetch() -> bytes:
        return left.pop() if left else b""

    return Buffered(fetch)


class Feed:
    """The sending end of an input whose bytes come from elsewhere, as a channel's do."""

    def __init__(self) -> None:
        self._chunks: asyncio.Queue[bytes | None] = asyncio.Queue()
        self.input = Buffered(self._chunks.get)

    def send(self, data: bytes) -> None:
        """Make bytes readable."""
        if data:
            self._chunks.put_nowait(data)

    def end_here(self) -> None:
        """Let the reader of the moment see an end; who reads after it gets what is sent later."""
        self._chunks.put_nowait(None)

    def end(self) -> None:
        """Let readers see the end once they have read what was sent."""
        self._chunks.put_nowait(b"")


@dataclass(frozen=True)
class Streams:
    """The three standard streams of a process."""

    input: Input
    out: Writer
    err: Writer

    def reading(self, content: bytes) -> Streams:
        """The same outputs with an input of these bytes."""
        return replace(self, input=fixed(content))
