"""The status of a pod, as a kubelet reports it.

Source: recorded f04, f07, h12-h20, l08 with a kubelet v1.36.2.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any

from gpu_wizard.lab.api import quantity, times
from gpu_wizard.lab.ports import JsonObject


def condition(type_: str, status: str, at: str, reason: str = "", message: str = "") -> JsonObject:
    found: JsonObject = {"type": type_, "status": status}
    found |= {"lastProbeTime": None, "lastTransitionTime": at}
    if reason:
        found["reason"] = reason
    if message:
        found["message"] = message
    return found


@dataclass
class ContainerState:
    """One container of a pod, as the kubelet knows it."""

    name: str
    image: str
    state: JsonObject = field(default_factory=lambda: {"waiting": {"reason": "ContainerCreating"}})
    last: JsonObject = field(default_factory=dict)
    restarts: int = 0
    image_id: str = ""
    container_id: str = ""
    devices: dict[str, tuple[str, ...]] = field(default_factory=dict)

    @property
    def ready(self) -> bool:
        return "running" in self.state

    def status(self, spec: JsonObject) -> JsonObject:
        shown: JsonObject = {
            "name": self.name,
            "state": self.state,
            "lastState": self.last,
            "ready": self.ready,
            "restartCount": self.restarts,
            "image": self.image,
            "imageID": self.image_id,
        }
        if self.container_id:
            shown["containerID"] = self.container_id
        shown["started"] = self.ready
        resources = spec.get("resources", {})
        if self.container_id:
            if resources.get("requests"):
                shown["allocatedResources"] = resources["requests"]
            shown["resources"] = resources
        shown["volumeMounts"] = [_mount(each) for each in spec.get("volumeMounts", ())]
        if self.container_id:
            user = {"uid": 0, "gid": 0, "supplementalGroups": [0]}
            shown["user"] = {"linux": user}
        if self.devices:
            shown["allocatedResourcesStatus"] = [
                _healthy(name, found) for name, found in self.devices.items()
            ]
        return shown


def _total(spec: JsonObject) -> JsonObject:
    """What the containers of a pod were given together."""
    total: JsonObject = {}
    for side in ("limits", "requests"):
        amounts: dict[str, Fraction] = {}
        for container in spec["containers"]:
            for name, text in container.get("resources", {}).get(side, {}).items():
                amounts[name] = amounts.get(name, Fraction(0)) + quantity.amount(text)
        if amounts:
            total[side] = {
                name: quantity.canonical(str(float(each))) for name, each in amounts.items()
            }
    return total


def _mount(mount: JsonObject) -> JsonObject:
    shown = {"name": mount["name"], "mountPath": mount["mountPath"]}
    if mount.get("readOnly"):
        shown |= {"readOnly": True, "recursiveReadOnly": "Disabled"}
    return shown


def _healthy(resource: str, found: tuple[str, ...]) -> JsonObject:
    listed = [{"resourceID": each, "health": "Healthy"} for each in found]
    return {"name": resource, "resources": listed}


@dataclass
class PodState:
    """A pod on its node, as the kubelet knows it."""

    pod: JsonObject
    host_ip: str
    containers: list[ContainerState]
    started_at: str
    pod_ip: str = ""
    sandbox: bool = False
    phase: str = "Pending"
    reason: str = ""
    message: str = ""

    def write(self, status: JsonObject) -> None:
        """Turn a pod's status into what is so now, keeping the times of what has not changed."""
        before = {each["type"]: each for each in status.get("conditions", ())}
        conditions = [self._since(before, each) for each in self._conditions()]
        scheduled = before.get("PodScheduled")
        generation = self.pod["metadata"].get("generation", 1)
        for each in [*conditions, *([scheduled] if scheduled else [])]:
            each["observedGeneration"] = generation
        status |= {"observedGeneration": generation, "phase": self.phase}
        status["conditions"] = [*conditions, *([scheduled] if scheduled else [])]
        status |= {"hostIP": self.host_ip, "hostIPs": [{"ip": self.host_ip}]}
        if self.pod_ip:
            status |= {"podIP": self.pod_ip, "podIPs": [{"ip": self.pod_ip}]}
        status["startTime"] = self.started_at
        specs = {each["name"]: each for each in self.pod["spec"]["containers"]}
        status["containerStatuses"] = [each.status(specs[each.name]) for each in self.containers]
        for name in ("reason", "message"):
            status.pop(name, None)
            if getattr(self, name):
                status[name] = getattr(self, name)
        totals = {
            name: str(len(found))
            for each in self.containers
            for name, found in each.devices.items()
        }
        if totals:
            status["allocatedResources"] = totals
        running = any(each.ready for each in self.containers)
        status["resources"] = _total(self.pod["spec"]) if running else {}

    def reject(self, status: JsonObject, reason: str, message: str) -> None:
        """Turn a pod's status into that of one that the kubelet refused (recorded l08)."""
        for name in ("conditions", "containerStatuses"):
            status.pop(name, None)
        status |= {
            "observedGeneration": self.pod["metadata"].get("generation", 1),
            "phase": "Failed",
            "message": f"Pod was rejected: {message}",
            "reason": reason,
            "startTime": self.started_at,
        }

    def _since(self, before: dict[str, Any], new: JsonObject) -> JsonObject:
        old = before.get(new["type"])
        if old is not None and old["status"] == new["status"]:
            new["lastTransitionTime"] = old["lastTransitionTime"]
        return new

    def _conditions(self) -> list[JsonObject]:
        now = times.now()
        reason, message = self._unready()
        ended = self.phase in ("Succeeded", "Failed")
        sandbox = "True" if self.sandbox and not ended else "False"
        ready = "False" if reason else "True"
        done = reason if reason == "PodCompleted" else ""
        return [
            condition("PodReadyToStartContainers", sandbox, now),
            condition("Initialized", "True", now, done),
            condition("Ready", ready, now, reason, message),
            condition("ContainersReady", ready, now, reason, message),
        ]

    def _unready(self) -> tuple[str, str]:
        """Reason and message of a pod that is not ready; empty if it is."""
        states = [each.state.get("terminated") for each in self.containers]
        never = self.pod["spec"].get("restartPolicy") == "Never"
        if all(states) and never:
            failed = any(state and state["exitCode"] for state in states)
            return ("PodFailed" if failed else "PodCompleted"), ""
        unready = [each.name for each in self.containers if not each.ready]
        if not unready:
            return "", ""
        return "ContainersNotReady", f"containers with unready status: [{' '.join(unready)}]"
