"""Sentences by their ids, in English and Russian, from `texts/*.toml`.

A table is a kind (`reason`, `step`, `risk`, `note`, `found`, `question`, `option`, `probe`, `stage`, `state`, `word`);
its entries have `en` and `ru`, and perhaps `next_en` and `next_ru`, what a person does next.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any, Literal

Language = Literal["en", "ru"]
Entry = Mapping[str, str]


@cache
def _sources() -> dict[str, str]:
    """File name → its text; what is not asked for is not parsed."""
    folder = Path(__file__).parent / "texts"
    return {file.name: file.read_text(encoding="utf-8") for file in sorted(folder.glob("*.toml"))}


@cache
def _parsed(name: str) -> dict[str, dict[str, Entry]]:
    return tomllib.loads(_sources()[name])


@cache
def entries(kind: str) -> dict[str, Entry]:
    """Id → entry of one kind, from the files that hold any."""
    merged: dict[str, Entry] = {}
    for name, text in _sources().items():
        if f"\n[{kind}" in text:
            merged.update(_parsed(name).get(kind, {}))
    return merged


@cache
def catalogue() -> dict[str, dict[str, Entry]]:
    """Kind → id → entry, of all files."""
    kinds = {kind for name in _sources() for kind in _parsed(name)}
    return {kind: entries(kind) for kind in kinds}


class _Shown(dict[str, Any]):
    """Parameters of a sentence; one that is not given reads as its own name."""

    def __missing__(self, key: str) -> str:
        return f"<{key}>"


def sentence(kind: str, code: str, params: Mapping[str, str], language: Language = "en") -> str:
    """The text of an id with its parameters filled in; the id itself where there is no text."""
    entry = entries(kind).get(code)
    return entry[language].format_map(_Shown(params)) if entry else code


def next_step(kind: str, code: str, params: Mapping[str, str], language: Language = "en") -> str:
    """What a person does next; "" where nothing is said."""
    entry = entries(kind).get(code, {})
    return entry.get(f"next_{language}", "").format_map(_Shown(params))
