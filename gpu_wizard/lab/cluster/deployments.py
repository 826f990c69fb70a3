"""Deployments and ReplicaSets: a number of equal pods that is kept up, and replaced when the template changes.

A new template's ReplicaSet gets all its pods at once; the old one shrinks as those are ready. So with one GPU a
change hangs, as it does on Kubernetes: the new pod waits for the card of the old one.
"""

from __future__ import annotations

import copy
import hashlib
import json

from gpu_wizard.lab.api import errors
from gpu_wizard.lab.api.bodies import Caller
from gpu_wizard.lab.api.registry import Registry
from gpu_wizard.lab.cluster.events import Recorder
from gpu_wizard.lab.ports import Clock, JsonObject

_HASH = "pod-template-hash"
_ALPHABET = "bcdfghjklmnpqrstvwxz2456789"
_MANAGER = "kube-controller-manager"
_FIRST_WAIT, _LONGEST_WAIT = 1.0, 60.0
"""Seconds before a pod that ended is replaced; doubled with each one."""


class Deployments:
    """Looks at every Deployment and ReplicaSet whenever it is called."""

    def __init__(self, registry: Registry, events: Recorder, clock: Clock) -> None:
        self._registry = registry
        self._events = events
        self._clock = clock
        self._created: dict[str, float] = {}
        """ReplicaSet → loop time of its newest pod."""

    def run(self) -> float | None:
        """Do what is to be done now; gives the loop time at which to look again, if any."""
        store, again = self._registry.store, list[float]()
        for deployment in store.all(self._registry.kind("Deployment")):
            if not deployment["metadata"].get("deletionTimestamp"):
                self._roll(deployment)
        for replicas in store.all(self._registry.kind("ReplicaSet")):
            if not replicas["metadata"].get("deletionTimestamp"):
                self._keep(replicas, again)
        return min(again, default=None)

    def _roll(self, deployment: JsonObject) -> None:
        spec, metadata = deployment["spec"], deployment["metadata"]
        name = f"{metadata['name']}-{_digest(spec['template'])}"
        sets = {each["metadata"]["name"]: each for each in self._owned(deployment, "ReplicaSet")}
        if name not in sets:
            sets[name] = self._create(_replica_set(deployment, name), deployment, "ReplicaSet")
            text = f"Scaled up replica set {name} from 0 to {spec['replicas']}"
            self._say("Deployment", deployment, "ScalingReplicaSet", text)
        ready = sets[name].get("status", {}).get("readyReplicas", 0)
        self._scale(sets[name], spec["replicas"])
        for each, found in sets.items():
            if each != name:
                self._scale(found, min(found["spec"]["replicas"], spec["replicas"] - ready))
        self._count(deployment, sets[name], list(sets.values()))

    def _scale(self, found: JsonObject, wanted: int) -> None:
        count = max(0, wanted)
        if found["spec"]["replicas"] == count:
            return

        def scale(replicas: JsonObject) -> None:
            replicas["spec"]["replicas"] = count

        metadata = found["metadata"]
        self._registry.change(
            "ReplicaSet", metadata["namespace"], metadata["name"], scale, _MANAGER
        )

    def _keep(self, replicas: JsonObject, again: list[float]) -> None:
        pods = self._owned(replicas, "Pod")
        living = [pod for pod in pods if not _is_ended(pod)]
        ended = len(pods) - len(living)
        missing = replicas["spec"]["replicas"] - len(living)
        if missing > 0:
            wait = min(_FIRST_WAIT * 2 ** (ended - 1), _LONGEST_WAIT) if ended else 0.0
            uid = replicas["metadata"]["uid"]
            due = self._created.get(uid, 0.0) + wait / self._clock.factor
            if ended and self._clock.now() < due:
                again.append(due)
            else:
                self._created[uid] = self._clock.now()
                self._fill(replicas, missing)
        for pod in living[::-1][: max(0, -missing)]:
            self._end(pod)
        ready = sum(_is_ready(pod) for pod in living)
        counts = {"readyReplicas": ready, "availableReplicas": ready}
        self._tell("ReplicaSet", replicas, {"replicas": len(living)} | counts)

    def _fill(self, replicas: JsonObject, missing: int) -> None:
        try:
            for _ in range(missing):
                made = self._create(_pod(replicas), replicas, "Pod")
                text = f"Created pod: {made['metadata']['name']}"
                self._say("ReplicaSet", replicas, "SuccessfulCreate", text)
        except errors.ApiError as error:
            self._say(
                "ReplicaSet", replicas, "FailedCreate", f"Error creating: {error}", warning=True
            )

    def _end(self, pod: JsonObject) -> None:
        metadata = pod["metadata"]
        caller = Caller(manager=_MANAGER)
        kind = self._registry.kind("Pod")
        self._registry.delete(kind, metadata["namespace"], metadata["name"], {}, caller)

    def _create(self, body: JsonObject, owner: JsonObject, kind: str) -> JsonObject:
        place = owner["metadata"]["namespace"]
        return self._registry.create(
            self._registry.kind(kind), place, body, Caller(manager=_MANAGER)
        )

    def _owned(self, owner: JsonObject, kind: str) -> list[JsonObject]:
        metadata = owner["metadata"]
        found = self._registry.store.all(self._registry.kind(kind), metadata["namespace"])
        uid = metadata["uid"]
        return [
            each
            for each in found
            if any(o["uid"] == uid for o in each["metadata"].get("ownerReferences", ()))
        ]

    def _count(self, deployment: JsonObject, new: JsonObject, sets: list[JsonObject]) -> None:
        def total(name: str) -> int:
            return sum(each.get("status", {}).get(name, 0) for each in sets)

        missing = deployment["spec"]["replicas"] - total("availableReplicas")
        counts = {
            "replicas": total("replicas"),
            "updatedReplicas": new.get("status", {}).get("replicas", 0),
            "readyReplicas": total("readyReplicas"),
            "availableReplicas": total("availableReplicas"),
            "unavailableReplicas": max(0, missing),
        }
        self._tell("Deployment", deployment, counts)

    def _tell(self, kind: str, obj: JsonObject, counts: dict[str, int]) -> None:
        """Write the counters of a status; those that are 0 are left out."""
        metadata = obj["metadata"]

        def tell(status: JsonObject) -> None:
            status.clear()
            status["observedGeneration"] = metadata["generation"]
            status |= {name: count for name, count in counts.items() if count}

        self._registry.write_status(kind, metadata["namespace"], metadata["name"], tell, _MANAGER)

    def _say(
        self, kind: str, obj: JsonObject, reason: str, text: str, *, warning: bool = False
    ) -> None:
        self._events.say(kind, obj, reason, text, f"{kind.lower()}-controller", warning=warning)


def _digest(template: JsonObject) -> str:
    digest = hashlib.sha256(json.dumps(template, sort_keys=True).encode()).digest()
    return "".join(_ALPHABET[byte % len(_ALPHABET)] for byte in digest[:10])


def _replica_set(deployment: JsonObject, name: str) -> JsonObject:
    spec = copy.deepcopy(deployment["spec"])
    mark = {_HASH: name.rpartition("-")[2]}
    template = spec["template"]
    template["metadata"] = template.get("metadata", {}) | {
        "labels": template.get("metadata", {}).get("labels", {}) | mark
    }
    selector = spec["selector"]
    selector["matchLabels"] = selector.get("matchLabels", {}) | mark
    return {
        "metadata": {
            "name": name,
            "labels": dict(template["metadata"]["labels"]),
            "ownerReferences": [_owner("Deployment", deployment)],
        },
        "spec": {"replicas": spec["replicas"], "selector": selector, "template": template},
    }


def _pod(replicas: JsonObject) -> JsonObject:
    template = copy.deepcopy(replicas["spec"]["template"])
    metadata = template["metadata"] | {
        "generateName": f"{replicas['metadata']['name']}-",
        "ownerReferences": [_owner("ReplicaSet", replicas)],
    }
    return {"metadata": metadata, "spec": template["spec"]}


def _owner(kind: str, obj: JsonObject) -> JsonObject:
    metadata = obj["metadata"]
    return {
        "apiVersion": "apps/v1",
        "kind": kind,
        "name": metadata["name"],
        "uid": metadata["uid"],
        "controller": True,
        "blockOwnerDeletion": True,
    }


def _is_ended(pod: JsonObject) -> bool:
    phase = pod.get("status", {}).get("phase")
    return phase in ("Failed", "Succeeded") or bool(pod["metadata"].get("deletionTimestamp"))


def _is_ready(pod: JsonObject) -> bool:
    conditions = pod.get("status", {}).get("conditions", ())
    return any(each["type"] == "Ready" and each["status"] == "True" for each in conditions)
