"""The cluster: its objects, its controllers, and its nodes' kubelets."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Mapping
from typing import Any

from gpu_wizard.lab.api import errors
from gpu_wizard.lab.api.access import Access
from gpu_wizard.lab.api.bodies import Caller
from gpu_wizard.lab.api.kinds import Catalogue
from gpu_wizard.lab.api.podlogs import Log
from gpu_wizard.lab.api.registry import Registry
from gpu_wizard.lab.api.store import Change, Store
from gpu_wizard.lab.cluster import nodes, seeds
from gpu_wizard.lab.cluster.daemonsets import DaemonSets
from gpu_wizard.lab.cluster.deployments import Deployments
from gpu_wizard.lab.cluster.events import Recorder
from gpu_wizard.lab.cluster.garbage import Garbage
from gpu_wizard.lab.cluster.kubelet import Kubelet
from gpu_wizard.lab.cluster.scheduler import Scheduler
from gpu_wizard.lab.ports import Clock, JsonObject, Worker

# A controller sees a change a little later; a fresh namespace gets its account after a second.
_REACTION, _FURNISHING = 0.02, 1.0
_IGNORED = ("Event", "Lease")
AvailabilityListener = Callable[[bool, str], None]


class Cluster:
    """A cluster in memory. Implements `ports.ClusterPort`; needs a running event loop."""

    def __init__(self, clock: Clock, authority_pem: str, *, minor: int = 34) -> None:
        self.clock = clock
        self.store = Store()
        self.catalogue = Catalogue()
        self.registry = Registry(self.store, self.catalogue)
        self.access = Access(self.store, self.catalogue)
        self.events = Recorder(self.registry)
        self.available = True
        """False while no API server answers; controllers and kubelets then stand still too."""
        self.starting = False
        """True where the server answers, but only 503."""
        self.told_available: list[AvailabilityListener] = []
        self._authority = authority_pem
        self._kubelets: dict[str, Kubelet] = {}
        self._dirty = asyncio.Event()
        self._tasks: set[asyncio.Task[None]] = set()
        self._scheduler = Scheduler(self.registry, self.events, names_taint=minor < 35)
        self._daemons = DaemonSets(self.registry, self.events, clock)
        self._deployments = Deployments(self.registry, self.events, clock)
        self._garbage = Garbage(self.registry)
        seeds.plant(self.registry, authority_pem)

    def start(self) -> None:
        """Start the controllers."""
        self.store.subscribe(self._heard)
        self._spawn(self._control())

    async def stop(self) -> None:
        """Stop controllers and kubelets."""
        tasks = [*self._tasks]
        for task in tasks:
            task.cancel()
        for kubelet in self._kubelets.values():
            tasks += kubelet.end()
        await asyncio.gather(*tasks, return_exceptions=True)

    def register(self, worker: Worker, labels: Mapping[str, str]) -> None:
        """A kubelet joins: make the Node object, or take up the one of that name."""
        name = worker.node_name
        known = self._kubelets.get(name)
        if known is None or known.worker is not worker:
            if known is not None:
                known.end()
            subnet = len(self._kubelets)
            self._kubelets[name] = Kubelet(worker, self.registry, self.events, self.clock, subnet)
        self._kubelets[name].register(labels)
        node = self.registry.find("Node", "", name)
        if node is not None:
            text = f"Node {name} event: Registered Node {name} in Controller"
            self.events.say("Node", node, "RegisteredNode", text, "node-controller")

    def get(self, kind: str, namespace: str, name: str) -> JsonObject | None:
        return self.registry.find(kind, namespace, name)

    def list(self, kind: str, namespace: str = "") -> list[JsonObject]:
        known = self.catalogue.named(kind)
        return self.store.all(known, namespace) if known else []

    def put(self, manifest: JsonObject) -> JsonObject:
        """Create or replace an object as K3s's deploy controller does; gives what is stored."""
        kind = self.catalogue.named(manifest["kind"], manifest["apiVersion"])
        if kind is None:
            raise errors.no_such_resource()
        metadata = manifest["metadata"]
        place = metadata.get("namespace", "default") if kind.namespaced else ""
        caller = Caller(manager="deploy@lab")
        if self.store.get(kind, place, metadata["name"]) is None:
            return self.registry.create(kind, place, manifest, caller)
        return self.registry.replace(kind, place, metadata["name"], manifest, caller)

    def remove(self, kind: str, namespace: str, name: str) -> None:
        """Delete an object and what it owns; absent is no error."""
        known = self.catalogue.named(kind)
        if known and self.store.get(known, namespace, name) is not None:
            options = {"propagationPolicy": "Background"}
            self.registry.delete(known, namespace, name, options, Caller(manager="k3s"))

    def set_available(self, available: bool, reason: str = "") -> None:
        """Take the API away, or bring it back.

        Away: connections are refused, as by a stopped server; with the reason `starting` they are
        answered 503, `apiserver not ready`, as while K3s starts.
        """
        self.available = available
        self.starting = not available and reason == "starting"
        for told in self.told_available:
            told(available, reason)
        self._dirty.set()

    def log(self, pod: JsonObject, container: str, *, previous: bool) -> Log:
        """A container's log, from the kubelet of the pod's node.

        Raises:
            ApiError: the kubelet's refusal.
        """
        node = pod["spec"].get("nodeName", "")
        kubelet = self._kubelets.get(node)
        if kubelet is None:
            raise errors.internal(f'Get "https://{node}:10250/containerLogs": no such host')
        return kubelet.log(pod, container, previous=previous)

    def _heard(self, change: Change) -> None:
        if change.kind.name in _IGNORED:
            return
        self._dirty.set()
        if change.kind.name == "Pod":
            kubelet = self._kubelets.get(change.object["spec"].get("nodeName", ""))
            if kubelet is not None:
                if change.type == "DELETED":
                    kubelet.pod_gone(change.object)
                else:
                    kubelet.pod_changed(change.object)
        elif change.kind.name == "Namespace" and change.type == "ADDED":
            self._spawn(self._furnish(change.object["metadata"]["name"]))
        elif change.kind.name == "CustomResourceDefinition" and change.type == "DELETED":
            self.catalogue.withdraw(change.object)

    async def _furnish(self, namespace: str) -> None:
        await self.clock.sleep(_FURNISHING)
        if self.registry.find("Namespace", "", namespace) is not None:
            seeds.furnish(self.registry, namespace, self._authority)

    async def _control(self) -> None:
        """Let every controller look whenever something has changed."""
        loop = asyncio.get_running_loop()
        while True:
            await self._dirty.wait()
            await self.clock.sleep(_REACTION)
            self._dirty.clear()
            if not self.available:
                continue
            self._settle_nodes()
            self._garbage.run()
            for again in (self._daemons.run(), self._deployments.run()):
                if again is not None:
                    loop.call_at(again, self._dirty.set)
            self._scheduler.run()

    def _settle_nodes(self) -> None:
        for node in self.list("Node"):
            name = node["metadata"]["name"]
            kubelet = self._kubelets.get(name)
            subnet = kubelet.subnet if kubelet else 255

            def settle(found: JsonObject, subnet: int = subnet) -> None:
                nodes.settle(found, subnet)

            self.registry.change("Node", "", name, settle, "kube-controller-manager")

    def _spawn(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.ensure_future(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
