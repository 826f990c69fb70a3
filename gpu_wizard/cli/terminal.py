"""What the terminal can show."""

from __future__ import annotations

import os
import sys


def wants_ascii(asked: bool) -> bool:
    """Whether the terminal has ASCII alone: asked for, the Linux console, or a locale without UTF-8."""
    encoding = (sys.stdout.encoding or "").lower().replace("-", "")
    return asked or os.environ.get("TERM") == "linux" or encoding != "utf8"


def has_few_colours() -> bool:
    """Whether the terminal has sixteen colours at most, as far as its name and COLORTERM tell."""
    few = ("linux", "xterm", "xterm-16color", "screen", "tmux", "ansi", "vt100", "vt220")
    return os.environ.get("TERM", "") in few and not os.environ.get("COLORTERM")
