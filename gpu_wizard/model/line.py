"""Cleaned output of a remote program."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Stream = Literal["out", "err"]


@dataclass(frozen=True)
class Chunk:
    """A piece of output, safe to store and print: text, LF, CR, tab and colour sequences only.

    It may begin and end within a line. Secrets known to the host are replaced by `***`.
    """

    stream: Stream
    text: str
