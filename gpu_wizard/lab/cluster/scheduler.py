"""The scheduler: binds pods to nodes, and says why it can't.

Source: recorded f16, f17, l06, l13, l14 with kube-scheduler v1.36.2.
"""

from __future__ import annotations

from collections import Counter, defaultdict

from gpu_wizard.lab.api import times
from gpu_wizard.lab.api.registry import Registry
from gpu_wizard.lab.cluster import placement, podstatus
from gpu_wizard.lab.cluster.events import SCHEDULER, Recorder
from gpu_wizard.lab.ports import JsonObject

_ENDED = ("Succeeded", "Failed")


class Scheduler:
    """Looks at every pod without a node whenever it is called."""

    def __init__(self, registry: Registry, events: Recorder, *, names_taint: bool) -> None:
        self._registry = registry
        self._events = events
        self._names_taint = names_taint

    def run(self) -> None:
        """Bind what can be bound now."""
        store, pods = self._registry.store, self._registry.kind("Pod")
        everyone = store.all(pods)
        waiting = [pod for pod in everyone if _wants_node(pod)]
        if not waiting:
            return
        by_node: dict[str, list[JsonObject]] = defaultdict(list)
        for pod in everyone:
            if pod["spec"].get("nodeName") and pod["status"].get("phase") not in _ENDED:
                by_node[pod["spec"]["nodeName"]].append(pod)
        for pod in sorted(waiting, key=lambda each: each["metadata"]["creationTimestamp"]):
            self._place(pod, by_node)

    def _place(self, pod: JsonObject, by_node: dict[str, list[JsonObject]]) -> None:
        nodes = self._registry.store.all(self._registry.kind("Node"))
        obstacles: Counter[str] = Counter()
        fitting = []
        for node in nodes:
            neighbours = by_node[node["metadata"]["name"]]
            why = placement.obstacle(pod, node, neighbours, names_taint=self._names_taint)
            if why:
                obstacles[why] += 1
            else:
                fitting.append((len(neighbours), node["metadata"]["name"]))
        if fitting:
            chosen = min(fitting)[1]
            by_node[chosen].append(pod)
            self._bind(pod, chosen)
        else:
            self._refuse(pod, _explanation(pod, nodes, obstacles))

    def _bind(self, pod: JsonObject, node: str) -> None:
        metadata = pod["metadata"]
        bound = pod | {"spec": pod["spec"] | {"nodeName": node}}
        scheduled = podstatus.condition("PodScheduled", "True", times.now())
        bound["status"] = pod["status"] | {"conditions": [scheduled]}
        bound["metadata"] = dict(metadata)
        self._registry.store.put(self._registry.kind("Pod"), bound)
        text = f"Successfully assigned {metadata['namespace']}/{metadata['name']} to {node}"
        self._events.say("Pod", bound, "Scheduled", text, SCHEDULER)

    def _refuse(self, pod: JsonObject, message: str) -> None:
        known = pod["status"].get("conditions", [])
        if known and known[0].get("message") == message:
            return
        refused = podstatus.condition("PodScheduled", "False", times.now(), "Unschedulable")
        refused["message"] = message
        refused["observedGeneration"] = pod["metadata"].get("generation", 1)

        def tell(status: JsonObject) -> None:
            status["conditions"] = [refused]

        metadata = pod["metadata"]
        self._registry.write_status(
            "Pod", metadata["namespace"], metadata["name"], tell, "kube-scheduler"
        )
        self._events.say("Pod", pod, "FailedScheduling", message, SCHEDULER, warning=True)


def _wants_node(pod: JsonObject) -> bool:
    if pod["spec"].get("nodeName") or pod["metadata"].get("deletionTimestamp"):
        return False
    return pod["status"].get("phase") == "Pending" and not pod["spec"].get("schedulingGates")


def _explanation(pod: JsonObject, nodes: list[JsonObject], obstacles: Counter[str]) -> str:
    if not nodes:
        return "no nodes available to schedule pods"
    total = len(nodes)
    shown = ", ".join(sorted(f"{count} {why}" for why, count in obstacles.items()))
    helpless = sum(1 for node in nodes if not placement.could_ever_fit(pod, node))
    short = sum(count for why, count in obstacles.items() if why.startswith("Insufficient"))
    hopeful = max(0, short - helpless)
    parts = [f"{hopeful} No preemption victims found for incoming pod"] if hopeful else []
    if total - hopeful:
        parts.append(f"{total - hopeful} Preemption is not helpful for scheduling")
    return (
        f"0/{total} nodes are available: {shown}. no new claims to deallocate, preemption: "
        f"0/{total} nodes are available: {', '.join(sorted(parts))}."
    )
