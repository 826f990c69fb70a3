"""Word by word: what each part of a command means. One mechanism for pages, plans and screens."""

# Annotations as such, not as text: a NamedTuple compiles text, which costs `explain` a tenth of its start.
import re
from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from typing import Any, NamedTuple

from gpu_wizard.knowledge.shellwords import Token, tokens
from gpu_wizard.knowledge.store import names, said, table
from gpu_wizard.knowledge.texts import Language

_KEYWORDS = ("while", "do", "then", "else", "if", "!", "done", "fi")


class Word(NamedTuple):
    """A part of a command as written, and what it means; `meaning` "": nothing is told of it.

    `depth`: 1 for a part of a word, such as a field in a list. `program`: whether a command begins here.
    """

    text: str
    meaning: str
    depth: int = 0
    program: bool = False


def explain_command(argv: Sequence[str], language: Language = "en") -> tuple[Word, ...]:
    """Every word of a command in its order; what belongs together (`--ttl 1h`) is one."""
    return tuple(_Reader(language).command(argv))


def explain_piece(
    words: Sequence[str], language: Language = "en"
) -> Iterator[tuple[str, tuple[Word, ...]]]:
    """A part of a command by itself, such as `-o wide`: the programs that know all of it, and as what."""
    reader = _Reader(language)
    for name in names("commands"):
        program = program_of(name)
        told = tuple(reader.piece(program, words)) if program else ()
        if told:
            yield name, told


def explain_line(line: str, language: Language = "en") -> tuple[Word, ...]:
    """Every word of a shell line or script, its operators too."""
    return tuple(_Reader(language).line(line))


class Program(NamedTuple):
    """What is told of one program. `wraps`: its first other word begins a command; `script`: the option whose
    value is one; `hands_on`: behind this word stands a command; `lists`: pattern → table of fields that the
    value names.
    """

    name: str
    entry: Mapping[str, Any]

    @property
    def patterns(self) -> Mapping[str, list[str]]:
        """Word patterns with `*`, several words with spaces between → their texts."""
        words: Mapping[str, list[str]] = self.entry.get("words", {})
        return words

    def match(self, argv: Sequence[str], start: int) -> tuple[int, str] | None:
        """How many words from `start` belong together, and their pattern."""
        for beginning, pattern, parts in _ordered(self.name):
            if argv[start].startswith(beginning):
                piece = argv[start : start + len(parts)]
                if len(piece) == len(parts) and all(map(fits, parts, piece)):
                    return len(parts), pattern
        return None


@cache
def program_of(word: str) -> Program | None:
    """The program that a command's first word names, by its last path component."""
    name = word.rsplit("/", 1)[-1]
    entry = table("commands", name)
    return Program(name, entry) if entry is not None else None


@cache
def _ordered(name: str) -> tuple[tuple[str, str, list[str]], ...]:
    """The most telling patterns first: more words, then words as they stand, then longer text.

    Each with how its first word begins, which tells most of them apart, and with its words.
    """
    program = program_of(name)
    patterns = program.patterns if program else ()
    ranked = sorted(patterns, key=lambda p: (-p.count(" "), "*" in p, -len(p.replace("*", ""))))
    return tuple((each.split(" ")[0].partition("*")[0], each, each.split(" ")) for each in ranked)


def _assigned_name(word: str) -> str:
    """The name of `name=value`; "" where it is none."""
    name, sign, _ = word.partition("=")
    return name if sign and name.isidentifier() else ""


def _is_telling(pattern: str) -> bool:
    """Whether it is of few words: an option, or a word of which more than a sign is fixed."""
    return pattern.startswith("-") or len(pattern.replace("*", "").strip()) > 1


@cache
def _signs() -> tuple[str, ...]:
    """The shell's own words, the most telling first."""
    words = (table("commands", "shell") or {}).get("words", {})
    return tuple(sorted(words, key=lambda sign: (sign.count("*"), -len(sign))))


def fits(pattern: str, word: str) -> bool:
    """Whether a word is of a pattern; a lone `*` takes no option."""
    if pattern == "*":
        return not word.startswith("-") or word == "-"
    first, *rest = pattern.split("*")
    if not rest:
        return word == pattern
    *middle, last = rest
    at, end = len(first), len(word) - len(last)
    if not (word.startswith(first) and word.endswith(last)):
        return False
    for part in middle:
        found = word.find(part, at, end)
        if found < 0:
            return False
        at = found + len(part)
    return at <= end


def meaning_of_file(path: str, language: Language = "en") -> str:
    """What a file or directory is for; patterns stand for many."""
    told: Mapping[str, Any] = (table("fields", "files") or {}).get("names", {})
    if path in told:
        return said(told[path], language)
    best = max((p for p in told if "*" in p and fits(p, path)), key=len, default="")
    return said(told.get(best), language)


class _Reader:
    """Reads commands in one language; knows the functions that a script defines."""

    def __init__(self, language: Language) -> None:
        self._language = language
        self._functions: set[str] = set()

    def command(self, argv: Sequence[str]) -> Iterator[Word]:
        if not argv:
            return
        program = program_of(argv[0])
        if program is None:
            is_defined = argv[0] in self._functions
            yield Word(argv[0], self._shell("f ()") if is_defined else "", program=True)
            told = self._shell("f arguments") if is_defined else ""
            yield from (Word(word, told) for word in argv[1:])
            return
        yield Word(argv[0], said(program.entry["text"], self._language), program=True)
        yield from self._arguments(program, argv)

    def piece(self, program: Program, words: Sequence[str]) -> list[Word]:
        """Words that this program knows, none that it would take for anything; empty where it lacks one."""
        found: list[Word] = []
        at = 0
        while at < len(words):
            match = program.match(words, at)
            if match and _is_telling(match[1]):
                found.append(self._matched(program, match[1], words[at : at + match[0]]))
                at += match[0]
                continue
            letters = [*self._letters(program, words[at])] if match is None else []
            if len(letters) < 2:
                return []
            found += letters
            at += 1
        return found

    def _arguments(self, program: Program, argv: Sequence[str]) -> Iterator[Word]:
        at = 1
        while at < len(argv):
            if argv[at] == program.entry.get("script"):
                yield from self._script(program, argv, at)
                return
            assigned = self._assigned(argv[at]) if program.entry.get("assigns") else None
            match = program.match(argv, at)
            if assigned:
                yield assigned
                at += 1
            elif program.entry.get("wraps") and (match is None or match[1] == "*"):
                yield from self.command(argv[at:])
                return
            elif match is None:
                yield from self._letters(program, argv[at])
                at += 1
            else:
                length, pattern = match
                yield self._matched(program, pattern, argv[at : at + length])
                at += length
                if pattern == program.entry.get("hands_on"):
                    yield from self.command(argv[at:])
                    return
                yield from self._listed(program, pattern, argv[at - 1])

    def _matched(self, program: Program, pattern: str, words: Sequence[str]) -> Word:
        """Words of a pattern; a path that stands for its `*` is told of as well."""
        told = said(program.patterns[pattern], self._language)
        path = words[-1] if pattern.endswith("*") and words[-1].startswith("/") else ""
        what = meaning_of_file(path, self._language) if path else ""
        return Word(" ".join(words), f"{told}: {what}" if what else told)

    def _letters(self, program: Program, word: str) -> Iterator[Word]:
        """`-fsSL` as its letters, where each of them is told of."""
        single = [f"-{letter}" for letter in word[1:]]
        if re.fullmatch(r"-[A-Za-z]{2,}", word) and all(
            each in program.patterns for each in single
        ):
            yield Word(word, self._shell("letters"))
            for each in single:
                yield Word(each, said(program.patterns[each], self._language), depth=1)
        else:
            yield Word(word, "")

    def _listed(self, program: Program, pattern: str, word: str) -> Iterator[Word]:
        """The fields that an option's value names."""
        name = program.entry.get("lists", {}).get(pattern)
        if name is None:
            return
        entries = (table("fields", name) or {}).get("names", {})
        for field in word.partition("=")[2].split(",") if "=" in word else word.split(","):
            yield Word(field, said(entries.get(field), self._language), depth=1)

    def _script(self, program: Program, argv: Sequence[str], at: int) -> Iterator[Word]:
        """`sh -c SCRIPT NAME ARGUMENTS`: the script, its name, and what it gets as $1, $2, …"""
        yield Word(argv[at], said(program.patterns[argv[at]], self._language))
        yield from self.line(argv[at + 1])
        rest = argv[at + 2 :]
        if not rest:
            return
        yield Word(rest[0], self._shell("$0"))
        if '"$@"' in argv[at + 1]:
            yield from self.command(rest[1:])
        else:
            for number, value in enumerate(rest[1:], 1):
                yield Word(value, self._shell("$1").replace("$1", f"${number}"))

    def line(self, line: str) -> Iterator[Word]:
        pieces = tokens(line)
        self._functions |= {t.text[:-2] for t in pieces if t.text.endswith("()")}
        yield from self._pieces(iter(pieces))

    def _pieces(self, pieces: Iterator[Token]) -> Iterator[Word]:
        """Up to the end, or to the parenthesis that closes a command in a command."""
        simple: list[Token] = []
        inner: list[Word] = []
        for token in pieces:
            if token.kind == "word" and (simple or not self._is_shell(token.text)):
                simple.append(token)
            elif token.text in ("$(", "("):
                # What stands behind the parenthesis belongs to the command around it.
                inner += [Word(token.text, self._shell_of(token.text)), *self._pieces(pieces)]
            elif token.kind == "redirect":
                inner.append(Word(token.text, self._shell_of(token.text)))
            else:
                yield from (*self._simple(simple), *inner)
                simple, inner = [], []
                if token.text == ")":
                    return
                if token.text not in (";", "}"):
                    yield Word(token.text, self._shell_of(token.text))
        yield from (*self._simple(simple), *inner)

    def _simple(self, simple: Sequence[Token]) -> Iterator[Word]:
        """One command of a line: assignments before it, then its words."""
        words = [token.plain for token in simple]
        while words and _assigned_name(words[0]):
            word = words.pop(0)
            yield self._assigned(word) or Word(word, self._shell("name=value"))
        if words and words[0] == "$@":
            yield Word('"$@"', self._shell('"$@"'))
        else:
            yield from self.command(words)

    def _is_shell(self, text: str) -> bool:
        return text in _KEYWORDS or text.endswith("()")

    def _assigned(self, word: str) -> Word | None:
        """An environment variable that is known, with its value."""
        names = (table("keys", "environment") or {}).get("names", {})
        meaning = names.get(_assigned_name(word))
        return Word(word, said(meaning, self._language)) if meaning else None

    def _shell_of(self, text: str) -> str:
        if text.endswith("()"):
            return self._shell("name()")
        return self._shell(next((sign for sign in _signs() if fits(sign, text)), ""))

    def _shell(self, name: str) -> str:
        return said((table("commands", "shell") or {}).get("words", {}).get(name), self._language)
