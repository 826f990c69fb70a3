"""What a machine said, made safe for a terminal."""

from __future__ import annotations

import re

_UNSAFE = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u200b-\u200f\u2028-\u202e\u2066-\u2069]")

_BREAKS = re.compile(r"[\t\n]")

_COLOUR = re.compile(r"\x1b\[[0-9;:]*m")


def uncoloured(text: str) -> str:
    """Cleaned output without its colour sequences, which is all of escapes that there is in it."""
    return _COLOUR.sub("", text)


def printable(text: str) -> str:
    """The text as a terminal may get it: what a machine said must not steer it."""
    return _UNSAFE.sub("\N{REPLACEMENT CHARACTER}", text)


def printable_line(text: str) -> str:
    """The same, of what is to stay on one line: a file that has line breaks in a name makes no line of ours."""
    return _BREAKS.sub("\N{REPLACEMENT CHARACTER}", printable(text))
