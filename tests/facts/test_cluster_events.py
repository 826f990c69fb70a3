"""The cluster's events, as recorded of a real API server, and whom they concern."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from gpu_wizard.facts.cluster_events import ClusterEvent, concerning, parse_events
from gpu_wizard.facts.objects import PodObject, parse_pod
from gpu_wizard.model.question import ObjectsFound

RECORDED = Path(__file__).parents[1] / "recorded" / "kube-api"


def recorded(name: str) -> tuple[ClusterEvent, ...]:
    document = json.loads((RECORDED / f"{name}.json").read_text())
    return parse_events(ObjectsFound(tuple(document["response"]["body"]["items"])))


def pod(name: str, *, gpus: int = 0, image: str = "nginx:1") -> PodObject:
    limits = {"limits": {"nvidia.com/gpu": str(gpus)}} if gpus else {}
    container = {"name": "main", "image": image, "resources": limits}
    return parse_pod(
        {
            "metadata": {"namespace": "default", "name": name},
            "spec": {"containers": [container]},
            "status": {},
        }
    )


def test_a_kubelet_says_when_last_and_how_often_and_a_scheduler_when_alone() -> None:
    events = {each.reason: each for each in recorded("l03-pod-handler-not-in-containerd-events")}
    first, failed = events["Scheduled"], events["FailedCreatePodSandBox"]
    assert (first.is_warning, first.host, first.count) == (False, "", 1)
    assert first.at == datetime(2026, 11, 23, 23, 29, 51, 325348, UTC)
    assert (failed.is_warning, failed.host) == (True, "gpu-node-1")
    assert "no runtime for" in failed.message
    assert (failed.at.microsecond, failed.at.tzinfo) == (0, UTC)


def test_events_of_gpu_pods_and_plugins_concern_their_node_and_others_do_not() -> None:
    events = recorded("l03-pod-handler-not-in-containerd-events")
    assert concerning(events, "gpu-node-1", [pod("l-ghost")]) == ()
    assert concerning(events, "gpu-node-1", [pod("l-ghost", gpus=1)]) == events
    plugin = pod("l-ghost", image="nvcr.io/nvidia/k8s-device-plugin:v0.20.0")
    assert concerning(events, "gpu-node-1", [plugin]) == events


def test_a_pod_that_finds_no_gpu_concerns_every_node() -> None:
    events = recorded("f17-gpu-second-events")
    assert {event.is_homeless for event in events} == {True}
    assert concerning(events, "any-node", []) == events


def test_a_node_is_meant_by_name_and_a_pod_that_is_gone_by_its_kubelet() -> None:
    def event(kind: str, name: str, message: str, host: str = "") -> ClusterEvent:
        at = datetime(2026, 11, 26, tzinfo=UTC)
        return ClusterEvent(f"{kind}{name}{host}", at, kind, "", name, "R", message, True, 1, host)

    mine = event("Node", "gpu-1", "Node gpu-1 status is now: NodeNotReady")
    gone = event("Pod", "train", "Allocate failed: 1 nvidia.com/gpu", "gpu-1")
    others = [
        event("Node", "gpu-2", "NodeNotReady"),
        event("Pod", "train", "Allocate failed: 1 nvidia.com/gpu", "gpu-2"),
        event("Pod", "web", "Back-off restarting", "gpu-1"),
    ]
    assert concerning([mine, gone, *others], "gpu-1", []) == (mine, gone)


def test_what_is_no_event_is_left_out() -> None:
    odd: list[dict[str, Any]] = [
        {},
        {"metadata": {"creationTimestamp": "yesterday"}},
        {"lastTimestamp": "2026-11-23T23:29:51Z", "count": "many", "series": None},
    ]
    (event,) = parse_events(ObjectsFound(tuple(odd)))
    assert (event.count, event.kind, event.about) == (1, "", "")
