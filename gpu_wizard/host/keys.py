"""Private keys that have a passphrase, opened by a person where the agent does not hold them."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Sequence
from functools import lru_cache
from pathlib import Path

import asyncssh

from gpu_wizard.model.errors import InputError, Where
from gpu_wizard.model.secret import AskSecret

PASSPHRASE_TRIES = 3
_DEFAULT_FILES = ("~/.ssh/id_ed25519", "~/.ssh/id_ecdsa", "~/.ssh/id_rsa")


def readable(files: Iterable[Path]) -> list[str]:
    """Those of the named key files that need no passphrase. Raises: InputError: no private key, or not readable."""
    return [str(file) for file in files if not _is_locked(file)]


async def unlock(configured: Sequence[object], ask: AskSecret) -> list[asyncssh.SSHKey]:
    """The keys among these files, or among SSH's default ones, whose passphrase a person gives."""
    files = dict.fromkeys(map(_path, configured or _DEFAULT_FILES))
    keys: list[asyncssh.SSHKey] = []
    for file in files:
        with contextlib.suppress(InputError):
            key = await _opened(file, ask) if _is_locked(file) else None
            keys += [key] if key is not None else []
    return keys


def _path(name: object) -> Path:
    return Path(str(name)).expanduser()


async def _opened(file: Path, ask: AskSecret) -> asyncssh.SSHKey | None:
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


def _is_locked(file: Path) -> bool:
    try:
        now = file.stat()
        return _has_passphrase(file, (now.st_ino, now.st_size, now.st_mtime_ns, now.st_ctime_ns))
    except (asyncssh.KeyImportError, asyncssh.KeyEncryptionError, OSError) as error:
        reason = error.strerror if isinstance(error, OSError) else str(error).splitlines()[0]
        raise InputError(
            "bad-identity-file",
            f"The private key {file} could not be read: {reason}.",
            Where(file=str(file)),
            "Name a private key that this user may read.",
            params={"detail": f"{file}: {reason}"},
        ) from error


@lru_cache(maxsize=64)
def _has_passphrase(file: Path, _version: tuple[int, ...]) -> bool:
    """Hundreds of hosts are entered with the same key. Raises: KeyImportError, OSError."""
    try:
        asyncssh.read_private_key(file)
    except (asyncssh.KeyImportError, asyncssh.KeyEncryptionError) as error:
        if "passphrase" in str(error).lower():
            return True
        raise
    return False
