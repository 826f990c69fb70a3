"""What programs say in the language of their system: told in English before anything is looked for in it.

A user pastes what the own system says: apt, dpkg, sudo, the shell and the C library speak the user's language. Each
saying has an anchor among those of the signatures, so that a log in English costs nothing more.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache, cached_property

from gpu_wizard.knowledge.sources import content, files

FOLDER = "languages"
_PLACE = re.compile(r"\{(\d)\}")
_DIGITS = b"0123456789"
_LONGEST = 200
"""So long, at most, is what stands in a place."""
_OFTEN = 8
"""So often, at most, is one text looked for in a line."""
_CAPITAL = re.compile(r"[^\W\d_a-zA-Z]")


@dataclass(frozen=True)
class Saying:
    """A text of a program and the same in English; `{1}` in both: any text, kept as it is.

    `anchor`: stands in every line that says it, given in lower case of ASCII, without digits, with single blanks.
    """

    english: str
    said: str
    anchor: str

    @cached_property
    def _literals(self) -> tuple[re.Pattern[str], ...]:
        """What stands between the places, compiled at the first use."""
        parts = _PLACE.split(self.said)[::2]
        return tuple(re.compile(_blanks(part), re.IGNORECASE) for part in parts if part)

    def told(self, line: str) -> str:
        """A line with this in English. Each part is the next one after the part before: nothing is tried twice."""
        told, at = [], 0
        for _ in range(_OFTEN):
            found = self._found(line, at)
            if found is None:
                break
            start, end, values = found
            told += [line[at:start], self._english(values)]
            at = end
        return "".join((*told, line[at:]))

    def _found(self, line: str, at: int) -> tuple[int, int, list[str]] | None:
        """The first place from `at` on: its beginning, its end, and what stands in the places of the text."""
        first, *others = self._literals
        begun = first.search(line, at)
        for _ in range(_OFTEN):
            if begun is None:
                return None
            start, end, values = begun.start(), begun.end(), list[str]()
            if self.said.startswith("{"):
                colon = line.rfind(": ", at, start)
                start = max(at if colon < 0 else colon + 2, start - _LONGEST)
                values.append(line[start : begun.start()])
            for part in others:
                found = part.search(line, end, end + _LONGEST)
                if found is None:
                    break
                values.append(line[end : found.start()])
                end = found.end()
            else:
                return self._ended(line, start, end, values)
            begun = first.search(line, begun.end())
        return None

    def _ended(
        self, line: str, start: int, end: int, values: list[str]
    ) -> tuple[int, int, list[str]]:
        if self.said.endswith("}"):
            values.append(line[end : end + _LONGEST])
            end += len(values[-1])
        return start, end, values

    def _english(self, values: Sequence[str]) -> str:
        said = dict(zip(_PLACE.findall(self.said), values, strict=True))
        return _PLACE.sub(lambda place: said.get(place[1], ""), self.english)


@cache
def sayings() -> tuple[Saying, ...]:
    """Of all languages."""
    return tuple(_saying(english, said) for english, said in _pairs())


def anchors() -> Iterator[str]:
    """Of all sayings, in their order."""
    yield from (saying.anchor for saying in sayings())


def in_english(line: str, said: Sequence[Saying]) -> str:
    """A line with all of these in English, the longest first: a shorter one may be a part of it."""
    for saying in sorted(said, key=lambda each: -len(each.said)):
        line = saying.told(line)
    return line


def _pairs() -> Iterator[tuple[str, str]]:
    for file in files(FOLDER):
        for table in content(FOLDER, file).values():
            yield from ((str(english), str(said)) for english, said in table["texts"])


def _saying(english: str, said: str) -> Saying:
    return Saying(english, said, max(map(_anchor, _PLACE.split(said)[::2]), key=len))


def _anchor(text: str) -> str:
    """The longest part without a capital letter beyond ASCII: bytes are compared, which have no case there."""
    parts = "".join("\n" if _capital(letter) else letter for letter in text).split("\n")
    plain = (part.encode().lower().translate(None, _DIGITS).split() for part in parts)
    return max((b" ".join(words).decode() for words in plain), key=lambda part: len(part.encode()))


def _capital(letter: str) -> bool:
    return _CAPITAL.match(letter) is not None and letter.lower() != letter


def _blanks(text: str) -> str:
    return r"\s+".join(re.escape(word) for word in re.split(r"\s+", text))
