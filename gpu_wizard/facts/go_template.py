"""Go's text/template, read as Go reads it: the tree of a template, or why it is none.

What K3s does with a template of its user is foreseen with this; K3s panics where it does not parse.
Source: Go 1.24 text/template (parse.go); held to Go's own by tests/recorded/go-template.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from gpu_wizard.facts.go_action import NoTemplate, Piece, Pipe, PipeReader, Token, pieces, unquoted


@dataclass(frozen=True)
class Text:
    """Text as it stands."""

    text: str


@dataclass(frozen=True)
class Show:
    """A pipeline whose value is written, if it names no variables."""

    pipe: Pipe


@dataclass(frozen=True)
class Block:
    """`if`, `range` or `with`; `otherwise` is an `else`."""

    kind: str
    pipe: Pipe
    body: tuple[Node, ...]
    otherwise: tuple[Node, ...]


@dataclass(frozen=True)
class Include:
    """`template "name" pipeline`."""

    line: int
    name: str
    pipe: Pipe | None


@dataclass(frozen=True)
class Jump:
    """`break` or `continue`."""

    kind: str


Node: TypeAlias = Text | Show | Block | Include | Jump


def parse(text: str, functions: Collection[str]) -> dict[str, tuple[Node, ...]]:
    """Name → tree, "" for the text itself, others by `define` and `block`. Raises: NoTemplate."""
    parser = _Parser(pieces(text), functions)
    try:
        tree, end = parser.items(top=True)
    except RecursionError:
        raise NoTemplate("1: nested too deep") from None
    if end is not None:
        raise NoTemplate(f"{end.line}: unexpected {{{{{end.text}}}}}")
    return {"": tree, **parser.defined}


class _Parser:
    """Pieces to nodes. `defined`: name → tree."""

    def __init__(self, pieces: Sequence[Piece], functions: Collection[str]) -> None:
        self._pieces, self._functions = list(pieces), functions
        self._at, self._loops = 0, 0
        self._variables = ["$"]
        self._line = 1
        self.defined: dict[str, tuple[Node, ...]] = {}

    def items(self, *, top: bool = False) -> tuple[tuple[Node, ...], Token | None]:
        """Nodes up to an `end` or `else` of this level; and that keyword."""
        nodes: list[Node] = []
        while self._at < len(self._pieces):
            text, tokens, self._line = self._pieces[self._at]
            self._at += 1
            if tokens is None:
                nodes += [Text(text)] if text else []
                continue
            words = [token for token in tokens if token.kind != "space"]
            if not words:
                raise NoTemplate(f"{self._line}: missing value for command")
            if words[0].kind == "keyword" and words[0].text in ("end", "else"):
                return tuple(nodes), self._closes(words, tokens)
            node = self._node(words, tokens, top=top)
            nodes += [node] if node else []
        return tuple(nodes), None

    def _closes(self, words: list[Token], tokens: tuple[Token, ...]) -> Token:
        if len(words) > 1 and not (words[0].text == "else" and words[1].text in ("if", "with")):
            raise NoTemplate(f"{words[1].line}: unexpected <{words[1].text}> in {words[0].text}")
        if len(words) > 1:
            # `else if x` is an `else` that holds an `if x`, both ended by one `end`.
            at = tokens.index(words[1])
            self._pieces.insert(self._at, ("", tokens[at:], self._line))
            return Token("keyword", "else chain", words[0].line)
        return words[0]

    def _node(self, words: list[Token], tokens: tuple[Token, ...], *, top: bool) -> Node | None:
        first = words[0]
        if first.kind != "keyword":
            return Show(self._pipe(tokens, "command", names=1))
        rest = tokens[tokens.index(first) + 1 :]
        match first.text:
            case "if" | "range" | "with":
                return self._block(first, rest)
            case "template":
                return self._include(first, words, rest)
            case "define" | "block":
                return self._defines(first, words, rest, top=top)
        if not self._loops:
            raise NoTemplate(f"{first.line}: {{{{{first.text}}}}} outside {{{{range}}}}")
        return Jump(first.text)

    def _block(self, first: Token, rest: tuple[Token, ...]) -> Block:
        known = len(self._variables)
        pipe = self._pipe(rest, first.text, names=2 if first.text == "range" else 1)
        self._loops += first.text == "range"
        body, end = self.items()
        self._loops -= first.text == "range"
        otherwise: tuple[Node, ...] = ()
        if end is not None and end.text == "else chain":
            nested, words = self._pieces[self._at], self._pieces[self._at][1] or ()
            self._at += 1
            self._line = nested[2]
            otherwise = (self._block(words[0], words[1:]),)
            end = words[0]
        elif end is not None and end.text == "else":
            otherwise, end = self.items()
            if end is not None and end.text != "end":
                raise NoTemplate(f"{end.line}: expected end; found {{{{else}}}}")
        if end is None:
            raise NoTemplate(f"{self._line}: unexpected EOF")
        del self._variables[known:]
        return Block(first.text, pipe, body, otherwise)

    def _include(self, first: Token, words: list[Token], rest: tuple[Token, ...]) -> Include:
        if len(words) < 2 or words[1].kind != "string":
            found = words[1].text if len(words) > 1 else "}}"
            raise NoTemplate(f'{first.line}: unexpected "{found}" in template clause')
        given = rest[rest.index(words[1]) + 1 :]
        pipe = self._pipe(given, "template clause", names=1) if len(words) > 2 else None
        return Include(first.line, unquoted(words[1].text), pipe)

    def _defines(
        self, first: Token, words: list[Token], rest: tuple[Token, ...], *, top: bool
    ) -> Node | None:
        if first.text == "define" and not top:
            raise NoTemplate(f"{first.line}: unexpected {{{{define}}}}")
        if len(words) < 2 or words[1].kind != "string":
            raise NoTemplate(f"{first.line}: missing name in {first.text} clause")
        include = self._include(first, words, rest) if first.text == "block" else None
        outer, self._variables = self._variables, ["$"]
        body, end = self.items()
        self._variables = outer
        if end is None:
            raise NoTemplate(f"{self._line}: unexpected EOF")
        if end.text != "end":
            raise NoTemplate(f"{end.line}: unexpected {{{{else}}}} in {first.text} clause")
        self.defined[unquoted(words[1].text)] = body
        return include

    def _pipe(self, tokens: tuple[Token, ...], context: str, *, names: int) -> Pipe:
        reader = PipeReader(tokens, self._line, self._functions, self._variables)
        pipe = reader.pipe(context, names)
        if reader.left:
            raise NoTemplate(f"{reader.line}: unexpected <{reader.left}> in {context}")
        return pipe
