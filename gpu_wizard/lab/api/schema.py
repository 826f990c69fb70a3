"""What fields objects have: shapes of values, read from `schema.toml`."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from importlib import resources
from typing import Any

from gpu_wizard.lab.api import quantity
from gpu_wizard.lab.ports import JsonObject


@dataclass(frozen=True)
class Shape:
    """The shape of a value.

    `form` is `any`, a scalar's name, `struct`, `map`, `list` (merged by `keys`), `set` or `atoms`
    (a list owned as a whole). `atomic`: a struct or map owned as a whole.
    """

    form: str
    name: str = ""
    fields: Mapping[str, Shape] = field(default_factory=dict)
    inner: Shape | None = None
    keys: tuple[str, ...] = ()
    atomic: bool = False

    def child(self, name: str) -> Shape:
        """The shape of a member; any if unknown."""
        if self.form == "struct":
            return self.fields.get(name, ANY)
        if self.form == "map" and self.inner is not None:
            return self.inner
        return ANY

    def key_of(self, item: object) -> tuple[Any, ...]:
        """What tells an item of a keyed list from the others; an absent protocol is TCP."""
        values = item if isinstance(item, dict) else {}
        return tuple(values.get(key, "TCP" if key == "protocol" else None) for key in self.keys)


ANY = Shape("any")
_SCALARS = {name: Shape(name) for name in ("any", "string", "integer", "boolean", "quantity")}
_GO_TYPES = {"string": "string", "integer": "int64", "boolean": "bool"}
_PYTHON = {"string": (str,), "integer": (int,), "boolean": (bool,)}


class DecodeError(Exception):
    """A value that the field's type cannot hold, with the text of Go's decoder."""


@cache
def of_kind(kind: str) -> Shape:
    """The shape of a whole object of a built-in kind; of another, only its metadata is known."""
    tables = _tables()
    frame = {"apiVersion": _SCALARS["string"], "kind": _SCALARS["string"]}
    frame["metadata"] = _parse("ObjectMeta", tables)
    if kind not in tables:
        return Shape("struct", "", frame)
    return Shape("struct", kind, frame | _fields(kind, tables))


def knows(kind: str) -> bool:
    """True where unknown fields of this kind can be told."""
    return kind in _tables()


@cache
def _tables() -> dict[str, dict[str, str]]:
    text = resources.files(__package__ or "").joinpath("schema.toml").read_text("utf-8")
    return tomllib.loads(text)


def _fields(name: str, tables: dict[str, dict[str, str]]) -> dict[str, Shape]:
    return {key: _parse(text, tables) for key, text in tables[name].items()}


def _parse(text: str, tables: dict[str, dict[str, str]]) -> Shape:
    if text in _SCALARS:
        return _SCALARS[text]
    if text.startswith("!"):
        shape = _parse(text[1:], tables)
        return Shape(shape.form, shape.name, shape.fields, shape.inner, atomic=True)
    inside = text[1:-1]
    if text.startswith("{"):
        return Shape("map", inner=_parse(inside, tables))
    if text.startswith("<"):
        return Shape("set", inner=_parse(inside, tables))
    if text.startswith("["):
        item, _, keys = inside.partition(" by ")
        form = "list" if keys else "atoms"
        return Shape(form, inner=_parse(item, tables), keys=tuple(keys.split()))
    return Shape("struct", text, _fields(text, tables))


def decode(shape: Shape, value: Any, path: str = "") -> tuple[Any, list[str]]:
    """A value as the server keeps it, and the paths of the fields it does not know.

    Nulls and unknown fields are left out, quantities become strings in their usual spelling.

    Raises:
        DecodeError: a value of the wrong type.
    """
    unknown: list[str] = []
    return _decode(shape, value, path, "", unknown), unknown


def _decode(shape: Shape, value: Any, path: str, owner: str, unknown: list[str]) -> Any:
    if shape.form == "quantity":
        return _quantity(value)
    if shape.form in _PYTHON:
        return _scalar(shape, value, path, owner)
    if shape.form == "struct":
        return _struct(shape, value, path, unknown)
    if shape.form == "map":
        members = _expect(dict, value, path, owner, "map[string]string")
        inner = shape.inner or ANY
        return {k: _decode(inner, v, path, owner, unknown) for k, v in members.items()}
    if shape.form in ("list", "set", "atoms"):
        items = _expect(list, value, path, owner, "[]string")
        inner = shape.inner or ANY
        return [_decode(inner, v, f"{path}[{i}]", owner, unknown) for i, v in enumerate(items)]
    return value


def _struct(shape: Shape, value: Any, path: str, unknown: list[str]) -> JsonObject:
    decoded: JsonObject = {}
    open_ended = not shape.name
    for name, member in _expect(dict, value, path, shape.name, shape.name).items():
        where = f"{path}.{name}" if path else name
        if name in shape.fields:
            if member is not None:
                decoded[name] = _decode(shape.fields[name], member, where, shape.name, unknown)
        elif open_ended:
            decoded[name] = member
        else:
            unknown.append(where)
    return decoded


def _expect(kind: type, value: Any, path: str, owner: str, wanted: str) -> Any:
    if isinstance(value, kind):
        return value
    raise DecodeError(_mismatch(value, path, owner, wanted))


def _scalar(shape: Shape, value: Any, path: str, owner: str) -> Any:
    right = isinstance(value, _PYTHON[shape.form])
    if right and not (shape.form == "integer" and isinstance(value, bool)):
        return value
    raise DecodeError(_mismatch(value, path, owner, _GO_TYPES[shape.form]))


def _mismatch(value: Any, path: str, owner: str, wanted: str) -> str:
    words = {bool: "bool", str: "string", dict: "object", list: "array"}
    word = words.get(type(value), "number")
    plain = re.sub(r"\[\d+\]", "", path)
    return f"json: cannot unmarshal {word} into Go struct field {owner}.{plain} of type {wanted}"


def _quantity(value: Any) -> str:
    text = str(value) if isinstance(value, (int, float, str)) else ""
    try:
        return quantity.canonical(text)
    except ValueError as error:
        raise DecodeError(str(error)) from error
