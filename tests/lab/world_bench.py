"""A small world for tests: a server and a GPU machine, with a cluster kept in a dictionary."""

from __future__ import annotations

import asyncio
import copy
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from gpu_wizard.lab import console
from gpu_wizard.lab.boot import boot
from gpu_wizard.lab.clock import ScaledClock
from gpu_wizard.lab.console import Result
from gpu_wizard.lab.driver import DRIVER_VERSION
from gpu_wizard.lab.internet import binary
from gpu_wizard.lab.kernel import Kernel
from gpu_wizard.lab.machine import Machine
from gpu_wizard.lab.ports import Gpu, JsonObject, Worker
from gpu_wizard.lab.releases import DEFAULT_RELEASE
from gpu_wizard.lab.world import SERVER_ADDRESS, World

RECORDED = Path(__file__).parent.parent / "recorded"
CA = b"-----BEGIN CERTIFICATE-----\nbGFi\n-----END CERTIFICATE-----\n"
A6000 = Gpu("GPU-5f1c9e3a-7d20-4b8e-9c41-2a6f0d83b715", "NVIDIA RTX A6000")
FACTOR = 200.0


@dataclass
class DictCluster:
    """The `ClusterPort` without any behaviour of its own."""

    objects: dict[tuple[str, str, str], JsonObject] = field(default_factory=dict)
    available: bool = False
    workers: list[Worker] = field(default_factory=list)
    told: list[tuple[bool, str]] = field(default_factory=list)
    """Every word about the API's availability."""

    def register(self, worker: Worker, labels: Mapping[str, str]) -> None:
        """Make the Node."""
        self.workers.append(worker)
        metadata = {"name": worker.node_name, "labels": dict(labels), "uid": str(uuid.uuid4())}
        known = self.objects.setdefault(("Node", "", worker.node_name), {"metadata": metadata})
        known["metadata"]["labels"].update(labels)

    def get(self, kind: str, namespace: str, name: str) -> JsonObject | None:
        """One object."""
        return copy.deepcopy(self.objects.get((kind, namespace, name)))

    def list(self, kind: str, namespace: str = "") -> list[JsonObject]:
        """All of a kind."""
        return [
            copy.deepcopy(one)
            for (its_kind, its_namespace, _), one in self.objects.items()
            if its_kind == kind and namespace in ("", its_namespace)
        ]

    def put(self, manifest: JsonObject) -> JsonObject:
        """Create or replace."""
        metadata = manifest["metadata"]
        metadata.setdefault("uid", str(uuid.uuid4()))
        key = (manifest["kind"], metadata.get("namespace", ""), metadata["name"])
        self.objects[key] = copy.deepcopy(manifest)
        return manifest

    def remove(self, kind: str, namespace: str, name: str) -> None:
        """Delete, with what the object owns."""
        gone = self.objects.pop((kind, namespace, name), None)
        for key, one in list(self.objects.items()) if gone else ():
            owners = one["metadata"].get("ownerReferences", [])
            if any(owner["uid"] == gone["metadata"]["uid"] for owner in owners if gone):
                del self.objects[key]

    def set_available(self, available: bool, reason: str = "") -> None:
        """Remember it."""
        self.available = available
        self.told.append((available, reason))


@dataclass
class Bench:
    """One machine with a shell."""

    machine: Machine
    kernel: Kernel

    async def sh(
        self, script: str, *, user: str = "root", stdin: bytes = b"", seconds: float = 20
    ) -> Result:
        """Run a script as a user; it ends after `seconds` in any case."""
        work = console.run(self.kernel, script, user=user, stdin=stdin)
        return await asyncio.wait_for(work, seconds)

    def journal(self, unit: str = "k3s-agent.service") -> list[str]:
        """Messages of a unit."""
        return [entry.message for entry in self.machine.journal.entries if entry.unit == unit]

    def install_k3s(self, version: str = DEFAULT_RELEASE) -> None:
        """Put the binary there, as an air-gapped installation does."""
        self.machine.files.write("/usr/local/bin/k3s", binary(version), mode=0o755)


@dataclass
class Pair:
    """A server and a GPU machine."""

    world: World
    cluster: DictCluster
    server: Bench
    gpu: Bench


def bench(machine: Machine) -> Bench:
    """A machine, booted."""
    kernel = boot(machine)
    machine.start()
    return Bench(machine, kernel)


def pair(version: str = DEFAULT_RELEASE, *, factor: float = FACTOR) -> Pair:
    """A fresh world; nothing of K3s is installed anywhere."""
    cluster = DictCluster()
    world = World(
        ScaledClock(factor), cluster, CA, kubeconfig="apiVersion: v1\n", k3s_version=version
    )
    server = world.add("control", SERVER_ADDRESS)
    gpu = world.add("gpu1", "10.20.0.21", (A6000,))
    gpu.driver.install(DRIVER_VERSION)
    return Pair(world, cluster, bench(server), bench(gpu))


async def serving(version: str = DEFAULT_RELEASE, *, factor: float = FACTOR) -> Pair:
    """A world whose server runs."""
    made = pair(version, factor=factor)
    made.server.install_k3s(version)
    script = "curl -sfL https://get.k3s.io | INSTALL_K3S_SKIP_DOWNLOAD=true sh -s - server"
    got = await made.server.sh(script)
    assert got.status == 0, got
    return made
