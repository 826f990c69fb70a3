"""What the tests of the lab's cluster stand on: a clock, a machine, and a client of the API."""

from __future__ import annotations

import asyncio
import base64
import json
import ssl
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import aiohttp

from gpu_wizard.lab.cluster.server import ClusterServer
from gpu_wizard.lab.pki import Certified, load_identity
from gpu_wizard.lab.ports import Gpu, JsonObject, Visible

NO_LIBRARY = "ERROR_LIBRARY_NOT_FOUND"
GPU = Gpu("GPU-11111111-2222-3333-4444-555555555555", "NVIDIA RTX A6000")


class FastClock:
    """Recorded seconds, twenty to the second unless said otherwise."""

    def __init__(self, factor: float = 20.0) -> None:
        self.factor = factor

    async def sleep(self, recorded_seconds: float) -> None:
        await asyncio.sleep(recorded_seconds / self.factor)

    def now(self) -> float:
        return asyncio.get_running_loop().time()


@dataclass
class Machine:
    """A machine as the recordings had it: one card, runtime handlers for it."""

    node_name: str = "gpu-node-1"
    boot_id: str = "00000000-0000-4000-8000-000000000001"
    machine_id: str = "00000000-0000-4000-8000-000000000001"
    internal_ip: str = "192.0.2.2"
    kubelet_version: str = "v1.36.2"
    container_runtime_version: str = "containerd://2.1.9+unknown"
    os_image: str = "Debian GNU/Linux 12 (bookworm)"
    kernel_version: str = "6.18.44"
    is_server: bool = False
    cpu: int = 2
    memory_kib: int = 24684084
    kubelet_started: float | None = 1.0
    handlers: tuple[str, ...] = ("runc", "nvidia")
    default_handler: str = "runc"
    gpus: tuple[Gpu, ...] = (GPU,)
    nvml_error: str = ""
    _told: list[Callable[[], None]] = field(default_factory=list)

    def visible(
        self, handler: str, allocated: tuple[str, ...] | None, image_asks_all: bool
    ) -> Visible:
        if not handler.startswith("nvidia"):
            return Visible(error=NO_LIBRARY)
        if self.nvml_error:
            return Visible(error=self.nvml_error)
        if allocated is not None:
            return Visible(tuple(gpu for gpu in self.gpus if gpu.uuid in allocated))
        return Visible(self.gpus) if image_asks_all else Visible(error=NO_LIBRARY)

    def on_change(self, told: Callable[[], None]) -> None:
        self._told.append(told)

    def change(self, **what: Any) -> None:
        """Set attributes and tell the kubelet."""
        for name, value in what.items():
            setattr(self, name, value)
        for told in self._told:
            told()


@dataclass(frozen=True)
class Reply:
    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> JsonObject:
        found: JsonObject = json.loads(self.body)
        return found


class Client:
    """Talks to the server as one user."""

    def __init__(self, server: ClusterServer, certified: Certified | None, token: str = "") -> None:
        context = ssl.create_default_context(cadata=server.authority.pem.decode())
        if certified is not None:
            load_identity(context, certified)
        self._session = aiohttp.ClientSession(
            f"https://127.0.0.1:{server.port}",
            connector=aiohttp.TCPConnector(ssl=context),
            headers={"User-Agent": "recorder"}
            | ({"Authorization": f"Bearer {token}"} if token else {}),
            skip_auto_headers=("Content-Type", "Accept"),
        )

    async def send(
        self,
        method: str,
        path: str,
        body: Any = None,
        headers: dict[str, str] | None = None,
        *,
        seconds: float = 10.0,
    ) -> Reply:
        """One request; gives the whole answer."""
        data = body if isinstance(body, bytes | None) else json.dumps(body).encode()
        timeout = aiohttp.ClientTimeout(seconds)
        async with self._session.request(
            method, path_url(path), data=data, headers=headers, timeout=timeout
        ) as response:
            return Reply(response.status, dict(response.headers), await response.read())

    async def get(self, path: str) -> JsonObject:
        return (await self.send("GET", path)).json

    async def lines(self, path: str, count: int, *, seconds: float = 10.0) -> list[str]:
        """The first lines of a stream, or all until it closes."""
        found: list[str] = []
        timeout = aiohttp.ClientTimeout(seconds)
        async with self._session.get(path_url(path), timeout=timeout) as response:
            async for line in response.content:
                found.append(line.decode())
                if len(found) == count:
                    break
        return found

    async def close(self) -> None:
        await self._session.close()


def path_url(path: str) -> Any:
    # Yarl must not spell a recorded query anew.
    from yarl import URL

    return URL(path, encoded=True)


def admin(server: ClusterServer) -> Client:
    """A client with all rights, by certificate."""
    return Client(server, identity(server))


def identity(server: ClusterServer, user: str = "cluster-admin", *groups: str) -> Certified:
    return server.authority.client(user, groups or ("system:masters",))


def read_base64(text: str) -> bytes:
    return base64.b64decode(text)


async def until(test: Callable[[], object], *, seconds: float = 10.0) -> None:
    """Wait for something to become true.

    Raises:
        TimeoutError: it did not.
    """
    async with asyncio.timeout(seconds):
        while not test():
            await asyncio.sleep(0.005)


NVIDIA_CLASS: JsonObject = {
    "apiVersion": "node.k8s.io/v1",
    "kind": "RuntimeClass",
    "metadata": {"name": "nvidia"},
    "handler": "nvidia",
}


def plugin_daemons(**spec: Any) -> JsonObject:
    """The device plugin's DaemonSet as the recordings have it; `spec` goes into its pods' spec."""
    folder = "/var/lib/kubelet/device-plugins"
    container = {
        "image": "nvcr.io/nvidia/k8s-device-plugin:v0.20.0",
        "name": "nvidia-device-plugin-ctr",
        "env": [{"name": "FAIL_ON_INIT_ERROR", "value": "false"}],
        "volumeMounts": [{"name": "device-plugin", "mountPath": folder}],
    }
    pod = {
        "tolerations": [{"key": "nvidia.com/gpu", "operator": "Exists", "effect": "NoSchedule"}],
        "priorityClassName": "system-node-critical",
        "runtimeClassName": "nvidia",
        "containers": [container],
        "volumes": [{"name": "device-plugin", "hostPath": {"path": folder}}],
    }
    labels = {"name": "nvidia-device-plugin-ds"}
    return {
        "apiVersion": "apps/v1",
        "kind": "DaemonSet",
        "metadata": {"name": "nvidia-device-plugin-daemonset", "namespace": "kube-system"},
        "spec": {
            "selector": {"matchLabels": labels},
            "template": {"metadata": {"labels": labels}, "spec": pod | spec},
        },
    }


def a_pod(name: str, command: str, *, gpus: int = 0, **spec: Any) -> JsonObject:
    """A pod of one container with a CUDA image."""
    container: JsonObject = {
        "name": "main",
        "image": "docker.io/nvidia/cuda:12.4.1-base-ubuntu22.04",
        "command": ["/bin/sh", "-c", command],
    }
    if gpus:
        container["resources"] = {"limits": {"nvidia.com/gpu": str(gpus)}}
    pod = {"restartPolicy": "Never", "containers": [container]} | spec
    return {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name}, "spec": pod}
