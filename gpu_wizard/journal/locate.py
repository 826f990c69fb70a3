"""Where a key stands in a TOML text: tomlkit keeps comments and order, but tells no line numbers."""

from __future__ import annotations

import re

_HEADER = re.compile(r"^\s*\[(?P<array>\[)?\s*(?P<path>[^\[\]]+?)\s*\]\]?\s*(?:#.*)?$")
_KEY = re.compile(
    r"""^\s*(?P<key>(?:[A-Za-z0-9_-]+|"[^"]*"|'[^']*')(?:\s*\.\s*(?:[A-Za-z0-9_-]+|"[^"]*"|'[^']*'))*)\s*="""
)
_PART = re.compile(r"""[A-Za-z0-9_-]+|"[^"]*"|'[^']*'""")


def lines_of(text: str) -> dict[str, int]:
    """Dotted key → line, counted from 1. Tables count as keys; `[[nodes]]` are `nodes[0]`, `nodes[1]`, …"""
    lines: dict[str, int] = {}
    counts: dict[str, int] = {}
    prefix = ""
    for number, line in enumerate(text.splitlines(), 1):
        if header := _HEADER.match(line):
            prefix = _table(header["path"], bool(header["array"]), counts)
            lines.setdefault(prefix, number)
        elif key := _KEY.match(line):
            dotted = ".".join(_parts(key["key"]))
            lines.setdefault(f"{prefix}.{dotted}" if prefix else dotted, number)
    return lines


def line_of(lines: dict[str, int], key: str) -> int:
    """The line of a key, else of what is nearest around it; a node's option may stand in the common `[stages]`.

    The first line for what is missing from the file as a whole.
    """
    _, _, common = key.partition("].stages.")
    for wanted in (key, f"stages.{common}") if common else (key,):
        if wanted in lines:
            return lines[wanted]
    while key:
        if key in lines:
            return lines[key]
        key = key[: key.rindex("[")] if key.endswith("]") else key.rpartition(".")[0]
    return 1


def _parts(dotted: str) -> list[str]:
    return [part.strip("\"'") for part in _PART.findall(dotted)]


def _table(path: str, array: bool, counts: dict[str, int]) -> str:
    """The full path of a table, with the index of each array of tables in it."""
    full = ""
    parts = _parts(path)
    for position, part in enumerate(parts):
        full = f"{full}.{part}" if full else part
        if array and position == len(parts) - 1:
            counts[full] = counts.get(full, -1) + 1
        if full in counts:
            full = f"{full}[{counts[full]}]"
    return full
