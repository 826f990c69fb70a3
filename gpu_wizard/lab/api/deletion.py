"""How objects go: grace, finalizers, propagation, preconditions.

Source: recorded c38, d13, e37, e38, f12, f20, f38, f39, f45 with kube-apiserver v1.36.2.
"""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

from gpu_wizard.lab.api import errors, times
from gpu_wizard.lab.api.kinds import Kind
from gpu_wizard.lab.api.store import Store
from gpu_wizard.lab.ports import JsonObject

Change = Callable[[JsonObject], None]
FOREGROUND = "foregroundDeletion"
ORPHAN = "orphan"


def delete(
    store: Store, kind: Kind, obj: JsonObject, options: JsonObject, *, dry_run: bool
) -> JsonObject:
    """Delete an object, or begin to; gives what DELETE answers.

    Raises:
        ApiError: 409, a precondition does not hold.
    """
    _check(kind, obj, options.get("preconditions") or {})
    going = copy.deepcopy(obj)
    finalizers = _finalizers(going, options)
    grace = _grace(kind, going, options)
    if dry_run:
        return _answer(kind, going, gone=True)
    if not finalizers and not grace and kind.name != "Namespace":
        if kind.name == "Pod":
            _mark(kind, going, 0)
        _forget(store, kind, going)
        return _answer(kind, going, gone=True)
    if "deletionTimestamp" not in going["metadata"] or grace < _pending_grace(going):
        _mark(kind, going, grace)
        store.put(kind, going)
    return _answer(kind, going, gone=False)


def finish(store: Store, kind: Kind, obj: JsonObject) -> None:
    """Remove an object that is being deleted once nothing holds it any more."""
    metadata = obj["metadata"]
    waits = metadata.get("finalizers") or (obj.get("spec") or {}).get("finalizers")
    if "deletionTimestamp" in metadata and not waits and kind.name != "Pod":
        _forget(store, kind, obj)


def _forget(store: Store, kind: Kind, obj: JsonObject) -> None:
    metadata = obj["metadata"]
    if "deletionTimestamp" in metadata:
        store.put(kind, obj)
    store.remove(kind, metadata.get("namespace", ""), metadata["name"])


def _check(kind: Kind, obj: JsonObject, wanted: JsonObject) -> None:
    metadata = obj["metadata"]
    for key, word in (("uid", "UID"), ("resourceVersion", "ResourceVersion")):
        if key in wanted and wanted[key] != metadata[key]:
            name = metadata["name"]
            raise errors.wrong_precondition(kind, name, word, wanted[key], metadata[key])


def _finalizers(obj: JsonObject, options: JsonObject) -> list[str]:
    held: list[str] = obj["metadata"].get("finalizers") or []
    policy = options.get("propagationPolicy", "")
    for name, finalizer in (("Foreground", FOREGROUND), ("Orphan", ORPHAN)):
        if policy == name and finalizer not in held:
            held = [*held, finalizer]
    if options.get("orphanDependents") and ORPHAN not in held:
        held = [*held, ORPHAN]
    if held:
        obj["metadata"]["finalizers"] = held
    return held


def _grace(kind: Kind, obj: JsonObject, options: JsonObject) -> int:
    """Seconds until a pod may be removed; nothing else has a grace."""
    if kind.name != "Pod" or not obj["spec"].get("nodeName"):
        return 0
    if obj["status"].get("phase") in ("Succeeded", "Failed"):
        return 0
    asked: Any = options.get("gracePeriodSeconds")
    return int(obj["spec"].get("terminationGracePeriodSeconds", 30) if asked is None else asked)


def _pending_grace(obj: JsonObject) -> int:
    return int(obj["metadata"].get("deletionGracePeriodSeconds") or 0)


def _mark(kind: Kind, obj: JsonObject, grace: int) -> None:
    metadata = obj["metadata"]
    metadata["deletionTimestamp"] = times.now(grace)
    if kind.name == "Namespace":
        obj["status"] = obj.get("status", {}) | {"phase": "Terminating"}
        return
    metadata["deletionGracePeriodSeconds"] = grace
    if "generation" in metadata:
        metadata["generation"] += 1


def _answer(kind: Kind, obj: JsonObject, *, gone: bool) -> JsonObject:
    if kind.answers_object or not gone:
        return obj
    details = errors.about(kind, obj["metadata"]["name"]) | {"uid": obj["metadata"]["uid"]}
    status: JsonObject = {"kind": "Status", "apiVersion": "v1", "metadata": {}}
    return status | {"status": "Success", "details": details}
