"""The hooks of asyncssh's client: they answer at once, and never ask a person."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import asyncssh

from gpu_wizard.host.known_hosts import HostKey, fingerprint
from gpu_wizard.model.secret import Secret


class Client(asyncssh.SSHClient):
    """The hooks of one attempt: judges the host key, and hands out a password once."""

    def __init__(self, verdict: Callable[[HostKey], bool], password: Secret | None) -> None:
        self._verdict = verdict
        self._password = password
        self._offered = False
        self.wanted_password = False

    def validate_host_public_key(
        self, host: str, addr: str, port: int, key: asyncssh.SSHKey
    ) -> bool:
        algorithm, text = key.export_public_key("openssh").decode().split()[:2]
        return self._verdict(HostKey(host, port, algorithm, fingerprint(text), "", text))

    def password_auth_requested(self) -> str | None:
        self.wanted_password = True
        password, self._password = self._password, None
        return _text(password) if password is not None else None

    def kbdint_auth_requested(self) -> str | None:
        self.wanted_password = True
        offered, self._offered = self._offered, True
        return "" if self._password is not None and not offered else None

    def kbdint_challenge_received(
        self, name: str, instructions: str, lang: str, prompts: Sequence[tuple[str, bool]]
    ) -> list[str] | None:
        if not prompts:
            return []
        password, self._password = self._password, None
        if password is None or len(prompts) != 1:
            return None
        return [_text(password)]


def _text(password: Secret) -> str:
    return password.reveal().decode(errors="replace").rstrip("\r\n")
