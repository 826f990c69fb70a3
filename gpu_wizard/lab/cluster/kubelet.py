"""The kubelet of a simulated machine: its Node object, its pods, its devices."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Mapping
from typing import Any

from gpu_wizard.lab.api import errors, times
from gpu_wizard.lab.api.bodies import Caller
from gpu_wizard.lab.api.podlogs import Log
from gpu_wizard.lab.api.registry import Registry
from gpu_wizard.lab.cluster import nodes
from gpu_wizard.lab.cluster.devices import Devices
from gpu_wizard.lab.cluster.events import Recorder
from gpu_wizard.lab.cluster.images import Image
from gpu_wizard.lab.cluster.podworker import PodWorker
from gpu_wizard.lab.ports import Clock, JsonObject, Worker

_BEAT = 10.0
_UNHEARD = 50.0
_FIRST_READY = 1.0
# From "Registered" to the Node object, and from a plugin's end (recordings/k3s-h100, lesson 3).
_COUNTED_AFTER = 6.5
_GONE_AFTER = 10.0


class Kubelet:
    """One machine's kubelet. It lives as long as the machine; whether it runs, the worker says."""

    def __init__(
        self, worker: Worker, registry: Registry, events: Recorder, clock: Clock, subnet: int
    ) -> None:
        self.worker = worker
        self.registry = registry
        self.events = events
        self.clock = clock
        self.subnet = subnet
        self.devices = Devices()
        self.restarted = asyncio.Event()
        """Set when the kubelet starts again; each start brings a new one."""
        self.pulled: dict[str, Image] = {}
        self._workers: dict[str, PodWorker] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._started = worker.kubelet_started
        self._boot = worker.boot_id
        self._up = asyncio.Event()
        self._addresses = 1
        if self._started is not None:
            self._up.set()
        worker.on_change(self.changed)
        self.spawn(self._beat())

    @property
    def node_name(self) -> str:
        return self.worker.node_name

    @property
    def running(self) -> bool:
        return self.worker.kubelet_started is not None

    async def alive(self) -> None:
        """Wait until the kubelet runs."""
        await self._up.wait()

    def spawn(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        """Start something that ends with this kubelet."""
        task = asyncio.ensure_future(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    def end(self) -> list[asyncio.Task[None]]:
        """Stop everything; gives what is to be waited for."""
        for task in self._tasks:
            task.cancel()
        return list(self._tasks)

    def register(self, labels: Mapping[str, str]) -> None:
        """Make the Node object, or take up the one that is there."""
        wanted = nodes.manifest(self.worker, labels)
        found = self.registry.find("Node", "", self.node_name)
        if found is None:
            self.devices.forget()
            caller = Caller(manager="k3s")
            self.registry.create(self.registry.kind("Node"), "", wanted, caller)
            self._report(ready=False)
            self.spawn(self._become_ready())
            return

        def take_up(node: JsonObject) -> None:
            node["metadata"].setdefault("labels", {}).update(wanted["metadata"]["labels"])
            node["metadata"].setdefault("annotations", {}).update(wanted["metadata"]["annotations"])

        self.registry.change("Node", "", self.node_name, take_up, "k3s")
        self.changed()
        self._report(ready=True)

    def changed(self) -> None:
        """The machine says that something may be new."""
        started, boot = self.worker.kubelet_started, self.worker.boot_id
        if boot != self._boot:
            self._boot = boot
            for each in list(self._workers.values()):
                each.killed()
        if started == self._started:
            if started is not None and self.registry.find("Node", "", self.node_name):
                self._report(ready=self._is_ready())
            return
        self._started = started
        if started is None:
            self._up.clear()
            self.spawn(self._grow_silent())
            return
        self._up.set()
        self.devices.restart()
        self.restarted.set()
        self.restarted = asyncio.Event()
        self._report(ready=True)
        for each in list(self._workers.values()):
            each.awake()

    def pod_changed(self, pod: JsonObject) -> None:
        """A pod of this node is new, or its object has changed."""
        uid = pod["metadata"]["uid"]
        if uid not in self._workers:
            self._workers[uid] = PodWorker(self, pod)
        self._workers[uid].update(pod)

    def pod_gone(self, pod: JsonObject) -> None:
        """A pod's object is gone; whatever still runs of it is killed."""
        found = self._workers.pop(pod["metadata"]["uid"], None)
        if found is not None:
            found.end()
        self.devices.release(pod["metadata"]["uid"])

    def next_address(self) -> str:
        self._addresses += 1
        return f"10.42.{self.subnet}.{self._addresses % 254 + 1}"

    def registered(self, resource: str, devices: tuple[str, ...], *, single: bool) -> None:
        """A device plugin registered."""
        self.devices.register(resource, devices, single=single)
        self.spawn(self._count(resource, _COUNTED_AFTER))

    def disconnected(self, resource: str) -> None:
        """A device plugin is gone."""
        self.devices.disconnect(resource)
        self.spawn(self._count(resource, _GONE_AFTER))

    def log(self, pod: JsonObject, container: str, *, previous: bool) -> Log:
        """A container's log, or the kubelet's refusal."""
        metadata = pod["metadata"]
        where = f"{metadata['namespace']}/{metadata['name']}/{container}"
        if not self.running:
            url = f"https://{self.node_name}:10250/containerLogs/{where}"
            address = f"{self.worker.internal_ip}:10250"
            text = f'Get "{url}": dial tcp {address}: connect: connection refused'
            raise errors.internal(text)
        found = self._workers.get(metadata["uid"])
        if found is None:
            text = f'container "{container}" in pod "{metadata["name"]}" is not available'
            raise errors.bad_request(text)
        return found.log(container, previous=previous)

    def _is_ready(self) -> bool:
        node = self.registry.find("Node", "", self.node_name)
        return node is not None and nodes.ready(node) != "False"

    def _report(self, *, ready: bool) -> None:
        images = [
            {"names": [name], "sizeBytes": image.bytes} for name, image in self.pulled.items()
        ]

        def tell(status: JsonObject) -> None:
            nodes.report(status, self.worker, self.devices, images, ready=ready)

        self.registry.write_status("Node", "", self.node_name, tell, "k3s")

    async def _become_ready(self) -> None:
        await self.clock.sleep(_FIRST_READY)
        await self.alive()
        self._report(ready=True)

    async def _count(self, resource: str, after: float) -> None:
        await self.clock.sleep(after)
        await self.alive()
        self.devices.settle(resource)
        self._report(ready=self._is_ready())

    async def _grow_silent(self) -> None:
        silent = self._started
        await self.clock.sleep(_UNHEARD)
        if self._started is silent:
            self.registry.write_status("Node", "", self.node_name, nodes.silence, "k3s")

    async def _beat(self) -> None:
        """Renew the node's lease, as the sign of life."""
        leases = self.registry.kind("Lease")
        while True:
            await self.alive()
            metadata = {"name": self.node_name, "namespace": "kube-node-lease"}
            found = self.registry.store.get(leases, "kube-node-lease", self.node_name)
            known = (
                found["metadata"]
                if found
                else {
                    "uid": times.new_uid(),
                    "creationTimestamp": times.now(),
                }
            )
            spec = {"holderIdentity": self.node_name, "leaseDurationSeconds": 40}
            spec["renewTime"] = times.now_exact()
            self.registry.store.put(leases, {"metadata": known | metadata, "spec": spec})
            await self.clock.sleep(_BEAT)
