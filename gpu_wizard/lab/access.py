"""`test` as POSIX defines it, with rights judged for the user who asks."""

from __future__ import annotations

from collections.abc import Callable

from gpu_wizard.lab.tree import EXECUTE, READ, WRITE, Node
from gpu_wizard.lab.view import FileView

_RIGHTS = {"-r": READ, "-w": WRITE, "-x": EXECUTE}
_KINDS: dict[str, Callable[[Node], bool]] = {
    "-e": lambda node: True,
    "-f": lambda node: node.kind() == "-",
    "-d": lambda node: node.kind() == "d",
    "-c": lambda node: node.kind() == "c",
    "-s": lambda node: node.size() > 0,
    "-b": lambda node: False,
    "-p": lambda node: False,
    "-S": lambda node: False,
}
_COMPARE: dict[str, Callable[[int, int], bool]] = {
    "-eq": lambda a, b: a == b,
    "-ne": lambda a, b: a != b,
    "-lt": lambda a, b: a < b,
    "-le": lambda a, b: a <= b,
    "-gt": lambda a, b: a > b,
    "-ge": lambda a, b: a >= b,
}
_STRINGS: dict[str, Callable[[str, str], bool]] = {
    "=": lambda a, b: a == b,
    "==": lambda a, b: a == b,
    "!=": lambda a, b: a != b,
}


class _Expression:
    """A recursive descent over the words of one `test`."""

    def __init__(self, words: list[str], view: FileView, path: Callable[[str], str]) -> None:
        self.words, self.view, self.path = words, view, path

    def either(self) -> bool:
        result = self.both()
        while self.words[:1] == ["-o"]:
            self.words.pop(0)
            result = self.both() or result
        return result

    def both(self) -> bool:
        result = self.negated()
        while self.words[:1] == ["-a"]:
            self.words.pop(0)
            result = self.negated() and result
        return result

    def negated(self) -> bool:
        if self.words[:1] == ["!"] and len(self.words) > 1:
            self.words.pop(0)
            return not self.negated()
        return self.primary()

    def primary(self) -> bool:
        if len(self.words) > 2 and self.words[1] in _COMPARE | _STRINGS:
            return self.binary()
        word = self.words.pop(0) if self.words else ""
        if word == "(" and self.words:
            result = self.either()
            if self.words[:1] != [")"]:
                raise ValueError("closing paren expected")
            self.words.pop(0)
            return result
        if self.words and len(word) == 2 and word[0] == "-" and word[1].isalpha():
            return self.unary(word, self.words.pop(0))
        return word != ""

    def binary(self) -> bool:
        left, operator, right = self.words[:3]
        del self.words[:3]
        if operator in _STRINGS:
            return _STRINGS[operator](left, right)
        return _COMPARE[operator](int(left), int(right))

    def unary(self, operator: str, operand: str) -> bool:
        if operator in "-n-z":
            return (operand == "") == (operator == "-z")
        if operator in _RIGHTS:
            return self.view.allows(self.path(operand), _RIGHTS[operator])
        return self.of_file(operator, operand)

    def of_file(self, operator: str, operand: str) -> bool:
        link = operator in ("-h", "-L")
        try:
            node = self.view.look(self.path(operand), follow=not link)
        except OSError:
            return False
        if link:
            return node.kind() == "l"
        if operator in ("-O", "-G"):
            who = self.view.who
            return node.uid == who.uid if operator == "-O" else node.gid == who.gid
        if operator not in _KINDS:
            raise ValueError(f"{operator}: unexpected operator")
        return _KINDS[operator](node)


def evaluate(words: list[str], view: FileView, path: Callable[[str], str]) -> bool:
    """The truth of `test WORDS`, or `[ WORDS ]`. Raises: ValueError for no such expression."""
    if words[-1:] == ["]"]:
        words = words[:-1]
    if not words:
        return False
    expression = _Expression(list(words), view, path)
    result = expression.either()
    if expression.words:
        raise ValueError(f"{expression.words[0]}: unexpected operator")
    return result
