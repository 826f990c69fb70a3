"""Lines of a terminal or a pipe. Waiting for one can be called off: a thread that reads could not."""

from __future__ import annotations

import asyncio
import os

_PIECE_BYTES = 4096


class Typed:
    """The lines that come on one descriptor. What it gave beyond the line asked for waits here for the next."""

    def __init__(self, descriptor: int) -> None:
        """`descriptor`: of standard input, say; left open."""
        self._descriptor, self._held = descriptor, b""

    def isatty(self) -> bool:
        """Whether a terminal is there, which shows what is typed."""
        return os.isatty(self._descriptor)

    async def line(self) -> bytes:
        """The next line with its end; at the end of the input what is left, then nothing."""
        while b"\n" not in self._held:
            piece = await self._piece()
            if not piece:
                break
            self._held += piece
        line, end, self._held = self._held.partition(b"\n")
        return line + end

    async def _piece(self) -> bytes:
        loop = asyncio.get_running_loop()
        there: asyncio.Future[None] = loop.create_future()

        def readable() -> None:
            if not there.done():
                there.set_result(None)

        try:
            loop.add_reader(self._descriptor, readable)
        except PermissionError:
            # A file, or /dev/null: nothing tells when it can be read, for it always can.
            return os.read(self._descriptor, _PIECE_BYTES)
        try:
            await there
        finally:
            loop.remove_reader(self._descriptor)
        return os.read(self._descriptor, _PIECE_BYTES)
