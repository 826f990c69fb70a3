"""Deployments in the lab: their pods come, are replaced and go, and one card is one pod's."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from gpu_wizard.lab.cluster.cluster import Cluster
from gpu_wizard.lab.cluster.server import ClusterServer
from gpu_wizard.lab.pki import Authority
from gpu_wizard.lab.ports import JsonObject
from tests.lab.cluster_bench import NVIDIA_CLASS, FastClock, Machine, plugin_daemons, until

OLD, NEW = (f"docker.io/nvidia/cuda:{tag}-base-ubuntu22.04" for tag in ("12.5.1", "12.6.3"))


def deployment(image: str, replicas: int = 1) -> JsonObject:
    container = {
        "name": "worker",
        "image": image,
        "command": ["nvidia-smi", "-l", "10"],
        "resources": {"limits": {"nvidia.com/gpu": 1}},
    }
    template = {
        "metadata": {"labels": {"app": "worker"}},
        "spec": {"runtimeClassName": "nvidia", "containers": [container]},
    }
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": "worker", "namespace": "default"},
        "spec": {
            "replicas": replicas,
            "selector": {"matchLabels": {"app": "worker"}},
            "template": template,
        },
    }


@asynccontextmanager
async def cluster() -> AsyncIterator[Cluster]:
    """A node whose one card is on offer."""
    async with ClusterServer(FastClock(20.0), Authority()) as server:
        found = server.cluster
        found.register(Machine(), {})
        found.put(NVIDIA_CLASS)
        found.put(plugin_daemons())
        await until(lambda: "nvidia.com/gpu" in _node(found)["status"].get("allocatable", {}))
        yield found


def _node(found: Cluster) -> JsonObject:
    return found.get("Node", "", "gpu-node-1") or {"status": {}}


def _phases(found: Cluster) -> list[tuple[str, str]]:
    """Image and phase of each pod of the workload."""
    pods = [p for p in found.list("Pod", "default") if not p["metadata"].get("deletionTimestamp")]
    return sorted((p["spec"]["containers"][0]["image"], p["status"]["phase"]) for p in pods)


def _status(found: Cluster) -> dict[str, Any]:
    known = found.get("Deployment", "default", "worker") or {}
    status: dict[str, Any] = known.get("status", {})
    return status


async def test_a_pod_for_each_card_and_the_rest_wait() -> None:
    async with cluster() as found:
        found.put(deployment(OLD, replicas=2))
        await until(lambda: _phases(found) == [(OLD, "Pending"), (OLD, "Running")])
        await until(lambda: _status(found).get("availableReplicas") == 1)
        assert _status(found)["unavailableReplicas"] == 1


async def test_a_new_image_on_one_card_waits_for_the_old_pod() -> None:
    """The old pod goes when the new one is ready, and the new one waits for the old one's card."""
    async with cluster() as found:
        found.put(deployment(OLD))
        await until(lambda: _phases(found) == [(OLD, "Running")])
        found.put(deployment(NEW))
        await until(lambda: _phases(found) == [(OLD, "Running"), (NEW, "Pending")])
        old = next(p for p in found.list("Pod", "default") if p["status"]["phase"] == "Running")
        found.put(deployment(NEW, replicas=0))
        await until(lambda: _phases(found) == [])
        found.put(deployment(NEW))
        await until(lambda: _phases(found) == [(NEW, "Running")])
        assert old["metadata"]["name"] not in [
            p["metadata"]["name"] for p in found.list("Pod", "default")
        ]


async def test_a_pod_that_is_deleted_comes_back_and_all_go_with_the_deployment() -> None:
    async with cluster() as found:
        found.put(deployment(OLD))
        await until(lambda: _phases(found) == [(OLD, "Running")])
        (first,) = found.list("Pod", "default")
        found.remove("Pod", "default", first["metadata"]["name"])
        await until(lambda: _phases(found) == [(OLD, "Running")])
        (second,) = [
            p for p in found.list("Pod", "default") if not p["metadata"].get("deletionTimestamp")
        ]
        assert second["metadata"]["uid"] != first["metadata"]["uid"]
        found.remove("Deployment", "default", "worker")
        await until(lambda: found.list("Pod", "default") + found.list("ReplicaSet") == [])
