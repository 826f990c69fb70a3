"""The port of the API server: it can be taken away and given back while others look."""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections.abc import Awaitable, Callable

from aiohttp import web

Handler = Callable[[web.BaseRequest], Awaitable[web.StreamResponse]]


class Listener:
    """A TLS port on 127.0.0.1, kept for the lab's whole life.

    While it is closed, connections are refused, as with a stopped server; open ones break off.
    """

    def __init__(self, handler: Handler, context: ssl.SSLContext, port: int = 0) -> None:
        self._web = web.Server(handler, access_log=None)
        self._context = context
        # A bound socket that does not listen refuses connections and keeps the port ours.
        self._holder = _bound(port)
        self.port: int = self._holder.getsockname()[1]
        self._server: asyncio.Server | None = None
        self._opening: asyncio.Task[None] | None = None

    @property
    def is_open(self) -> bool:
        return self._opening is not None

    def open(self) -> None:
        """Accept connections from now on."""
        if self._opening is None:
            listening = _bound(self.port)
            listening.listen(128)
            self._opening = asyncio.ensure_future(self._serve(listening))

    async def _serve(self, listening: socket.socket) -> None:
        loop = asyncio.get_running_loop()
        self._server = await loop.create_server(self._web, sock=listening, ssl=self._context)

    async def opened(self) -> None:
        """Wait until what `open` began is done."""
        if self._opening is not None:
            await self._opening

    def close(self) -> None:
        """Refuse connections from now on, and break off those that are open."""
        if self._opening is not None and self._server is not None:
            self._server.close()
            self._server = None
        self._opening = None
        for connection in list(self._web.connections):
            transport = connection.transport
            if isinstance(transport, asyncio.WriteTransport):
                transport.abort()

    async def end(self) -> None:
        """Close for good."""
        await self.opened()
        self.close()
        await self._web.shutdown(timeout=1)
        self._holder.close()


def _bound(port: int) -> socket.socket:
    found = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    found.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    found.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    found.setblocking(False)
    found.bind(("127.0.0.1", port))
    return found
