"""Command lines of GNU programs, taken apart."""

from __future__ import annotations

import getopt
from collections.abc import Sequence
from dataclasses import dataclass


class UsageError(Exception):
    """An option that the program doesn't know; the text is getopt's."""


@dataclass(frozen=True)
class Options:
    """Options in order, and the other words."""

    given: tuple[tuple[str, str], ...]
    words: tuple[str, ...]

    def has(self, *names: str) -> bool:
        """Whether one of some options was given."""
        return any(name in names for name, _ in self.given)

    def last(self, *names: str, default: str = "") -> str:
        """The value of the last of some options."""
        found = [value for name, value in self.given if name in names]
        return found[-1] if found else default

    def every(self, *names: str) -> tuple[str, ...]:
        """The values of all of some options, in order."""
        return tuple(value for name, value in self.given if name in names)


def split(argv: Sequence[str], short: str, long: Sequence[str], *, mixed: bool = True) -> Options:
    """Take a command line apart in getopt's way; `mixed`: options may stand behind words.

    Raises: UsageError.
    """
    take = getopt.gnu_getopt if mixed else getopt.getopt
    try:
        given, words = take(list(argv), short, list(long))
    except getopt.GetoptError as wrong:
        raise UsageError(wrong.msg.replace("not recognized", "").strip()) from wrong
    return Options(tuple(given), tuple(words))
