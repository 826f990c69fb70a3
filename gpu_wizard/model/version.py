"""Versions as Debian, K3s and NVIDIA write them, comparable by their numbers."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache, total_ordering

_NUMBERS = re.compile(r"\d+")
_UNRELEASED = re.compile(r"~|-(?:alpha|beta|rc)")


@total_ordering
@dataclass(frozen=True, eq=False)
class Version:
    """A version's text with an order.

    Compared by the dotted numbers before the first `-`, `+` or `~`, then by the number behind `+k3s` or `-`;
    so `v1.34.3+k3s1 < v1.34.3+k3s2`, `1.17.8-1 < 1.18.0-1` and `580.95.05 == 580.95.05`. Missing parts
    count as zero: `1.17 == 1.17.0`. What is not released yet comes before its release: `1.20.0~rc.1-1 < 1.20.0-1`,
    `v1.34.0-rc1+k3s1 < v1.34.0+k3s1`. Source: deb-version(7), semver.org 11.3.
    """

    text: str

    def __str__(self) -> str:
        return self.text

    @property
    def plain(self) -> str:
        """The dotted part alone: `1.34.3` of `v1.34.3+k3s1`."""
        return re.split(r"[-+~]", self.text.lstrip("v"), maxsplit=1)[0]

    @property
    def key(self) -> tuple[tuple[int, ...], tuple[int, ...]]:
        return _key(self.text)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Version) and self.key == other.key

    def __hash__(self) -> int:
        return hash(self.key)

    def __lt__(self, other: Version) -> bool:
        return self.key < other.key

    def at_least(self, text: str) -> bool:
        """Whether this version is `text` or newer, its dotted numbers alone compared."""
        return self.key[0] >= Version(text).key[0]


@lru_cache(maxsize=4096)
def _key(text: str) -> tuple[tuple[int, ...], tuple[int, ...]]:
    head, *tail = re.split(r"[-+~]", text.lstrip("v"), maxsplit=1)
    released = not _UNRELEASED.search(text)
    return _numbers(head), (int(released), *(_numbers(tail[0].replace("k3s", "")) if tail else ()))


def _numbers(text: str) -> tuple[int, ...]:
    numbers = [int(part) for part in _NUMBERS.findall(text)]
    while numbers and numbers[-1] == 0:
        numbers.pop()
    return tuple(numbers)
