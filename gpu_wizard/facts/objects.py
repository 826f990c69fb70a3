"""Kubernetes objects as facts: what the stages read of the API's JSON, and no more."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import zip_longest
from typing import Any

from gpu_wizard.model.fact import ABSENT, Fact, Known, Unknown
from gpu_wizard.model.question import (
    ApiGet,
    JsonObject,
    LogsFound,
    Objects,
    ObjectsFound,
    PodLog,
    PodLogs,
    Probe,
)
from gpu_wizard.model.spec import Spec
from gpu_wizard.model.version import Version

PLUGIN_IMAGE_PART = "k8s-device-plugin"
_OTHER_PROGRAMS = ("gpu-feature-discovery", "mps-control-daemon", "config-manager")
"""What else the plugin's image holds. Source: NVIDIA's Helm chart, whose DaemonSets name them as `command`."""
NVIDIA = "nvidia.com/"


@dataclass(frozen=True, slots=True)
class NodeObject:
    """A Node. `ready` is the Ready condition's status: `True`, `False` or `Unknown`.

    `allocatable` and `capacity`: resource name → quantity as written. `handlers`: runtime handlers, empty where
    the kubelet doesn't tell.
    """

    name: str
    uid: str
    ready: str
    boot_id: str
    labels: Mapping[str, str]
    capacity: Mapping[str, str]
    allocatable: Mapping[str, str]
    kubelet_version: str
    runtime_version: str
    handlers: tuple[str, ...]
    addresses: tuple[str, ...] = ()

    def gpus(self) -> dict[str, int]:
        """Allocatable `nvidia.com/*` resources above zero."""
        counts = {
            key: _integer(value)
            for key, value in self.allocatable.items()
            if key.startswith(NVIDIA)
        }
        return {key: count for key, count in counts.items() if count > 0}


@dataclass(frozen=True, slots=True)
class PodObject:
    """A Pod. `gpus`: the sum of its containers' `nvidia.com/*` limits by resource name.

    `reason`: of a waiting or ended container, or of the pod (`ContainerCreating`, `UnexpectedAdmissionError`).
    `message` goes with it. `started`: the newest container's start as the API writes it, "" before.
    """

    namespace: str
    name: str
    uid: str
    node: str
    phase: str
    ready: bool
    gpus: Mapping[str, int]
    images: tuple[str, ...]
    labels: Mapping[str, str]
    runtime_class: str
    owner: str
    reason: str = ""
    message: str = ""
    started: str = ""
    created: str = ""
    programs: tuple[str, ...] = ()
    """Of each container what its `command` begins with, "" for the image's own."""

    @property
    def active(self) -> bool:
        """Whether it still holds what it was given."""
        return self.phase not in ("Succeeded", "Failed")

    @property
    def is_plugin(self) -> bool:
        """Whether it is a device plugin of NVIDIA's, and not another program of the same image."""
        pairs = zip_longest(self.images, self.programs[: len(self.images)], fillvalue="")
        return any(is_plugin(image, program) for image, program in pairs)


@dataclass(frozen=True)
class ApiVersion:
    """What `/version` says, such as `v1.34.3+k3s1`."""

    version: Version


def program_of(container: Mapping[str, Any]) -> str:
    """The name of the program that a container's `command` begins with; "" for the image's own."""
    command = container.get("command")
    return str(command[0]).rpartition("/")[2] if isinstance(command, list) and command else ""


def is_plugin(image: str, program: str) -> bool:
    """Whether a container runs the device plugin, and not another program of its image."""
    return PLUGIN_IMAGE_PART in image and program not in _OTHER_PROGRAMS


def parse_node(item: JsonObject) -> NodeObject:
    """A Node as its JSON reads."""
    status, meta = _mapping(item.get("status")), _mapping(item.get("metadata"))
    info = _mapping(status.get("nodeInfo"))
    ready = [
        c.get("status", "") for c in _items(status.get("conditions")) if c.get("type") == "Ready"
    ]
    return NodeObject(
        name=str(meta.get("name", "")),
        uid=str(meta.get("uid", "")),
        ready=ready[0] if ready else "Unknown",
        boot_id=str(info.get("bootID", "")),
        labels=_mapping(meta.get("labels")),
        capacity=_mapping(status.get("capacity")),
        allocatable=_mapping(status.get("allocatable")),
        kubelet_version=str(info.get("kubeletVersion", "")),
        runtime_version=str(info.get("containerRuntimeVersion", "")),
        handlers=tuple(str(h.get("name") or "") for h in _items(status.get("runtimeHandlers"))),
        addresses=tuple(str(a.get("address", "")) for a in _items(status.get("addresses"))),
    )


def parse_pod(item: JsonObject) -> PodObject:
    """A Pod as its JSON reads."""
    meta, spec, status = (_mapping(item.get(key)) for key in ("metadata", "spec", "status"))
    conditions = _items(status.get("conditions"))
    reason, message = _reason(status)
    owners = _items(meta.get("ownerReferences"))
    return PodObject(
        namespace=str(meta.get("namespace", "")),
        name=str(meta.get("name", "")),
        uid=str(meta.get("uid", "")),
        node=str(spec.get("nodeName", "")),
        phase=str(status.get("phase", "")),
        ready=any(c.get("type") == "Ready" and c.get("status") == "True" for c in conditions),
        gpus=_gpu_limits(spec),
        images=tuple(str(c.get("image", "")) for c in _items(spec.get("containers"))),
        labels=_mapping(meta.get("labels")),
        runtime_class=str(spec.get("runtimeClassName", "")),
        owner=f"{owners[0].get('kind', '')}/{owners[0].get('name', '')}" if owners else "",
        reason=reason,
        message=message,
        started=_started(status),
        created=str(meta.get("creationTimestamp", "")),
        programs=tuple(program_of(c) for c in _items(spec.get("containers"))),
    )


def gpu_pods(pods: tuple[PodObject, ...]) -> tuple[PodObject, ...]:
    """The active pods that were given a GPU, plugins apart."""
    return tuple(pod for pod in pods if pod.active and pod.gpus and not pod.is_plugin)


def _gpu_limits(spec: Mapping[str, Any]) -> dict[str, int]:
    totals: dict[str, int] = {}
    for container in _items(spec.get("containers")):
        limits = _mapping(_mapping(container.get("resources")).get("limits"))
        for key, value in limits.items():
            if key.startswith(NVIDIA):
                totals[key] = totals.get(key, 0) + _integer(value)
    return totals


def _reason(status: Mapping[str, Any]) -> tuple[str, str]:
    if status.get("reason"):
        return str(status["reason"]), str(status.get("message", ""))
    for container in _items(status.get("containerStatuses")):
        for kind in ("waiting", "terminated"):
            state = _mapping(_mapping(container.get("state")).get(kind))
            if state.get("reason") and state["reason"] != "Completed":
                return str(state["reason"]), str(state.get("message", ""))
    for condition in _items(status.get("conditions")):
        if condition.get("type") == "PodScheduled" and condition.get("status") == "False":
            return str(condition.get("reason", "")), str(condition.get("message", ""))
    return "", ""


def _started(status: Mapping[str, Any]) -> str:
    starts: list[str] = []
    for container in _items(status.get("containerStatuses")):
        states = _mapping(container.get("state")).values()
        starts.extend(str(_mapping(state).get("startedAt") or "") for state in states)
    return max(starts, default="")


def _mapping(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _items(value: Any) -> list[dict[str, Any]]:
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []


def _integer(value: object) -> int:
    try:
        return int(str(value))
    except ValueError:
        return 0


def _first_node(found: ObjectsFound) -> Fact[NodeObject]:
    return Known(parse_node(found.objects[0])) if found.objects else ABSENT


def _nodes(found: ObjectsFound) -> Fact[tuple[NodeObject, ...]]:
    return Known(tuple(parse_node(item) for item in found.objects))


def _pods(found: ObjectsFound) -> Fact[tuple[PodObject, ...]]:
    return Known(tuple(parse_pod(item) for item in found.objects))


def _api_version(found: ObjectsFound) -> Fact[ApiVersion]:
    text = str(found.objects[0].get("gitVersion", "")) if found.objects else ""
    return Known(ApiVersion(Version(text))) if text else Unknown("unreadable")


def _logs(found: LogsFound) -> Fact[tuple[PodLog, ...]]:
    return Known(found.logs)


def _this_node(spec: Spec) -> Objects | None:
    return Objects("Node", name=spec.kubernetes_node) if spec.kubernetes_node else None


def _pods_of_node(spec: Spec) -> Objects | None:
    return (
        Objects("Pod", fields=f"spec.nodeName={spec.kubernetes_node}")
        if spec.kubernetes_node
        else None
    )


def _plugin_logs(spec: Spec) -> PodLogs | None:
    return (
        PodLogs(spec.kubernetes_node, PLUGIN_IMAGE_PART, timestamps=True)
        if spec.kubernetes_node
        else None
    )


NODE: Probe[ObjectsFound, NodeObject] = Probe("cluster.node", _this_node, _first_node)
"""This host's Node, by the name that K3s gives it. Whether it *is* this host, its boot id tells."""
NODES: Probe[ObjectsFound, tuple[NodeObject, ...]] = Probe("cluster.nodes", Objects("Node"), _nodes)
NODE_PODS: Probe[ObjectsFound, tuple[PodObject, ...]] = Probe(
    "cluster.node-pods", _pods_of_node, _pods
)
API_VERSION: Probe[ObjectsFound, ApiVersion] = Probe(
    "cluster.version", ApiGet("/version"), _api_version
)
PLUGIN_LOGS: Probe[LogsFound, tuple[PodLog, ...]] = Probe(
    "cluster.plugin-logs", _plugin_logs, _logs
)
