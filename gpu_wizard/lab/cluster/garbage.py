"""What goes when something else is gone: dependents, pods without a node, whole namespaces."""

from __future__ import annotations

from gpu_wizard.lab.api import deletion
from gpu_wizard.lab.api.bodies import Caller
from gpu_wizard.lab.api.kinds import Kind
from gpu_wizard.lab.api.registry import Registry
from gpu_wizard.lab.ports import JsonObject

_CALLER = Caller(manager="kube-controller-manager")


class Garbage:
    """Looks through everything whenever it is called."""

    def __init__(self, registry: Registry) -> None:
        self._registry = registry

    def run(self) -> None:
        """Delete what has nothing left to belong to."""
        everything = list(self._registry.store.every())
        alive = {obj["metadata"]["uid"]: obj for _, obj in everything}
        for kind, obj in everything:
            self._look(kind, obj, alive)
        self._end_owners(everything)
        self._end_namespaces()

    def _look(self, kind: Kind, obj: JsonObject, alive: dict[str, JsonObject]) -> None:
        metadata = obj["metadata"]
        owners = metadata.get("ownerReferences") or []
        if owners and not metadata.get("deletionTimestamp"):
            living = [alive[owner["uid"]] for owner in owners if owner["uid"] in alive]
            waiting = [each for each in living if _held(each, deletion.FOREGROUND)]
            if not living or len(waiting) == len(living):
                self._delete(kind, obj)
                return
        node = obj["spec"].get("nodeName") if kind.name == "Pod" else None
        if node and self._registry.find("Node", "", node) is None:
            self._delete(kind, obj, grace=0)

    def _end_owners(self, everything: list[tuple[Kind, JsonObject]]) -> None:
        """Let go of owners that waited for their dependents, or wanted to be rid of them."""
        for kind, obj in everything:
            if _held(obj, deletion.ORPHAN):
                self._orphan(obj, everything)
                self._release(kind, obj, deletion.ORPHAN)
            elif _held(obj, deletion.FOREGROUND) and not self._dependents(obj):
                self._release(kind, obj, deletion.FOREGROUND)

    def _dependents(self, owner: JsonObject) -> list[tuple[Kind, JsonObject]]:
        uid = owner["metadata"]["uid"]
        return [(kind, obj) for kind, obj in self._registry.store.every() if _owned(obj, uid)]

    def _orphan(self, owner: JsonObject, everything: list[tuple[Kind, JsonObject]]) -> None:
        uid = owner["metadata"]["uid"]
        for kind, obj in everything:
            if not _owned(obj, uid):
                continue

            def cut(found: JsonObject) -> None:
                kept = [o for o in found["metadata"]["ownerReferences"] if o["uid"] != uid]
                found["metadata"]["ownerReferences"] = kept

            self._change(kind, obj, cut)

    def _release(self, kind: Kind, obj: JsonObject, finalizer: str) -> None:
        def let_go(found: JsonObject) -> None:
            kept = [each for each in found["metadata"]["finalizers"] if each != finalizer]
            found["metadata"]["finalizers"] = kept

        self._change(kind, obj, let_go)

    def _change(self, kind: Kind, obj: JsonObject, change: deletion.Change) -> None:
        metadata = obj["metadata"]
        place, name = metadata.get("namespace", ""), metadata["name"]
        self._registry.change(kind.name, place, name, change, _CALLER.manager)

    def _end_namespaces(self) -> None:
        namespaces = self._registry.kind("Namespace")
        for namespace in self._registry.store.all(namespaces):
            if not namespace["metadata"].get("deletionTimestamp"):
                continue
            name = namespace["metadata"]["name"]
            inside = [
                (kind, obj)
                for kind, obj in self._registry.store.every()
                if obj["metadata"].get("namespace") == name
            ]
            for kind, obj in inside:
                if not obj["metadata"].get("deletionTimestamp"):
                    self._delete(kind, obj)
            if not inside:
                self._registry.store.remove(namespaces, "", name)

    def _delete(self, kind: Kind, obj: JsonObject, *, grace: int | None = None) -> None:
        metadata = obj["metadata"]
        place, name = metadata.get("namespace", ""), metadata["name"]
        if self._registry.store.get(kind, place, name) is not None:
            options = {"gracePeriodSeconds": grace} if grace is not None else {}
            self._registry.delete(kind, place, name, options, _CALLER)


def _held(obj: JsonObject, finalizer: str) -> bool:
    metadata = obj["metadata"]
    return bool(metadata.get("deletionTimestamp")) and finalizer in metadata.get("finalizers", ())


def _owned(obj: JsonObject, uid: str) -> bool:
    return any(owner["uid"] == uid for owner in obj["metadata"].get("ownerReferences") or ())
