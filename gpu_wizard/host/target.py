"""Where to log in, and what may be used and asked on the way."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path

from gpu_wizard.host.known_hosts import SSH_PORT, HostKey
from gpu_wizard.model.errors import InputError, Where
from gpu_wizard.model.secret import AskSecret, Secret
from gpu_wizard.model.target import parsed

AskTrust = Callable[[HostKey], Awaitable[bool]]
"""Whether to trust a key that is on no record; shown to a person with its fingerprint."""


@dataclass(frozen=True)
class SshTarget:
    """A machine as the user wrote it; what is empty comes from `~/.ssh/config`, then from SSH's defaults.

    `host_key`: a pinned key, as `SHA256:…` or as the public key itself (`ssh-ed25519 AAAA…`).
    """

    host: str
    user: str = ""
    port: int | None = None
    host_key: str = ""

    @staticmethod
    def parse(text: str, host_key: str = "") -> SshTarget:
        """`[USER@]HOST[:PORT]`; an IPv6 address with a port stands in brackets. Raises: InputError."""
        written = parsed(text.strip())
        if written is None:
            raise InputError(
                "bad-target",
                f"{text!r} is no host.",
                Where(host=text),
                "Write it as user@host or user@host:port.",
                params={"host": text, "detail": "user@host:port"},
            )
        return SshTarget(written.host, written.user, written.port, host_key)

    def __str__(self) -> str:
        host = f"[{self.host}]" if self.port and ":" in self.host else self.host
        port = f":{self.port}" if self.port not in (None, SSH_PORT) else ""
        return f"{self.user}@{host}{port}" if self.user else f"{host}{port}"

    @property
    def for_ssh(self) -> str:
        """What stands behind `ssh` on a command line."""
        host = f"{self.user}@{self.host}" if self.user else self.host
        return host if self.port in (None, SSH_PORT) else f"-p {self.port} {host}"


@dataclass(frozen=True)
class SshOptions:
    """How to log in. Nothing here is ever asked twice for the same thing.

    `config_file` None: `~/.ssh/config`. `known_hosts` None: as that configuration says, by default
    `~/.ssh/known_hosts`. `identity_files`: besides the agent's keys; empty: as configured. `trust` None: an unknown
    key is refused. `ask_password` None: only the passwords given here are used. `sudo_password` None: asked for
    where sudo wants one. `connect_seconds`: until the host has shown its key.
    """

    config_file: Path | None = None
    known_hosts: Path | None = None
    identity_files: tuple[Path, ...] = ()
    password: Secret | None = None
    sudo_password: Secret | None = None
    trust: AskTrust | None = None
    ask_password: AskSecret | None = None
    ask_sudo_password: AskSecret | None = None
    connect_seconds: float = 10.0
    secrets: tuple[Secret, ...] = field(default=())
    """Values to hide in all output, besides those used here."""
