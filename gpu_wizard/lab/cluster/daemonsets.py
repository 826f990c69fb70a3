"""The DaemonSet controller: one pod on each node that is meant, and the counters of the status.

Source: recorded e03-e18, e31-e36, j09, l10 with kube-controller-manager v1.36.2.
"""

from __future__ import annotations

import hashlib
import json
from collections import defaultdict
from dataclasses import dataclass, field

from gpu_wizard.lab.api import errors, selectors
from gpu_wizard.lab.api.bodies import Caller
from gpu_wizard.lab.api.registry import Registry
from gpu_wizard.lab.cluster import daemonpods, placement
from gpu_wizard.lab.cluster.events import Recorder
from gpu_wizard.lab.ports import Clock, JsonObject

_ALPHABET = "bcdfghjklmnpqrstvwxz2456789"
_MANAGER = "kube-controller-manager"


@dataclass
class _Round:
    """What one look at a DaemonSet finds."""

    meant: list[str] = field(default_factory=list)
    """Nodes on which its pod should run."""
    pods: dict[str, list[JsonObject]] = field(default_factory=lambda: defaultdict(list))
    """Its living pods, by node."""


class DaemonSets:
    """Looks at every DaemonSet whenever it is called."""

    def __init__(self, registry: Registry, events: Recorder, clock: Clock) -> None:
        self._registry = registry
        self._events = events
        self._clock = clock
        self._patience: dict[str, tuple[float, float]] = {}

    def run(self) -> float | None:
        """Do what is to be done now; gives the loop time at which to look again, if any."""
        again: list[float] = []
        for daemons in self._registry.store.all(self._registry.kind("DaemonSet")):
            if not daemons["metadata"].get("deletionTimestamp"):
                revision = self._revision(daemons)
                found = self._look(daemons)
                self._adjust(daemons, found, revision, again)
                # Counted is what was found, not what was done about it (recorded e12, e32).
                self._count(daemons, found, revision)
        return min(again, default=None)

    def _look(self, daemons: JsonObject) -> _Round:
        found = _Round()
        spec = daemonpods.pod_spec(daemons, "")
        for node in self._registry.store.all(self._registry.kind("Node")):
            name = node["metadata"]["name"]
            template = spec | {"affinity": daemons["spec"]["template"]["spec"].get("affinity")}
            if placement.selected(template, node) and not placement.repelling(
                spec, node, ("NoSchedule", "NoExecute")
            ):
                found.meant.append(name)
        for pod in self._own(daemons):
            found.pods[_node_of(pod)].append(pod)
        return found

    def _own(self, daemons: JsonObject) -> list[JsonObject]:
        metadata = daemons["metadata"]
        pods = self._registry.store.all(self._registry.kind("Pod"), metadata["namespace"])
        return [
            pod
            for pod in pods
            if any(
                owner["uid"] == metadata["uid"]
                for owner in pod["metadata"].get("ownerReferences", ())
            )
            and selectors.matches(daemons["spec"]["selector"], pod["metadata"].get("labels", {}))
        ]

    def _adjust(
        self, daemons: JsonObject, found: _Round, revision: str, again: list[float]
    ) -> None:
        busy = 0
        for node in found.meant:
            pods = found.pods.get(node, [])
            ended = [pod for pod in pods if pod["status"].get("phase") in ("Failed", "Succeeded")]
            for pod in ended:
                self._delete(daemons, pod)
            if not pods:
                self._create(daemons, node, revision, again)
            busy += 0 if pods and all(_is_ready(pod) for pod in pods) else 1
        for node, pods in found.pods.items():
            if node not in found.meant and not self._tolerated(daemons, node):
                for pod in pods:
                    self._delete(daemons, pod)
        if daemons["spec"]["updateStrategy"].get("type") == "RollingUpdate":
            self._roll(daemons, found, revision, busy)

    def _tolerated(self, daemons: JsonObject, name: str) -> bool:
        """Whether a pod may stay where no new one would be put: no selector says otherwise."""
        node = self._registry.find("Node", "", name)
        if node is None:
            return False
        spec = daemonpods.pod_spec(daemons, "")
        meant = spec | {"affinity": daemons["spec"]["template"]["spec"].get("affinity")}
        return placement.selected(meant, node) and not placement.repelling(
            spec, node, ("NoExecute",)
        )

    def _roll(self, daemons: JsonObject, found: _Round, revision: str, busy: int) -> None:
        """Delete pods of an older template, as many at once as may be unavailable."""
        rolling = daemons["spec"]["updateStrategy"].get("rollingUpdate", {})
        allowed = _share(rolling.get("maxUnavailable", 1), len(found.meant))
        old = [
            pod
            for node in found.meant
            for pod in found.pods.get(node, ())
            if pod["metadata"]["labels"].get(daemonpods.HASH) != revision
            and not pod["metadata"].get("deletionTimestamp")
        ]
        # Those that don't work anyway cost nothing.
        for pod in [each for each in old if not _is_ready(each)]:
            self._delete(daemons, pod)
        for pod in [each for each in old if _is_ready(each)][: max(0, allowed - busy)]:
            self._delete(daemons, pod)

    def _create(self, daemons: JsonObject, node: str, revision: str, again: list[float]) -> None:
        uid = daemons["metadata"]["uid"]
        due, wait = self._patience.get(uid, (0.0, 0.02))
        if self._clock.now() < due:
            again.append(due)
            return
        body = daemonpods.pod(daemons, node, revision)
        try:
            made = self._registry.create(
                self._registry.kind("Pod"),
                daemons["metadata"]["namespace"],
                body,
                Caller(manager=_MANAGER),
            )
        except errors.ApiError as error:
            text = f"Error creating: {error}"
            self._say(daemons, "FailedCreate", text, warning=True)
            wait = min(wait * 2, 60.0)
            due = self._clock.now() + wait / self._clock.factor
            self._patience[uid] = (due, wait)
            again.append(due)
            return
        self._patience.pop(uid, None)
        self._say(daemons, "SuccessfulCreate", f"Created pod: {made['metadata']['name']}")

    def _delete(self, daemons: JsonObject, pod: JsonObject) -> None:
        metadata = pod["metadata"]
        if metadata.get("deletionTimestamp"):
            return
        kind = self._registry.kind("Pod")
        caller = Caller(manager=_MANAGER)
        self._registry.delete(kind, metadata["namespace"], metadata["name"], {}, caller)
        self._say(daemons, "SuccessfulDelete", f"Deleted pod: {metadata['name']}")

    def _say(self, daemons: JsonObject, reason: str, text: str, *, warning: bool = False) -> None:
        component = "daemonset-controller"
        self._events.say("DaemonSet", daemons, reason, text, component, warning=warning)

    def _count(self, daemons: JsonObject, found: _Round, revision: str) -> None:
        on_meant = [pods for node, pods in found.pods.items() if node in found.meant]
        pods = [pod for each in on_meant for pod in each]
        ready = [pod for pod in pods if _says_ready(pod)]
        updated = [
            pod for pod in pods if pod["metadata"]["labels"].get(daemonpods.HASH) == revision
        ]
        counts = {
            "currentNumberScheduled": len(on_meant),
            "numberMisscheduled": len(found.pods) - len(on_meant),
            "desiredNumberScheduled": len(found.meant),
            "numberReady": len(ready),
            "observedGeneration": daemons["metadata"]["generation"],
        }
        # These are left out where they are 0 (README of the recordings, 1).
        optional = {
            "updatedNumberScheduled": len(updated),
            "numberAvailable": len(ready),
            "numberUnavailable": len(found.meant) - len(ready),
        }

        def tell(status: JsonObject) -> None:
            status.clear()
            status |= counts | {name: count for name, count in optional.items() if count}

        metadata = daemons["metadata"]
        self._registry.write_status(
            "DaemonSet", metadata["namespace"], metadata["name"], tell, _MANAGER
        )

    def _revision(self, daemons: JsonObject) -> str:
        """The hash of the template now, whose ControllerRevision is kept."""
        template = daemons["spec"]["template"]
        digest = hashlib.sha256(json.dumps(template, sort_keys=True).encode()).digest()
        revision = "".join(_ALPHABET[byte % len(_ALPHABET)] for byte in digest[:10])
        metadata = daemons["metadata"]
        kind = self._registry.kind("ControllerRevision")
        name = f"{metadata['name']}-{revision}"
        siblings = self._revisions(daemons)
        newest = max((each["revision"] for each in siblings), default=0)
        found = self._registry.store.get(kind, metadata["namespace"], name)
        if found is None:
            body = daemonpods.controller_revision(daemons, name, revision, newest + 1)
            caller = Caller(manager=_MANAGER)
            self._registry.create(kind, metadata["namespace"], body, caller)
        elif found["revision"] != newest:
            again = found | {"revision": newest + 1, "metadata": dict(found["metadata"])}
            self._registry.store.put(kind, again)
        return revision

    def _revisions(self, daemons: JsonObject) -> list[JsonObject]:
        kind = self._registry.kind("ControllerRevision")
        found = self._registry.store.all(kind, daemons["metadata"]["namespace"])
        uid = daemons["metadata"]["uid"]
        return [
            each
            for each in found
            if any(o["uid"] == uid for o in each["metadata"].get("ownerReferences", ()))
        ]


def _node_of(pod: JsonObject) -> str:
    bound: str = pod["spec"].get("nodeName", "")
    if bound:
        return bound
    required = pod["spec"]["affinity"]["nodeAffinity"]
    terms = required["requiredDuringSchedulingIgnoredDuringExecution"]["nodeSelectorTerms"]
    pinned: str = terms[0]["matchFields"][0]["values"][0]
    return pinned


def _is_ready(pod: JsonObject) -> bool:
    return not pod["metadata"].get("deletionTimestamp") and _says_ready(pod)


def _says_ready(pod: JsonObject) -> bool:
    """Whether it is counted as ready, which one that is being ended still is (recorded e32)."""
    conditions = pod["status"].get("conditions", ())
    return any(each["type"] == "Ready" and each["status"] == "True" for each in conditions)


def _share(value: object, total: int) -> int:
    """A number of pods, or a share of them in percent, rounded up."""
    text = str(value)
    return -(-int(text[:-1]) * total // 100) if text.endswith("%") else int(text)
