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
    def pattern(self) -> re.Pattern[str]:
        """Compiled at its first use."""
        parts = _PLACE.split(self.said)
        told = (_any(part, parts[-1]) if at % 2 else _blanks(part) for at, part in enumerate(parts))
        return re.compile("".join(told), re.IGNORECASE)

    def told(self, line: str) -> str:
        """A line with this in English."""
        return self.pattern.sub(self._english, line)

    def _english(self, found: re.Match[str]) -> str:
        parts = found.groupdict()
        return _PLACE.sub(lambda place: parts.get(f"p{place[1]}") or "", self.english)


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


def _any(number: str, last: str) -> str:
    return f"(?P<p{number}>.{{1,200}}{'?' if last else ''})"


def _blanks(text: str) -> str:
    return r"\s+".join(re.escape(word) for word in re.split(r"\s+", text))
