"""K3s join tokens: their forms, and the words with which a wrong form is refused.

Source: domain.md, stage 1; recordings `k3s-1.34/03-join-failures/03` to `10`.
"""

from __future__ import annotations

import hashlib
import re
import secrets
import string
from dataclasses import dataclass

_PREFIX = "K10"
_HASH_LENGTH = 64
_BOOTSTRAP = re.compile(r"([a-z0-9]{6})\.([a-z0-9]{16})")
_ALPHABET = string.ascii_lowercase + string.digits


class TokenError(Exception):
    """The token's form is wrong; the text is K3s's."""


@dataclass(frozen=True)
class Token:
    """A parsed token. `ca_hash` "": the short form, that trusts any CA."""

    ca_hash: str
    user: str
    """`server` or `node`; "" for a bootstrap token and for a bare password."""
    secret: str
    bootstrap_id: str = ""


def parse(text: str) -> Token:
    """Take a token apart.

    Raises: TokenError.
    """
    text = text.strip()
    if not text:
        raise TokenError("token must not be empty")
    ca_hash = ""
    if text.startswith(_PREFIX):
        head, colons, rest = text[len(_PREFIX) :].partition("::")
        if colons:
            if head and len(head) != _HASH_LENGTH:
                raise TokenError("invalid token CA hash length")
            ca_hash, text = head, rest
        else:
            text = head
    elif not _BOOTSTRAP.fullmatch(text):
        return Token("", "", text)
    found = _BOOTSTRAP.fullmatch(text)
    if found:
        return Token(ca_hash, "", found[2], found[1])
    user, colon, password = text.partition(":")
    if not (user and colon and password):
        raise TokenError("invalid token format")
    return Token(ca_hash, user, password)


def ca_hash(ca_pem: bytes) -> str:
    """The hash that a full token carries: of the bundle as `/cacerts` serves it."""
    return hashlib.sha256(ca_pem).hexdigest()


def full(ca_pem: bytes, rest: str) -> str:
    """A full token of `user:password` or `id.secret`."""
    return f"{_PREFIX}{ca_hash(ca_pem)}::{rest}"


def generate() -> tuple[str, str]:
    """A new bootstrap token: (id, secret)."""

    def letters(count: int) -> str:
        return "".join(secrets.choice(_ALPHABET) for _ in range(count))

    return letters(6), letters(16)
