"""Where the API server's objects are kept: one counter of versions, and a history for watches."""

from __future__ import annotations

from collections import defaultdict, deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from gpu_wizard.lab.api.kinds import Kind
from gpu_wizard.lab.ports import JsonObject

_HISTORY = 2000
Listener = Callable[["Change"], None]


@dataclass(frozen=True)
class Change:
    """One change of one object."""

    revision: int
    type: str
    """`ADDED`, `MODIFIED` or `DELETED`."""
    kind: Kind
    object: JsonObject
    before: JsonObject | None


class Store:
    """Objects by kind, namespace and name.

    What it gives is shared: whoever wants to change an object changes a copy and puts that.
    """

    def __init__(self, revision: int = 200) -> None:
        self.revision = revision
        self._objects: dict[Kind, dict[tuple[str, str], JsonObject]] = defaultdict(dict)
        self._history: dict[Kind, deque[Change]] = defaultdict(lambda: deque(maxlen=_HISTORY))
        self._forgotten: dict[Kind, int] = defaultdict(int)
        self._listeners: dict[Listener, None] = {}

    def get(self, kind: Kind, namespace: str, name: str) -> JsonObject | None:
        return self._objects[kind].get((namespace if kind.namespaced else "", name))

    def all(self, kind: Kind, namespace: str = "") -> list[JsonObject]:
        """Every object of a kind, in etcd's order; of one namespace, or with "" of all."""
        found = self._objects[kind]
        return [found[key] for key in sorted(found) if not namespace or key[0] in ("", namespace)]

    def every(self) -> Iterator[tuple[Kind, JsonObject]]:
        """All objects of all kinds."""
        for kind, found in list(self._objects.items()):
            for obj in list(found.values()):
                yield kind, obj

    def put(self, kind: Kind, obj: JsonObject) -> JsonObject:
        """Keep an object under a new version, which is set in it."""
        metadata = obj["metadata"]
        key = (metadata.get("namespace", "") if kind.namespaced else "", metadata["name"])
        before = self._objects[kind].get(key)
        self.revision += 1
        metadata["resourceVersion"] = str(self.revision)
        self._objects[kind][key] = obj
        self._publish("ADDED" if before is None else "MODIFIED", kind, obj, before)
        return obj

    def remove(self, kind: Kind, namespace: str, name: str) -> None:
        """Forget an object; absent is no error."""
        before = self._objects[kind].pop((namespace if kind.namespaced else "", name), None)
        if before is None:
            return
        self.revision += 1
        last = before | {"metadata": before["metadata"] | {"resourceVersion": str(self.revision)}}
        self._publish("DELETED", kind, last, before)

    def since(self, kind: Kind, revision: int) -> list[Change]:
        """Changes of a kind after a version, oldest first."""
        return [change for change in self._history[kind] if change.revision > revision]

    def oldest(self, kind: Kind) -> int:
        """The oldest version from which a watch of this kind can still start."""
        return self._forgotten[kind]

    def compact(self) -> None:
        """Forget all history, as etcd does after five minutes."""
        for kind in list(self._objects):
            self._history[kind].clear()
            self._forgotten[kind] = self.revision

    def subscribe(self, listener: Listener) -> Callable[[], None]:
        """Call `listener` at every change, in the same breath; gives what ends it."""
        self._listeners[listener] = None
        return lambda: self._listeners.pop(listener, None)

    def _publish(self, type_: str, kind: Kind, obj: JsonObject, before: JsonObject | None) -> None:
        history = self._history[kind]
        if len(history) == history.maxlen:
            self._forgotten[kind] = history[0].revision
        change = Change(self.revision, type_, kind, obj, before)
        history.append(change)
        for listener in list(self._listeners):
            listener(change)
