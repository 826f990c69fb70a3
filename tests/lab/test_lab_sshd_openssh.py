"""The lab's SSH server, asked by OpenSSH's own client."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import asyncssh
import pytest

from gpu_wizard.lab.sshd import serve
from tests.lab.plain_computer import PlainComputer

SSH = shutil.which("ssh")
pytestmark = pytest.mark.skipif(SSH is None, reason="there is no OpenSSH client here")


@dataclass(frozen=True)
class Client:
    """An ssh with settings of its own for one lab machine."""

    options: tuple[str, ...]

    async def __call__(
        self, *words: str, stdin: bytes = b"", user: str = "ops"
    ) -> tuple[int | None, bytes, bytes]:
        process = await asyncio.create_subprocess_exec(
            str(SSH),
            *self.options,
            *words[:-1],
            f"{user}@127.0.0.1",
            *words[-1:],
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        try:
            async with asyncio.timeout(30):
                out, err = await process.communicate(stdin)
        finally:
            if process.returncode is None:
                process.kill()
        return process.returncode, out, err


@pytest.fixture
async def ssh(tmp_path: Path) -> AsyncIterator[Client]:
    """A client that may log in as `ops` and as root with its key."""
    key = asyncssh.generate_private_key("ssh-ed25519")
    key.write_private_key(tmp_path / "key")
    (tmp_path / "key").chmod(0o600)
    computer = PlainComputer()
    for home, owner in (("/home/ops", "ops"), ("/root", "root")):
        path = f"{home}/.ssh/authorized_keys"
        computer.files.write(path, key.export_public_key(), mode=0o600, owner=owner)
    server = await serve(computer)
    (tmp_path / "known").write_text(f"[127.0.0.1]:{server.port} {server.host_public_key}\n")
    settings = {
        "UserKnownHostsFile": str(tmp_path / "known"),
        "GlobalKnownHostsFile": "none",
        "StrictHostKeyChecking": "yes",
        "BatchMode": "yes",
        "IdentityAgent": "none",
        "IdentitiesOnly": "yes",
        "ControlPath": str(tmp_path / "master"),
    }
    options = ["-F", "none", "-i", str(tmp_path / "key"), "-p", str(server.port)]
    for name, value in settings.items():
        options += ["-o", f"{name}={value}"]
    yield Client(tuple(options))
    await server.close()


async def test_a_command_with_status_output_and_input(ssh: Client) -> None:
    result = await ssh("cat; id -un; echo err >&2; exit 3", stdin=b"a\0\xff\n")
    assert result == (3, b"a\0\xff\nops\n", b"err\n")


async def test_root_by_key_and_nobody_without(ssh: Client) -> None:
    assert (await ssh("whoami", user="root"))[:2] == (0, b"root\n")
    status, _, err = await ssh("whoami", user="anna")
    assert status == 255
    assert b"Permission denied (publickey,password)" in err


async def test_a_terminal_looks_around(ssh: Client) -> None:
    status, out, _ = await ssh("-tt", "tty; ls -d /etc; stty -a 2>/dev/null; exit 2")
    assert (status, out) == (2, b"/dev/pts/%c\r\n/etc\r\n" % out[9])


async def test_one_connection_carries_many_sessions(ssh: Client) -> None:
    master = await asyncio.create_subprocess_exec(
        str(SSH), *ssh.options, "-M", "-N", "ops@127.0.0.1", stderr=asyncio.subprocess.DEVNULL
    )
    try:
        async with asyncio.timeout(60):
            while (await ssh("-O", "check", "x"))[0] != 0:
                await asyncio.sleep(0.05)
        results = await asyncio.gather(*(ssh(f"sleep 0.1; echo {number}") for number in range(4)))
        assert [out for _, out, _ in results] == [b"%d\n" % number for number in range(4)]
    finally:
        master.terminate()
        await master.wait()
