"""The way from an agent to its server, and the words with which K3s says that it is barred.

Source: recordings `k3s-1.34/03-join-failures/03`, `14` to `18`, `24`, `35`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from gpu_wizard.lab.k3s_token import Token
from gpu_wizard.lab.network import Reply

if TYPE_CHECKING:
    from gpu_wizard.lab.machine import Machine

RETRY_SECONDS = 2.0
_UNREACHABLE_SECONDS = 8.0


class Road:
    """One agent's attempts to reach its server."""

    def __init__(self, machine: Machine) -> None:
        self._machine = machine
        self._attempts = 0

    def fault(self, server: str, token: Token) -> tuple[str, float]:
        """(what is wrong with the way to the server, or ""; seconds between two attempts)."""
        parts = urlsplit(server)
        if parts.scheme != "https":
            text = "only https:// URLs are supported, invalid scheme: http://127.0.0.1:6444"
            return text, RETRY_SECONDS
        local = "https://127.0.0.1:6444/cacerts"
        reply = self._machine.world.dial(self._machine, parts.hostname or "", parts.port or 443)
        if reply is not Reply.K3S:
            text, pause = self._nobody(reply, local)
            return f"failed to get CA certs: {text}", pause
        control = self._machine.world.control
        if control is None or control.health == "starting":
            return f"failed to get CA certs: {local}: 503 Service Unavailable", RETRY_SECONDS
        now = self._machine.now()
        if now < control.valid_from:
            return (
                f'CA cert validation failed: Get "{local}": tls: failed to verify certificate: '
                "x509: certificate has expired or is not yet valid: current time "
                f"{now:%Y-%m-%dT%H:%M:%SZ} is before {control.valid_from:%Y-%m-%dT%H:%M:%SZ}"
            ), RETRY_SECONDS
        if token.ca_hash and token.ca_hash != control.ca_hash:
            text = "token CA hash does not match the Cluster CA certificate hash"
            return f"{text}: {token.ca_hash} != {control.ca_hash}", RETRY_SECONDS
        return "", RETRY_SECONDS

    def _nobody(self, reply: Reply, local: str) -> tuple[str, float]:
        if reply is Reply.PLAIN:
            text = "tls: first record does not look like a TLS handshake"
            return f'Get "{local}": {text}', RETRY_SECONDS
        if reply is Reply.OTHER_TLS:
            return f"{local}: 404 Not Found", RETRY_SECONDS
        self._attempts += 1
        far = reply is Reply.UNREACHABLE
        port = 50000 + 137 * self._attempts % 9000
        reset = f"read tcp 127.0.0.1:{port}->127.0.0.1:6444: read: connection reset by peer"
        text = reset if far or self._attempts % 3 == 2 else "EOF"
        return f'Get "{local}": {text}', _UNREACHABLE_SECONDS if far else RETRY_SECONDS
