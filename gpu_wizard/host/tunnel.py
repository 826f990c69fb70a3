"""A port of this machine that leads through SSH to a port that the host can reach."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

import asyncssh

from gpu_wizard.host.process import CHUNK_BYTES
from gpu_wizard.model.errors import WizardError

Open = Callable[[], Awaitable[tuple[asyncio.StreamReader, asyncio.StreamWriter]]]

_LOST = (OSError, asyncssh.Error)
"""How either end says that it is gone: an end of the stream, not a fault of the tunnel."""


@dataclass(frozen=True)
class LocalEndpoint:
    """Where the other end is reached on this machine."""

    port: int
    host: str = "127.0.0.1"


class Tunnel:
    """Listens on loopback alone. The port stays the same when the SSH connection is opened anew."""

    def __init__(self, open_far_end: Open) -> None:
        self._open = open_far_end
        self._server: asyncio.Server | None = None
        self._links: set[asyncio.Task[None]] = set()

    async def listen(self) -> LocalEndpoint:
        """Start listening."""
        self._server = await asyncio.start_server(self._accepted, "127.0.0.1", 0)
        port: int = self._server.sockets[0].getsockname()[1]
        return LocalEndpoint(port)

    async def close(self) -> None:
        """Stop listening and cut every connection."""
        if self._server is not None:
            self._server.close()
        for link in self._links:
            link.cancel()
        await asyncio.gather(*self._links, return_exceptions=True)

    async def _accepted(
        self, near_in: asyncio.StreamReader, near_out: asyncio.StreamWriter
    ) -> None:
        link = asyncio.current_task()
        if link is not None:
            self._links.add(link)
            link.add_done_callback(self._links.discard)
        try:
            far_in, far_out = await self._open()
            try:
                await asyncio.gather(_copy(near_in, far_out), _copy(far_in, near_out))
            finally:
                far_out.close()
        except (WizardError, asyncio.CancelledError):
            return
        finally:
            near_out.close()


async def _copy(source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
    with contextlib.suppress(*_LOST):
        while data := await source.read(CHUNK_BYTES):
            sink.write(data)
            await sink.drain()
    with contextlib.suppress(*_LOST):
        sink.write_eof()
