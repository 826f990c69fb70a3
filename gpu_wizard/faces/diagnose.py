"""`diagnose`: findings as a person or a program reads them."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from gpu_wizard.knowledge.diagnose import Diagnosis, Finding
from gpu_wizard.knowledge.diagnosis.layers import Layer
from gpu_wizard.knowledge.texts import Language, sentence

SCHEMA = 1
"""Version of the JSON object; a newer one may add keys."""
_GLYPHS = {"blocker": "■", "warning": "●", "info": "○"}
_SHOWN_LINES = 5


@dataclass(frozen=True)
class Part:
    """One input. `first`: the number of its first line in the whole."""

    name: str
    first: int


def as_json(diagnosis: Diagnosis, parts: Sequence[Part], language: Language) -> str:
    """One object: `version`, `diagnoses`, best first, and `unknown` where nothing was recognised.

    `lines` count from 1 through all inputs; `files` says where each begins.
    """
    document: dict[str, object] = {
        "version": SCHEMA,
        "diagnoses": [_record(finding, language) for finding in diagnosis.findings],
    }
    if diagnosis.unknown is not None:
        layer = diagnosis.unknown
        document["unknown"] = {"layer": layer.id, "commands": list(layer.commands)}
    if len(parts) > 1:
        document["files"] = [{"file": part.name, "first": part.first} for part in parts]
    return json.dumps(document, ensure_ascii=False, indent=2)


def _record(finding: Finding, language: Language) -> dict[str, object]:
    return {
        "id": finding.id,
        "severity": finding.severity,
        "stage": finding.stage,
        "title": finding.title(language),
        "cause": finding.cause(language),
        "fix": [fix.text(language) for fix in finding.fixes()],
        "sources": list(finding.signature.sources),
        "lines": list(finding.lines),
    }


def as_text(diagnosis: Diagnosis, parts: Sequence[Part], language: Language) -> str:
    """The same for a person."""
    lines = [line for finding in diagnosis.findings for line in _told(finding, parts, language)]
    if diagnosis.unknown is not None:
        lines += _unknown(diagnosis, language)
    return "\n".join(lines)


def _told(finding: Finding, parts: Sequence[Part], language: Language) -> Iterator[str]:
    yield f"{_GLYPHS[finding.severity]} {finding.title(language)}  [{finding.id}]"
    if finding.explained_by:
        yield f"  {_word('follows', language, id=finding.explained_by)}"
    yield f"  {finding.cause(language)}"
    if finding.lines:
        yield f"  {_places(finding, parts)}: {finding.text}"
    elif finding.confirmed:
        yield f"  {_word('from-facts', language)}"
    for number, fix in enumerate(finding.fixes(), 1):
        sentence_of_it = fix.ru if language == "ru" else fix.en
        yield f"  {number}. {sentence_of_it}"
        if fix.run:
            yield f"       {fix.run}"
    yield f"  {_word('sources', language)}: {'; '.join(finding.signature.sources)}"
    yield ""


def _places(finding: Finding, parts: Sequence[Part]) -> str:
    shown = [_place(line, parts) for line in finding.lines[:_SHOWN_LINES]]
    more = ", …" if len(finding.lines) > _SHOWN_LINES else ""
    return ", ".join(shown) + more


def _place(line: int, parts: Sequence[Part]) -> str:
    if len(parts) < 2:
        return str(line)
    part = next(each for each in reversed(parts) if each.first <= line)
    return f"{part.name}:{line - part.first + 1}"


def _unknown(diagnosis: Diagnosis, language: Language) -> Iterator[str]:
    if diagnosis.unknown is None:
        return
    yield unknown_text(diagnosis.unknown, language)
    for command in diagnosis.unknown.commands:
        yield f"  {command}"


def unknown_text(layer: Layer, language: Language) -> str:
    """That nothing was recognised, and where the text comes from; the layer's commands are to follow."""
    key = "unknown-layer" if layer.id else "unknown"
    name = _word(f"layer-{layer.id}", language) if layer.id else ""
    return _word(key, language, layer=name)


def _word(key: str, language: Language, **params: str) -> str:
    return sentence("word", f"diagnose.{key}", params, language)
