"""The JSONPath templates of kubectl: `{.items[*].metadata.name}`, filters and ranges."""

from __future__ import annotations

import json
import re
from typing import Any

_STEP = re.compile(
    r"""\.\.(?P<deep>[A-Za-z_][\w-]*)
    | \.?\['(?P<quoted>(?:\\.|[^'])*)'\]
    | \.?\[\?\((?P<filter>.*?)\)\]
    | \.?\[(?P<index>[^\]]*)\]
    | \.(?P<name>(?:\\.|[^.\[\]\s{}'"()=!<>])+)
    | (?P<self>[@$])""",
    re.VERBOSE,
)
_FILTER = re.compile(r"\s*(@\S*?)\s*(?:(==|!=|<=|>=|<|>)\s*(.+?))?\s*$")


class TemplateError(Exception):
    """A template that can't be read."""


def render(template: str, data: Any) -> str:
    """What a template prints of some data; a field that is not there prints nothing.

    Raises:
        TemplateError: it can't be read.
    """
    pieces = re.split(r"(\{(?:\"(?:\\.|[^\"])*\"|'(?:\\.|[^'])*'|[^{}])*\})", template)
    text, rest = _render(pieces, data, data)
    if rest:
        raise TemplateError("unexpected {end}")
    return text


def select(path: str, data: Any) -> list[Any]:
    """The values that a path finds.

    Raises:
        TemplateError: it can't be read.
    """
    path = path.strip()
    if path.startswith("{") and path.endswith("}"):
        path = path[1:-1].strip()
    found, position = [data], 0
    if path and path[0] not in ".[@$":
        path = f".{path}"
    while position < len(path):
        match = _STEP.match(path, position)
        if match is None:
            raise TemplateError(f"unrecognized character in action: {path[position:]!r}")
        found = [each for value in found for each in _step(match, value)]
        position = match.end()
    return found


def _render(pieces: list[str], data: Any, root: Any) -> tuple[str, list[str]]:
    text = ""
    rest = list(pieces)
    while rest:
        piece = rest.pop(0)
        if not piece.startswith("{"):
            text += piece
            continue
        inner = piece[1:-1].strip()
        if inner == "end":
            return text, [piece, *rest]
        if inner.startswith("range "):
            shown, rest = _range(inner[6:], rest, data, root)
            text += shown
        elif inner[:1] in "\"'":
            text += inner[1:-1].encode().decode("unicode_escape")
        else:
            start = root if inner.startswith("$") else data
            text += " ".join(_shown(each) for each in select(inner, start))
    return text, []


def _range(path: str, rest: list[str], data: Any, root: Any) -> tuple[str, list[str]]:
    text, after = "", rest
    values = select(path, data)
    for value in values or [None]:
        shown, left = _render(rest, value, root)
        after = left[1:]
        text += shown if values else ""
    return text, after


def _step(match: re.Match[str], value: Any) -> list[Any]:
    if match["deep"]:
        return _deep(match["deep"], value)
    if match["self"]:
        return [value]
    if match["filter"] is not None:
        return [each for each in _parts(value) if _passes(match["filter"], each)]
    if match["index"] is not None:
        return _index(match["index"], value)
    name = (match["quoted"] if match["quoted"] is not None else match["name"]).replace("\\", "")
    if name == "*":
        return _parts(value)
    return [value[name]] if isinstance(value, dict) and name in value else []


def _index(text: str, value: Any) -> list[Any]:
    if text in ("*", ""):
        return _parts(value)
    if not isinstance(value, list):
        return []
    if ":" in text:
        numbers = [int(part) if part else None for part in text.split(":")]
        return value[slice(*numbers)]
    return [value[int(each)] for each in text.split(",") if -len(value) <= int(each) < len(value)]


def _parts(value: Any) -> list[Any]:
    if isinstance(value, dict):
        return list(value.values())
    return value if isinstance(value, list) else []


def _deep(name: str, value: Any) -> list[Any]:
    found = [value[name]] if isinstance(value, dict) and name in value else []
    for part in _parts(value):
        found += _deep(name, part)
    return found


def _passes(text: str, value: Any) -> bool:
    match = _FILTER.match(text)
    if match is None:
        raise TemplateError(f"invalid filter {text!r}")
    found = select(match[1], value)
    if match[2] is None:
        return bool(found)
    wanted = _literal(match[3])
    outcomes = {"==": wanted in found, "!=": wanted not in found}
    if match[2] in outcomes:
        return outcomes[match[2]]
    left, right = (float(each) for each in (found[0] if found else 0, wanted))
    orders = {"<": left < right, ">": left > right, "<=": left <= right, ">=": left >= right}
    return orders[match[2]]


def _literal(text: str) -> Any:
    if text[:1] in "\"'":
        return text[1:-1]
    try:
        return json.loads(text)
    except ValueError:
        return text


def _shown(value: Any) -> str:
    if isinstance(value, str):
        return value
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False)
