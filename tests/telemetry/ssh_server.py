"""An SSH server in this process that starts its commands on this machine, where no sshd is at hand."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path

import asyncssh

from gpu_wizard.host.known_hosts import fingerprint
from gpu_wizard.host.ssh import SshTransport
from gpu_wizard.host.target import SshOptions, SshTarget
from gpu_wizard.model.secret import Secret

PASSWORD = b"practice"


class _Login(asyncssh.SSHServer):
    def begin_auth(self, username: str) -> bool:
        return True

    def password_auth_supported(self) -> bool:
        return True

    def validate_password(self, username: str, password: str) -> bool:
        return password.encode() == PASSWORD


@asynccontextmanager
async def machine(
    folder: Path, environment: Mapping[str, str], started: list[int] | None = None
) -> AsyncIterator[SshTransport]:
    """A connection to this machine by SSH. `started`: the process ids of its commands are added to it."""

    async def start(process: asyncssh.SSHServerProcess[bytes]) -> None:
        await _run(process, environment, [] if started is None else started)

    key = asyncssh.generate_private_key("ssh-ed25519")
    server = await asyncssh.listen(
        "127.0.0.1",
        0,
        server_factory=_Login,
        server_host_keys=[key],
        process_factory=start,
        encoding=None,
    )
    algorithm_and_key = key.export_public_key("openssh").decode().split()
    target = SshTarget("127.0.0.1", "anna", server.get_port(), fingerprint(algorithm_and_key[1]))
    config = folder / "ssh_config"
    config.write_text("")
    transport = SshTransport(
        target,
        SshOptions(config_file=config, known_hosts=folder / "known", password=Secret(PASSWORD)),
    )
    try:
        await transport.connect()
        yield transport
    finally:
        await transport.close()
        server.close()
        await server.wait_closed()


async def _run(
    process: asyncssh.SSHServerProcess[bytes], environment: Mapping[str, str], started: list[int]
) -> None:
    child = await asyncio.create_subprocess_exec(
        *("sh", "-c", process.command or ""),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        env=dict(environment),
        start_new_session=True,
    )
    started.append(child.pid)
    if child.stdin is None or child.stdout is None or child.stderr is None:
        raise RuntimeError("a child has its pipes")
    feeding = asyncio.create_task(_feed(process, child.stdin))
    try:
        await asyncio.gather(
            _copy(child.stdout, process.stdout), _copy(child.stderr, process.stderr)
        )
        process.exit(await child.wait())
    finally:
        feeding.cancel()
        await asyncio.gather(feeding, return_exceptions=True)


async def _feed(process: asyncssh.SSHServerProcess[bytes], stdin: asyncio.StreamWriter) -> None:
    with contextlib.suppress(OSError, asyncssh.Error):
        while data := await process.stdin.read(1 << 16):
            stdin.write(data)
            await stdin.drain()
    stdin.close()


async def _copy(reader: asyncio.StreamReader, writer: asyncssh.SSHWriter[bytes]) -> None:
    while data := await reader.read(1 << 16):
        with contextlib.suppress(OSError, asyncssh.Error):
            writer.write(data)
            await writer.drain()
