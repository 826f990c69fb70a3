"""Many names in few words: `gpu-node-[001-043,045]` for forty-four of them."""

from __future__ import annotations

import re
from collections.abc import Iterable


def folded(names: Iterable[str]) -> str:
    """The names in natural order, those that differ in one number alone put together."""
    groups: dict[tuple[str, str, int], list[str]] = {}
    single: list[str] = []
    for name in sorted(set(names), key=_natural):
        match = re.fullmatch(r"(.*\D|)(\d+)(\D*)", name)
        if match is None:
            single.append(name)
        else:
            # Without leading zeros the width may grow: node-9, node-10.
            width = len(match[2]) if match[2].startswith("0") else 0
            groups.setdefault((match[1], match[3], width), []).append(match[2])
    return ", ".join((*single, *(_group(*key[:2], numbers) for key, numbers in groups.items())))


def _group(before: str, behind: str, numbers: list[str]) -> str:
    if len(numbers) == 1:
        return f"{before}{numbers[0]}{behind}"
    runs: list[list[str]] = []
    for number in numbers:
        if runs and int(number) == int(runs[-1][-1]) + 1:
            runs[-1].append(number)
        else:
            runs.append([number])
    parts = (run[0] if len(run) == 1 else f"{run[0]}-{run[-1]}" for run in runs)
    return f"{before}[{','.join(parts)}]{behind}"


def _natural(name: str) -> list[tuple[int, str]]:
    """Numbers by their value: node-9 before node-10."""
    parts = re.split(r"(\d+)", name)
    return [(int(part), "") if part.isdigit() else (-1, part) for part in parts]
