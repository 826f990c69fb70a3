"""`--help` and what argparse complains of, in the language that is asked for.

The sentences stand in English where the options are; only another language looks them up.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import TYPE_CHECKING, NoReturn

from gpu_wizard.cli.exits import Exit

if TYPE_CHECKING:
    from gpu_wizard.knowledge.texts import Language

LANGUAGES: tuple[Language, ...] = ("en", "ru")


class Parser(argparse.ArgumentParser):
    """A parser that knows in which language to complain."""

    language: Language = "en"

    def error(self, message: str) -> NoReturn:
        """One line after the usage; exit status 2."""
        self.print_usage(sys.stderr)
        told = f"{_in('error: ', self.language)}{_in(message, self.language)}"
        self.exit(Exit.USAGE, f"{self.prog}: {told}\n")

    def format_usage(self) -> str:
        """How it is called."""
        return self._begun(super().format_usage())

    def format_help(self) -> str:
        """The whole page."""
        return self._begun(super().format_help())

    def _begun(self, text: str) -> str:
        before = "usage: "
        if not text.startswith(before):
            return text
        first, _, rest = text.partition("\n")
        return f"{_in(before, self.language)}{first.removeprefix(before)}\n{rest}"


def spoken(top: Parser, words: Sequence[str]) -> Parser:
    """The parser with every sentence in the language that `words` ask for."""
    language = _asked(words)
    if language != "en":
        for parser in _all(top):
            _translate(parser, language)
    return top


def _asked(words: Sequence[str]) -> Language:
    """The language of the last `--lang`, before the words are read: reading them may end in help or a complaint."""
    given = " ".join(words).replace("--lang=", "--lang ").split()
    values = [after for word, after in pairwise(given) if word == "--lang"]
    return next((language for language in LANGUAGES if language in values[-1:]), "en")


def _all(parser: argparse.ArgumentParser) -> Iterator[argparse.ArgumentParser]:
    yield parser
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            for below in action.choices.values():
                yield from _all(below)


def _translate(parser: argparse.ArgumentParser, language: Language) -> None:
    if isinstance(parser, Parser):
        parser.language = language
    parser.description = _in(parser.description or "", language)
    parser.epilog = _in(parser.epilog or "", language)
    for group in parser._action_groups:
        group.title = _in(group.title or "", language)
    for action in parser._actions:
        action.help = _in(action.help or "", language)
        if isinstance(action, argparse._SubParsersAction):
            for command in action._choices_actions:
                command.help = _in(command.help or "", language)


def _in(text: str, language: Language) -> str:
    if language == "en":
        return text
    from gpu_wizard.knowledge.translated import translated  # English needs nothing of it

    return translated(text, language)
