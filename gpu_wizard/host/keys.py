"""Private keys: read once for hundreds of hosts; those with a passphrase opened by a person."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Sequence
from copy import copy
from functools import lru_cache
from pathlib import Path

import asyncssh

from gpu_wizard.model.errors import InputError, Where
from gpu_wizard.model.secret import AskSecret

PASSPHRASE_TRIES = 3
_CERTIFICATE = "-cert.pub"
"""Behind a key file's name. Source: OpenSSH, ssh(1), -i."""
_DEFAULT_FILES = ("~/.ssh/id_ed25519", "~/.ssh/id_ecdsa", "~/.ssh/id_rsa")


def opened(files: Iterable[Path]) -> list[asyncssh.SSHKeyPair]:
    """The keys of those files that need no passphrase, with the certificates beside them.

    Raises: InputError: no private key, or not readable.
    """
    # A pair remembers what one host agreed to.
    return [copy(pair) for file in files for pair in _pairs(file) or ()]


async def unlock(configured: Sequence[object], ask: AskSecret) -> list[asyncssh.SSHKey]:
    """The keys among these files, or among SSH's default ones, whose passphrase a person gives."""
    files = dict.fromkeys(map(_path, configured or _DEFAULT_FILES))
    keys: list[asyncssh.SSHKey] = []
    for file in files:
        with contextlib.suppress(InputError):
            key = await _asked(file, ask) if _pairs(file) is None else None
            keys += [key] if key is not None else []
    return keys


def _path(name: object) -> Path:
    return Path(str(name)).expanduser()


async def _asked(file: Path, ask: AskSecret) -> asyncssh.SSHKey | None:
    for refused in range(PASSPHRASE_TRIES):
        passphrase = await ask(f"Passphrase of {file}", refused)
        if passphrase is None:
            return None
        try:
            return asyncssh.read_private_key(file, passphrase.reveal())
        except (asyncssh.KeyEncryptionError, asyncssh.KeyImportError) as error:
            if "bcrypt" in str(error):
                # Not a wrong passphrase: the package that undoes OpenSSH's own encryption is missing.
                return None
    return None


def _pairs(file: Path) -> tuple[asyncssh.SSHKeyPair, ...] | None:
    """None: there is a passphrase. Raises: InputError."""
    try:
        return _read(str(file), (_version(file), _version(f"{file}{_CERTIFICATE}")))
    except (asyncssh.KeyImportError, asyncssh.KeyEncryptionError, OSError) as error:
        reason = error.strerror if isinstance(error, OSError) else str(error).splitlines()[0]
        raise InputError(
            "bad-identity-file",
            f"The private key {file} could not be read: {reason}.",
            Where(file=str(file)),
            "Name a private key that this user may read.",
            params={"detail": f"{file}: {reason}"},
        ) from error


def _version(file: Path | str) -> tuple[int, ...]:
    try:
        now = Path(file).stat()
    except OSError:
        return ()
    return now.st_ino, now.st_size, now.st_mtime_ns, now.st_ctime_ns


@lru_cache(maxsize=64)
def _read(
    file: str, _versions: tuple[tuple[int, ...], ...]
) -> tuple[asyncssh.SSHKeyPair, ...] | None:
    """Raises: KeyImportError, OSError."""
    try:
        return tuple(asyncssh.load_keypairs([file]))
    except (asyncssh.KeyImportError, asyncssh.KeyEncryptionError) as error:
        if "passphrase" in str(error).lower():
            return None
        raise
