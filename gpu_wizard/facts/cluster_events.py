"""What the cluster says of nodes and of their GPU pods: events, as Kubernetes keeps them for an hour.

Source: kube-apiserver v1.36.2 as recorded (e36, f17, h16, k40): a scheduler's event has `eventTime` alone, a kubelet's
`lastTimestamp` and `count`; a kubelet's about its node has the node's name for uid.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime

from gpu_wizard.facts.objects import NVIDIA, PodObject
from gpu_wizard.model.question import JsonObject, Objects, ObjectsFound

OF_NODES = Objects("Event", fields="involvedObject.kind=Node")
"""All of them: what makes a node unready is told as `Normal`."""
OF_PODS = Objects("Event", fields="involvedObject.kind=Pod,type=Warning")


@dataclass(frozen=True)
class ClusterEvent:
    """`kind`: `Node` or `Pod`. `count`: how often it was said, `at`: the last time. `host`: the kubelet's, or ""."""

    uid: str
    at: datetime
    kind: str
    namespace: str
    name: str
    reason: str
    message: str
    is_warning: bool
    count: int = 1
    host: str = ""

    @property
    def about(self) -> str:
        """The pod as people name it; "" where it is the node itself."""
        return f"{self.namespace}/{self.name}" if self.kind == "Pod" else ""

    @property
    def is_homeless(self) -> bool:
        """Whether it is about a pod that no node has a GPU for."""
        return self.kind == "Pod" and not self.host and NVIDIA in self.message


def parse_events(found: ObjectsFound) -> tuple[ClusterEvent, ...]:
    """Those that can be read, the newest first."""
    events = [event for event in map(_event, found.objects) if event is not None]
    return tuple(sorted(events, key=lambda event: event.at, reverse=True))


def _event(item: JsonObject) -> ClusterEvent | None:
    meta, target = item.get("metadata") or {}, item.get("involvedObject") or {}
    series, source = item.get("series") or {}, item.get("source") or {}
    times = (
        series.get("lastObservedTime"),
        item.get("lastTimestamp"),
        item.get("eventTime"),
        meta.get("creationTimestamp"),
    )
    at = _time(next((str(time) for time in times if time), ""))
    if at is None:
        return None
    return ClusterEvent(
        uid=str(meta.get("uid", "")),
        at=at,
        kind=str(target.get("kind", "")),
        namespace=str(target.get("namespace", "")),
        name=str(target.get("name", "")),
        reason=str(item.get("reason", "")),
        message=str(item.get("message", "")),
        is_warning=item.get("type") == "Warning",
        count=_count(series.get("count") or item.get("count")),
        host=str(source.get("host", "")),
    )


def _time(text: str) -> datetime | None:
    try:
        return datetime.fromisoformat(text).astimezone(UTC)
    except (ValueError, OverflowError):
        return None


def _count(value: object) -> int:
    return value if isinstance(value, int) and value > 0 else 1


def concerning(
    events: Iterable[ClusterEvent], node: str, pods: Iterable[PodObject]
) -> tuple[ClusterEvent, ...]:
    """Those about this node, its plugin and the pods that were given a GPU; of a pod that is gone already what its
    kubelet said of a GPU; and pods that find no GPU on any node.
    """
    mine = {(pod.namespace, pod.name) for pod in pods if pod.gpus or pod.is_plugin}

    def is_meant(event: ClusterEvent) -> bool:
        if event.kind == "Node":
            return event.name == node
        mentions = event.host == node and NVIDIA in event.message
        return mentions or event.is_homeless or (event.namespace, event.name) in mine

    return tuple(filter(is_meant, events))
