"""Where in a line of text something stands that is told of: commands word by word, keys, fields, terms, files."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from functools import cache
from typing import NamedTuple

from gpu_wizard.knowledge.store import said, table, tables_of
from gpu_wizard.knowledge.texts import Language
from gpu_wizard.knowledge.words import Word, explain_line, meaning_of_file

CONTAINERD = ("config-toml", "containerd-config", "runtime-config")
"""The tables of keys that containerd's configuration is told by."""
_TERMS = "glossary"
_PLAIN = re.compile(r"[a-z]+")
"""A word of any language's everyday; only as a term is it told of in an output."""
_PATH = re.compile(r"(?<![\w.:/])/[\w.+/-]+")
_COMMAND = re.compile(r"(?:^|\s{2})\$ (?P<line>.+)$")


class Told(NamedTuple):
    """A piece of a line, from `start` to `end`, and what it means; `meaning` "": nothing is told of it."""

    start: int
    end: int
    text: str
    meaning: str


def in_output(line: str, language: Language = "en") -> tuple[Told, ...]:
    """What a line of output holds: its command word by word behind `$ `, else terms, fields and files."""
    command = _COMMAND.search(line)
    if command is not None:
        words = explain_line(command["line"], language)
        return tuple(places(line, words, command.start("line")))
    return _known(line, (), language)


def in_config(line: str, language: Language = "en") -> tuple[Told, ...]:
    """What a line of containerd's configuration holds."""
    return _known(line, CONTAINERD, language)


def places(line: str, words: Sequence[Word], at: int = 0) -> Iterator[Told]:
    """Where each word stands; a part that does not stand there by itself is where the one before is."""
    last = (at, at)
    for word in words:
        found = line.find(word.text, at)
        if found >= 0 and word.text:
            last = (found, found + len(word.text))
            at = last[1]
        yield Told(*last, word.text, word.meaning)


def _known(line: str, tables: tuple[str, ...], language: Language) -> tuple[Told, ...]:
    pattern, meanings = _index(tables)
    found = [
        Told(match.start(), match.end(), match[0], said(meanings[match[0]], language))
        for match in pattern.finditer(line)
    ]
    taken = [(told.start, told.end) for told in found]
    for match in _PATH.finditer(line):
        meaning = meaning_of_file(match[0].rstrip("."), language)
        inside = any(start < match.end() and match.start() < end for start, end in taken)
        if meaning and not inside:
            found.append(Told(match.start(), match.end(), match[0], meaning))
    return tuple(sorted(found))


@cache
def _index(tables: tuple[str, ...]) -> tuple[re.Pattern[str], dict[str, object]]:
    """One pattern of all names, the longest first, and what each means. No tables: those of outputs."""
    meanings: dict[str, object] = {}
    for name in tables or _of_outputs():
        for word, text in (table("keys", name) or table("fields", name) or {})["names"].items():
            if tables or name == _TERMS or not _PLAIN.fullmatch(word):
                meanings.setdefault(word, text)
    names = sorted(meanings, key=len, reverse=True)
    pattern = "|".join(map(re.escape, names))
    return re.compile(rf"(?<![\w/.-])(?:{pattern})(?![\w/-])"), meanings


def _of_outputs() -> Iterator[str]:
    """Terms, then what hosts and the API answer with."""
    yield _TERMS
    yield from (name for name, _ in tables_of("fields") if name not in (_TERMS, "files"))
