"""Every meaning of one word, wherever something is told of it: in commands, keys, fields, files and codes."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping

from gpu_wizard.knowledge.guide import TABLES, Row
from gpu_wizard.knowledge.shellwords import tokens
from gpu_wizard.knowledge.store import Kind, said, table, tables_of
from gpu_wizard.knowledge.texts import Language, everywhere
from gpu_wizard.knowledge.words import (
    explain_line,
    explain_piece,
    fits,
    meaning_of_file,
)

_SHELL = frozenset("|&;<>(){}")
"""Signs of which each operator of a shell has one."""
_SPLIT = _SHELL | frozenset(" \t\n\\'\"#")
"""Signs without which a text is one word of a shell."""
_LINES = ("nvidia-smi-says", "plugin-log", "journal")
"""Tables of lines that a log holds: a part of one, or one with more around it, is it too."""


def readable(pattern: str) -> str:
    """A word pattern for people: `…` stands for any text."""
    return pattern.replace("*", "…")


def anywhere(word: str, language: Language) -> Iterator[Row]:
    """Every meaning of a word or phrase; of `key: value` and `key=value` that of the key, where it has none."""
    rows = tuple(dict.fromkeys(_meanings(word, language)))
    key = None if rows else re.match(r"\W*([\w./'\[\]{}$-]+?)[\"']?\s*[:=]", word)
    if key and key[1] != word:
        rows = tuple(dict.fromkeys(_meanings(key[1], language)))
    yield from rows


def _meanings(word: str, language: Language) -> Iterator[Row]:
    """In commands, keys, fields, files and codes; what is to be filled in first of all."""
    yield from _named(word, "placeholder", language)
    pieces = tokens(word) if not _SHELL.isdisjoint(word) else []
    if pieces and pieces[0].kind != "word":
        yield from (Row(_in(w.text, "shell"), w.meaning) for w in explain_line(word, language))
    for name, entry in tables_of("commands"):
        for pattern, text in entry.get("words", {}).items():
            if word == pattern if name == "shell" else _is_word(word, pattern):
                yield Row(_in(readable(pattern), name), said(text, language))
    yield from _piece(word, language)
    for kind in TABLES:
        for name, _ in tables_of(kind):
            yield from _named(word, name, language, kind)
    if word.startswith("/") and (told := meaning_of_file(word, language)):
        yield Row(word, told)
    yield from _codes(word, language)


def _named(word: str, name: str, language: Language, kind: Kind = "fields") -> Iterator[Row]:
    """In one table of keys or fields."""
    entry, is_it = table(kind, name) or {}, _FITS.get(name, _is_key)
    for key, text in entry.get("names", {}).items():
        if is_it(word, key):
            place = entry.get("file") or said(entry["title"], language)
            yield Row(_in(key, place), said(text, language))


def _piece(piece: str, language: Language) -> Iterator[Row]:
    """As words, and as an option with all the rest as its value."""
    ways = [piece.split(" ", 1)]
    if not _SPLIT.isdisjoint(piece):
        split = tokens(piece)
        if all(each.kind == "word" for each in split):
            ways.insert(0, [each.plain for each in split])
    for way in ways:
        for name, told in explain_piece(way, language):
            for each in told:
                shown = each.text if each.depth else _in(each.text, name)
                yield Row(shown, each.meaning, each.depth)


def _is_word(word: str, pattern: str) -> bool:
    """`-y`, `--ttl`, `--type`, `wide`: the pattern itself, its fixed part, its option, or one of its words."""
    bare, option = pattern.rstrip("*").rstrip("= "), pattern.partition("=")[0]
    if word in (pattern, *filter(None, (bare,))) or (word == option and word.startswith("--")):
        return True
    return any(
        word == part or (len(part.strip("*")) > 3 and fits(part, word))
        for part in pattern.split(" ")
    )


def _is_key(word: str, key: str) -> bool:
    """`SystemdCgroup`, `options.SystemdCgroup` and `spec.template.spec.nodeSelector` all name their last part."""
    low, name = even(word), even(key)
    if low == name or name.endswith(f".{low}") or ("*" in name and fits(name, low)):
        return True
    return (
        _last(low) == name if low.startswith("/") else low.endswith(f".{name}") and "/" not in low
    )


def _is_file(word: str, key: str) -> bool:
    """A file is known by its last part, too; by its whole path it is told of elsewhere."""
    return "/" not in word and len(word) > 3 and _last(key.rstrip("/")) == word


def _is_line(word: str, key: str) -> bool:
    low, line = even(word), even(key)
    return len(low) > 5 and (low in line or line in low)


_FITS: Mapping[str, Callable[[str, str], bool]] = {
    "files": _is_file,
    "placeholder": str.__eq__,
    **dict.fromkeys(_LINES, _is_line),
}
"""Tables whose names are looked for in a way of their own."""


def _last(path: str) -> str:
    return path.rpartition("/")[2]


def even(name: str) -> str:
    """Without the differences that people don't keep apart: capitals, blanks, `_` and `-`."""
    return name.strip().lower().replace(" ", "-").replace("_", "-")


def _codes(word: str, language: Language) -> Iterator[Row]:
    """Messages of the program by their code, such as join.token-rejected."""
    if word.startswith("-") or ("." not in word and "-" not in word):
        return
    for kind, entry in everywhere(word):
        following = entry.get(f"next_{language}", "")
        yield Row(_in(word, kind), " ".join(filter(None, (entry[language], following))))


def _in(name: str, place: str) -> str:
    return f"{name}  · {place}"
