"""The known_hosts files of OpenSSH: which keys are on record for a machine, where, and a new line written.

Source: sshd(8), SSH_KNOWN_HOSTS FILE FORMAT.
"""

from __future__ import annotations

import base64
import contextlib
import fnmatch
import hashlib
import hmac
import os
import secrets
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

SSH_PORT = 22
_WILD = set("*?")


@dataclass(frozen=True)
class HostKey:
    """A key that a machine showed. `fingerprint` as `ssh-keygen -l` writes it: `SHA256:…`.

    `file`: the known_hosts file that trusting it adds a line to. `key`: the public key, base64.
    """

    host: str
    port: int
    algorithm: str
    fingerprint: str
    file: str
    key: str

    @property
    def entry(self) -> str:
        """The machine's name as known_hosts writes it."""
        return host_entry(self.host, self.port)


@dataclass(frozen=True)
class KnownKey:
    """A line of a known_hosts file. `marker`: empty, `@cert-authority` or `@revoked`."""

    file: str
    line: int
    marker: str
    algorithm: str
    key: str


def host_entry(host: str, port: int) -> str:
    """A machine's name in known_hosts; the port shows where it is not 22."""
    return host if port == SSH_PORT else f"[{host}]:{port}"


def fingerprint(key: str) -> str:
    """`SHA256:…` of a public key in base64."""
    digest = hashlib.sha256(base64.b64decode(key)).digest()
    return "SHA256:" + base64.b64encode(digest).decode().rstrip("=")


def known_keys(files: Iterable[Path], host: str, port: int) -> tuple[KnownKey, ...]:
    """Every line for this machine; a file that can't be read holds none."""
    found: list[KnownKey] = []
    entry = host_entry(host, port)
    for file in files:
        records = _records(file)
        for number in records.may_mean(entry):
            known = _parsed(records.lines[number], str(file), number + 1, entry)
            if known is not None:
                found.append(known)
    return tuple(found)


@dataclass(frozen=True)
class _Records:
    """A file read once for the hundreds of hosts that may be in it.

    `named`: name in lower case → numbers of the lines that hold it, from 0. `patterned`: of those whose names are
    patterns or hashes, which may mean any host.
    """

    lines: tuple[str, ...]
    named: Mapping[str, tuple[int, ...]]
    patterned: tuple[int, ...]

    def may_mean(self, entry: str) -> list[int]:
        """The lines worth a closer look, in order."""
        return sorted((*self.named.get(entry.lower(), ()), *self.patterned))


def _records(file: Path) -> _Records:
    try:
        now = file.stat()
        return _read(str(file), (now.st_ino, now.st_size, now.st_mtime_ns))
    except OSError:
        return _Records((), {}, ())


@lru_cache(maxsize=8)
def _read(file: str, _version: tuple[int, ...]) -> _Records:
    """Raises: OSError."""
    lines = tuple(Path(file).read_text(errors="replace").splitlines())
    named: dict[str, tuple[int, ...]] = {}
    patterned: list[int] = []
    for number, line in enumerate(lines):
        words = line.split(maxsplit=2)
        names = words[1] if len(words) > 1 and words[0].startswith("@") else "".join(words[:1])
        if set(names) & _WILD or "|" in names:
            patterned.append(number)
            continue
        for name in dict.fromkeys(names.lower().split(",")):
            named[name] = (*named.get(name, ()), number)
    return _Records(lines, named, tuple(patterned))


def _parsed(line: str, file: str, number: int, entry: str) -> KnownKey | None:
    words = line.split()
    marker = words.pop(0) if words and words[0].startswith("@") else ""
    if len(words) < 3 or words[0].startswith("#") or not _matches(words[0], entry):
        return None
    return KnownKey(file, number, marker, words[1], words[2])


def _matches(pattern: str, entry: str) -> bool:
    if pattern.startswith("|1|"):
        with contextlib.suppress(ValueError):
            _, _, salt, digest = pattern.split("|")
            wanted = hmac.new(base64.b64decode(salt), entry.encode(), "sha1").digest()
            return hmac.compare_digest(wanted, base64.b64decode(digest))
        return False
    patterns = pattern.lower().split(",")
    unwanted = [one[1:] for one in patterns if one.startswith("!")]
    name = entry.lower()
    return any(_like(name, one) for one in patterns) and not any(_like(name, o) for o in unwanted)


def _like(name: str, pattern: str) -> bool:
    if not set(pattern) & _WILD:
        return name == pattern
    # Brackets are literal in known_hosts, and a class of characters in fnmatch.
    return fnmatch.fnmatchcase(name, pattern.replace("[", "[[]"))


def remember(key: HostKey) -> None:
    """Append a line for this key; names are hashed where the file does so already. Raises: OSError.

    What is no regular file, such as /dev/null, remembers nothing and stays what it is. One append in one write, as
    ssh does it: what ssh or another program adds in the same moment is not lost.
    """
    path = Path(key.file).expanduser().resolve()
    if path.exists() and not path.is_file():
        return
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    old = path.read_bytes() if path.exists() else b""
    name = _hashed(key.entry) if b"|1|" in old else key.entry
    gap = "" if not old or old.endswith(b"\n") else "\n"
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    try:
        os.write(descriptor, f"{gap}{name} {key.algorithm} {key.key}\n".encode())
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _hashed(entry: str) -> str:
    salt = secrets.token_bytes(20)
    digest = hmac.new(salt, entry.encode(), "sha1").digest()
    return f"|1|{base64.b64encode(salt).decode()}|{base64.b64encode(digest).decode()}"
