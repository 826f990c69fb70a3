"""Questions that are parts of one list: which list, and which part of it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

from gpu_wizard.model.question import ClusterAsk, JsonObject, Objects, ObjectsFound

_ON_NODE = "spec.nodeName="
_CONFIDENTIAL = ("Secret", "ConfigMap")
"""Kinds of which nothing is listed that was not asked for, but names and owners."""


@dataclass(frozen=True)
class Part:
    """A question as a part of a list. `key`: which part; `key_of`: the part that an object of the list belongs to."""

    whole: Objects
    key: str
    key_of: Callable[[JsonObject], str]


def part_of(ask: ClusterAsk) -> Part | None:
    """None: not a part of anything that others need too."""
    if not isinstance(ask, Objects):
        return None
    if ask.name and (ask.metadata_only or ask.kind not in _CONFIDENTIAL):
        return Part(replace(ask, name=""), ask.name, _name)
    if not ask.name and ask.fields.startswith(_ON_NODE) and "," not in ask.fields:
        return Part(replace(ask, fields=""), ask.fields.removeprefix(_ON_NODE), _node)
    return None


def _name(item: JsonObject) -> str:
    return str((item.get("metadata") or {}).get("name", ""))


def _node(item: JsonObject) -> str:
    return str((item.get("spec") or {}).get("nodeName", ""))


class Cuts:
    """Lists cut into their parts, each list once."""

    def __init__(self) -> None:
        self._cut: dict[Objects, tuple[ObjectsFound, Mapping[str, ObjectsFound]]] = {}

    def part(self, part: Part, whole: ObjectsFound) -> ObjectsFound:
        """The objects of a part; the same answer as long as the list is the same."""
        cut = self._cut.get(part.whole)
        if cut is None or cut[0] is not whole:
            cut = self._cut[part.whole] = whole, _parts(part, whole)
        return cut[1].get(part.key) or ObjectsFound(())


def _parts(part: Part, whole: ObjectsFound) -> Mapping[str, ObjectsFound]:
    groups: dict[str, list[JsonObject]] = {}
    for item in whole.objects:
        groups.setdefault(part.key_of(item), []).append(item)
    return {key: ObjectsFound(tuple(items)) for key, items in groups.items()}
