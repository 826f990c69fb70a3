"""What is told of commands, keys, fields and terms: TOML beside the code, read file by file as it is wanted.

Every text is a pair, English and Russian. A file holds tables; a table is found by its header in the raw text,
so that a look at one command parses one file.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any, Literal

from gpu_wizard.knowledge.texts import Language

Kind = Literal["commands", "keys", "fields", "pages"]
_ROOT = Path(__file__).parent
_HEADER = re.compile(r"^\[(?:\"([^\"]+)\"|([\w-]+))\]$", re.MULTILINE)
"""A table of the first level; `[name.words]` is a part of it."""


def said(pair: object, language: Language) -> str:
    """One language of a pair; "" where there is none."""
    if not isinstance(pair, list) or len(pair) != 2:
        return ""
    return str(pair[language == "ru"])


@cache
def _raw(kind: Kind) -> Mapping[str, str]:
    """File name without its suffix → text."""
    files = sorted((_ROOT / kind).glob("*.toml"))
    return {file.stem: file.read_text(encoding="utf-8") for file in files}


@cache
def _parsed(kind: Kind, file: str) -> Mapping[str, Any]:
    return tomllib.loads(_raw(kind)[file])


def document(kind: Kind, file: str) -> Mapping[str, Any] | None:
    """A whole file, None where there is none of this name."""
    return _parsed(kind, file) if file in _raw(kind) else None


def names(kind: Kind) -> tuple[str, ...]:
    """For pages the files; else every table, in the order of files."""
    if kind == "pages":
        return tuple(_raw(kind))
    return tuple(_sections(kind))


@cache
def table(kind: Kind, name: str) -> Mapping[str, Any] | None:
    """One table of any file of a kind, None where there is none; the rest of its file is not parsed."""
    section = _sections(kind).get(name)
    if section is None:
        return None
    value: Mapping[str, Any] = tomllib.loads(section)[name]
    return value


@cache
def _sections(kind: Kind) -> Mapping[str, str]:
    """Table → its text, with that of its parts (`[name.words]`); of two by one name the first."""
    found: dict[str, str] = {}
    for text in _raw(kind).values():
        headers = [*_HEADER.finditer(text)]
        ends = (*(header.start() for header in headers[1:]), len(text))
        for header, end in zip(headers, ends, strict=True):
            found.setdefault(header[1] or header[2], text[header.start() : end])
    return found


@cache
def entries(file: str, part: str, stage: str) -> tuple[Mapping[str, Any], ...]:
    """The entries `[[part]]` of one stage in a file of pages; the others are not parsed."""
    blocks = re.split(r"^(?=\[\[)", _raw("pages").get(file, ""), flags=re.MULTILINE)
    mine = [b for b in blocks if b.startswith(f"[[{part}]]") and f'\nstage = "{stage}"\n' in b]
    found: list[Mapping[str, Any]] = tomllib.loads("".join(mine)).get(part, [])
    return tuple(found)


def heading(file: str, name: str) -> Mapping[str, Any]:
    """A table of a file of pages, without the rest of it."""
    match = re.search(rf"^\[{name}\]$.*?(?=^\[|\Z)", _raw("pages")[file], re.MULTILINE | re.DOTALL)
    value: Mapping[str, Any] = tomllib.loads(match[0])[name] if match else {}
    return value


def holding(kind: Kind, word: str) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """The tables of those files in which a word stands at all."""
    for file, text in _raw(kind).items():
        if word.lower() in text.lower():
            yield from _parsed(kind, file).items()
