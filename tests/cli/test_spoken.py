"""`--help` and argparse's complaints in both languages, at 80 columns."""

from __future__ import annotations

import argparse
import re
from collections.abc import Iterator

import pytest

from gpu_wizard.cli import main
from gpu_wizard.cli.arguments import parser
from gpu_wizard.cli.together import commands_of

COMMANDS = tuple(name for name in commands_of(parser()) if name != "completion")


def told(capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, str]:
    """Exit status and everything printed."""
    with pytest.raises(SystemExit) as ended:
        main(words)
    shown = capsys.readouterr()
    return int(ended.value.code or 0), shown.out + shown.err


def sentences(top: argparse.ArgumentParser) -> Iterator[str]:
    """Every sentence of a parser and of those below it."""
    yield from (text for text in (top.description, top.epilog) if text)
    yield from (group.title for group in top._action_groups if group.title)
    for action in top._actions:
        yield from [action.help] if action.help else []
        if isinstance(action, argparse._SubParsersAction):
            yield from (command.help for command in action._choices_actions if command.help)
            for below in action.choices.values():
                yield from sentences(below)


def test_every_sentence_of_the_help_is_there_in_russian() -> None:
    english = set(sentences(parser()))
    assert english & set(sentences(parser(["--lang", "ru"]))) == set()
    assert len(english) > 80


@pytest.mark.parametrize("language", ["en", "ru"])
@pytest.mark.parametrize("command", ["", *COMMANDS])
def test_help_fits_80_columns(
    command: str,
    language: str,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    words = [command] if command else []
    status, text = told(capsys, *words, "--help", "--lang", language)
    assert status == 0
    assert [line for line in text.splitlines() if len(line) > 80] == []
    assert text.startswith("usage: " if language == "en" else "вызов: ")


def test_the_language_may_stand_before_the_command(capsys: pytest.CaptureFixture[str]) -> None:
    before = told(capsys, "--lang=ru", "status", "--help")
    assert before == told(capsys, "status", "--help", "--lang", "ru")
    assert "проверять снова и снова" in before[1]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("bogus",), "нет варианта"),
        (("status", "--bogus"), "неизвестные параметры: --bogus"),
        (("status", "--timeout", "x"), "параметр --timeout: 'x' — не число секунд"),
        (("manifest",), "не хватает обязательных: kind"),
        (("gpu", "--every"), "параметр --every: нужно значение"),
    ],
)
def test_a_wrong_command_line_is_told_in_russian(
    words: tuple[str, ...], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    status, text = told(capsys, "--lang", "ru", *words)
    assert status == 2
    last = text.splitlines()[-1]
    assert re.match(r"gpu-wizard( \w+)?: ошибка: ", last)
    assert said in last
