"""What is told of commands, keys, fields and terms: tables of TOML files beside the code.

Every text is a pair, English and Russian.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import cache
from typing import Any, Literal

from gpu_wizard.knowledge.sources import content, files
from gpu_wizard.knowledge.texts import Language

Kind = Literal["commands", "keys", "fields", "pages"]


def said(pair: object, language: Language) -> str:
    """One language of a pair; "" where there is none."""
    if not isinstance(pair, list) or len(pair) != 2:
        return ""
    return str(pair[language == "ru"])


def document(kind: Kind, file: str) -> Mapping[str, Any] | None:
    """A whole file, None where there is none of this name."""
    return content(kind, file) if file in files(kind) else None


def names(kind: Kind) -> tuple[str, ...]:
    """For pages the files; else every table, in the order of files."""
    return files(kind) if kind == "pages" else tuple(_tables(kind))


def table(kind: Kind, name: str) -> Mapping[str, Any] | None:
    """One table of any file of a kind, None where there is none."""
    return _tables(kind).get(name)


def tables_of(kind: Kind) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Every table of a kind with its name."""
    yield from _tables(kind).items()


@cache
def _tables(kind: Kind) -> Mapping[str, Mapping[str, Any]]:
    """Name → table; of two by one name the first."""
    found: dict[str, Mapping[str, Any]] = {}
    for file in files(kind):
        for name, entry in content(kind, file).items():
            found.setdefault(name, entry)
    return found


def entries(file: str, part: str, stage: str) -> tuple[Mapping[str, Any], ...]:
    """The entries `[[part]]` of one stage in a file of pages."""
    held: list[Mapping[str, Any]] = content("pages", file).get(part, [])
    return tuple(entry for entry in held if entry["stage"] == stage)
