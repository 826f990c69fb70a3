"""The part of Go's text/template that templates of containerd's configuration use.

Fields, `index`, `not`, `and`, `or`, `eq`, `ne`, `printf`, parentheses, pipes, `if`/`else`, `range`,
`with`, variables, `template "base" .`, trim markers and comments. Errors carry Go's own words.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from gpu_wizard.lab.go_expression import (
    Piece,
    Scope,
    TemplateError,
    evaluate,
    quoted,
    shown,
    tokens,
    true,
)

_ACTION = re.compile(r"\{\{(-\s)?(.*?)(\s-)?\}\}", re.DOTALL)


def render(template: str, data: Mapping[str, Any], base: str) -> str:
    """Render a template; `base` is the text of the template that it may extend.

    Raises: TemplateError.
    """
    return _Renderer(base, _split(template)).run(Scope(data, {"$": data}))


def _split(template: str) -> list[Piece]:
    pieces: list[Piece] = []
    position = 0
    trim = False
    for match in _ACTION.finditer(template):
        text = template[position : match.start()]
        text = text.lstrip() if trim else text
        pieces.append(Piece(text.rstrip() if match[1] else text, 0, 0, action=False))
        line = template.count("\n", 0, match.start()) + 1
        column = match.start(2) - (template.rfind("\n", 0, match.start()) + 1)
        if not match[2].strip().startswith("/*"):
            pieces.append(Piece(match[2], line, column, action=True))
        trim, position = bool(match[3]), match.end()
    rest = template[position:]
    if "{{" in rest:
        line = template.count("\n", 0, position + rest.index("{{")) + 1
        lone = "}" in rest.partition("{{")[2]
        fault = 'unexpected "}" in operand' if lone else "unclosed action"
        raise TemplateError(f"{line}: {fault}", parsing=True)
    pieces.append(Piece(rest.lstrip() if trim else rest, 0, 0, action=False))
    return pieces


class _Renderer:
    def __init__(self, base: str, pieces: list[Piece]) -> None:
        self._base = base
        self._pieces = pieces
        self._check()

    def _check(self) -> None:
        depth = 0
        for piece in self._pieces:
            if not piece.action:
                continue
            for token in tokens(piece):
                if token[0] == "other":
                    where = f"{piece.line}: unexpected {quoted(token[1])} in operand"
                    raise TemplateError(where, parsing=True)
            word = piece.text.split()[0] if piece.text.split() else ""
            depth += word in ("if", "range", "with", "define", "block")
            depth -= word == "end"
            if depth < 0:
                raise TemplateError(f"{piece.line}: unexpected {{{{end}}}}", parsing=True)
        if depth:
            raise TemplateError(f"{self._pieces[-1].line or 1}: unexpected EOF", parsing=True)

    def run(self, scope: Scope) -> str:
        return self._body(iter(enumerate(self._pieces)), scope, live=True)[0]

    def _body(
        self, pieces: Iterator[tuple[int, Piece]], scope: Scope, *, live: bool
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

    def _single(self, words: list[str], piece: Piece, scope: Scope) -> str:
        if words[0] == "template":
            if words[1].strip('"') != "base":
                text = f"{piece.line}: no such template {words[1]}"
                raise TemplateError(text, parsing=True)
            return self._base
        assigned = re.match(r"\s*(\$\w+)\s*:?=(.*)", piece.text, re.DOTALL)
        if assigned:
            scope.variables[assigned[1]] = evaluate(piece, assigned[2], scope)
            return ""
        return shown(evaluate(piece, piece.text, scope))

    def _block(
        self,
        word: str,
        piece: Piece,
        at: int,
        pieces: Iterator[tuple[int, Piece]],
        scope: Scope,
        *,
        live: bool,
    ) -> str:
        expression = piece.text.strip()[len(word) :]
        names: list[str] = []
        if word == "range" and ":=" in expression:
            left, _, expression = expression.partition(":=")
            names = [name.strip() for name in left.split(",")]
        value = evaluate(piece, expression, scope) if live else None
        if word == "range":
            return self._range(names, value, at, pieces, scope, live=live)
        chosen = Scope(value, scope.variables) if word == "with" else scope
        first, closing = self._body(pieces, chosen, live=live and true(value))
        if not closing.startswith("else"):
            return first
        if closing.startswith("else if"):
            nested = Piece(closing[len("else ") :], piece.line, piece.column, action=True)
            other_live = live and not true(value)
            return first + self._block("if", nested, at, pieces, scope, live=other_live)
        second, _ = self._body(pieces, scope, live=live and not true(value))
        return first + second

    def _range(
        self,
        names: list[str],
        value: Any,
        at: int,
        pieces: Iterator[tuple[int, Piece]],
        scope: Scope,
        *,
        live: bool,
    ) -> str:
        out = []
        for key, item in _items(value) if live else ():
            inner = dict(scope.variables)
            inner.update(zip(names, (key, item) if len(names) > 1 else (item,), strict=False))
            again = iter(list(enumerate(self._pieces))[at + 1 :])
            out.append(self._body(again, Scope(item, inner), live=True)[0])
        _, closing = self._body(pieces, scope, live=False)
        if closing == "else":
            rest, _ = self._body(pieces, scope, live=live and not out)
            out.append(rest)
        return "".join(out)


def _items(value: Any) -> list[tuple[Any, Any]]:
    if isinstance(value, Mapping):
        return sorted(value.items())
    return list(enumerate(value or ()))
