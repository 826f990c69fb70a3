"""A Go template filled with values, of which some are not known here.

Source: Go 1.24 text/template (exec.go, funcs.go); held to Go's own by tests/recorded/go-template.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from gpu_wizard.facts.go_action import Pipe, Term, unquoted
from gpu_wizard.facts.go_template import Block, Include, Jump, Node, Show, Text
from gpu_wizard.facts.go_values import FUNCTIONS, Guess, Struct, Table, plain, type_name

_MOST_TURNS = 10_000
"""Bodies that one template runs through: a machine's template may be written to have no end."""
_MOST_TEXT = 8 << 20
"""Characters of the whole and of each value; K3s's own template makes some thousand."""


class NotExecuted(Exception):  # noqa: N818 - K3s ends with it; here it is an answer
    """The template parses and can't be executed; in Go's words."""


class _Jumped(Exception):  # noqa: N818 - how `break` and `continue` leave a body
    def __init__(self, kind: str) -> None:
        super().__init__(kind)
        self.kind, self.text = kind, ""


@dataclass
class _Scope:
    """`variables`: name → cell, which inner scopes share until they declare the name anew."""

    dot: Any
    variables: dict[str, list[Any]]

    def inner(self, dot: Any) -> _Scope:
        return _Scope(dot, dict(self.variables))

    def take(self, name: str, value: Any, *, declares: bool) -> None:
        if declares or name not in self.variables:
            self.variables[name] = [value]
        self.variables[name][0] = value


@dataclass
class _Budget:
    """What one template may cost. Each raises NotExecuted beyond it."""

    turns: int = 0
    written: int = 0

    def turn(self) -> None:
        """One more body is run through."""
        self.turns += 1
        if self.turns > _MOST_TURNS:
            raise NotExecuted("1: too many turns")

    def text(self, text: str) -> str:
        """A text that is written."""
        self.written += len(text)
        if self.written > _MOST_TEXT:
            raise NotExecuted("1: too much text")
        return text


@dataclass
class Renderer:
    """Renders trees. `base`: the text of K3s's own template. `extends`: it was included. `guessed`: a value that is not
    known had a say.
    """

    trees: Mapping[str, Sequence[Node]]
    base: str
    extends: bool = False
    guessed: bool = False
    _budget: _Budget = field(default_factory=_Budget, repr=False)

    def render(self, data: Any) -> str:
        """The whole text. Raises: NotExecuted."""
        scope = _Scope(data, {"$": [data]})
        try:
            return self._body(self.trees[""], scope)
        except RecursionError:
            raise NotExecuted("1: exceeded maximum template depth") from None

    def _body(self, nodes: Sequence[Node], scope: _Scope) -> str:
        out: list[str] = []
        self._budget.turn()
        for node in nodes:
            try:
                out.append(self._node(node, scope))
            except _Jumped as jump:
                jump.text = "".join(out) + jump.text
                raise
        return "".join(out)

    def _node(self, node: Node, scope: _Scope) -> str:
        match node:
            case Text():
                return self._budget.text(node.text)
            case Show():
                value = self._pipe(node.pipe, scope)
                return "" if node.pipe.names else self._budget.text(self._shown(value))
            case Include():
                return self._include(node, scope)
            case Jump():
                raise _Jumped(node.kind)
            case Block(kind="range"):
                return self._range(node, scope)
            case Block():
                return self._choice(node, scope)

    def _include(self, node: Include, scope: _Scope) -> str:
        given = self._pipe(node.pipe, scope) if node.pipe else None
        if node.name == "base":
            self.extends = True
            # What the whole template was given, where `$` still is that.
            self.guessed |= given is not scope.variables["$"][0]
            return self._budget.text(self.base)
        if node.name not in self.trees or not node.name:
            raise NotExecuted(f'{node.line}: template "{node.name}" not defined')
        return self._body(self.trees[node.name], _Scope(given, {"$": [given]}))

    def _choice(self, node: Block, scope: _Scope) -> str:
        inner = scope.inner(scope.dot)
        value = self._pipe(node.pipe, inner)
        if not self._true(value):
            return self._body(node.otherwise, inner)
        return self._body(
            node.body, _Scope(value, inner.variables) if node.kind == "with" else inner
        )

    def _range(self, node: Block, scope: _Scope) -> str:
        outer = scope.inner(scope.dot)
        out: list[str] = []
        for key, value in self._items(self._pipe(node.pipe, outer, ranging=True)):
            inner = outer.inner(value)
            values = (key, value) if len(node.pipe.names) > 1 else (value,)
            for name, each in zip(node.pipe.names, values, strict=False):
                inner.take(name, each, declares=node.pipe.declares)
            try:
                out.append(self._body(node.body, inner))
            except _Jumped as jump:
                out.append(jump.text)
                if jump.kind == "break":
                    break
        return "".join(out) if out else self._body(node.otherwise, outer)

    def _items(self, value: Any) -> list[tuple[Any, Any]]:
        match value:
            case Table():
                return sorted(value.items.items())
            case Guess():
                self.guessed = True
                return []
            case int() if not isinstance(value, bool):
                return [(number, number) for number in range(min(value, _MOST_TURNS))]
            case None:
                return []
            case list() | tuple():
                return list(enumerate(value))
        raise NotExecuted(f"range can't iterate over {self._shown(value)}")

    def _pipe(self, pipe: Pipe, scope: _Scope, *, ranging: bool = False) -> Any:
        value: Any = None
        for number, command in enumerate(pipe.commands):
            value = self._command(command, scope, (value,) if number else (), pipe.line)
        for name in () if ranging else pipe.names:
            scope.take(name, value, declares=pipe.declares)
        return value

    def _command(
        self, terms: tuple[Term, ...], scope: _Scope, piped: tuple[Any, ...], line: int
    ) -> Any:
        first, *rest = terms
        if first.token.kind == "word" and first.token.text not in _WORDS:
            arguments = [self._term(term, scope) for term in rest]
            return self._call(first, [*arguments, *piped], line)
        if first.token.text == "nil":
            raise NotExecuted(f"{line}: nil is not a command")
        if rest or piped:
            raise NotExecuted(f"{line}: can't give argument to non-function {first.token.text}")
        return self._term(first, scope)

    def _call(self, term: Term, arguments: list[Any], line: int) -> Any:
        name = term.token.text
        if not arguments and name in ("and", "or", "not"):
            raise NotExecuted(f"{line}: wrong number of args for {name}: got 0")
        if name in ("and", "or"):
            # Not by Python's own: the first of these that decides is the value.
            for argument in arguments[:-1]:
                if self._true(argument) is (name == "or"):
                    return argument
            return self._fields(arguments[-1], term, line)
        if name == "not":
            return not self._true(arguments[0])
        if any(isinstance(argument, Guess) for argument in arguments):
            self.guessed = True
            return Guess()
        try:
            value = FUNCTIONS[name](*arguments)
            if isinstance(value, str) and len(value) > _MOST_TEXT:
                raise NotExecuted(f"{line}: too much text")
            return self._fields(value, term, line)
        except (TypeError, ValueError, IndexError, AttributeError) as error:
            raise NotExecuted(f"{line}: error calling {name}: {error}") from None

    def _term(self, term: Term, scope: _Scope) -> Any:
        token = term.token
        match token.kind:
            case "(":
                value = self._pipe(term.inner, scope) if term.inner else None
            case "string":
                value = unquoted(token.text)
            case "char":
                value = ord(unquoted(f'"{token.text[1:-1]}"'))
            case "number":
                value = _number(token.text)
            case "variable":
                value = scope.variables[token.text][0]
            case "field":
                value = self._field(scope.dot, token.text[1:], token.line)
            case "dot":
                value = scope.dot
            case "word" if token.text in _WORDS:
                value = _WORDS[token.text]
            case _:
                value = self._call(term, [], token.line)
        return self._fields(value, term, token.line)

    def _fields(self, value: Any, term: Term, line: int) -> Any:
        for name in term.fields:
            value = self._field(value, name, line)
        return value

    def _field(self, value: Any, name: str, line: int) -> Any:
        match value:
            case Struct():
                if name not in value.fields:
                    text = f"can't evaluate field {name} in type {value.type}"
                    raise NotExecuted(f"{line}: at <.{name}>: {text}")
                return value.fields[name]
            case Table():
                return value.items.get(name)
            case Guess():
                return value
            case None:
                return None
        raise NotExecuted(
            f"{line}: at <.{name}>: can't evaluate field {name} in type {type_name(value)}"
        )

    def _true(self, value: Any) -> bool:
        if isinstance(value, Guess):
            self.guessed = True
            return True
        if isinstance(value, Struct):
            return True
        return bool(value.items) if isinstance(value, Table) else bool(value)

    def _shown(self, value: Any) -> str:
        if isinstance(value, Guess):
            self.guessed = True
            # Fits where a switch or a string in quotes is wanted.
            return "false"
        return "<no value>" if value is None else plain(value)


_WORDS: dict[str, Any] = {"true": True, "false": False, "nil": None}


def _number(text: str) -> Any:
    try:
        return int(text.replace("_", ""), 0)
    except ValueError:
        return float(text)
