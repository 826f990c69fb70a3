"""Machines over SSH: one asyncssh connection each, held until closed, opened anew where it was lost."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace
from typing import Any, cast

import asyncssh

from gpu_wizard.host.known_hosts import HostKey
from gpu_wizard.host.lines import Secrets
from gpu_wizard.host.login import Login, log_in
from gpu_wizard.host.process import ROOM_BYTES, STREAMS, Process
from gpu_wizard.host.shell import ShellHost, ShellReader
from gpu_wizard.host.ssh_errors import lost
from gpu_wizard.host.sudo import Sudo
from gpu_wizard.host.target import AskTrust, SshOptions, SshTarget
from gpu_wizard.host.tunnel import LocalEndpoint, Tunnel
from gpu_wizard.model.errors import UnreachableError, Where

OPEN_SECONDS = 30.0
"""For a channel on an open connection; a dead connection is noticed by its keepalive after 45 s at most."""

WINDOW_BYTES = 1 << 20
"""What the host may send ahead of who reads it: 25 MB/s at a round trip of 40 ms. A flood costs 6 MB of memory
with it, and 70 MB with a window of 4 MB (asyncssh 2.24)."""

_LOST = (OSError, asyncssh.DisconnectError)
Open = Callable[[str], Awaitable[Process]]
"""Starts a shell command. Raises: as `Transport.open`."""


def _asked_once(trust: AskTrust | None) -> AskTrust | None:
    """Where known_hosts is /dev/null a key that was trusted is on no record; it is good for this connection's time."""
    if trust is None:
        return None
    trusted: set[tuple[str, int, str]] = set()

    async def ask(shown: HostKey) -> bool:
        key = (shown.host, shown.port, shown.key)
        if key not in trusted and await trust(shown):
            trusted.add(key)
        return key in trusted

    return ask


class SshProcess(Process, asyncssh.SSHClientSession[bytes]):
    """A command on a channel of its own, which tells it what comes. See `Process`."""

    _channel: asyncssh.SSHClientChannel[bytes]

    def __init__(self, host: str, room: int) -> None:
        """`host`: for messages."""
        super().__init__(room)
        self._host = host
        self._writable = asyncio.Event()
        self._writable.set()

    def connection_made(self, chan: asyncssh.SSHClientChannel[bytes]) -> None:
        """The channel is open."""
        self._channel = chan

    def connection_lost(self, exc: Exception | None) -> None:
        """The channel is closed, by `exc` where the connection broke."""
        if exc is not None and not self.ended:
            self.lost = lost(self._host)
        self._ended(*STREAMS)
        self._writable.set()

    def data_received(self, data: bytes, datatype: int | None) -> None:
        """The next bytes of a stream."""
        self._said("out" if datatype is None else "err", data)

    def eof_received(self) -> bool:
        """Both streams are at their end; standard input stays open."""
        self._ended(*STREAMS)
        return True

    def pause_writing(self) -> None:
        """The host takes nothing more for now."""
        self._writable.clear()

    def resume_writing(self) -> None:
        """The host takes more again."""
        self._writable.set()

    @property
    def exit_status(self) -> int | None:
        """The exit status, once the host has told it."""
        code = self._channel.get_returncode()
        return code if code is None or code >= 0 else 128 - code

    async def write(self, data: bytes) -> None:
        """Send to standard input; a command that is gone takes nothing."""
        with contextlib.suppress(*_LOST):
            self._channel.write(data)
            await self._writable.wait()

    def end_input(self) -> None:
        """Close standard input."""
        with contextlib.suppress(*_LOST):
            self._channel.write_eof()

    async def close(self) -> None:
        """Close the channel at once."""
        self._channel.abort()

    async def _gone(self) -> None:
        await self._channel.wait_closed()
        if self.exit_status is None:
            raise lost(self._host)

    def _wait(self) -> None:
        self._channel.pause_reading()

    def _go_on(self) -> None:
        self._channel.resume_reading()


class SshTransport:
    """Starts commands on one machine over one connection. See `Transport`."""

    def __init__(self, target: SshTarget, options: SshOptions) -> None:
        self._target = target
        self._options = replace(options, trust=_asked_once(options.trust))
        self._login: Login | None = None
        self._keys: Sequence[asyncssh.SSHKey] = ()
        self._connecting = asyncio.Lock()

    @property
    def name(self) -> str:
        """The machine, as the user wrote it."""
        return str(self._target)

    @property
    def address(self) -> str:
        """The address that the machine was reached at; empty before, and through a jump host."""
        peer = self._login.connection.get_extra_info("peername") if self._login else None
        return str(peer[0]) if peer else ""

    async def connect(self) -> None:
        """Log in where there is no connection. Raises: UnreachableError, TrustError, AccessError."""
        await self._connection()

    async def open(self, command: str, room: int = ROOM_BYTES) -> Process:
        """Start a command on a new channel."""
        connection = await self._connection()
        try:
            async with asyncio.timeout(OPEN_SECONDS):
                _, process = await connection.create_session(
                    lambda: SshProcess(self.name, room),
                    command,
                    encoding=None,
                    request_pty=False,
                    window=WINDOW_BYTES,
                )
        except asyncssh.ChannelOpenError as error:
            if connection.is_closed():
                raise lost(self.name) from error
            message = f"{self.name} opens no further session: {error.reason}."
            where, params = Where(host=self.name), {"host": self.name}
            raise UnreachableError("session-refused", message, where, params=params) from error
        except (TimeoutError, *_LOST) as error:
            await self.close()
            raise lost(self.name) from error
        return cast("SshProcess", process)

    async def open_port(
        self, host: str, port: int
    ) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        """A connection from the machine to a port that it reaches. Raises: UnreachableError."""
        connection = await self._connection()
        try:
            async with asyncio.timeout(OPEN_SECONDS):
                streams: Any = await connection.open_connection(host, port)
        except (TimeoutError, asyncssh.ChannelOpenError, *_LOST) as error:
            message = f"{self.name} does not reach {host}:{port}."
            where, params = Where(host=self.name), {"host": self.name, "address": f"{host}:{port}"}
            raise UnreachableError("tunnel-refused", message, where, params=params) from error
        reader, writer = streams
        return reader, writer

    async def close(self) -> None:
        """Close the connection."""
        login, self._login = self._login, None
        if login is not None:
            await login.close()

    async def _connection(self) -> asyncssh.SSHClientConnection:
        async with self._connecting:
            if self._login is None or self._login.connection.is_closed():
                await self.close()
                self._login = await log_in(self._target, self._options, self._keys)
                self._keys = self._login.keys
                # Nobody is asked again when the connection is opened anew.
                self._options = replace(
                    self._options, password=self._login.password, ask_password=None
                )
            return self._login.connection


class SshReader(ShellReader):
    """A machine over SSH, to ask alone. See `HostReader`."""

    def __init__(self, transport: SshTransport, sudo: Sudo, known: Secrets) -> None:
        super().__init__(transport, sudo, known)
        self._ssh = transport
        self._tunnels: list[Tunnel] = []

    @property
    def address(self) -> str:
        """The address that the machine was reached at; empty before, and through a jump host."""
        return self._ssh.address

    async def open_tunnel(self, host: str, port: int) -> LocalEndpoint:
        """A port of this machine that leads to `host:port` as seen from there; open until `close`."""

        async def far_end() -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
            return await self._ssh.open_port(host, port)

        tunnel = Tunnel(far_end)
        self._tunnels.append(tunnel)
        return await tunnel.listen()

    async def close(self) -> None:
        """Close tunnels and connection; asking again opens the connection anew."""
        tunnels, self._tunnels = self._tunnels, []
        for tunnel in tunnels:
            await tunnel.close()
        await super().close()


class SshHost(SshReader, ShellHost):
    """A machine over SSH, to ask and to change. See `Host`."""


async def connect_reader(target: SshTarget, options: SshOptions) -> SshReader:
    """Log in to a machine that is only to be asked. Raises: UnreachableError, TrustError, AccessError."""
    transport, sudo, known = _parts(target, options)
    await transport.connect()
    return SshReader(transport, sudo, known)


async def connect_sampled(target: SshTarget, options: SshOptions) -> tuple[SshReader, Open]:
    """The same, with what starts a sampler on that connection. Raises: as `connect_reader`."""
    transport, sudo, known = _parts(target, options)
    await transport.connect()
    return SshReader(transport, sudo, known), transport.open


async def connect(target: SshTarget, options: SshOptions) -> SshHost:
    """Log in to a machine that may be changed. Raises: as `connect_reader`."""
    transport, sudo, known = _parts(target, options)
    await transport.connect()
    return SshHost(transport, sudo, known)


def _parts(target: SshTarget, options: SshOptions) -> tuple[SshTransport, Sudo, Secrets]:
    known = Secrets()
    for secret in (*options.secrets, options.password, options.sudo_password):
        if secret is not None:
            known.add(secret)
    sudo = Sudo(str(target), known, options.sudo_password, options.ask_sudo_password)
    return SshTransport(target, options), sudo, known
