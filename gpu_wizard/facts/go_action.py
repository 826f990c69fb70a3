"""What stands between `{{` and `}}` of a Go template: its words, and the pipeline that they make.

Source: Go 1.24 text/template (lex.go, parse.go); held to Go's own by tests/recorded/go-template.
"""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import TypeAlias

_SPACE = " \t\r\n"
_TOKEN = re.compile(
    r"""(?P<space>[ \t\r\n]+)
      | (?P<string>"(?:\\.|[^"\\\n])*"|`[^`]*`)
      | (?P<char>'(?:\\.|[^'\\\n])+')
      | (?P<number>[+-]?(?:0[xX][0-9a-fA-F_]+|0[bB][01_]+|0[oO][0-7_]+|[0-9][0-9_]*(?:\.[0-9_]*)?(?:[eE][+-]?[0-9]+)?))
      | (?P<variable>\$\w*)
      | (?P<field>\.[^\W\d]\w*)
      | (?P<dot>\.)
      | (?P<word>[^\W\d]\w*)
      | (?P<mark>:=|[=|(),])
    """,
    re.VERBOSE,
)
_COMMENT = re.compile(r"/\*.*?\*/", re.DOTALL)
_KEYWORDS = (
    *("if", "else", "end", "range", "with", "template", "define", "block"),
    *("break", "continue"),
)
_PLAIN = ("string", "char", "number")
_CONSTANTS = ("true", "false", "nil")
_OPERANDS = ("string", "char", "number", "variable", "field", "dot", "word", "(")


class NoTemplate(Exception):  # noqa: N818 - K3s panics with it; here it is an answer
    """The text is no template; in Go's words, with the line."""


@dataclass(frozen=True)
class Token:
    """A word of an action. `kind`: as in the pattern, a mark itself, or `keyword`."""

    kind: str
    text: str
    line: int


@dataclass(frozen=True)
class Term:
    """A value: a token, or a pipeline in parentheses; `fields` are taken from it one after the other."""

    token: Token
    fields: tuple[str, ...] = ()
    inner: Pipe | None = None


@dataclass(frozen=True)
class Pipe:
    """Commands, the value of each the last argument of the next. `names`: variables that get the value."""

    line: int
    names: tuple[str, ...]
    declares: bool
    commands: tuple[tuple[Term, ...], ...]


Piece: TypeAlias = tuple[str, tuple[Token, ...] | None, int]
"""Text, or the tokens of an action; and the line."""


def pieces(text: str) -> list[Piece]:
    pieces: list[Piece] = []
    at, trims = 0, False
    while (start := text.find("{{", at)) >= 0:
        plain = text[at:start]
        plain = plain.lstrip(_SPACE) if trims else plain
        line = text.count("\n", 0, start) + 1
        inside = start + 2
        if text[inside : inside + 1] == "-" and text[inside + 1 : inside + 2] in tuple(_SPACE):
            plain, inside = plain.rstrip(_SPACE), inside + 2
        pieces.append((plain, None, line))
        tokens, at, trims = _action(text, inside, line)
        if tokens is not None:
            pieces.append(("", tokens, line))
    rest = text[at:]
    pieces.append((rest.lstrip(_SPACE) if trims else rest, None, text.count("\n") + 1))
    return pieces


def _action(text: str, at: int, line: int) -> tuple[tuple[Token, ...] | None, int, bool]:
    """The tokens of an action (None: a comment), where it ends, and whether it trims what follows."""
    if text.startswith("/*", at):
        comment = _COMMENT.match(text, at)
        if comment is None:
            raise NoTemplate(f"{line}: unclosed comment")
        end, trims = _closing(text, comment.end())
        if not end:
            raise NoTemplate(f"{line}: comment ends before closing delimiter")
        return None, end, trims
    tokens: list[Token] = []
    depth = 0
    while True:
        end, trims = _closing(text, at)
        if end:
            if depth:
                raise NoTemplate(f"{line}: unclosed left paren")
            return tuple(tokens), end, trims
        found = _TOKEN.match(text, at)
        if found is None:
            raise NoTemplate(f"{line}: {_odd(text, at)}")
        kind = str(found.lastgroup)
        depth += {"(": 1, ")": -1}.get(found[0], 0)
        if depth < 0:
            raise NoTemplate(f"{line}: unexpected right paren in operand")
        if kind == "mark" or (kind == "word" and found[0] in _KEYWORDS):
            kind = found[0] if kind == "mark" else "keyword"
        tokens.append(Token(kind, found[0], line))
        line += found[0].count("\n")
        at = found.end()


def _closing(text: str, at: int) -> tuple[int, bool]:
    """The end of the right delimiter that begins here, 0 where none does; and whether it trims."""
    blank = re.compile(r"[ \t\r\n]-\}\}").match(text, at)
    if blank:
        return blank.end(), True
    return (at + 2, False) if text.startswith("}}", at) else (0, False)


def _odd(text: str, at: int) -> str:
    if at >= len(text):
        return "unclosed action"
    if text[at] in "\"'`":
        return "unterminated quoted string" if text[at] != "`" else "unterminated raw quoted string"
    return (
        f'unexpected "{text[at]}" in operand'
        if text[at] in "{}"
        else f"unrecognized character in action: {text[at]!r}"
    )


class PipeReader:
    """Tokens of one action to a pipeline. `variables` grows by those declared."""

    def __init__(
        self,
        tokens: Sequence[Token],
        line: int,
        functions: Collection[str],
        variables: list[str],
    ) -> None:
        self._tokens, self.line = deque(tokens), line
        self._functions, self._variables = functions, variables

    @property
    def left(self) -> str:
        """The next token's text, "" at the end."""
        self._skip()
        return self._tokens[0].text if self._tokens else ""

    def _skip(self) -> None:
        while self._tokens and self._tokens[0].kind == "space":
            self._tokens.popleft()

    def _next_kind(self) -> str:
        self._skip()
        return self._tokens[0].kind if self._tokens else ""

    def pipe(self, context: str, names: int = 0) -> Pipe:
        """Up to the end or a closing parenthesis."""
        self._skip()
        line = self._tokens[0].line if self._tokens else self.line
        taken, declares = self._names(names)
        commands = [self._command(context, line)]
        while self._next_kind() == "|":
            self._tokens.popleft()
            # Go lets a pipe without a command behind it pass.
            if self._next_kind() not in ("", ")"):
                commands.append(self._command(context, line))
        if declares:
            self._variables += taken
        return Pipe(line, taken, declares, tuple(commands))

    def _names(self, most: int) -> tuple[tuple[str, ...], bool]:
        words = list(islice((token for token in self._tokens if token.kind != "space"), 4))
        kinds = [token.kind for token in words]
        for count in (1, 2):
            shape = ["variable", *([",", "variable"] * (count - 1))]
            mark = kinds[len(shape)] if len(kinds) > len(shape) else ""
            if kinds[: len(shape)] == shape and mark in (":=", "="):
                if count > most:
                    raise NoTemplate(f"{self.line}: too many declarations in command")
                names = tuple(
                    token.text for token in words[: len(shape)] if token.kind == "variable"
                )
                while self._tokens.popleft() is not words[len(shape)]:
                    pass
                if mark == "=":
                    self._known(names)
                return names, mark == ":="
        return (), False

    def _known(self, names: Sequence[str]) -> None:
        for name in names:
            if name not in self._variables:
                raise NoTemplate(f'{self.line}: undefined variable "{name}"')

    def _command(self, context: str, line: int) -> tuple[Term, ...]:
        terms: list[Term] = []
        while self._next_kind() in _OPERANDS:
            terms.append(self._term())
        if not terms:
            missing = f"missing value for {context}"
            raise NoTemplate(
                f"{line}: {missing}"
                if self._next_kind() in ("", "|", ")")
                else f"{line}: unexpected <{self.left}> in {context}"
            )
        return tuple(terms)

    def _term(self) -> Term:
        token = self._tokens.popleft()
        inner = None
        if token.kind == "(":
            inner = self.pipe("parenthesized pipeline")
            if self._next_kind() != ")":
                raise NoTemplate(f"{token.line}: unclosed left paren")
            self._tokens.popleft()
        elif token.kind == "variable":
            self._known((token.text,))
        elif token.kind == "word" and token.text not in (*self._functions, *_CONSTANTS):
            raise NoTemplate(f'{token.line}: function "{token.text}" not defined')
        fields: list[str] = []
        if token.kind in _PLAIN and self._tokens and self._tokens[0].kind == "field":
            raise NoTemplate(f"{token.line}: unexpected . after term {token.text}")
        while self._tokens and self._tokens[0].kind == "field":
            fields.append(self._tokens.popleft().text[1:])
        if self._tokens and self._tokens[0].kind not in ("space", "|", ")", ",", ":=", "="):
            raise NoTemplate(
                f"{token.line}: bad character U+{ord(self._tokens[0].text[0]):04X} {self._tokens[0].text[0]!r}"
            )
        return Term(token, tuple(fields), inner)


def unquoted(text: str) -> str:
    """A string's value."""
    if text[0] == "`":
        return text[1:-1]
    return text[1:-1].encode("latin-1", "backslashreplace").decode("unicode_escape")
