"""Sets of fields, as `managedFields` keeps them, and what a change touches.

A path is a tuple of elements as in FieldsV1: `f:name`, `k:{"name":"x"}`, `v:"x"`.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

from gpu_wizard.lab.api.schema import Shape
from gpu_wizard.lab.ports import JsonObject

Path = tuple[str, ...]
FieldSet = frozenset[Path]

_UNTRACKED = frozenset(
    ("f:metadata", f"f:{name}")
    for name in (
        "name",
        "generateName",
        "namespace",
        "uid",
        "selfLink",
        "resourceVersion",
        "generation",
        "creationTimestamp",
        "deletionTimestamp",
        "deletionGracePeriodSeconds",
        "managedFields",
    )
)
# Go writes these fields even where they are empty, so a new object does not "add" them.
_ALWAYS_THERE = frozenset(
    {
        ("f:metadata",),
        ("f:spec",),
        ("f:status",),
        ("f:spec", "f:containers"),
        ("f:spec", "f:updateStrategy"),
        ("f:spec", "f:template"),
        ("f:spec", "f:template", "f:metadata"),
        ("f:spec", "f:template", "f:spec"),
        ("f:spec", "f:template", "f:spec", "f:containers"),
    }
)


def of_object(shape: Shape, value: Any) -> FieldSet:
    """The fields that an applied configuration names. An item of a keyed list counts itself too."""
    found: set[Path] = set()
    _collect(shape, value, (), found, containers=False)
    return _tracked(found)


def compare(shape: Shape, old: Any, new: Any) -> tuple[FieldSet, FieldSet]:
    """The fields that were added or changed from `old` to `new`, and those that were removed."""
    changed: set[Path] = set()
    removed: set[Path] = set()
    _compare(shape, old, new, (), changed, removed)
    return _tracked(changed) - _ALWAYS_THERE, _tracked(removed) - _ALWAYS_THERE


def members(shape: Shape, value: Any) -> dict[str, tuple[Shape, Any]] | None:
    """A value's parts by path element, or None where it is owned as a whole."""
    inner = shape.inner
    if isinstance(value, dict):
        if shape.atomic or shape.form in ("quantity", "atoms"):
            return None
        return {f"f:{name}": (shape.child(name), part) for name, part in value.items()}
    if isinstance(value, list) and inner is not None:
        if shape.form == "list":
            return {key_element(shape, item): (inner, item) for item in value}
        if shape.form == "set":
            return {f"v:{json.dumps(item)}": (inner, item) for item in value}
    return None


def key_element(shape: Shape, item: Any) -> str:
    """The path element of an item of a keyed list."""
    key = dict(zip(shape.keys, shape.key_of(item), strict=True))
    return f"k:{json.dumps(key, separators=(',', ':'), sort_keys=True)}"


def _collect(shape: Shape, value: Any, path: Path, found: set[Path], *, containers: bool) -> None:
    parts = members(shape, value)
    if not parts:
        found.add(path)
        return
    if containers or (path and path[-1].startswith("k:")):
        found.add(path)
    for element, (inner, part) in parts.items():
        _collect(inner, part, (*path, element), found, containers=containers)


def _compare(
    shape: Shape, old: Any, new: Any, path: Path, changed: set[Path], removed: set[Path]
) -> None:
    before, after = members(shape, old), members(shape, new)
    if not before and not after:
        if old != new:
            changed.add(path)
        return
    before, after = before or {}, after or {}
    for element in before.keys() - after.keys():
        _collect(*before[element], (*path, element), removed, containers=True)
    for element, (inner, part) in after.items():
        if element in before:
            _compare(inner, before[element][1], part, (*path, element), changed, removed)
        else:
            _collect(inner, part, (*path, element), changed, containers=True)


def _tracked(paths: Iterable[Path]) -> FieldSet:
    return frozenset(
        path
        for path in paths
        if path and path[:2] not in _UNTRACKED and path[0] not in ("f:apiVersion", "f:kind")
    )


def to_v1(paths: FieldSet) -> JsonObject:
    """A set as the `fieldsV1` of an object."""
    tree: JsonObject = {}
    for path in sorted(paths, key=len):
        node = tree
        for element in path:
            node = node.setdefault(element, {})
    for path in paths:
        node = tree
        for element in path:
            node = node[element]
        if node:
            node["."] = {}
    return tree


def from_v1(tree: JsonObject) -> FieldSet:
    """The set behind a `fieldsV1`."""
    found: set[Path] = set()

    def walk(node: JsonObject, path: Path) -> None:
        if path and (not node or "." in node):
            found.add(path)
        for element, child in node.items():
            if element != ".":
                walk(child, (*path, element))

    walk(tree, ())
    return frozenset(found)


def spell(path: Path) -> str:
    """A path as conflicts show it: `.spec.containers[name="x"].image`."""
    text = ""
    for element in path:
        mark, rest = element[:2], element[2:]
        if mark == "f:":
            text += f".{rest}"
        elif mark == "k:":
            pairs = (f"{name}={json.dumps(value)}" for name, value in json.loads(rest).items())
            text += f"[{','.join(pairs)}]"
        else:
            text += f"[={rest}]"
    return text
