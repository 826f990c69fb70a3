"""What asyncssh and the network raise, as errors of the program that say what to do."""

from __future__ import annotations

import errno
import socket
from dataclasses import dataclass

import asyncssh

from gpu_wizard.host.lines import Secrets, clean_lines
from gpu_wizard.host.process import CUT, LOST
from gpu_wizard.host.target import SshTarget
from gpu_wizard.model.errors import (
    InputError,
    TrustError,
    UnreachableError,
    UnsupportedError,
    Where,
    WizardError,
)


@dataclass(frozen=True)
class _Meaning:
    """What an error of the library means: `{host}` and `{detail}` fill the texts."""

    kind: type[WizardError]
    code: str
    message: str
    next_step: str = ""


_SILENT = _Meaning(
    UnreachableError,
    "connect-timed-out",
    "{host} did not answer in time.",
    "See whether the machine is up and no firewall drops the connection.",
)
_NO_NAME = _Meaning(
    UnreachableError,
    "host-not-resolved",
    "The name {host} has no address.",
    "See whether it is spelled right, or write the address itself.",
)
_REFUSED = _Meaning(
    UnreachableError,
    "connection-refused",
    "{host} refused the connection.",
    "See whether sshd runs there, and on which port.",
)
_NO_ROUTE = _Meaning(
    UnreachableError,
    "host-unreachable",
    "There is no route to {host}.",
    "See whether this machine's network or VPN is up.",
)
_JUMP = _Meaning(
    UnreachableError,
    "jump-refused",
    "The jump host does not reach {host}: {detail}.",
    "See whether the name and the port are right as the jump host sees them.",
)
_NOT_SSH = _Meaning(
    UnreachableError,
    "not-ssh",
    "What answers at {host} does not speak SSH.",
    "See whether the port is right.",
)
_CUT = _Meaning(
    UnreachableError,
    CUT,
    "{host} closed the connection before the login was over: {detail}.",
    "Wait a minute and try `ssh -v {target}`: sshd takes so many logins at once (MaxStartups), a block may stand after failed ones (fail2ban, hosts.deny), or the port is another program's.",
)
_LOST = _Meaning(
    UnreachableError,
    LOST,
    "The connection to {host} was lost.",
    "See whether the machine is up; what ran there may still be running.",
)
_UNREADABLE_KEY = _Meaning(
    InputError,
    "bad-identity-file",
    "A private key could not be read: {detail}.",
    "Load a key with a passphrase into the agent by `ssh-add`.",
)
_BY_TYPE: tuple[tuple[tuple[type[Exception], ...], _Meaning], ...] = (
    ((TimeoutError,), _SILENT),
    ((socket.gaierror,), _NO_NAME),
    (
        (asyncssh.HostKeyNotVerifiable,),
        _Meaning(TrustError, "host-key-not-verifiable", "{host}: {detail}."),
    ),
    ((asyncssh.ProtocolError, asyncssh.ProtocolNotSupported), _NOT_SSH),
    (
        (asyncssh.KeyExchangeFailed,),
        _Meaning(UnsupportedError, "ssh-no-common-method", "{host}: {detail}."),
    ),
    ((asyncssh.ChannelOpenError,), _JUMP),
    ((asyncssh.ConfigParseError,), _Meaning(InputError, "bad-ssh-config", "{detail}.")),
    ((asyncssh.KeyImportError, asyncssh.KeyEncryptionError), _UNREADABLE_KEY),
    (
        (FileNotFoundError, PermissionError),
        _Meaning(InputError, "file-not-read", "A file could not be read: {detail}."),
    ),
    ((ValueError,), _Meaning(InputError, "bad-target", "{host}: {detail}.")),
)


def translated(error: Exception, target: SshTarget) -> WizardError:
    """The error of the program for one of the library's, while connecting."""
    meaning = _meaning(error)
    detail = _first_line(str(getattr(error, "reason", "") or error))
    params = {"host": target.host, "detail": detail, "target": target.for_ssh}
    return meaning.kind(
        meaning.code,
        meaning.message.format_map(params),
        Where(host=str(target)),
        meaning.next_step.format_map(params),
        params=params,
    )


def _meaning(error: Exception) -> _Meaning:
    if isinstance(error, OSError) and _is(error, errno.ECONNREFUSED):
        return _REFUSED
    if isinstance(error, OSError) and _is(error, errno.EHOSTUNREACH, errno.ENETUNREACH):
        return _NO_ROUTE
    return next((found for kinds, found in _BY_TYPE if isinstance(error, kinds)), _CUT)


def lost(host: str) -> UnreachableError:
    """A connection that broke."""
    message, where = _LOST.message.format(host=host), Where(host=host)
    return UnreachableError(LOST, message, where, _LOST.next_step, params={"host": host})


def is_denial(error: Exception) -> bool:
    """Whether the host let nobody in, also by hanging up after too many keys."""
    if isinstance(error, asyncssh.PermissionDenied):
        return True
    return isinstance(error, asyncssh.DisconnectError) and "authentication" in error.reason.lower()


def _is(error: OSError, *numbers: int) -> bool:
    """Also for several addresses: asyncio puts what failed at each into one message."""
    return error.errno in numbers or any(f"[Errno {number}]" in str(error) for number in numbers)


def _first_line(text: str) -> str:
    """The first line of what may be the other side's words, safe to show."""
    lines = clean_lines(text.encode(errors="replace"), Secrets())
    return (lines or ("",))[0].rstrip(".")
