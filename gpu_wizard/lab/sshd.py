"""A real SSH server for a lab machine, on the loopback of the host that the lab runs on."""

from __future__ import annotations

import asyncio
import hmac
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Any

import asyncssh

from gpu_wizard.lab.boot import boot
from gpu_wizard.lab.kernel import Kernel
from gpu_wizard.lab.ports import Computer, User
from gpu_wizard.lab.process import Process
from gpu_wizard.lab.session import Session

_ADDRESS = "127.0.0.1"
_VERSION = "OpenSSH_10.0p2 Debian-7"
"""What Debian 13's sshd says it is."""
Forwards = Mapping[tuple[str, int], int]
"""Local ports that the lab serves, by address and port as the machine sees them."""


class _Door(asyncssh.SSHServer):
    """One connection: who may log in, and what it may open."""

    def __init__(self, server: SshServer) -> None:
        self.server = server
        self.user: User | None = None
        self.connection: asyncssh.SSHServerConnection | None = None

    def connection_made(self, conn: asyncssh.SSHServerConnection) -> None:
        self.connection = conn
        self.server.connections.add(conn)

    def connection_lost(self, exc: Exception | None) -> None:
        if self.connection is not None:
            self.server.connections.discard(self.connection)

    def begin_auth(self, username: str) -> bool:
        self.user = self.server.kernel.computer.users.get(username)
        return True

    def password_auth_supported(self) -> bool:
        return True

    def validate_password(self, username: str, password: str) -> bool:
        known = self.user.password if self.user is not None else None
        if known is None or username == "root":  # Debian: PermitRootLogin prohibit-password
            return False
        return hmac.compare_digest(known.encode(), password.encode())

    def public_key_auth_supported(self) -> bool:
        return True

    def validate_public_key(self, username: str, key: asyncssh.SSHKey) -> bool:
        if self.user is None:
            return False
        try:
            lines = self.server.kernel.computer.files.read(
                f"{self.user.home}/.ssh/authorized_keys"
            ).decode("utf-8", "replace")
        except OSError:
            return False
        offered = key.export_public_key().split()[:2]
        return any(line.encode().split()[:2] == offered for line in lines.splitlines())

    def session_requested(self) -> Session:
        if self.user is None:
            raise asyncssh.ChannelOpenError(asyncssh.OPEN_ADMINISTRATIVELY_PROHIBITED, "no user")
        session = Session(self.server.kernel, self.user)
        running = [one for one in self.server.sessions if one.task is None or not one.task.done()]
        self.server.sessions[:] = [*running, session]
        return session

    def connection_requested(
        self, dest_host: str, dest_port: int, orig_host: str, orig_port: int
    ) -> Any:  # asyncssh documents a forwarder here, but its types do not allow one
        host = _ADDRESS if dest_host == "localhost" else dest_host
        port = self.server.forwards.get((host, dest_port))
        if port is None or self.connection is None:
            raise asyncssh.ChannelOpenError(asyncssh.OPEN_CONNECT_FAILED, "Connection refused")
        return self.connection.forward_connection(_ADDRESS, port)


@dataclass
class SshServer:
    """The SSH server of one machine. Make it with `serve`."""

    kernel: Kernel
    forwards: Forwards
    port: int
    """Port on 127.0.0.1."""
    key: asyncssh.SSHKey
    connections: set[asyncssh.SSHServerConnection] = field(default_factory=set)
    sessions: list[Session] = field(default_factory=list)
    _listener: asyncssh.SSHAcceptor | None = None

    @property
    def host_public_key(self) -> str:
        """The host key as a line of known_hosts has it after the host's name."""
        return self.key.export_public_key().decode().strip()

    @property
    def processes(self) -> tuple[Process, ...]:
        """What runs on the machine now."""
        return tuple(self.kernel.table)

    async def start(self) -> None:
        """Listen; on the port it had before, if it did."""
        if self._listener is not None:
            return
        self._listener = await asyncssh.listen(
            _ADDRESS,
            self.port,
            server_factory=lambda: _Door(self),
            server_host_keys=[self.key],
            server_version=_VERSION,
            encoding=None,
            reuse_address=True,
            allow_scp=False,
            agent_forwarding=False,
            kbdint_auth=False,
            gss_host=None,
        )
        self.port = self._listener.get_port()

    async def stop(self) -> None:
        """Refuse connections and cut those there are, as a machine that goes down; `start` undoes it."""
        listener, self._listener = self._listener, None
        if listener is not None:
            listener.close()
        self.cut()
        if listener is not None:
            await listener.wait_closed()

    def cut(self) -> None:
        """Cut every connection and end every process, without a word to the client."""
        for connection in list(self.connections):
            connection.abort()
        self.kernel.power_off()
        for session in self.sessions:
            if session.task is not None:
                session.task.cancel()

    async def close(self) -> None:
        """Stop for good, and wait until nothing of it runs any more."""
        await self.stop()
        tasks = [session.task for session in self.sessions if session.task is not None]
        self.sessions.clear()
        await asyncio.gather(*tasks, return_exceptions=True)


async def serve(
    computer: Computer,
    *,
    port: int = 0,
    forwards: Forwards | None = None,
    without: Collection[str] = (),
) -> SshServer:
    """Start the SSH server of a computer on 127.0.0.1, with a host key of its own.

    `port` 0: any free one. `forwards`: what direct-tcpip may reach (looked at for each request);
    all else is refused. `without`: see `boot`. A reboot of the computer cuts all connections.
    """
    key = asyncssh.generate_private_key("ssh-ed25519")
    server = SshServer(boot(computer, without), forwards or {}, port, key)
    computer.on_reboot(server.cut)
    await server.start()
    return server
