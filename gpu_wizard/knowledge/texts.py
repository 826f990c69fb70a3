"""Sentences by their ids, in English and Russian, from `texts/*.toml`.

A table is a kind (`reason`, `step`, `risk`, `note`, `found`, `question`, `option`, `probe`, `stage`, `state`, `word`);
its entries have `en` and `ru`, and perhaps `next_en` and `next_ru`, what a person does next.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import cache
from typing import Any, Literal

from gpu_wizard.knowledge.sources import content, files, written

Language = Literal["en", "ru"]
Entry = Mapping[str, str]


@cache
def _sources() -> dict[str, str]:
    """File → its text; what is not asked for is not parsed."""
    return {name: written("texts", name) for name in files("texts")}


def _parsed(name: str) -> Mapping[str, dict[str, Entry]]:
    return content("texts", name)


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


def everywhere(code: str) -> Iterator[tuple[str, Entry]]:
    """Kind and entry of an id, of each kind that has it; the files that don't name it are not parsed."""
    for name, text in _sources().items():
        if f'."{code}"]' in text or f".{code}]" in text:
            for kind, held in _parsed(name).items():
                if code in held:
                    yield kind, held[code]


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
