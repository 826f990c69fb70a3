"""Executable files of lab machines: a few bytes that say which simulated program they are.

A program exists on a machine because a file says so: copying, linking or removing the file moves
the program, as on a real system.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

_MAGIC = b"\x7fELF\x02\x01\x01 lab "


@dataclass(frozen=True)
class Stub:
    """What an executable file of the lab is: the program's name and its version ("" if it has none)."""

    name: str
    version: str = ""

    def encode(self) -> bytes:
        """The file's content."""
        return _MAGIC + f"{self.name} {self.version}\n".encode()


@lru_cache(maxsize=1024)
def decode(content: bytes) -> Stub | None:
    """Read a file's content; None where it is no program of the lab (a script, say)."""
    if not content.startswith(_MAGIC):
        return None
    name, _, version = content[len(_MAGIC) :].decode(errors="replace").strip().partition(" ")
    return Stub(name, version)
