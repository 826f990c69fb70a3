"""Expressions of Go templates: fields, variables, functions and pipes."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

_NAME = "compiled_template"
_TOKEN = re.compile(
    r'\s*(?:(?P<string>"(?:\\.|[^"\\])*"|`[^`]*`)|(?P<number>-?\d+)|'
    r"(?P<word>\$?\.?[A-Za-z_$][\w.$]*|\.|\$)|(?P<mark>\(|\)|\||:=|=|,)|(?P<other>\S))"
)


class TemplateError(Exception):
    """The template can't be parsed (`parsing` True) or executed; the text is Go's."""

    def __init__(self, text: str, *, parsing: bool) -> None:
        super().__init__(f"template: {_NAME}:{text}")
        self.parsing = parsing


@dataclass(frozen=True)
class Piece:
    text: str
    line: int
    column: int
    action: bool


@dataclass
class Scope:
    dot: Any
    variables: dict[str, Any]


def tokens(piece: Piece, text: str | None = None) -> list[tuple[str, str]]:
    source = piece.text if text is None else text
    return [
        (str(match.lastgroup), match[str(match.lastgroup)]) for match in _TOKEN.finditer(source)
    ]


def evaluate(piece: Piece, text: str, scope: Scope) -> Any:
    parser = _Expression(piece, tokens(piece, text), scope)
    return parser.pipeline()


_FUNCTIONS: dict[str, Callable[..., Any]] = {
    "not": lambda value: not true(value),
    "index": lambda value, *keys: _index(value, keys),
    "and": lambda *values: next((value for value in values if not true(value)), values[-1]),
    "or": lambda *values: next((value for value in values if true(value)), values[-1]),
    "eq": lambda one, *others: one in others,
    "ne": lambda one, two: one != two,
    "len": len,
    "printf": lambda form, *values: _printf(form, values),
}


class _Expression:
    def __init__(self, piece: Piece, tokens: list[tuple[str, str]], scope: Scope) -> None:
        self._piece = piece
        self._tokens = tokens
        self._scope = scope

    def pipeline(self) -> Any:
        value = self._command(())
        while self._tokens and self._tokens[0][1] == "|":
            self._tokens.pop(0)
            value = self._command((value,))
        return value

    def _command(self, piped: tuple[Any, ...]) -> Any:
        if not self._tokens:
            raise TemplateError(f"{self._piece.line}: missing value for command", parsing=True)
        kind, text = self._tokens[0]
        if kind == "word" and not text.startswith((".", "$")) and text not in ("true", "false"):
            self._tokens.pop(0)
            if text not in _FUNCTIONS:
                where = f'{self._piece.line}: function "{text}" not defined'
                raise TemplateError(where, parsing=True)
            arguments = []
            while self._tokens and self._tokens[0][1] not in ("|", ")"):
                arguments.append(self._operand())
            return _FUNCTIONS[text](*arguments, *piped)
        return self._operand()

    def _operand(self) -> Any:
        kind, text = self._tokens.pop(0)
        if kind == "string":
            return text[1:-1].encode().decode("unicode_escape") if text[0] == '"' else text[1:-1]
        if kind == "number":
            return int(text)
        if text == "(":
            value = self.pipeline()
            if self._tokens:
                self._tokens.pop(0)
            if self._tokens and self._tokens[0][1].startswith("."):
                value = self._field(value, self._tokens.pop(0)[1])
            return value
        if text in ("true", "false"):
            return text == "true"
        if text.startswith("$"):
            name, dot, rest = text.partition(".")
            value = self._scope.variables.get(name)
            return self._field(value, f".{rest}") if dot else value
        return self._field(self._scope.dot, text)

    def _field(self, value: Any, path: str) -> Any:
        for name in (part for part in path.split(".") if part):
            if not isinstance(value, Mapping) or name not in value:
                if getattr(value, "zero", False):
                    return ""
                column = self._piece.column + self._piece.text.find(path)
                raise TemplateError(
                    f'{self._piece.line}:{column}: executing "{_NAME}" at <{path}>: '
                    f"can't evaluate field {name} in type templates.ContainerdConfig",
                    parsing=False,
                )
            value = value[name]
        return value


class _Zero:
    """The zero value that indexing a map with a missing key gives: every field reads empty."""

    zero = True

    def __bool__(self) -> bool:
        return False


def _index(value: Any, keys: tuple[Any, ...]) -> Any:
    for key in keys:
        value = value.get(key, _Zero()) if isinstance(value, Mapping) else value[key]
    return value


def true(value: Any) -> bool:
    return bool(value)


def quoted(text: str) -> str:
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def shown(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value)


def _printf(form: str, values: tuple[Any, ...]) -> str:
    remaining = list(values)

    def one(match: re.Match[str]) -> str:
        value = remaining.pop(0) if remaining else ""
        return quoted(str(value)) if match[1] == "q" else shown(value)

    return re.sub(r"%([qsvd])", one, form)
