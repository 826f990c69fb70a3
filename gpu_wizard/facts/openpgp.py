"""Fingerprints of the keys in a keyring file, read without gpg."""

from __future__ import annotations

import base64
import binascii
import hashlib
import re
from collections.abc import Iterator

_ARMOUR = re.compile(
    rb"-----BEGIN PGP PUBLIC KEY BLOCK-----\r?\n(?:[^\r\n]+:[^\n]*\n)*\r?\n(.*?)\r?\n"
    rb"(?:=[^\n]{4}\r?\n)?-----END PGP PUBLIC KEY BLOCK-----",
    re.DOTALL,
)
_PUBLIC_KEY = 6
"""Packet tag of a primary key. Source: RFC 4880, section 4.3."""


def fingerprints(keyring: bytes) -> tuple[str, ...]:
    """Fingerprints of the primary keys, upper-case hexadecimal, in order; () for what is no keyring.

    Source: RFC 4880, section 12.2: SHA-1 over 0x99, the body's length in two bytes and the body of a version 4 key.
    """
    found = []
    for tag, body in _packets(_binary(keyring)):
        if tag == _PUBLIC_KEY and body[:1] == b"\x04" and len(body) < 1 << 16:
            hashed = b"\x99" + len(body).to_bytes(2, "big") + body
            digest = hashlib.sha1(hashed, usedforsecurity=False)  # the format's own, not our choice
            found.append(digest.hexdigest().upper())
    return tuple(found)


def normal_fingerprint(text: str) -> str:
    """A fingerprint as people write it, without blanks and colons, in upper case."""
    return re.sub(r"[\s:]", "", text).removeprefix("0x").upper()


def _binary(keyring: bytes) -> bytes:
    blocks = _ARMOUR.findall(keyring)
    if not blocks:
        return keyring
    try:
        return b"".join(base64.b64decode(block) for block in blocks)
    except binascii.Error:
        return b""


def _packets(data: bytes) -> Iterator[tuple[int, bytes]]:
    """(tag, body) of each packet, until the first that can't be read. Source: RFC 4880, section 4.2."""
    position = 0
    while position < len(data) and data[position] & 0x80:
        header = data[position]
        is_new = bool(header & 0x40)
        tag = header & 0x3F if is_new else (header >> 2) & 0x0F
        lengths = _new_length(data, position + 1) if is_new else _old_length(data, position)
        if lengths is None:
            return
        start, length = lengths
        if start + length > len(data):
            return
        yield tag, data[start : start + length]
        position = start + length


def _old_length(data: bytes, position: int) -> tuple[int, int] | None:
    kind = data[position] & 3
    if kind == 3:
        return None
    size = 1 << kind
    start = position + 1 + size
    return start, int.from_bytes(data[position + 1 : start], "big")


def _new_length(data: bytes, position: int) -> tuple[int, int] | None:
    first = data[position] if position < len(data) else 255
    if first < 192:
        return position + 1, first
    if first < 224 and position + 1 < len(data):
        return position + 2, ((first - 192) << 8) + data[position + 1] + 192
    if first == 255:
        return position + 5, int.from_bytes(data[position + 1 : position + 5], "big")
    return None
