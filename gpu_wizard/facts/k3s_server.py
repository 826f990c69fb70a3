"""The server's port as the host itself sees it: K3s, something else, or nothing, and why.

The agent's own journal can't tell a refused connection from a machine or a name that does not exist.
Source: K3s v1.34.3 as recorded (join failures 14 to 18; 01-server/d: `/cacerts` needs no credentials, and
its sha256 as served is the hash in a token).
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass

from gpu_wizard.model.fact import ABSENT, Fact, Known, Unknown
from gpu_wizard.model.question import Command, Output, Probe
from gpu_wizard.model.spec import Spec

_CONNECT_SECONDS = "4"
_WHOLE_SECONDS = "8"
_NO_PROGRAM = 127
_CURL_CONNECT = 7
_CURL_STATES = {3: "bad-url", 5: "unresolved", 6: "unresolved", 28: "timed-out", 35: "not-tls"}
_CURL_STATES |= {52: "not-tls", 55: "not-tls", 56: "not-tls"}
"""Source: curl(1), EXIT CODES."""
_TEXTS = (
    ("refused", re.compile(r"refused", re.IGNORECASE)),
    ("no-route", re.compile(r"no route to host|network is unreachable|host is unreachable", re.IGNORECASE)),
    ("unresolved", re.compile(r"unable to resolve|not known", re.IGNORECASE)),
    ("timed-out", re.compile(r"timed out", re.IGNORECASE)),
    ("not-tls", re.compile(r"establish SSL", re.IGNORECASE)),
)  # fmt: skip


@dataclass(frozen=True)
class ServerPort:
    """What answers. `state`: `k3s`, `refused`, `no-route`, `unresolved`, `timed-out`, `not-tls`, `not-k3s`,
    `not-ready`, `bad-url` or `unreachable`. `ca_sha256`: of `/cacerts` as served, "" unless `k3s`.
    `status`: of HTTP, 0 where there was no answer.
    """

    state: str
    ca_sha256: str = ""
    status: int = 0


def parse_curl(answer: Output) -> Fact[ServerPort]:
    """Read the body of `/cacerts` with its status behind it; absent where there is no curl."""
    if answer.status == _NO_PROGRAM:
        return ABSENT
    body, _, code = answer.stdout.rpartition(b"\n")
    status = int(code) if code.isdigit() else 0
    if answer.status == 0 and status:
        return Known(_answered(status, body))
    if answer.status == _CURL_CONNECT:
        return Known(ServerPort(_by_text(answer.error_text)))
    state = _CURL_STATES.get(answer.status)
    return Known(ServerPort(state)) if state else _unread(answer)


def parse_wget(answer: Output) -> Fact[ServerPort]:
    """Read the body of `/cacerts` as wget prints it; absent where there is no wget.

    Source: wget(1), EXIT STATUS: 4 network, 5 TLS, 8 an error status of the server.
    """
    match answer.status:
        case n if n == _NO_PROGRAM:
            return ABSENT
        case 0:
            return Known(_answered(200, answer.stdout))
        case 5:
            return Known(ServerPort("not-tls"))
        case 8:
            found = re.search(r"ERROR (\d{3})", answer.error_text)
            return Known(_answered(int(found[1]) if found else 500, b""))
        case 4:
            return Known(ServerPort(_by_text(answer.error_text)))
        case _:
            return _unread(answer)


def _unread(answer: Output) -> Unknown:
    return Unknown("unreadable", answer.error_text.strip()[-200:])


def _answered(status: int, body: bytes) -> ServerPort:
    if status == 200 and body.lstrip().startswith(b"-----BEGIN CERTIFICATE-----"):
        return ServerPort("k3s", hashlib.sha256(body).hexdigest(), status)
    return ServerPort("not-ready" if status == 503 else "not-k3s", "", status)


def _by_text(text: str) -> str:
    return next((state for state, pattern in _TEXTS if pattern.search(text)), "unreachable")


def _address(spec: Spec) -> str:
    return f"{spec.server.rstrip('/')}/cacerts"


def _curl(spec: Spec) -> Command | None:
    if not spec.server:
        return None
    times = ("--connect-timeout", _CONNECT_SECONDS, "--max-time", _WHOLE_SECONDS)
    # The agent goes to its server directly, whatever proxy the login's environment names. Only with -v does
    # curl say why a connection failed.
    return Command(
        ("curl", "-vksS", "--noproxy", "*", *times, "-w", "\\n%{http_code}", _address(spec))
    )


def _wget(spec: Spec) -> Command | None:
    if not spec.server:
        return None
    options = ("--no-check-certificate", "--no-proxy", "-T", _CONNECT_SECONDS, "-t", "1")
    return Command(("wget", "-nv", "-O", "-", *options, _address(spec)))


PORT_BY_CURL: Probe[Output, ServerPort] = Probe("curl.server-port", _curl, parse_curl)
PORT_BY_WGET: Probe[Output, ServerPort] = Probe("wget.server-port", _wget, parse_wget)


def port_of(curl: Fact[ServerPort], wget: Fact[ServerPort]) -> Fact[ServerPort]:
    """What either of them saw, curl's word first."""
    return wget if isinstance(curl, Unknown) or curl == ABSENT else curl
