"""Many names in few words: `gpu-node-[001-043,045]` for forty-four of them."""

from __future__ import annotations

import re
from collections.abc import Iterable


def folded(names: Iterable[str]) -> str:
    """The names in natural order, those that differ in one number alone put together."""
    groups: dict[tuple[str, str], list[str]] = {}
    single: list[str] = []
    for name in sorted(set(names), key=natural):
        match = re.fullmatch(r"(.*\D|)(\d+)(\D*)", name)
        if match is None:
            single.append(name)
        else:
            groups.setdefault((match[1], match[3]), []).append(match[2])
    return ", ".join((*single, *(_group(*key, numbers) for key, numbers in groups.items())))


def _group(before: str, behind: str, numbers: list[str]) -> str:
    if len(numbers) == 1:
        return f"{before}{numbers[0]}{behind}"
    runs: list[list[str]] = []
    for number in numbers:
        if runs and _follows(runs[-1][-1], number):
            runs[-1].append(number)
        else:
            runs.append([number])
    parts = (run[0] if len(run) == 1 else f"{run[0]}-{run[-1]}" for run in runs)
    return f"{before}[{','.join(parts)}]{behind}"


def _follows(number: str, after: str) -> bool:
    """9 and 10, 09 and 10, but not 09 and 010."""
    grows = len(number) == len(after) or not (number.startswith("0") or after.startswith("0"))
    return grows and int(after) == int(number) + 1


def natural(name: str) -> list[tuple[int, str]]:
    """Numbers by their value: node-9 before node-10."""
    parts = re.split(r"(\d+)", name)
    return [(int(part), "") if part.isdecimal() else (-1, part) for part in parts]
