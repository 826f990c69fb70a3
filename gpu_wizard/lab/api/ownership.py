"""Who owns which field: `metadata.managedFields`, and server-side apply over it.

Source: recorded exchanges c20-c27, d07, d15, d16, e22-e24 with kube-apiserver v1.36.2.
"""

from __future__ import annotations

import copy
from dataclasses import dataclass
from typing import Any

from gpu_wizard.lab.api import fieldsets
from gpu_wizard.lab.api.errors import ApiError
from gpu_wizard.lab.api.fieldsets import FieldSet, Path
from gpu_wizard.lab.api.schema import Shape
from gpu_wizard.lab.ports import JsonObject


@dataclass(frozen=True)
class Manager:
    """Someone who writes fields."""

    name: str
    operation: str
    """`Apply` or `Update`."""
    api_version: str
    subresource: str = ""

    @property
    def shown(self) -> str:
        """How a conflict names it: who only updated is named with the version used."""
        quoted = f'"{self.name}"'
        if self.subresource:
            quoted += f' with subresource "{self.subresource}"'
        return quoted if self.operation == "Apply" else f"{quoted} using {self.api_version}"


@dataclass(frozen=True)
class _Entry:
    fields: FieldSet
    time: str = ""


Owners = dict[Manager, _Entry]


def updated(shape: Shape, old: JsonObject, new: JsonObject, manager: Manager, now: str) -> None:
    """Set the owners in `new` after an update of `old` into it: who changes a field owns it."""
    changed, removed = fieldsets.compare(shape, old, new)
    owners = _read(old)
    if changed or removed:
        before = owners.get(manager, _Entry(frozenset()))
        owners = {
            each: _Entry(entry.fields - changed - removed, entry.time)
            for each, entry in owners.items()
        }
        owners[manager] = _Entry((before.fields | changed) - removed, now)
    _write(new, owners)


def apply(
    shape: Shape,
    live: JsonObject,
    wanted: JsonObject,
    manager: Manager,
    *,
    force: bool,
    now: str,
) -> JsonObject:
    """The object after a server-side apply of `wanted`; its owners are set.

    Fields that only this manager owned and `wanted` leaves out are removed.

    Raises:
        ApiError: 409, another manager owns a field that would change, and `force` is false.
    """
    owners = _read(live)
    named = fieldsets.of_object(shape, wanted)
    merged: JsonObject = _merge(shape, live, wanted)
    changed = fieldsets.compare(shape, live, merged)[0] & named
    changed |= _nulls(shape, live, wanted)
    contested = _contested(owners, manager, changed)
    if contested and not force:
        raise _conflict(contested)
    for each, paths in contested.items():
        owners[each] = _Entry(owners[each].fields - paths, owners[each].time)
    previous = owners.get(manager)
    if previous is not None:
        others = frozenset(p for m, e in owners.items() if m != manager for p in e.fields)
        _prune(shape, merged, previous.fields - named, others)
    _strip_nulls(merged)
    owners[manager] = _stamped(previous, named, now, same=_content(live) == _content(merged))
    _write(merged, owners)
    return merged


def _stamped(previous: _Entry | None, named: FieldSet, now: str, *, same: bool) -> _Entry:
    if previous is not None and previous.fields == named:
        return _Entry(named, previous.time if same else now)
    # The server leaves the time out where an apply changes nothing but the owners (c24, d07).
    return _Entry(named, "" if same else now)


def _content(obj: JsonObject) -> JsonObject:
    metadata = {k: v for k, v in obj.get("metadata", {}).items() if k != "managedFields"}
    return obj | {"metadata": metadata}


def _contested(owners: Owners, manager: Manager, changed: FieldSet) -> dict[Manager, FieldSet]:
    found = {each: entry.fields & changed for each, entry in owners.items() if each != manager}
    return {each: paths for each, paths in found.items() if paths}


def _conflict(contested: dict[Manager, FieldSet]) -> ApiError:
    pairs = [
        (manager, fieldsets.spell(path))
        for manager in sorted(contested, key=lambda each: each.name)
        for path in sorted(contested[manager])
    ]
    causes = [
        {
            "reason": "FieldManagerConflict",
            "message": f"conflict with {manager.shown}",
            "field": path,
        }
        for manager, path in pairs
    ]
    if len(pairs) == 1:
        text = f"Apply failed with 1 conflict: conflict with {pairs[0][0].shown}: {pairs[0][1]}"
    else:
        text = f"Apply failed with {len(pairs)} conflicts: " + "\n".join(_grouped(pairs))
    return ApiError(409, "Conflict", text, {"causes": causes})


def _grouped(pairs: list[tuple[Manager, str]]) -> list[str]:
    lines: list[str] = []
    for index, (manager, path) in enumerate(pairs):
        if index == 0 or pairs[index - 1][0] != manager:
            lines.append(f"conflicts with {manager.shown}:")
        lines.append(f"- {path}")
    return lines


def _merge(shape: Shape, live: Any, wanted: Any) -> Any:
    if isinstance(live, dict) and isinstance(wanted, dict) and not shape.atomic:
        merged = dict(live)
        for name, value in wanted.items():
            merged[name] = _merge(shape.child(name), live.get(name), value)
        return merged
    if isinstance(live, list) and isinstance(wanted, list) and shape.form in ("list", "set"):
        return _merge_items(shape, live, wanted)
    return copy.deepcopy(wanted)


def _merge_items(shape: Shape, live: list[Any], wanted: list[Any]) -> list[Any]:
    if shape.form == "set":
        return live + [item for item in wanted if item not in live]
    inner = shape.inner
    by_key = {shape.key_of(item): item for item in live}
    for item in wanted:
        key = shape.key_of(item)
        by_key[key] = _merge(inner, by_key[key], item) if inner and key in by_key else item
    return list(by_key.values())


def _nulls(shape: Shape, live: Any, wanted: Any, path: Path = ()) -> FieldSet:
    """Fields that `wanted` sets to null and `live` has."""
    if not (isinstance(live, dict) and isinstance(wanted, dict)):
        return frozenset()
    found: FieldSet = frozenset()
    for name, value in wanted.items():
        here = (*path, f"f:{name}")
        if value is None and live.get(name) is not None:
            found |= {here}
        else:
            found |= _nulls(shape.child(name), live.get(name), value, here)
    return found


def _strip_nulls(value: Any) -> None:
    if isinstance(value, dict):
        for name in [name for name, part in value.items() if part is None]:
            del value[name]
    parts = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    for part in parts:
        _strip_nulls(part)


def _prune(shape: Shape, obj: JsonObject, gone: FieldSet, others: FieldSet) -> None:
    for path in sorted(gone - others, key=len, reverse=True):
        if not any(other[: len(path)] == path for other in others):
            _remove(shape, obj, path)


def _remove(shape: Shape, value: Any, path: Path) -> None:
    """Take what `path` names out of a value, wherever it still is."""
    element, rest = path[0], path[1:]
    parts = fieldsets.members(shape, value) or {}
    if element not in parts:
        return
    inner, part = parts[element]
    if rest:
        _remove(inner, part, rest)
    elif isinstance(value, dict):
        del value[element[2:]]
    else:
        value.remove(part)


def _read(obj: JsonObject) -> Owners:
    owners: Owners = {}
    for entry in obj.get("metadata", {}).get("managedFields", ()):
        manager = Manager(
            entry.get("manager", ""),
            entry["operation"],
            entry["apiVersion"],
            entry.get("subresource", ""),
        )
        fields = fieldsets.from_v1(entry.get("fieldsV1", {}))
        owners[manager] = _Entry(fields, entry.get("time", ""))
    return owners


def _write(obj: JsonObject, owners: Owners) -> None:
    entries = []
    order = sorted(owners, key=lambda each: (each.operation, owners[each].time, each.name))
    for manager in order:
        entry = owners[manager]
        if not entry.fields:
            continue
        shown = {"manager": manager.name, "operation": manager.operation}
        shown["apiVersion"] = manager.api_version
        if entry.time:
            shown["time"] = entry.time
        written: JsonObject = shown | {"fieldsType": "FieldsV1"}
        written["fieldsV1"] = fieldsets.to_v1(entry.fields)
        if manager.subresource:
            written["subresource"] = manager.subresource
        entries.append(written)
    metadata = obj.setdefault("metadata", {})
    if entries:
        metadata["managedFields"] = entries
    else:
        metadata.pop("managedFields", None)
