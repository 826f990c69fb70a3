"""A Python module cut down to what is used of it: it travels faster, and is compiled faster where it arrives.

The text is cut at its top level, into functions, classes, plain assignments, imports of one name and everything else. Everything else
stays; of the former what is used stays, and what that uses in turn. Names are taken for uses wherever they stand, so
that rather too much is kept.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass

_WORD = re.compile(r"[A-Za-z_]\w*")
_DEFINITION = re.compile(r"(?:def|class)\s+(\w+)", re.MULTILINE)
_IMPORT = re.compile(r"(?:from\s+\S+\s+)?import\s+(\w+)$")
_ASSIGNMENT = re.compile(r"(\w+)\s*=[^=(\[{\\]*(?:[(\[{][^()\[\]{}]*[)\]}])?[^=(\[{\\]*$")


@dataclass(frozen=True)
class _Unit:
    """A piece of the text; `name` "": no function, class, plain assignment or import of one name."""

    name: str
    text: str

    @property
    def words(self) -> set[str]:
        """Every name in it."""
        return set(_WORD.findall(self.text))


def pruned(source: str, used: set[str], stays: Callable[[str], bool]) -> str:
    """The source with what `used` needs, and every definition whose name `stays`; the licence above it is kept.

    A source that can't be cut is given as it is.
    """
    units = list(_units(source))
    named: dict[str, list[_Unit]] = {}
    for unit in units:
        named.setdefault(unit.name, []).append(unit)
    wanted = [*used, *(name for name in named if stays(name))]
    for unit in named.pop("", []):
        wanted.extend(unit.words)
    kept: set[str] = set()
    while wanted:
        name = wanted.pop()
        if name in named and name not in kept:
            kept.add(name)
            wanted.extend(word for unit in named[name] for word in unit.words)
    text = "".join(unit.text for unit in units if not unit.name or unit.name in kept)
    return text if _compiles(text) else source


def _compiles(text: str) -> bool:
    try:
        compile(text, "pruned", "exec")
    except SyntaxError:
        return False
    return True


def _units(source: str) -> Iterator[_Unit]:
    piece: list[str] = []
    for line in source.splitlines(keepends=True):
        if _begins(line) and piece and not piece[-1].startswith("@"):
            yield _unit("".join(piece))
            piece = []
        piece.append(line)
    yield _unit("".join(piece))


def _begins(line: str) -> bool:
    """Whether a statement of the top level begins here."""
    return line[:1] not in (" ", "\t", "\n", "\r", "#", ")", "]", "}")


def _unit(text: str) -> _Unit:
    found = _DEFINITION.search(text) if text.startswith(("def ", "class ", "@")) else None
    plain = _without_comments(text)
    found = found or _IMPORT.match(plain) or _ASSIGNMENT.match(plain)
    return _Unit(found[1] if found else "", text)


def _without_comments(text: str) -> str:
    return re.sub(r"#.*", "", text).strip()
