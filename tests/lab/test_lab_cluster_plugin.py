"""The device plugin in the lab: its recorded words, and what its coming and going does to the node."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from gpu_wizard.lab.cluster.plugin import Plugin, PluginFailedError, Setup
from gpu_wizard.lab.cluster.server import ClusterServer
from gpu_wizard.lab.pki import Authority
from gpu_wizard.lab.ports import Gpu, JsonObject, Visible
from tests.lab.cluster_bench import (
    GPU,
    NO_LIBRARY,
    NVIDIA_CLASS,
    FastClock,
    Machine,
    a_pod,
    plugin_daemons,
    until,
)

FOLDER = Path(__file__).parent.parent / "recorded" / "device-plugin"
VERSIONS = ("v0.14.5", "v0.15.1", "v0.17.4", "v0.18.2", "v0.19.3", "v0.20.0")
SITUATIONS: dict[str, tuple[Visible, bool]] = {
    "no-nvml": (Visible(error=NO_LIBRARY), True),
    "no-nvml-fail-on-init-error-false": (Visible(error=NO_LIBRARY), False),
    "nvml-no-devices": (Visible(), True),
    "nvml-driver-not-loaded": (Visible(error="ERROR_DRIVER_NOT_LOADED"), True),
    "success": (Visible((GPU,)), True),
}
SHARING = """\
version: v1
sharing:
  timeSlicing:
    resources:
    - name: nvidia.com/gpu
      replicas: {replicas}
"""
TWO = (GPU, Gpu("GPU-22222222-2222-3333-4444-555555555555", "NVIDIA RTX A6000", minor=1))


def run_plugin(
    version: str,
    visible: Visible,
    *,
    fails: bool = True,
    config: str = "",
    kubelet_folder: bool = True,
) -> str:
    written: list[str] = []
    environment = {} if fails else {"FAIL_ON_INIT_ERROR": "false"}
    mounts = {"/config/config.yaml": config} if config else {}
    if config:
        environment["CONFIG_FILE"] = "/config/config.yaml"
    plugin = Plugin(Setup(version, environment, mounts, kubelet_folder), written.append)
    try:
        plugin.start()
        plugin.load(visible)
    except PluginFailedError:
        written.append("exit 1\n")
    return _without_times("".join(written))


def _without_times(text: str) -> str:
    return re.sub(r"^([IWE])\d{4} [\d:.]+", r"\1", text, flags=re.MULTILINE)


def recorded(version: str, situation: str) -> str:
    return _without_times((FOLDER / f"{version}.{situation}.log").read_text("utf-8"))


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("situation", SITUATIONS)
def test_it_logs_what_the_real_one_logged(version: str, situation: str) -> None:
    visible, fails = SITUATIONS[situation]
    wanted = recorded(version, situation)
    # With 0 devices it stays up whatever FAIL_ON_INIT_ERROR says.
    gave_up = "error starting plugins" in wanted
    found = run_plugin(version, visible, fails=fails)
    assert found == wanted + ("exit 1\n" if gave_up else "")


@pytest.mark.parametrize("version", ["v0.17.4", "v0.20.0"])
def test_it_says_how_it_shares(version: str) -> None:
    found = run_plugin(version, Visible((GPU,)), config=SHARING.format(replicas=4))
    assert found == recorded(version, "success-time-slicing-4")


@pytest.mark.parametrize("version", ["v0.17.4", "v0.20.0"])
def test_it_refuses_a_bad_configuration(version: str) -> None:
    found = run_plugin(version, Visible((GPU,)), config=SHARING.format(replicas="many"))
    assert found == recorded(version, "bad-config-file") + "exit 1\n"


@pytest.mark.parametrize("version", ["v0.17.4", "v0.20.0"])
def test_it_needs_the_kubelets_directory(version: str) -> None:
    found = run_plugin(version, Visible((GPU,)), kubelet_folder=False)
    assert found == recorded(version, "kubelet-directory-not-mounted") + "exit 1\n"


def test_a_version_in_between_speaks_like_its_neighbour() -> None:
    assert "Incompatible strategy detected auto" in run_plugin("v0.17.0", Visible(error=NO_LIBRARY))
    assert "Incompatible strategy detected auto" in run_plugin("v0.19.0", Visible(error=NO_LIBRARY))
    assert "Unsupported platform" in run_plugin("v0.19.1", Visible(error=NO_LIBRARY))
    assert '"Starting NVIDIA Device Plugin" version=<\n\tv0.17.0\n' in run_plugin(
        "v0.17.0", Visible()
    )


class Lab:
    def __init__(self, server: ClusterServer, machine: Machine) -> None:
        self.cluster = server.cluster
        self.machine = machine

    def amounts(self, resource: str = "nvidia.com/gpu") -> tuple[str | None, str | None]:
        """Capacity and allocatable of the node."""
        status = (self.cluster.get("Node", "", self.machine.node_name) or {})["status"]
        found = [status.get(part, {}).get(resource) for part in ("capacity", "allocatable")]
        return found[0], found[1]

    def pod(self, name: str) -> JsonObject:
        return self.cluster.get("Pod", "default", name) or {"status": {}}

    def ended(self, name: str) -> bool:
        return self.pod(name)["status"].get("phase") in ("Succeeded", "Failed")

    def log(self, name: str) -> list[str]:
        log = self.cluster.log(self.pod(name), "main", previous=False)
        return [line.text for line in log.lines]

    def plugin(self) -> JsonObject:
        pods = self.cluster.list("Pod", "kube-system")
        return next((p for p in pods if p["status"].get("phase") == "Running"), {})

    def plugin_log(self) -> str:
        pod = self.plugin()
        name = pod["spec"]["containers"][0]["name"]
        lines = self.cluster.log(pod, name, previous=False).lines
        return "\n".join(line.text for line in lines)

    async def try_pod(self, name: str, command: str = "nvidia-smi -L", **more: Any) -> JsonObject:
        """Make a pod and wait until it has ended; gives its status."""
        self.cluster.put(a_pod(name, command, **more))
        await until(lambda: self.ended(name))
        status: JsonObject = self.pod(name)["status"]
        return status


@asynccontextmanager
async def lab(factor: float = 20.0, *, plugin: bool = True, **machine: Any) -> AsyncIterator[Lab]:
    async with ClusterServer(FastClock(factor), Authority()) as server:
        found = Lab(server, Machine(**machine))
        server.cluster.register(found.machine, {})
        server.cluster.put(NVIDIA_CLASS)
        if plugin:
            server.cluster.put(plugin_daemons())
            await until(lambda: found.amounts()[1] == str(len(found.machine.gpus)))
        yield found


async def test_the_label_brings_the_plugin_and_the_plugin_the_gpus() -> None:
    async with lab(plugin=False) as found:
        found.cluster.put(plugin_daemons(nodeSelector={"nvidia.com/gpu": "present"}))
        daemons = "nvidia-device-plugin-daemonset"

        def status() -> JsonObject:
            known: JsonObject = (found.cluster.get("DaemonSet", "kube-system", daemons) or {})[
                "status"
            ]
            return known

        await until(lambda: status().get("observedGeneration") == 1)
        assert status()["desiredNumberScheduled"] == 0
        assert found.amounts() == (None, None)
        node = found.cluster.get("Node", "", "gpu-node-1") or {}
        node = node | {"apiVersion": "v1", "kind": "Node"}
        node["metadata"] = node["metadata"] | {"labels": {"nvidia.com/gpu": "present"}}
        found.cluster.put(node)
        await until(lambda: status().get("numberAvailable") == 1)
        # Ready comes before the node counts the cards (README of the recordings, 1).
        assert found.amounts() == (None, None)
        await until(lambda: "Registered device plugin" in found.plugin_log())
        assert found.amounts() == (None, None)
        await until(lambda: found.amounts() == ("1", "1"))


async def test_capacity_stays_when_the_plugin_goes() -> None:
    async with lab() as found:
        found.cluster.remove("DaemonSet", "kube-system", "nvidia-device-plugin-daemonset")
        await until(lambda: found.amounts() == ("1", "0"))


async def test_allocatable_lies_after_a_restart() -> None:
    async with lab(factor=5) as found:
        found.machine.change(kubelet_started=None)
        found.machine.change(kubelet_started=2.0, handlers=("runc",))
        found.machine.change(nvml_error=NO_LIBRARY)
        assert found.amounts() == ("1", "1")
        status = await found.try_pod("early", gpus=1, nodeName="gpu-node-1")
        assert status["reason"] == "UnexpectedAdmissionError"
        assert "no healthy devices present" in status["message"]
        assert found.amounts() == ("1", "1")


async def test_the_plugin_registers_again_after_a_restart() -> None:
    async with lab() as found:
        found.machine.change(kubelet_started=None)
        found.machine.change(kubelet_started=2.0)
        await until(lambda: found.plugin_log().count("Registered") == 2)
        assert "kubelet.sock created, restarting" in found.plugin_log()
        status = await found.try_pod("after", gpus=1, runtimeClassName="nvidia")
        assert status["phase"] == "Succeeded"


async def test_what_pods_see() -> None:
    """recordings/k3s-h100, pods.txt."""
    async with lab(gpus=TWO) as found:
        lines = [f"GPU {n}: NVIDIA RTX A6000 (UUID: {gpu.uuid})" for n, gpu in enumerate(TWO)]
        asked = await found.try_pod("asked", gpus=1, runtimeClassName="nvidia")
        assert asked["phase"] == "Succeeded"
        assert len(found.log("asked")) == 1
        assert found.log("asked")[0].endswith(f"(UUID: {TWO[0].uuid})")
        await found.try_pod("two", gpus=2, runtimeClassName="nvidia")
        assert found.log("two") == lines
        # The class without a request: the image asks for all of them.
        await found.try_pod("leak", runtimeClassName="nvidia")
        assert found.log("leak") == lines
        spent = await found.try_pod("no-class", gpus=1)
        assert spent["phase"] == "Failed"
        assert found.log("no-class") == ["sh: 1: nvidia-smi: not found"]
        await found.try_pod("control", "nvidia-smi -L; echo smi=$?")
        assert found.log("control") == ["sh: 1: nvidia-smi: not found", "smi=127"]
        found.machine.change(default_handler="nvidia")
        await found.try_pod("default")
        assert found.log("default") == lines


async def test_sharing() -> None:
    """recordings/k3s-h100, sharing.txt."""
    config = SHARING.format(replicas=4) + "    failRequestsGreaterThanOne: true\n"
    async with lab(plugin=False, gpus=TWO) as found:
        found.cluster.put(
            {
                "apiVersion": "v1",
                "kind": "ConfigMap",
                "metadata": {"name": "sharing", "namespace": "kube-system"},
                "data": {"config.yaml": config},
            }
        )
        daemons = plugin_daemons()
        spec = daemons["spec"]["template"]["spec"]
        spec["volumes"].append({"name": "config", "configMap": {"name": "sharing"}})
        spec["containers"][0]["volumeMounts"].append({"name": "config", "mountPath": "/config"})
        spec["containers"][0]["env"] = [{"name": "CONFIG_FILE", "value": "/config/config.yaml"}]
        found.cluster.put(daemons)
        await until(lambda: found.amounts() == ("8", "8"))
        one = await found.try_pod("shared1", gpus=1, runtimeClassName="nvidia")
        assert one["phase"] == "Succeeded"
        assert len(found.log("shared1")) == 1
        two = await found.try_pod("shared2", gpus=2, runtimeClassName="nvidia")
        assert two["reason"] == "UnexpectedAdmissionError"
        assert "maximum request size for shared resources is 1; found 2" in two["message"]


async def test_a_plugin_that_gives_up_goes_on_crashing() -> None:
    async with lab(factor=60, plugin=False, nvml_error="ERROR_LIB_RM_VERSION_MISMATCH") as found:
        daemons = plugin_daemons()
        daemons["spec"]["template"]["spec"]["containers"][0].pop("env")
        found.cluster.put(daemons)

        def reason() -> str:
            pods = found.cluster.list("Pod", "kube-system")
            statuses = (pods[0]["status"].get("containerStatuses") or [{}]) if pods else [{}]
            return str(statuses[0].get("state", {}).get("waiting", {}).get("reason", ""))

        await until(lambda: reason() == "CrashLoopBackOff")
        pod = found.cluster.list("Pod", "kube-system")[0]
        # A pod that crashes again and again has the phase Running.
        assert pod["status"]["phase"] == "Running"
        log = found.cluster.log(pod, "nvidia-device-plugin-ctr", previous=False)
        assert log.lines[-1].text.endswith("nvml init failed: Driver/library version mismatch")


async def test_a_plugin_under_runc_waits_and_the_pod_is_ready() -> None:
    async with lab(plugin=False) as found:
        daemons = plugin_daemons()
        del daemons["spec"]["template"]["spec"]["runtimeClassName"]
        found.cluster.put(daemons)
        await until(lambda: found.plugin() and "Waiting indefinitely" in found.plugin_log())
        assert found.plugin()["status"]["containerStatuses"][0]["ready"]
        assert found.amounts() == (None, None)
