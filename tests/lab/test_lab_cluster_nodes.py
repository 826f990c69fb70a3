"""Machines in the lab's cluster: joining, being silent, rebooting, being many."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from gpu_wizard.lab.cluster.cluster import Cluster
from gpu_wizard.lab.cluster.server import ClusterServer
from gpu_wizard.lab.pki import Authority
from gpu_wizard.lab.ports import JsonObject
from tests.lab.cluster_bench import (
    NVIDIA_CLASS,
    FastClock,
    Machine,
    a_pod,
    admin,
    plugin_daemons,
    until,
)


@asynccontextmanager
async def cluster(factor: float = 20.0) -> AsyncIterator[Cluster]:
    async with ClusterServer(FastClock(factor), Authority()) as server:
        yield server.cluster


def node(found: Cluster, name: str = "gpu-node-1") -> JsonObject:
    return found.get("Node", "", name) or {"metadata": {}, "spec": {}, "status": {}}


def ready(found: Cluster, name: str = "gpu-node-1") -> str:
    conditions = node(found, name)["status"].get("conditions", ())
    return next((str(c["status"]) for c in conditions if c["type"] == "Ready"), "")


def phase(found: Cluster, name: str) -> str:
    pod = found.get("Pod", "default", name) or {"status": {}}
    return str(pod["status"].get("phase", ""))


async def test_a_machine_joins() -> None:
    async with cluster() as found:
        machine = Machine()
        found.register(machine, {"example.com/rack": "7"})
        assert ready(found) == "False"
        assert node(found)["spec"]["taints"][0]["key"] == "node.kubernetes.io/not-ready"
        await until(lambda: ready(found) == "True" and not node(found)["spec"].get("taints"))
        labels = node(found)["metadata"]["labels"]
        assert labels["kubernetes.io/hostname"] == "gpu-node-1"
        assert labels["example.com/rack"] == "7"
        info = node(found)["status"]["nodeInfo"]
        assert info["bootID"] == machine.boot_id
        handlers = [each["name"] for each in node(found)["status"]["runtimeHandlers"]]
        assert handlers == ["", "nvidia", "runc"]


async def test_a_machine_comes_back_to_its_object() -> None:
    async with cluster() as found:
        machine = Machine()
        found.register(machine, {})
        uid = node(found)["metadata"]["uid"]
        await until(lambda: ready(found) == "True")
        machine.change(kubelet_started=None)
        machine.change(kubelet_started=2.0, handlers=("runc", "nvidia", "nvidia-cdi"))
        found.register(machine, {})
        assert node(found)["metadata"]["uid"] == uid
        assert ready(found) == "True"
        names = [each["name"] for each in node(found)["status"]["runtimeHandlers"]]
        assert "nvidia-cdi" in names


async def test_a_deleted_node_does_not_return_by_itself() -> None:
    async with cluster() as found:
        machine = Machine()
        found.register(machine, {})
        await until(lambda: ready(found) == "True")
        found.put(a_pod("there", "sleep 3600"))
        await until(lambda: phase(found, "there") == "Running")
        found.remove("Node", "", "gpu-node-1")
        machine.change(cpu=4)
        assert found.get("Node", "", "gpu-node-1") is None
        await until(lambda: phase(found, "there") == "")
        found.register(machine, {})
        await until(lambda: ready(found) == "True")


async def test_a_silent_machine_becomes_unknown_and_comes_back() -> None:
    async with cluster(factor=100) as found:
        machine = Machine()
        found.register(machine, {})
        await until(lambda: ready(found) == "True")
        machine.change(kubelet_started=None)
        assert ready(found) == "True"
        await until(lambda: ready(found) == "Unknown" and node(found)["spec"].get("taints"))
        assert node(found)["spec"]["taints"][0]["key"] == "node.kubernetes.io/unreachable"
        machine.change(kubelet_started=3.0)
        await until(lambda: ready(found) == "True" and not node(found)["spec"].get("taints"))


async def test_a_reboot_ends_what_ran() -> None:
    async with cluster() as found:
        machine = Machine()
        found.register(machine, {})
        await until(lambda: ready(found) == "True")
        found.put(a_pod("once", "sleep 3600"))
        found.put(a_pod("always", "sleep 3600", restartPolicy="Always"))
        await until(lambda: phase(found, "once") == phase(found, "always") == "Running")
        machine.change(kubelet_started=None)
        machine.change(boot_id="00000000-0000-4000-8000-00000000000b")
        machine.change(kubelet_started=9.0)
        found.register(machine, {})
        await until(lambda: phase(found, "once") == "Failed")

        def restarts() -> int:
            pod = found.get("Pod", "default", "always") or {}
            return int(pod["status"]["containerStatuses"][0]["restartCount"])

        await until(lambda: restarts() == 1)
        assert node(found)["status"]["nodeInfo"]["bootID"].endswith("b")


async def test_a_pod_outlives_the_kubelets_restart() -> None:
    async with cluster() as found:
        machine = Machine()
        found.register(machine, {})
        await until(lambda: ready(found) == "True")
        found.put(a_pod("stays", "sleep 6"))
        await until(lambda: phase(found, "stays") == "Running")
        machine.change(kubelet_started=None)
        machine.change(kubelet_started=5.0)
        await until(lambda: phase(found, "stays") == "Succeeded")


async def test_a_handler_that_comes_later_lets_a_pod_start() -> None:
    async with cluster() as found:
        machine = Machine(handlers=("runc",))
        found.register(machine, {})
        found.put(NVIDIA_CLASS)
        await until(lambda: ready(found) == "True")
        found.put(a_pod("early", "true", runtimeClassName="nvidia"))
        await until(
            lambda: [e for e in found.list("Event") if e["reason"] == "FailedCreatePodSandBox"]
        )
        machine.change(kubelet_started=None)
        machine.change(kubelet_started=4.0, handlers=("runc", "nvidia"))
        await until(lambda: phase(found, "early") == "Succeeded")


async def test_an_unscoped_plugin_breaks_nodes_without_the_handler() -> None:
    """domain.md, stage 7: a class without a selector fails on every other node."""
    async with cluster() as found:
        found.register(Machine(), {})
        found.register(Machine(node_name="plain-1", handlers=("runc",), gpus=()), {})
        found.put(NVIDIA_CLASS)
        await until(lambda: ready(found) == ready(found, "plain-1") == "True")
        found.put(plugin_daemons())
        await until(lambda: [e for e in found.list("Event") if "no runtime for" in e["message"]])
        daemons = found.get("DaemonSet", "kube-system", "nvidia-device-plugin-daemonset") or {}
        assert daemons["status"]["desiredNumberScheduled"] == 2
        await until(lambda: node(found)["status"]["allocatable"].get("nvidia.com/gpu") == "1")


async def test_two_hundred_machines() -> None:
    async with ClusterServer(FastClock(5), Authority()) as server:
        found = server.cluster
        for number in range(200):
            found.register(Machine(node_name=f"node-{number:03}"), {})
        client = admin(server)
        await until(lambda: all(ready(found, f"node-{n:03}") == "True" for n in range(200)))
        listed = await client.get("/api/v1/nodes")
        assert len(listed["items"]) == 200
        await client.close()
