"""What asyncssh and the network raise, as errors of the program that say what to do."""

from __future__ import annotations

import errno
import socket

import asyncssh

from gpu_wizard.host.target import SshTarget
from gpu_wizard.model.errors import (
    InputError,
    TrustError,
    UnreachableError,
    UnsupportedError,
    Where,
    WizardError,
)


def translated(error: Exception, target: SshTarget) -> WizardError:
    """The error of the program for one of the library's, while connecting."""
    where = Where(host=str(target))
    match error:
        case TimeoutError():
            return UnreachableError(
                "connect-timed-out",
                f"{target.host} did not answer in time.",
                where,
                "See whether the machine is up and no firewall drops the connection.",
            )
        case socket.gaierror():
            return UnreachableError(
                "host-not-resolved",
                f"The name {target.host} has no address.",
                where,
                "See whether it is spelled right, or write the address itself.",
            )
        case OSError() if _is(error, errno.ECONNREFUSED):
            return UnreachableError(
                "connection-refused",
                f"{target.host} refused the connection.",
                where,
                "See whether sshd runs there, and on which port.",
            )
        case asyncssh.HostKeyNotVerifiable():
            return TrustError("host-key-not-verifiable", f"{error.reason}.", where)
        case asyncssh.ProtocolError() | asyncssh.ProtocolNotSupported():
            return UnreachableError(
                "not-ssh",
                f"What answers at {target.host} does not speak SSH.",
                where,
                "See whether the port is right.",
            )
        case asyncssh.KeyExchangeFailed():
            return UnsupportedError(
                "ssh-no-common-method", f"{target.host}: {_first_line(error.reason)}.", where
            )
        case asyncssh.ConfigParseError():
            return InputError("bad-ssh-config", f"{_first_line(str(error))}.", where)
        case asyncssh.KeyImportError() | asyncssh.KeyEncryptionError():
            return InputError(
                "bad-identity-file",
                f"A private key could not be read: {_first_line(str(error))}.",
                where,
                "Load a key with a passphrase into the agent by `ssh-add`.",
            )
        case OSError() if _is(error, errno.EHOSTUNREACH, errno.ENETUNREACH):
            return UnreachableError(
                "host-unreachable",
                f"There is no route to {target.host}.",
                where,
                "See whether this machine's network or VPN is up.",
            )
        case FileNotFoundError() | PermissionError():
            message = f"{error.filename} could not be read: {error.strerror}."
            return InputError("file-not-read", message, Where(file=str(error.filename)))
    return lost(str(target))


def is_denial(error: Exception) -> bool:
    """Whether the host let nobody in, also by hanging up after too many keys."""
    if isinstance(error, asyncssh.PermissionDenied):
        return True
    return isinstance(error, asyncssh.DisconnectError) and "authentication" in error.reason.lower()


def lost(host: str) -> UnreachableError:
    """A connection that broke."""
    return UnreachableError(
        "connection-lost",
        f"The connection to {host} was lost.",
        Where(host=host),
        "See whether the machine is up; what ran there may still be running.",
    )


def _is(error: OSError, *numbers: int) -> bool:
    """Also for several addresses: asyncio puts what failed at each into one message."""
    return error.errno in numbers or any(f"[Errno {number}]" in str(error) for number in numbers)


def _first_line(text: str) -> str:
    return (text.strip().splitlines() or [""])[0].rstrip(".")
