"""What was produced and not yet taken: the newest pieces, where the taker is slow."""

from __future__ import annotations

import asyncio
from collections import deque
from typing import Generic, TypeVar

T = TypeVar("T")
KEPT = 256


class Newest(Generic[T]):
    """A queue that never makes its producer wait: of more than KEPT pieces the oldest are lost."""

    def __init__(self) -> None:
        self._pieces: deque[T] = deque(maxlen=KEPT)
        self._news = asyncio.Event()

    def put(self, piece: T) -> None:
        """Add a piece."""
        self._pieces.append(piece)
        self._news.set()

    async def take(self) -> T:
        """The oldest piece kept; waits for one."""
        while not self._pieces:
            self._news.clear()
            await self._news.wait()
        return self._pieces.popleft()
