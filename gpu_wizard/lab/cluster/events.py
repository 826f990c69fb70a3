"""Events: what controllers, scheduler and kubelets say about objects.

Source: recorded e36, f17, h16, h24, l03 with kube-apiserver v1.36.2.
"""

from __future__ import annotations

import time

from gpu_wizard.lab.api import times
from gpu_wizard.lab.api.registry import Registry
from gpu_wizard.lab.ports import JsonObject

SCHEDULER = "default-scheduler"


class Recorder:
    """Writes events; the same one said again counts up."""

    def __init__(self, registry: Registry) -> None:
        self._registry = registry
        self._said: dict[tuple[str, ...], tuple[str, str]] = {}
        self._last = 0

    def say(
        self,
        kind: str,
        obj: JsonObject,
        reason: str,
        message: str,
        component: str,
        *,
        warning: bool = False,
        host: str = "",
        container: str = "",
    ) -> None:
        """One event about an object, by a component, on a host if it is a kubelet's."""
        metadata = obj["metadata"]
        target = _reference(self._registry.kind(kind).api_version, kind, metadata, container)
        type_ = "Warning" if warning else "Normal"
        key = (target.get("uid", ""), container, reason, message, component)
        kind_of_events = self._registry.kind("Event")
        known = self._said.get(key)
        found = self._registry.store.get(kind_of_events, *known) if known else None
        if found is not None and component != SCHEDULER:
            self._registry.store.put(kind_of_events, _again(found))
            return
        namespace = metadata.get("namespace") or "default"
        self._last = max(self._last + 1, time.time_ns())
        name = f"{metadata['name']}.{self._last:x}"
        event: JsonObject = {"metadata": {"name": name, "namespace": namespace}}
        event["metadata"] |= {"uid": times.new_uid(), "creationTimestamp": times.now()}
        event |= {"involvedObject": target, "reason": reason, "message": message, "type": type_}
        action = "Binding" if reason == "Scheduled" else "Scheduling"
        event |= _by_scheduler(action) if component == SCHEDULER else _by(component, host)
        self._registry.store.put(kind_of_events, event)
        self._said[key] = (namespace, name)


def _again(event: JsonObject) -> JsonObject:
    counted = {"count": event.get("count", 1) + 1, "lastTimestamp": times.now()}
    return event | counted | {"metadata": dict(event["metadata"])}


def _reference(api_version: str, kind: str, metadata: JsonObject, container: str) -> JsonObject:
    target: JsonObject = {"kind": kind}
    if "namespace" in metadata:
        target["namespace"] = metadata["namespace"]
    target |= {"name": metadata["name"], "uid": metadata["uid"], "apiVersion": api_version}
    target["resourceVersion"] = metadata["resourceVersion"]
    # What a kubelet says about its node carries the node's name as uid (recorded k40).
    if kind == "Node":
        target = {"kind": kind, "name": metadata["name"], "uid": metadata["name"]}
    if container:
        target["fieldPath"] = f"spec.containers{{{container}}}"
    return target


def _by(component: str, host: str) -> JsonObject:
    now = times.now()
    source = {"component": component} | ({"host": host} if host else {})
    return {
        "source": source,
        "firstTimestamp": now,
        "lastTimestamp": now,
        "count": 1,
        "eventTime": None,
        "reportingComponent": component,
        "reportingInstance": host,
    }


def _by_scheduler(action: str) -> JsonObject:
    return {
        "source": {},
        "firstTimestamp": None,
        "lastTimestamp": None,
        "eventTime": times.now_exact(),
        "action": action,
        "reportingComponent": SCHEDULER,
        "reportingInstance": SCHEDULER,
    }
