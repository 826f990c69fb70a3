"""Sentences that stand in the code itself, in the other language: found by the English one, as gettext does.

Codes have their texts in `texts`; here is what has no code: the words of `--help`, of argparse, and of mistakes.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from functools import cache

from gpu_wizard.knowledge.sources import content, files
from gpu_wizard.knowledge.texts import Language

_FOLDER = "sentences"
_NAME = re.compile(r"\{(\w+)\}")
_INNER = "_said"
"""A part of this name is a sentence itself."""


def translated(text: str, language: Language) -> str:
    """A sentence of the code in a language; the English itself where there is no other."""
    if language == "en":
        return text
    for pattern, russian in _patterns():
        found = pattern.fullmatch(text)
        if found:
            return _filled(russian, found.groupdict(), language)
    return text


def _filled(russian: str, parts: Mapping[str, str], language: Language) -> str:
    said = {
        name: translated(part, language) if name.endswith(_INNER) else part
        for name, part in parts.items()
    }
    return _NAME.sub(lambda name: said.get(name[1], name[0]), russian)


@cache
def _patterns() -> tuple[tuple[re.Pattern[str], str], ...]:
    """What is most fixed first: of two that fit a sentence it says more."""
    ranked = sorted(_pairs(), key=lambda pair: -len(_NAME.sub("", pair[0])))
    return tuple((_pattern(english), russian) for english, russian in ranked)


def _pairs() -> Iterator[tuple[str, str]]:
    for file in files(_FOLDER):
        for table in content(_FOLDER, file).values():
            yield from ((str(english), str(russian)) for english, russian in table["texts"])


def _pattern(english: str) -> re.Pattern[str]:
    """A name in braces stands for any text; all other signs for themselves."""
    parts = _NAME.split(english)
    return re.compile(
        "".join(f"(?P<{part}>.+?)" if at % 2 else re.escape(part) for at, part in enumerate(parts)),
        re.DOTALL,
    )
