"""Objects as the rows that `kubectl get` shows."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from gpu_wizard.lab.api import ages
from gpu_wizard.lab.api.kinds import Kind
from gpu_wizard.lab.ports import JsonObject

_NONE = "<none>"
_ROLE = "node-role.kubernetes.io/"


@dataclass(frozen=True)
class Column:
    """A column; one with a `priority` above 0 is shown by `-o wide` only."""

    name: str
    priority: int = 0
    type: str = "string"
    format: str = ""


def columns(kind: Kind) -> tuple[Column, ...]:
    if kind.name in _TABLES:
        return _TABLES[kind.name][0]
    dated = kind.name.startswith(("ClusterRole", "CustomResource"))
    return _columns("Name,Created At" if dated else "Name,Age")


def cells(kind: Kind, obj: JsonObject) -> list[Any]:
    """One row, as long as `columns`."""
    found: list[Any] = _TABLES.get(kind.name, ((), _plain))[1](obj)
    return found


def table(kind: Kind, objects: list[JsonObject], metadata: JsonObject, include: str) -> JsonObject:
    """A Table object; `include` is `None`, `Metadata` or `Object`: what each row carries along."""
    definitions = [
        {
            "name": column.name,
            "type": column.type,
            "format": column.format,
            "description": "",
            "priority": column.priority,
        }
        for column in columns(kind)
    ]
    rows = [{"cells": cells(kind, obj), "object": _carried(kind, obj, include)} for obj in objects]
    head: JsonObject = {"kind": "Table", "apiVersion": "meta.k8s.io/v1", "metadata": metadata}
    return head | {"columnDefinitions": definitions, "rows": rows}


def partial(obj: JsonObject) -> JsonObject:
    """An object's metadata alone."""
    head = {"kind": "PartialObjectMetadata", "apiVersion": "meta.k8s.io/v1"}
    return head | {"metadata": obj["metadata"]}


def roles(node: JsonObject) -> str:
    """A node's roles, from its labels."""
    found = sorted(
        key.removeprefix(_ROLE)
        for key in node["metadata"].get("labels", {})
        if key.startswith(_ROLE) and key != _ROLE
    )
    return ",".join(found) or _NONE


def pod_status(pod: JsonObject) -> str:
    """What kubectl shows as a pod's status, which is often not its phase."""
    status = pod["status"]
    shown = str(status.get("reason") or status.get("phase", ""))
    running = False
    for container in reversed(status.get("containerStatuses", ())):
        state = container.get("state", {})
        if reason := state.get("waiting", {}).get("reason"):
            shown = reason
        elif "terminated" in state:
            ended = state["terminated"]
            shown = ended.get("reason") or f"ExitCode:{ended['exitCode']}"
        running = running or ("running" in state and container.get("ready", False))
    if shown == "Completed" and running:
        shown = "Running" if _condition(pod, "Ready") == "True" else "NotReady"
    return "Terminating" if pod["metadata"].get("deletionTimestamp") else shown


def _carried(kind: Kind, obj: JsonObject, include: str) -> JsonObject | None:
    if include == "None":
        return None
    if include == "Object":
        return {"kind": kind.name, "apiVersion": kind.api_version} | obj
    return partial(obj)


def _born(obj: JsonObject) -> str:
    return ages.age(obj["metadata"].get("creationTimestamp"))


def _condition(obj: JsonObject, name: str) -> str:
    for condition in obj.get("status", {}).get("conditions", ()):
        if condition["type"] == name:
            return str(condition["status"])
    return "Unknown"


def _plain(obj: JsonObject) -> list[Any]:
    return [obj["metadata"]["name"], _born(obj)]


def _node(node: JsonObject) -> list[Any]:
    status, info = node["status"], node["status"].get("nodeInfo", {})
    shown = "Ready" if _condition(node, "Ready") == "True" else "NotReady"
    if node["spec"].get("unschedulable"):
        shown += ",SchedulingDisabled"
    addresses = {a["type"]: a["address"] for a in reversed(status.get("addresses", ()))}
    kernel = info.get("kernelVersion", "")
    # The architecture stands behind it in 1.36 (recorded b05), not yet in 1.34 (recordings/k3s-1.34).
    if (match := re.match(r"v1\.(\d+)", info.get("kubeletVersion", ""))) and int(match[1]) >= 36:
        kernel += f" ({info.get('architecture')})"
    return [
        node["metadata"]["name"],
        shown,
        roles(node),
        _born(node),
        info.get("kubeletVersion", ""),
        addresses.get("InternalIP", _NONE),
        addresses.get("ExternalIP", _NONE),
        info.get("osImage") or "<unknown>",
        kernel or "<unknown>",
        info.get("containerRuntimeVersion") or "<unknown>",
    ]


def _pod(pod: JsonObject) -> list[Any]:
    status, spec = pod["status"], pod["spec"]
    containers = status.get("containerStatuses", ())
    ready = sum(1 for each in containers if each.get("ready"))
    return [
        pod["metadata"]["name"],
        f"{ready}/{len(spec['containers'])}",
        pod_status(pod),
        _restarts(containers),
        _born(pod),
        status.get("podIP", _NONE),
        spec.get("nodeName", _NONE),
        status.get("nominatedNodeName", _NONE),
        _NONE,
    ]


def _restarts(containers: Any) -> str:
    count = sum(each.get("restartCount", 0) for each in containers)
    ends = [
        each.get("lastState", {}).get("terminated", {}).get("finishedAt") for each in containers
    ]
    last = max((end for end in ends if end), default=None)
    return f"{count} ({ages.age(last)} ago)" if count and last else str(count)


def _daemon_set(daemons: JsonObject) -> list[Any]:
    status, spec = daemons["status"], daemons["spec"]
    template = spec["template"]["spec"]
    selector = template.get("nodeSelector", {})
    return [
        daemons["metadata"]["name"],
        status.get("desiredNumberScheduled", 0),
        status.get("currentNumberScheduled", 0),
        status.get("numberReady", 0),
        status.get("updatedNumberScheduled", 0),
        status.get("numberAvailable", 0),
        _pairs(selector),
        _born(daemons),
        ",".join(container["name"] for container in template["containers"]),
        ",".join(container["image"] for container in template["containers"]),
        _pairs(spec["selector"].get("matchLabels", {})),
    ]


def _deployment(deployment: JsonObject) -> list[Any]:
    status, spec = deployment.get("status", {}), deployment["spec"]
    template = spec["template"]["spec"]
    return [
        deployment["metadata"]["name"],
        f"{status.get('readyReplicas', 0)}/{spec.get('replicas', 1)}",
        status.get("updatedReplicas", 0),
        status.get("availableReplicas", 0),
        _born(deployment),
        ",".join(container["name"] for container in template["containers"]),
        ",".join(container["image"] for container in template["containers"]),
        _pairs(spec["selector"].get("matchLabels", {})),
    ]


def _event(event: JsonObject) -> list[Any]:
    target = event["involvedObject"]
    seen = event.get("lastTimestamp") or event.get("eventTime") or event.get("firstTimestamp")
    first = event.get("firstTimestamp") or event.get("eventTime")
    last = ages.age(seen)
    if event.get("count", 1) > 1:
        last = f"{last} (x{event['count']} over {ages.age(first)})"
    source = event.get("source", {})
    return [
        last,
        event.get("type", ""),
        event.get("reason", ""),
        f"{target['kind'].lower()}/{target['name']}",
        target.get("fieldPath", ""),
        ", ".join(filter(None, (source.get("component"), source.get("host"))))
        or event.get("reportingComponent", ""),
        event.get("message", "").strip(),
        ages.age(first),
        event.get("count", 1),
        event["metadata"]["name"],
    ]


def _runtime_class(obj: JsonObject) -> list[Any]:
    return [obj["metadata"]["name"], obj["handler"], _born(obj)]


def _namespace(obj: JsonObject) -> list[Any]:
    return [obj["metadata"]["name"], obj["status"].get("phase", ""), _born(obj)]


def _config_map(obj: JsonObject) -> list[Any]:
    entries = len(obj.get("data", {})) + len(obj.get("binaryData", {}))
    return [obj["metadata"]["name"], entries, _born(obj)]


def _secret(obj: JsonObject) -> list[Any]:
    return [obj["metadata"]["name"], obj.get("type", ""), len(obj.get("data", {})), _born(obj)]


def _account(obj: JsonObject) -> list[Any]:
    return [obj["metadata"]["name"], len(obj.get("secrets", ())), _born(obj)]


def _pairs(labels: dict[str, str]) -> str:
    return ",".join(f"{key}={labels[key]}" for key in sorted(labels)) or _NONE


def _columns(names: str) -> tuple[Column, ...]:
    """Columns by name: `+` marks one for `-o wide`, `#` a number."""
    found = []
    for each in names.split(","):
        name = each.lstrip("+#")
        type_, format_ = (
            ("integer" if "#" in each else "string"),
            ("name" if name == "Name" else ""),
        )
        found.append(Column(name, 1 if "+" in each else 0, type_, format_))
    return tuple(found)


_Row = Callable[[JsonObject], list[Any]]
_TABLES: dict[str, tuple[tuple[Column, ...], _Row]] = {
    "Node": (
        _columns(
            "Name,Status,Roles,Age,Version,+Internal-IP,+External-IP,+OS-Image,+Kernel-Version,"
            "+Container-Runtime"
        ),
        _node,
    ),
    "Pod": (
        _columns("Name,Ready,Status,Restarts,Age,+IP,+Node,+Nominated Node,+Readiness Gates"),
        _pod,
    ),
    "DaemonSet": (
        _columns(
            "Name,#Desired,#Current,#Ready,#Up-to-date,#Available,Node Selector,Age,+Containers,"
            "+Images,+Selector"
        ),
        _daemon_set,
    ),
    "Deployment": (
        _columns("Name,Ready,#Up-to-date,#Available,Age,+Containers,+Images,+Selector"),
        _deployment,
    ),
    "Event": (
        _columns(
            "Last Seen,Type,Reason,Object,+Subobject,+Source,Message,+First Seen,#+Count,+Name"
        ),
        _event,
    ),
    "RuntimeClass": (_columns("Name,Handler,Age"), _runtime_class),
    "Namespace": (_columns("Name,Status,Age"), _namespace),
    "ConfigMap": (_columns("Name,#Data,Age"), _config_map),
    "Secret": (_columns("Name,Type,#Data,Age"), _secret),
    "ServiceAccount": (_columns("Name,#Secrets,Age"), _account),
}
