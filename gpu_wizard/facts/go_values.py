"""Values of Go templates, and the functions that take them.

Source: Go 1.24 text/template (funcs.go).
"""

from __future__ import annotations

import json
import posixpath
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Struct:
    """A value of a Go struct: it has these fields and no others."""

    type: str
    fields: Mapping[str, Any]


@dataclass(frozen=True)
class Guess:
    """A value that K3s knows and nobody here does; so are its fields."""


@dataclass(frozen=True)
class Table:
    """A Go map. `missing`: what a key gives that is not there."""

    items: Mapping[str, Any]
    missing: Any = None


def type_name(value: Any) -> str:
    """The Go type of a plain value."""
    return {bool: "bool", int: "int", str: "string", float: "float64"}.get(type(value), "?")


def _index(value: Any, *keys: Any) -> Any:
    for key in keys:
        if isinstance(value, Table) and isinstance(key, str):
            value = value.items.get(key, value.missing)
        elif isinstance(value, list | tuple | str):
            if not 0 <= key < len(value):
                raise IndexError(f"index out of range: {key}")
            value = value[key]
        else:
            raise TypeError("can't index item of type " + type_name(value))
    return value


def _length(value: Any) -> int:
    if isinstance(value, Table):
        return len(value.items)
    return len(value.encode()) if isinstance(value, str) else len(value)


def _print(*values: Any) -> str:
    out = ""
    for number, value in enumerate(values):
        strings = isinstance(value, str) or (number and isinstance(values[number - 1], str))
        out += ("" if not number or strings else " ") + plain(value)
    return out


def plain(value: Any) -> str:
    """A value as `%v` shows it."""
    match value:
        case bool():
            return "true" if value else "false"
        case None:
            return "<nil>"
        case Struct():
            return "{" + " ".join(plain(each) for each in value.fields.values()) + "}"
        case Table():
            pairs = sorted(value.items.items())
            return "map[" + " ".join(f"{key}:{plain(each)}" for key, each in pairs) + "]"
        case Guess():
            return "false"
    return str(value)


def _printf(form: str, *values: Any) -> str:
    left = list(values)

    def one(match: re.Match[str]) -> str:
        if match[0] == "%%":
            return "%"
        if not left:
            return f"%!{match[1]}(MISSING)"
        value = left.pop(0)
        return json.dumps(value, ensure_ascii=False) if match[1] == "q" else plain(value)

    return re.sub(r"%%|%[-+# 0-9.]*([a-zA-Z])", one, form)


def _compared(ordered: Callable[[Any, Any], bool]) -> Callable[[Any, Any], bool]:
    def compare(one: Any, two: Any) -> bool:
        if type_name(one) != type_name(two):
            raise TypeError("incompatible types for comparison")
        return ordered(one, two)

    return compare


def _equal(one: Any, *others: Any) -> bool:
    if not others:
        raise TypeError("missing argument for comparison")
    return any(_compared(lambda a, b: bool(a == b))(one, other) for other in others)


FUNCTIONS: dict[str, Callable[..., Any]] = {
    "and": lambda: None,
    "or": lambda: None,
    "not": lambda: None,
    "index": _index,
    "slice": lambda value, *at: value[slice(*at)] if at else value,
    "len": _length,
    "print": _print,
    "println": lambda *values: " ".join(map(plain, values)) + "\n",
    "printf": _printf,
    "html": lambda *values: Guess(),
    "js": lambda *values: Guess(),
    "urlquery": lambda *values: Guess(),
    "call": lambda *values: Guess(),
    "eq": _equal,
    "ne": _compared(lambda one, two: bool(one != two)),
    "lt": _compared(lambda one, two: bool(one < two)),
    "le": _compared(lambda one, two: bool(one <= two)),
    "gt": _compared(lambda one, two: bool(one > two)),
    "ge": _compared(lambda one, two: bool(one >= two)),
    # K3s's own. Source: K3s pkg/agent/templates/templates_linux.go.
    "deschemify": lambda text: text,
    "toJson": json.dumps,
    "filepathjoin": lambda *parts: posixpath.normpath("/".join(filter(None, parts))),
}
"""Go's built-in functions and K3s's own; `and`, `or` and `not` are evaluated by the renderer."""
