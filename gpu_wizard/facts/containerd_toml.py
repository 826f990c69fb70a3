"""TOML as containerd reads it: strict for containerd 2 (go-toml v2), lenient where go-toml v1 is, and where each key stands.

Python's own parser is used, not tomlkit: a judge must refuse what containerd refuses, and tomlkit lets pass some of it.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeAlias

Path: TypeAlias = tuple[str, ...]
Tree: TypeAlias = dict[str, Any]

_AT = re.compile(r"\s*\(at (?:line (\d+), column \d+|end of document)\)$")
_PART = r"""(?:[A-Za-z0-9_-]+|"(?:[^"\\\n]|\\.)*"|'[^'\n]*')"""
_KEY = re.compile(rf"{_PART}(?:[ \t]*\.[ \t]*{_PART})*")
_PARTS = re.compile(_PART)
_BLANK = re.compile(r"(?:[ \t\r\n]+|#[^\n]*)*")
_VALUE = re.compile(
    r'"""(?:[^\\]|\\.)*?"{3,5}'
    r"|'''.*?'{3,5}"
    r'|"(?:[^"\\\n]|\\.)*"'
    r"|'[^'\n]*'"
    r"|#[^\n]*"
    r"|(?P<open>[\[{])|(?P<close>[\]}])|(?P<end>\n)"
    r"|[^\"'#\[\]{}\n]+",
    re.DOTALL,
)
_HEADER = re.compile(r"^[ \t]*\[(?!\[)(.*)\][ \t]*(?:#.*)?$")
_LARGEST = 2**63


@dataclass(frozen=True)
class Broken:
    """No TOML for this containerd. `code` is a finding's code; `line` counts from 1."""

    code: str
    line: int
    detail: str


@dataclass(frozen=True)
class Document:
    """A file that parses. `text` without byte order mark; `lines`: path of each table and key → its first line."""

    tree: Tree
    text: str
    _lines: dict[Path, int] = field(default_factory=dict, compare=False, repr=False)

    def line(self, *path: str) -> int:
        """The line of a key or table, of its nearest ancestor where it stands inside a value, 0 if not here."""
        if not self._lines:
            self._lines.update(_index(self.text))
        while path:
            if path in self._lines:
                return self._lines[path]
            path = path[:-1]
        return 0

    def has(self, *path: str) -> bool:
        """Whether the file defines exactly this path."""
        tree: Any = self.tree
        for part in path:
            if not isinstance(tree, Mapping) or part not in tree:
                return False
            tree = tree[part]
        return True


def read_toml(content: bytes, *, lenient: bool) -> Document | Broken:
    """Parse a file. `lenient`: as containerd 1 (a byte order mark and broken UTF-8 pass, a table may be
    opened again under other quotes as long as no key repeats).

    Source: containerd 1.6.20, 1.7.24 and 2.1.9 as recorded: odd-bom, bad-duplicate-table-other-quotes.
    """
    if lenient:
        text = content.removeprefix(b"\xef\xbb\xbf").decode(errors="replace")
    elif content.startswith(b"\xef\xbb\xbf"):
        return Broken("bom", 1, "")
    else:
        try:
            text = content.decode()
        except UnicodeDecodeError as error:
            return Broken("not-utf8", content.count(b"\n", 0, error.start) + 1, error.reason)
    read = _parse(text, lenient)
    return read if isinstance(read, Broken) else Document(read, text)


def _parse(text: str, lenient: bool) -> Tree | Broken:
    try:
        tree = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        broken = _explain(text, str(error))
        reopens = lenient and str(error).startswith("Cannot declare")
        return (_reopened(text, broken.line) if reopens else None) or broken
    except RecursionError:
        return Broken("toml-broken", 0, "nested too deep")
    except ValueError as error:
        return Broken("toml-broken", 0, str(error))
    return tree if _fits(tree) else Broken("toml-broken", 0, "a number is out of range")


def _explain(text: str, message: str) -> Broken:
    found = _AT.search(message)
    rows = text.splitlines() or [""]
    line = int(found[1]) if found and found[1] else len(rows)
    detail = _AT.sub("", message)
    row = rows[min(line, len(rows)) - 1]
    if "{{" in row:
        return Broken("template-not-rendered", line, row.strip())
    if re.match(r"Cannot (declare|overwrite|mutate|redefine)|Duplicate", detail):
        return Broken("toml-duplicate", line, row.strip())
    return Broken("toml-broken", line, detail)


def _reopened(text: str, line: int) -> Tree | None:
    """What go-toml v1 makes of a table opened again at `line`; None where it refuses, too."""
    rows = text.splitlines(keepends=True)
    here = _HEADER.match(rows[line - 1].rstrip())
    # It compares the text between the brackets, quotes and spaces included.
    earlier = [match[1] for row in rows[: line - 1] if (match := _HEADER.match(row.rstrip()))]
    if here is None or here[1] in earlier:
        return None
    first, rest = (_parse("".join(part), True) for part in (rows[: line - 1], rows[line - 1 :]))
    if isinstance(first, Broken) or isinstance(rest, Broken):
        return None
    key = tuple(_unquoted(part) for part in _PARTS.findall(here[1]))
    inline = _inline_tables("".join(rows[: line - 1]), first)
    return (
        first
        if not any(key[: len(path)] == path for path in inline) and _join(first, rest)
        else None
    )


def _inline_tables(text: str, tree: Tree) -> Iterator[Path]:
    table: Path = ()
    for _, is_header, key in _statements(text):
        table = key if is_header else table
        value: Any = tree
        for part in () if is_header else (*table, *key):
            value = value[part] if isinstance(value, dict) else value
        if not is_header and isinstance(value, dict):
            yield (*table, *key)


def _join(into: Tree, other: Tree) -> bool:
    for key, value in other.items():
        if key not in into:
            into[key] = value
        elif not (
            isinstance(into[key], dict) and isinstance(value, dict) and _join(into[key], value)
        ):
            return False
    return True


def _fits(tree: Tree) -> bool:
    """Whether every integer has 64 bits, as Go wants it."""
    rest: list[Any] = [tree]
    while rest:
        value = rest.pop()
        if isinstance(value, dict):
            rest.extend(value.values())
        elif isinstance(value, list):
            rest.extend(value)
        elif isinstance(value, int) and not -_LARGEST <= value < _LARGEST:
            return False
    return True


def _index(text: str) -> dict[Path, int]:
    """Path → line of a text that is known to parse."""
    lines: dict[Path, int] = {}
    table: Path = ()
    counted = line = 0
    for position, is_header, key in _statements(text):
        line += text.count("\n", counted, position)
        counted = position
        path = key if is_header else table + key
        if is_header:
            table = key
        for length in range(1, len(path) + 1):
            lines.setdefault(path[:length], line + 1)
    return lines


def _statements(text: str) -> Iterator[tuple[int, bool, Path]]:
    """Each `[table]` (True) and each `key =` (False), with its position."""
    position = _skip(text, 0)
    while position < len(text):
        is_header = text[position] == "["
        start = position
        while position < len(text) and text[position] in "[ \t":
            position += 1
        key = _KEY.match(text, position)
        if key is None:
            return
        yield start, is_header, tuple(_unquoted(part) for part in _PARTS.findall(key[0]))
        position = _skip(
            text, _end_of_line(text, key.end()) if is_header else _end_of_value(text, key.end())
        )


def _skip(text: str, position: int) -> int:
    blank = _BLANK.match(text, position)
    return blank.end() if blank else position


def _end_of_line(text: str, position: int) -> int:
    end = text.find("\n", position)
    return len(text) if end < 0 else end


def _end_of_value(text: str, position: int) -> int:
    depth = 0
    while position < len(text):
        token = _VALUE.match(text, position)
        if token is None:
            return len(text)
        position = token.end()
        depth += bool(token["open"]) - bool(token["close"])
        if token["end"] and depth <= 0:
            return position
    return position


def _unquoted(part: str) -> str:
    if part[0] not in "\"'":
        return part
    return str(tomllib.loads(f"k={part}")["k"]) if "\\" in part else part[1:-1]
