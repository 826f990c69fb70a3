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
def catalogue() -> dict[str, dict[str, Entry]]:
    """Kind → id → entry, of all files."""
    merged: dict[str, dict[str, Entry]] = {}
    for file in sorted((Path(__file__).parent / "texts").glob("*.toml")):
        for kind, entries in tomllib.loads(file.read_text(encoding="utf-8")).items():
            merged.setdefault(kind, {}).update(entries)
    return merged


class _Shown(dict[str, Any]):
    """Parameters of a sentence; one that is not given reads as its own name."""

    def __missing__(self, key: str) -> str:
        return f"<{key}>"


def sentence(kind: str, code: str, params: Mapping[str, str], language: Language = "en") -> str:
    """The text of an id with its parameters filled in; the id itself where there is no text."""
    entry = catalogue().get(kind, {}).get(code)
    return entry[language].format_map(_Shown(params)) if entry else code


def next_step(kind: str, code: str, params: Mapping[str, str], language: Language = "en") -> str:
    """What a person does next; "" where nothing is said."""
    entry = catalogue().get(kind, {}).get(code, {})
    return entry.get(f"next_{language}", "").format_map(_Shown(params))
