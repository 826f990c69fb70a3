"""Node objects: what a kubelet reports of its machine, and what the node controller adds.

Source: recorded b01, c44-c46, j07-j10 and recordings/k3s-h100 (node.txt).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from gpu_wizard.lab.api import times
from gpu_wizard.lab.cluster.devices import Devices
from gpu_wizard.lab.ports import JsonObject, Worker

_DISK = "264212084Ki"
_PRESSURES = (
    ("MemoryPressure", "KubeletHasSufficientMemory", "kubelet has sufficient memory available"),
    ("DiskPressure", "KubeletHasNoDiskPressure", "kubelet has no disk pressure"),
    ("PIDPressure", "KubeletHasSufficientPID", "kubelet has sufficient PID available"),
)
_READY = ("KubeletReady", "kubelet is posting ready status")
_STARTING = ("KubeletNotReady", "CSINode is not yet initialized")
_SILENT = ("NodeStatusUnknown", "Kubelet stopped posting node status.")
_NOT_READY = "node.kubernetes.io/not-ready"
_UNREACHABLE = "node.kubernetes.io/unreachable"
_UNSCHEDULABLE = "node.kubernetes.io/unschedulable"
_OURS = (_NOT_READY, _UNREACHABLE, _UNSCHEDULABLE)


def manifest(worker: Worker, labels: Mapping[str, str]) -> JsonObject:
    """A Node as K3s registers it."""
    found = {
        "beta.kubernetes.io/arch": "amd64",
        "beta.kubernetes.io/instance-type": "k3s",
        "beta.kubernetes.io/os": "linux",
        "kubernetes.io/arch": "amd64",
        "kubernetes.io/hostname": worker.node_name,
        "kubernetes.io/os": "linux",
        "node.kubernetes.io/instance-type": "k3s",
    }
    if worker.is_server:
        found["node-role.kubernetes.io/control-plane"] = "true"
    annotations = {
        "alpha.kubernetes.io/provided-node-ip": worker.internal_ip,
        "k3s.io/hostname": worker.node_name,
        "k3s.io/internal-ip": worker.internal_ip,
        "volumes.kubernetes.io/controller-managed-attach-detach": "true",
    }
    metadata = {
        "name": worker.node_name,
        "labels": dict(sorted((found | dict(labels)).items())),
        "annotations": annotations,
    }
    return {"metadata": metadata, "spec": {}}


def report(
    status: JsonObject,
    worker: Worker,
    devices: Devices,
    images: list[JsonObject],
    *,
    ready: bool,
) -> None:
    """Turn a Node's status into what the kubelet says now."""
    basic = {
        "cpu": str(worker.cpu),
        "ephemeral-storage": _DISK,
        "hugepages-1Gi": "0",
        "hugepages-2Mi": "0",
        "memory": f"{worker.memory_kib}Ki",
        "pods": "110",
    }
    capacity, allocatable = devices.amounts()
    status["capacity"] = dict(sorted((basic | capacity).items()))
    status["allocatable"] = dict(sorted((basic | allocatable).items()))
    reason, message = _READY if ready else _STARTING
    conditions = [_condition(name, "False", *words) for name, *words in _PRESSURES]
    conditions.append(_condition("Ready", "True" if ready else "False", reason, message))
    status["conditions"] = _since(status.get("conditions", ()), conditions)
    status["addresses"] = [
        {"type": "InternalIP", "address": worker.internal_ip},
        {"type": "Hostname", "address": worker.node_name},
    ]
    status["daemonEndpoints"] = {"kubeletEndpoint": {"Port": 10250}}
    status["nodeInfo"] = _info(worker)
    status["images"] = images
    status["runtimeHandlers"] = [
        {"name": name, "features": {"recursiveReadOnlyMounts": True, "userNamespaces": True}}
        for name in sorted({"", *worker.handlers})
    ]
    status["features"] = {"supplementalGroupsPolicy": True}


def silence(status: JsonObject) -> None:
    """Turn a Node's status into that of one whose kubelet is not heard of any more."""
    names = ("MemoryPressure", "DiskPressure", "PIDPressure", "Ready")
    conditions = [_condition(name, "Unknown", *_SILENT) for name in names]
    beats = {each["type"]: each.get("lastHeartbeatTime") for each in status.get("conditions", ())}
    for each in conditions:
        each["lastHeartbeatTime"] = beats.get(each["type"]) or each["lastHeartbeatTime"]
    status["conditions"] = _since(status.get("conditions", ()), conditions)


def settle(node: JsonObject, subnet: int) -> None:
    """Set what the node controllers own: taints after the conditions, the pods' subnet."""
    spec, metadata = node["spec"], node["metadata"]
    wanted = _taints(node)
    kept = [each for each in spec.get("taints") or () if each["key"] not in _OURS]
    known = {each["key"]: each for each in spec.get("taints") or ()}
    taints = kept + [known.get(key) or _taint(key) for key in wanted]
    spec.pop("taints", None)
    if taints:
        spec["taints"] = taints
    metadata.setdefault("annotations", {}).setdefault("node.alpha.kubernetes.io/ttl", "0")
    if node["status"].get("capacity"):
        spec.setdefault("podCIDR", f"10.42.{subnet}.0/24")
        spec.setdefault("podCIDRs", [spec["podCIDR"]])


def ready(node: JsonObject) -> str:
    """The status of a Node's Ready condition; "" if it has none."""
    for each in node["status"].get("conditions", ()):
        if each["type"] == "Ready":
            return str(each["status"])
    return ""


def _taints(node: JsonObject) -> list[str]:
    wanted = []
    state = ready(node)
    if state == "Unknown":
        wanted.append(_UNREACHABLE)
    elif state != "True":
        wanted.append(_NOT_READY)
    return wanted + ([_UNSCHEDULABLE] if node["spec"].get("unschedulable") else [])


def _taint(key: str) -> JsonObject:
    return {"key": key, "effect": "NoSchedule", "timeAdded": times.now()}


def _condition(name: str, status: str, reason: str, message: str) -> JsonObject:
    return {
        "type": name,
        "status": status,
        "lastHeartbeatTime": times.now(),
        "lastTransitionTime": times.now(),
        "reason": reason,
        "message": message,
    }


def _since(old: Any, new: list[JsonObject]) -> list[JsonObject]:
    """Conditions that kept their status keep the time since when."""
    before = {each["type"]: each for each in old}
    for each in new:
        known = before.get(each["type"])
        if known and known["status"] == each["status"]:
            each["lastTransitionTime"] = known["lastTransitionTime"]
    return new


def _info(worker: Worker) -> JsonObject:
    return {
        "machineID": worker.machine_id,
        "systemUUID": worker.machine_id,
        "bootID": worker.boot_id,
        "kernelVersion": worker.kernel_version,
        "osImage": worker.os_image,
        "containerRuntimeVersion": worker.container_runtime_version,
        "kubeletVersion": worker.kubelet_version,
        "kubeProxyVersion": "",
        "operatingSystem": "linux",
        "architecture": "amd64",
    }
