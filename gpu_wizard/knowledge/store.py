"""What is told of commands, keys, fields and terms: TOML beside the code, read file by file as it is wanted.

Every text is a pair, English and Russian. A file holds tables; a table is found by its header in the raw text,
so that a look at one command parses one file.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator, Mapping
from functools import cache
from importlib import resources
from typing import Any, Literal

from gpu_wizard.knowledge.texts import Language

Kind = Literal["commands", "keys", "fields", "pages"]
_ROOT = resources.files("gpu_wizard.knowledge")
_HEADER = re.compile(r"^\[\"?([^\]\".]+(?:\.[^\]\".]+)*?)\"?\]$", re.MULTILINE)


def said(pair: object, language: Language) -> str:
    """One language of a pair; "" where there is none."""
    if not isinstance(pair, list) or len(pair) != 2:
        return ""
    return str(pair[language == "ru"])


@cache
def _raw(kind: Kind) -> Mapping[str, str]:
    """File name without its suffix → text."""
    files = sorted((_ROOT / kind).iterdir(), key=lambda each: each.name)
    return {
        file.name.removesuffix(".toml"): file.read_text(encoding="utf-8")
        for file in files
        if file.name.endswith(".toml")
    }


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
    return tuple(name for text in _raw(kind).values() for name in _tables(text))


def _tables(text: str) -> Iterator[str]:
    for match in _HEADER.finditer(text):
        if '"' in match[0] or "." not in match[1]:
            yield match[1]


def table(kind: Kind, name: str) -> Mapping[str, Any] | None:
    """One table of any file of a kind, None where there is none."""
    for file, text in _raw(kind).items():
        if name in _tables(text):
            value: Mapping[str, Any] = _parsed(kind, file)[name]
            return value
    return None


def holding(kind: Kind, word: str) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """The tables of those files in which a word stands at all."""
    for file, text in _raw(kind).items():
        if word.lower() in text.lower():
            yield from _parsed(kind, file).items()
