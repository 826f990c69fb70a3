"""Times and identifiers as objects carry them."""

from __future__ import annotations

import datetime
import secrets
import uuid

# What Kubernetes makes generated names of: no vowels, so that no words arise.
_ALPHABET = "bcdfghjklmnpqrstvwxz2456789"


def now(offset_seconds: float = 0) -> str:
    """The time in UTC, to the second."""
    return at(datetime.datetime.now(datetime.UTC).timestamp() + offset_seconds)


def now_exact() -> str:
    """The time in UTC, to the microsecond, as Lease and Event use it."""
    return datetime.datetime.now(datetime.UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def at(timestamp: float) -> str:
    """A UNIX time, to the second."""
    return datetime.datetime.fromtimestamp(timestamp, datetime.UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def parse(text: str) -> float:
    """The UNIX time of an object's time."""
    return datetime.datetime.fromisoformat(text).timestamp()


def new_uid() -> str:
    return str(uuid.uuid4())


def suffix(length: int = 5) -> str:
    """The random end of a generated name."""
    return "".join(secrets.choice(_ALPHABET) for _ in range(length))
