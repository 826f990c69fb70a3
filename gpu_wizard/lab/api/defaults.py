"""What the API server fills in where a manifest says nothing.

Source: recorded c37, e03, f03, f41 with kube-apiserver v1.36.2.
"""

from __future__ import annotations

from typing import Any

from gpu_wizard.lab.api.kinds import Kind
from gpu_wizard.lab.ports import JsonObject

_NODE_INFO = (
    "machineID",
    "systemUUID",
    "bootID",
    "kernelVersion",
    "osImage",
    "containerRuntimeVersion",
    "kubeletVersion",
    "kubeProxyVersion",
    "operatingSystem",
    "architecture",
)


def fill(kind: Kind, obj: JsonObject) -> None:
    """Set the defaults of an object's own fields."""
    if kind.name == "Pod":
        _pod_spec(obj.setdefault("spec", {}))
        _pod_only(obj["spec"])
    elif kind.group == "apps" and kind.name != "ControllerRevision":
        _workload(kind, obj)
    elif kind.name == "Namespace":
        labels = obj["metadata"].setdefault("labels", {})
        labels["kubernetes.io/metadata.name"] = obj["metadata"].get("name", "")
        obj.setdefault("spec", {}).setdefault("finalizers", ["kubernetes"])
    elif kind.name == "Secret":
        obj.setdefault("type", "Opaque")
    elif kind.name == "Node":
        obj.setdefault("spec", {})


def first_status(kind: Kind, obj: JsonObject) -> None:
    """Set the status that a new object starts with."""
    if kind.name == "Pod":
        obj["status"] = {"phase": "Pending", "qosClass": quality(obj["spec"])}
    elif kind.name == "DaemonSet":
        counters = ("currentNumberScheduled", "numberMisscheduled", "desiredNumberScheduled")
        obj["status"] = dict.fromkeys((*counters, "numberReady"), 0)
    elif kind.name == "Namespace":
        obj["status"] = {"phase": "Active"}
    elif kind.name == "Node":
        status = obj.setdefault("status", {})
        status.setdefault("daemonEndpoints", {"kubeletEndpoint": {"Port": 0}})
        info = status.setdefault("nodeInfo", {})
        for name in _NODE_INFO:
            info.setdefault(name, "")
    elif kind.status:
        obj["status"] = {}


def quality(spec: JsonObject) -> str:
    """A pod's class of service, by cpu and memory alone."""
    wanted = [
        container.get("resources", {}).get(side, {})
        for container in spec.get("containers", ())
        for side in ("limits", "requests")
    ]
    if not any(side.keys() & {"cpu", "memory"} for side in wanted):
        return "BestEffort"
    for container in spec["containers"]:
        resources = container.get("resources", {})
        limits, requests = resources.get("limits", {}), resources.get("requests", {})
        for name in ("cpu", "memory"):
            if name not in limits or requests.get(name, limits[name]) != limits[name]:
                return "Burstable"
    return "Guaranteed"


def _workload(kind: Kind, obj: JsonObject) -> None:
    spec = obj.setdefault("spec", {})
    _pod_spec(spec.setdefault("template", {}).setdefault("spec", {}))
    if kind.name == "DaemonSet":
        strategy = spec.setdefault("updateStrategy", {})
        if strategy.setdefault("type", "RollingUpdate") == "RollingUpdate":
            rolling = strategy.setdefault("rollingUpdate", {})
            rolling.setdefault("maxUnavailable", 1)
            rolling.setdefault("maxSurge", 0)
        spec.setdefault("revisionHistoryLimit", 10)
    else:
        spec.setdefault("replicas", 1)


def _pod_spec(spec: JsonObject) -> None:
    for volume in spec.get("volumes", ()):
        if "hostPath" in volume:
            volume["hostPath"].setdefault("type", "")
        for source in ("configMap", "secret", "projected"):
            if isinstance(volume.get(source), dict):
                volume[source].setdefault("defaultMode", 420)
    for container in [*spec.get("initContainers", ()), *spec.get("containers", ())]:
        _container(container)
    spec.setdefault("restartPolicy", "Always")
    spec.setdefault("terminationGracePeriodSeconds", 30)
    spec.setdefault("dnsPolicy", "ClusterFirst")
    if "serviceAccountName" in spec:
        spec.setdefault("serviceAccount", spec["serviceAccountName"])
    spec.setdefault("securityContext", {})
    spec.setdefault("schedulerName", "default-scheduler")


def _pod_only(spec: JsonObject) -> None:
    spec.setdefault("enableServiceLinks", True)
    for container in spec.get("containers", ()):
        resources: dict[str, Any] = container["resources"]
        if resources.get("limits"):
            requests = dict(resources["limits"]) | resources.get("requests", {})
            resources["requests"] = requests


def _container(container: JsonObject) -> None:
    container.setdefault("resources", {})
    container.setdefault("terminationMessagePath", "/dev/termination-log")
    container.setdefault("terminationMessagePolicy", "File")
    image = str(container.get("image", ""))
    tag = image.rpartition("/")[2].partition("@")[0].partition(":")[2]
    floating = tag in ("", "latest") and "@" not in image
    container.setdefault("imagePullPolicy", "Always" if floating else "IfNotPresent")
    for port in container.get("ports", ()):
        port.setdefault("protocol", "TCP")
