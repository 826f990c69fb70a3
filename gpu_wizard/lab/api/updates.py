"""What an update makes of an object: what it may touch, and what counts as a change."""

from __future__ import annotations

import copy
from typing import Any

from gpu_wizard.lab.api import times
from gpu_wizard.lab.api.kinds import Kind
from gpu_wizard.lab.ports import JsonObject


def merged(kind: Kind, old: JsonObject, wanted: JsonObject, subresource: str) -> JsonObject:
    """What an update makes of `old`: the spec of a write to `/status` is ignored, and the reverse."""
    if subresource:
        return old | {"status": wanted.get("status", {})} | {"metadata": dict(old["metadata"])}
    new = copy.deepcopy(wanted)
    if kind.status:
        new.pop("status", None)
        if "status" in old:
            new["status"] = old["status"]
    return new


def unify(kind: Kind, old: JsonObject, new: JsonObject) -> None:
    """Take over what no client may set, and count changes of the spec."""
    metadata = new["metadata"]
    for name in ("uid", "creationTimestamp", "resourceVersion", "namespace", "generation"):
        metadata.pop(name, None)
        if name in old["metadata"]:
            metadata[name] = old["metadata"][name]
    for name in ("deletionTimestamp", "deletionGracePeriodSeconds"):
        if name in old["metadata"]:
            metadata[name] = old["metadata"][name]
    if kind.generation and new.get("spec") != old.get("spec"):
        metadata["generation"] = old["metadata"].get("generation", 0) + 1
        if kind.name == "DaemonSet":
            count_template(new, metadata["generation"])


def count_template(obj: JsonObject, generation: int) -> None:
    annotations = obj["metadata"].setdefault("annotations", {})
    annotations["deprecated.daemonset.template.generation"] = str(generation)


def content(obj: JsonObject) -> JsonObject:
    metadata = {k: v for k, v in obj["metadata"].items() if k != "managedFields"}
    return obj | {"metadata": metadata}


def owners(obj: JsonObject) -> Any:
    return obj["metadata"].get("managedFields")


def establish(definition: JsonObject) -> None:
    """Set the status of a CustomResourceDefinition whose kinds are served."""
    moments = (("NamesAccepted", "NoConflicts"), ("Established", "InitialNamesAccepted"))
    now = times.now()
    definition["status"] = {
        "conditions": [
            {"type": name, "status": "True", "lastTransitionTime": now, "reason": reason}
            for name, reason in moments
        ],
        "acceptedNames": definition["spec"]["names"],
        "storedVersions": [version["name"] for version in definition["spec"]["versions"]],
    }
