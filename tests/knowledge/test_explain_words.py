"""Every word of every command has a text in both languages, and no text is of a word that nobody meets."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from functools import cache

import pytest

from gpu_wizard.knowledge.lookup import find
from gpu_wizard.knowledge.shellwords import tokens
from gpu_wizard.knowledge.store import names
from gpu_wizard.knowledge.texts import Language
from gpu_wizard.knowledge.words import (
    Word,
    explain_command,
    explain_line,
    meaning_of_file,
    program_of,
)
from gpu_wizard.model.action import PutFile
from gpu_wizard.model.question import Files
from tests.knowledge import program_commands, representative, typed

LANGUAGES: tuple[Language, ...] = ("en", "ru")
VALUE = re.compile(r"[\d.:-]+|run-1|gpu1|\S*=?v?\d+\.\d+\S*|https?://\S+|\{.*\}")


@cache
def program_argvs() -> tuple[tuple[str, tuple[str, ...]], ...]:
    return tuple(dict.fromkeys((name, argv) for _, name, argv in representative.commands()))


def test_representative_facts_plan_every_step_that_there_is() -> None:
    from gpu_wizard.knowledge.texts import catalogue

    planned = {step.id for _, step in representative.steps()} | {"proof.leftover"}
    assert planned == set(catalogue()["step"])


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_word_that_the_program_runs(language: str) -> None:
    silent = [
        (name, word.text)
        for name, argv in program_argvs()
        for word in explain_command(argv, "ru" if language == "ru" else "en")
        if not word.meaning
    ]
    assert silent == []


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_word_that_a_person_is_told_to_type(language: str) -> None:
    silent = [
        (where, word.text, line)
        for where, line in typed.commands()
        for word in explain_line(line, "ru" if language == "ru" else "en")
        if not word.meaning
    ]
    assert silent == []


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_word_that_the_program_runs_is_found_by_itself(language: Language) -> None:
    """What a person copies out of a plan and asks about; values such as a number or a version are none."""
    words = {
        word.text
        for _, argv in program_argvs()
        if "-c" not in argv
        for word in explain_command(argv)
        if not word.depth and not VALUE.fullmatch(word.text)
    }
    assert [word for word in sorted(words) if find([word], language) is None] == []


def test_nothing_of_a_command_is_lost() -> None:
    """The words of an argv, put together again, are the argv."""
    for _, argv in program_argvs():
        if "sh" in argv:
            continue
        words = [word.text for word in explain_command(argv) if word.depth == 0]
        assert " ".join(words) == " ".join(argv)


def test_every_pattern_is_met_somewhere() -> None:
    met = {*_met(), *_guarded()}
    unmet = [
        (name, pattern)
        for name in names("commands")
        if name != "shell" and (program := program_of(name))
        for pattern in program.patterns
        if (name, pattern) not in met
    ]
    assert unmet == []


def _guarded() -> set[tuple[str, str]]:
    """What a person asks about beside these commands: the catch-all words, and choices that exclude each other."""
    return {(name, "*") for name in names("commands")}


def _met() -> Iterator[tuple[str, str]]:
    for _, argv in program_argvs():
        yield from _patterns(argv)
    for _, line in typed.commands():
        for simple in _simple_commands(line):
            yield from _patterns(simple)


def _patterns(argv: Sequence[str]) -> Iterator[tuple[str, str]]:
    at = 1
    program = program_of(argv[0]) if argv else None
    while program and at < len(argv):
        if program.entry.get("script") == argv[at] and at + 1 < len(argv):
            for simple in _simple_commands(argv[at + 1]):
                yield from _patterns(simple)
            yield program.name, argv[at]
            yield from _patterns(argv[at + 3 :])
            return
        match = program.match(argv, at)
        if program.entry.get("wraps") and (match is None or match[1] == "*"):
            while at < len(argv) and program.entry.get("assigns") and "=" in argv[at]:
                at += 1
            yield from _patterns(argv[at:])
            return
        if match:
            yield program.name, match[1]
        else:
            yield from ((program.name, f"-{letter}") for letter in argv[at][1:])
        at += match[0] if match else 1


def _simple_commands(line: str) -> Iterator[list[str]]:
    simple: list[str] = []
    depth: list[list[str]] = []
    for token in tokens(line):
        if token.kind == "word" and not (not simple and _is_prefix(token.text)):
            simple.append(token.plain)
        elif token.text == "$(":
            depth.append(simple)
            simple = []
        elif token.text == ")" and depth:
            yield simple
            simple = depth.pop()
        elif token.kind == "operator":
            yield simple
            simple = []
    yield simple


def _is_prefix(text: str) -> bool:
    return text in ("while", "do", "then", "if", "!", "done", "fi", "else") or "=" in text


def test_every_file_that_is_looked_at_or_written() -> None:
    paths = [
        path
        for _, _, asked in representative.asks()
        if isinstance(asked, Files)
        for path in asked.patterns
    ]
    paths += [
        path
        for _, asked in representative.other_asks()
        if isinstance(asked, Files)
        for path in asked.patterns
    ]
    paths += [s.action.path for _, s in representative.steps() if isinstance(s.action, PutFile)]
    paths = [path for path in paths if not path.endswith("/old.list")]
    assert [path for path in paths if not meaning_of_file(path, "ru")] == []


def test_what_the_pages_show_of_the_program_is_up_to_date() -> None:
    """`python -m tests.knowledge.program_commands` writes it anew."""
    assert program_commands.TARGET.read_text(encoding="utf-8") == program_commands.text()


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("a $(b c) d", ["a", "d", "$(", "b", "c"]),
        ("x=1 sudo cat f # no word", ["x=1", "sudo", "cat", "f"]),
        (
            "cat <<'EOF' > out\nany; text | here\nEOF\necho done",
            ["cat", "<<'EOF'", ">out", "echo", "done"],
        ),
        ("while :; do sleep 2; done", ["while", ":", "do", "sleep", "2", "done"]),
        ("tool -fsSL 'a b' \"c d\"", ["tool", "-fsSL", "a b", "c d"]),
        ("odd 'quote", ["odd", "'quote"]),
    ],
)
def test_shell_lines_are_read_as_a_shell_reads_them(line: str, expected: list[str]) -> None:
    assert [word.text for word in explain_line(line)] == expected


def test_letters_in_one_word_are_told_one_by_one() -> None:
    words = explain_line("curl -fsSL https://get.k3s.io")
    assert [word.text for word in words if word.depth] == ["-f", "-s", "-S", "-L"]


def test_what_belongs_together_is_one_word() -> None:
    assert Word("--ttl 1h", explain_line("k3s token create --ttl 1h")[2].meaning) in explain_line(
        "k3s token create --ttl 1h"
    )
