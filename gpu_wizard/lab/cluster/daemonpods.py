"""What a DaemonSet makes: its pods, pinned to nodes, and the revisions of its template.

Source: recorded e07, e15, e18 with kube-controller-manager v1.36.2.
"""

from __future__ import annotations

import copy

from gpu_wizard.lab.ports import JsonObject

HASH = "controller-revision-hash"
_EVERY = ("not-ready", "NoExecute"), ("unreachable", "NoExecute")
_PRESSURE = ("disk-pressure", "memory-pressure", "pid-pressure", "unschedulable")


def controller_revision(daemons: JsonObject, name: str, revision: str, number: int) -> JsonObject:
    labels = daemons["spec"]["template"]["metadata"].get("labels", {})
    template = {"$patch": "replace"} | copy.deepcopy(daemons["spec"]["template"])
    annotations = daemons["metadata"].get("annotations", {})
    return {
        "metadata": {
            "name": name,
            "labels": {HASH: revision} | labels,
            "annotations": dict(annotations),
            "ownerReferences": [owner(daemons)],
        },
        "data": {"spec": {"template": template}},
        "revision": number,
    }


def owner(daemons: JsonObject) -> JsonObject:
    metadata = daemons["metadata"]
    return {
        "apiVersion": "apps/v1",
        "kind": "DaemonSet",
        "name": metadata["name"],
        "uid": metadata["uid"],
        "controller": True,
        "blockOwnerDeletion": True,
    }


def pod(daemons: JsonObject, node: str, revision: str) -> JsonObject:
    template, metadata = daemons["spec"]["template"], daemons["metadata"]
    labels = dict(template["metadata"].get("labels", {}))
    labels |= {HASH: revision, "pod-template-generation": str(metadata["generation"])}
    found: JsonObject = {
        "generateName": f"{metadata['name']}-",
        "labels": labels,
        "ownerReferences": [owner(daemons)],
    }
    if template["metadata"].get("annotations"):
        found["annotations"] = template["metadata"]["annotations"]
    return {"metadata": found, "spec": pod_spec(daemons, node)}


def pod_spec(daemons: JsonObject, node: str) -> JsonObject:
    """The template's spec, pinned to a node and with the tolerations of every daemon."""
    spec: JsonObject = copy.deepcopy(daemons["spec"]["template"]["spec"])
    added = [*_EVERY, *((name, "NoSchedule") for name in _PRESSURE)]
    tolerations = spec.setdefault("tolerations", [])
    for name, effect in added:
        key = f"node.kubernetes.io/{name}"
        tolerations.append({"key": key, "operator": "Exists", "effect": effect})
    if node:
        only = {"key": "metadata.name", "operator": "In", "values": [node]}
        terms = {"nodeSelectorTerms": [{"matchFields": [only]}]}
        required = {"requiredDuringSchedulingIgnoredDuringExecution": terms}
        spec["affinity"] = {"nodeAffinity": required}
    return spec
