"""Whether a table holds what containerd expects: unknown settings and settings of a wrong type."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from gpu_wizard.facts.containerd_schema import Schema
from gpu_wizard.facts.containerd_toml import Path, Tree

_DURATION = re.compile(r"[-+]?(?:0|(?:(?:\d+\.?\d*|\.\d+)(?:ns|us|µs|μs|ms|s|m|h))+)")
_NAMES = {
    str: "string",
    bool: "boolean",
    int: "integer",
    float: "float",
    list: "array",
    dict: "table",
}
_WANTED = {
    "s": "string",
    "d": "duration",
    "i": "integer",
    "b": "boolean",
    "f": "float",
    "S": "list of strings",
}


@dataclass(frozen=True)
class Misfit:
    """A setting that does not fit. `want` "": unknown, and ignored by containerd."""

    path: Path
    want: str = ""
    have: str = ""


def is_duration(text: object) -> bool:
    """Whether Go's `time.ParseDuration` takes it."""
    return isinstance(text, str) and _DURATION.fullmatch(text) is not None


def fit(schema: Schema, tree: Tree, *, legacy: bool) -> tuple[Tree, list[Misfit]]:
    """The table with its names as containerd spells them, and what does not fit.

    containerd 2 ignores the case of a setting's name, containerd 1 takes it in lower or upper case.
    """
    fitted: Tree = {}
    misfits: list[Misfit] = []
    for key, value in tree.items():
        name = _name(schema, key, legacy)
        if name is None:
            misfits.append(Misfit((key,)))
            continue
        kind = schema["*"] if name == "*" else schema[name]
        fitted[key if name == "*" else name], inner = _fit_value(kind, value, legacy)
        misfits.extend(Misfit((key, *misfit.path), misfit.want, misfit.have) for misfit in inner)
    return fitted, misfits


def _name(schema: Schema, key: str, legacy: bool) -> str | None:
    if "*" in schema:
        return "*"
    if key in schema:
        return key
    other = key.lower() if not legacy or key.isupper() else ""
    return other if other in schema else None


def _fit_value(kind: Any, value: object, legacy: bool) -> tuple[Any, list[Misfit]]:
    if isinstance(kind, str):
        good = kind == "any" or _is_kind(kind, value, legacy)
        return value, [] if good else [Misfit((), _WANTED[kind], _kind_of(value))]
    if "[]" in kind:
        return value, list(_misfit_rows(kind["[]"], value, legacy))
    if not isinstance(value, dict):
        return {}, [Misfit((), "table", _kind_of(value))]
    return fit(kind, value, legacy=legacy)


def _misfit_rows(kind: Schema, value: object, legacy: bool) -> Iterator[Misfit]:
    if not isinstance(value, list) or not all(isinstance(row, dict) for row in value):
        yield Misfit((), "list of tables", _kind_of(value))
        return
    for row in value:
        yield from (misfit for misfit in fit(kind, row, legacy=legacy)[1] if misfit.want)


def _is_kind(kind: str, value: object, legacy: bool) -> bool:
    match kind:
        case "s":
            return isinstance(value, str)
        case "d":
            return is_duration(value)
        case "b":
            return isinstance(value, bool)
        case "i":
            return isinstance(value, int) and not isinstance(value, bool)
        case "f":
            return isinstance(value, float) or (not legacy and _is_kind("i", value, legacy))
        case _:
            return isinstance(value, list) and all(isinstance(each, str) for each in value)


def _kind_of(value: object) -> str:
    return _NAMES.get(type(value), "date")


def at(tree: object, *path: str) -> Any:
    """The value at a path, None where there is none."""
    for part in path:
        if not isinstance(tree, Mapping) or part not in tree:
            return None
        tree = tree[part]
    return tree
