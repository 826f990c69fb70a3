"""A real OpenSSH server on a loopback port, with keys and configuration of its own."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from gpu_wizard.host.target import SshOptions, SshTarget

SSHD = "/usr/sbin/sshd"
START_SECONDS = 20.0


def free_port() -> int:
    """A port of loopback that nobody listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@dataclass
class Sshd:
    """A running server and what a client needs to log in to it."""

    folder: Path
    key: Path
    port: int
    process: subprocess.Popen[bytes]

    @property
    def known_hosts(self) -> Path:
        """A known_hosts file with the server's key."""
        return self.folder / "known_hosts"

    def target(self, user: str = "root", host_key: str = "") -> SshTarget:
        """The server as a target."""
        return SshTarget("127.0.0.1", user, self.port, host_key)

    def options(self, **changes: object) -> SshOptions:
        """How to log in to it, without anything of the person who runs the tests."""
        settings: dict[str, object] = {
            "config_file": self.folder / "ssh_config",
            "known_hosts": self.known_hosts,
            "identity_files": (self.key,),
        }
        return SshOptions(**(settings | changes))  # type: ignore[arg-type]  # tests name fields by keyword

    def children(self) -> list[int]:
        """The server's own child processes, one or two a connection."""
        listed = subprocess.run(
            ["ps", "-o", "pid=", "--ppid", str(self.process.pid)], capture_output=True, check=False
        )
        return [int(word) for word in listed.stdout.split()]

    def cut(self) -> None:
        """Cut every connection as a failing host does."""
        for child in self.children():
            with contextlib.suppress(ProcessLookupError):
                os.kill(child, signal.SIGKILL)


def make_key(file: Path) -> Path:
    """A private key without passphrase, and its public half beside it."""
    command = ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(file)]
    subprocess.run(command, check=True)
    return file


def start_sshd(
    folder: Path, key: Path, *lines: str, port: int | None = None, before: str = ""
) -> Sshd:
    """Start a server that accepts `key` for root; `before`: a command in a mount namespace of its own."""
    if not (folder / "host_key").exists():
        make_key(folder / "host_key")
    number = port or free_port()
    host_key = (folder / "host_key.pub").read_text().split()[:2]
    (folder / "known_hosts").write_text(f"[127.0.0.1]:{number} {' '.join(host_key)}\n")
    (folder / "ssh_config").touch()
    settings = (
        f"Port {number}", "ListenAddress 127.0.0.1", f"HostKey {folder}/host_key",
        f"PidFile {folder}/pid", "UsePAM no", "StrictModes no", "PermitRootLogin yes",
        f"AuthorizedKeysFile {key}.pub .ssh/authorized_keys", "MaxStartups 100", "LogLevel ERROR", *lines,
    )  # fmt: skip
    (folder / "sshd_config").write_text("\n".join(settings) + "\n")
    Path("/run/sshd").mkdir(exist_ok=True)
    command = [SSHD, "-D", "-e", "-f", str(folder / "sshd_config")]
    if before:
        command = ["unshare", "-m", "sh", "-c", f'{before}; exec "$@"', "sh", *command]
    process = subprocess.Popen(
        command,
        stdin=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    _wait_until_up(number)
    return Sshd(folder, key, number, process)


def _wait_until_up(port: int) -> None:
    for _ in range(int(START_SECONDS / 0.02)):
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1) as one:
            if one.recv(4) == b"SSH-":
                return
        time.sleep(0.02)
    raise AssertionError("sshd did not come up")


@contextlib.contextmanager
def running_sshd(
    folder: Path, key: Path, *lines: str, port: int | None = None, before: str = ""
) -> Iterator[Sshd]:
    """A server that is gone afterwards, with its connections."""
    server = start_sshd(folder, key, *lines, port=port, before=before)
    try:
        yield server
    finally:
        server.cut()
        server.process.terminate()
        server.process.wait(10)
