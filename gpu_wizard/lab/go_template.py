"""The part of Go's text/template that templates of containerd's configuration use.

Fields, `index`, `not`, `and`, `or`, `eq`, `ne`, `printf`, parentheses, pipes, `if`/`else`, `range`,
`with`, variables, `template "base" .`, trim markers and comments. Errors carry Go's own words.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

_NAME = "compiled_template"
_ACTION = re.compile(r"\{\{(-\s)?(.*?)(\s-)?\}\}", re.DOTALL)
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
class _Piece:
    text: str
    line: int
    column: int
    action: bool


@dataclass
class _Scope:
    dot: Any
    variables: dict[str, Any]


def render(template: str, data: Mapping[str, Any], base: str) -> str:
    """Render a template; `base` is the text of the template that it may extend.

    Raises: TemplateError.
    """
    return _Renderer(base, _split(template)).run(_Scope(data, {"$": data}))


def _split(template: str) -> list[_Piece]:
    pieces: list[_Piece] = []
    position = 0
    trim = False
    for match in _ACTION.finditer(template):
        text = template[position : match.start()]
        text = text.lstrip() if trim else text
        pieces.append(_Piece(text.rstrip() if match[1] else text, 0, 0, action=False))
        line = template.count("\n", 0, match.start()) + 1
        column = match.start(2) - (template.rfind("\n", 0, match.start()) + 1)
        if not match[2].strip().startswith("/*"):
            pieces.append(_Piece(match[2], line, column, action=True))
        trim, position = bool(match[3]), match.end()
    rest = template[position:]
    if "{{" in rest:
        line = template.count("\n", 0, position + rest.index("{{")) + 1
        raise TemplateError(f"{line}: unclosed action", parsing=True)
    pieces.append(_Piece(rest.lstrip() if trim else rest, 0, 0, action=False))
    return pieces


class _Renderer:
    def __init__(self, base: str, pieces: list[_Piece]) -> None:
        self._base = base
        self._pieces = pieces
        self._check()

    def _check(self) -> None:
        depth = 0
        for piece in self._pieces:
            if not piece.action:
                continue
            for token in _tokens(piece):
                if token[0] == "other":
                    where = f"{piece.line}: unexpected {_quoted(token[1])} in operand"
                    raise TemplateError(where, parsing=True)
            word = piece.text.split()[0] if piece.text.split() else ""
            depth += word in ("if", "range", "with", "define", "block")
            depth -= word == "end"
            if depth < 0:
                raise TemplateError(f"{piece.line}: unexpected {{{{end}}}}", parsing=True)
        if depth:
            raise TemplateError(f"{self._pieces[-1].line or 1}: unexpected EOF", parsing=True)

    def run(self, scope: _Scope) -> str:
        return self._body(iter(enumerate(self._pieces)), scope, live=True)[0]

    def _body(
        self, pieces: Iterator[tuple[int, _Piece]], scope: _Scope, *, live: bool
    ) -> tuple[str, str]:
        """Render up to this level's `end` or `else`; gives the text and the closing words."""
        out = []
        for at, piece in pieces:
            words = piece.text.split()
            if not piece.action:
                out.append(piece.text if live else "")
            elif not words:
                raise TemplateError(f"{piece.line}: missing value for command", parsing=True)
            elif words[0] in ("end", "else"):
                return "".join(out), piece.text.strip()
            elif words[0] in ("if", "with", "range"):
                out.append(self._block(words[0], piece, at, pieces, scope, live=live))
            elif live:
                out.append(self._single(words, piece, scope))
        return "".join(out), ""

    def _single(self, words: list[str], piece: _Piece, scope: _Scope) -> str:
        if words[0] == "template":
            if words[1].strip('"') != "base":
                text = f"{piece.line}: no such template {words[1]}"
                raise TemplateError(text, parsing=True)
            return self._base
        assigned = re.match(r"\s*(\$\w+)\s*:?=(.*)", piece.text, re.DOTALL)
        if assigned:
            scope.variables[assigned[1]] = _evaluate(piece, assigned[2], scope)
            return ""
        return _shown(_evaluate(piece, piece.text, scope))

    def _block(
        self,
        word: str,
        piece: _Piece,
        at: int,
        pieces: Iterator[tuple[int, _Piece]],
        scope: _Scope,
        *,
        live: bool,
    ) -> str:
        expression = piece.text.strip()[len(word) :]
        names: list[str] = []
        if word == "range" and ":=" in expression:
            left, _, expression = expression.partition(":=")
            names = [name.strip() for name in left.split(",")]
        value = _evaluate(piece, expression, scope) if live else None
        if word == "range":
            return self._range(names, value, at, pieces, scope, live=live)
        chosen = _Scope(value, scope.variables) if word == "with" else scope
        first, closing = self._body(pieces, chosen, live=live and _true(value))
        if not closing.startswith("else"):
            return first
        if closing.startswith("else if"):
            nested = _Piece(closing[len("else ") :], piece.line, piece.column, action=True)
            other_live = live and not _true(value)
            return first + self._block("if", nested, at, pieces, scope, live=other_live)
        second, _ = self._body(pieces, scope, live=live and not _true(value))
        return first + second

    def _range(
        self,
        names: list[str],
        value: Any,
        at: int,
        pieces: Iterator[tuple[int, _Piece]],
        scope: _Scope,
        *,
        live: bool,
    ) -> str:
        out = []
        for key, item in _items(value) if live else ():
            inner = dict(scope.variables)
            inner.update(zip(names, (key, item) if len(names) > 1 else (item,), strict=False))
            again = iter(list(enumerate(self._pieces))[at + 1 :])
            out.append(self._body(again, _Scope(item, inner), live=True)[0])
        _, closing = self._body(pieces, scope, live=False)
        if closing == "else":
            rest, _ = self._body(pieces, scope, live=live and not out)
            out.append(rest)
        return "".join(out)


def _items(value: Any) -> list[tuple[Any, Any]]:
    if isinstance(value, Mapping):
        return sorted(value.items())
    return list(enumerate(value or ()))


def _tokens(piece: _Piece, text: str | None = None) -> list[tuple[str, str]]:
    source = piece.text if text is None else text
    return [
        (str(match.lastgroup), match[str(match.lastgroup)]) for match in _TOKEN.finditer(source)
    ]


def _evaluate(piece: _Piece, text: str, scope: _Scope) -> Any:
    parser = _Expression(piece, _tokens(piece, text), scope)
    return parser.pipeline()


_FUNCTIONS: dict[str, Callable[..., Any]] = {
    "not": lambda value: not _true(value),
    "index": lambda value, *keys: _index(value, keys),
    "and": lambda *values: next((value for value in values if not _true(value)), values[-1]),
    "or": lambda *values: next((value for value in values if _true(value)), values[-1]),
    "eq": lambda one, *others: one in others,
    "ne": lambda one, two: one != two,
    "len": len,
    "printf": lambda form, *values: _printf(form, values),
}


class _Expression:
    def __init__(self, piece: _Piece, tokens: list[tuple[str, str]], scope: _Scope) -> None:
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


def _true(value: Any) -> bool:
    return bool(value)


def _quoted(text: str) -> str:
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def _shown(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value)


def _printf(form: str, values: tuple[Any, ...]) -> str:
    remaining = list(values)

    def one(match: re.Match[str]) -> str:
        value = remaining.pop(0) if remaining else ""
        return _quoted(str(value)) if match[1] == "q" else _shown(value)

    return re.sub(r"%([qsvd])", one, form)
