"""One pod on its node, from admission to its end.

Source: recorded f04 (seconds), h11-h24, l01-l08 with a kubelet v1.36.2; recordings/k3s-h100.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from gpu_wizard.lab.api import errors, times
from gpu_wizard.lab.api.bodies import Caller
from gpu_wizard.lab.api.podlogs import Log
from gpu_wizard.lab.cluster import devices, volumes
from gpu_wizard.lab.cluster.containerworker import ContainerWorker
from gpu_wizard.lab.cluster.podstatus import ContainerState, PodState
from gpu_wizard.lab.ports import JsonObject

if TYPE_CHECKING:
    from gpu_wizard.lab.cluster.kubelet import Kubelet

_SEEN, _SANDBOX, _ENDING = 0.02, 0.4, 1.0
# A kubelet tries a sandbox again after this long; its mounts a little later each time.
_AGAIN, _MOUNT_AGAIN = 13.0, 2.0


class PodWorker:
    """Does what a kubelet does for one pod."""

    def __init__(self, kubelet: Kubelet, pod: JsonObject) -> None:
        self.kubelet = kubelet
        self.pod = pod
        containers = [
            ContainerState(each["name"], each["image"]) for each in pod["spec"]["containers"]
        ]
        self.state = PodState(pod, kubelet.worker.internal_ip, containers, times.now())
        self.handler = ""
        self._containers = [
            ContainerWorker(self, state, spec)
            for state, spec in zip(containers, pod["spec"]["containers"], strict=True)
        ]
        self._rejected = False
        self._life = kubelet.spawn(self._live())
        self._end: asyncio.Task[None] | None = None

    def update(self, pod: JsonObject) -> None:
        """The pod's object has changed."""
        self.pod = self.state.pod = pod
        if pod["metadata"].get("deletionTimestamp") and self._end is None:
            self._end = self.kubelet.spawn(self._terminate())

    def end(self) -> None:
        """Kill what is left."""
        self._life.cancel()
        for each in self._containers:
            each.end()

    def killed(self) -> None:
        """The machine went down: every container is gone at once."""
        for each in self._containers:
            each.killed()

    def awake(self) -> None:
        """The kubelet runs again: it tells what has happened meanwhile."""
        if not self._rejected:
            self.report()

    def report(self) -> None:
        """Write the pod's status, if the kubelet runs."""
        if self.kubelet.running:
            self._write(self.state.write)

    def say(self, reason: str, message: str, *, warning: bool = False, container: str = "") -> None:
        """An event about the pod."""
        self.kubelet.events.say(
            "Pod",
            self.pod,
            reason,
            message,
            "kubelet",
            warning=warning,
            host=self.kubelet.node_name,
            container=container,
        )

    def log(self, container: str, *, previous: bool) -> Log:
        """A container's log.

        Raises:
            ApiError: 400, there is none yet.
        """
        name = self.pod["metadata"]["name"]
        if self._rejected:
            raise errors.bad_request(f'container "{container}" in pod "{name}" is not available')
        found = next(each for each in self._containers if each.state.name == container)
        return found.log(name, previous=previous)

    async def _live(self) -> None:
        await self.kubelet.alive()
        await self.kubelet.clock.sleep(_SEEN)
        if self.state.phase != "Pending" or not self._admit():
            return
        self.report()
        await self._mount()
        await self._make_sandbox()
        limit = self.pod["spec"].get("activeDeadlineSeconds")
        seconds = limit / self.kubelet.clock.factor if limit else None
        work = [asyncio.ensure_future(each.run()) for each in self._containers]
        try:
            done, overdue = await asyncio.wait(work, timeout=seconds)
        finally:
            for task in work:
                task.cancel()
        for task in done:
            task.result()
        await self._finish(overdue=bool(overdue))

    async def _finish(self, *, overdue: bool) -> None:
        if overdue:
            self.state.reason = "DeadlineExceeded"
            self.state.message = "Pod was active on the node longer than the specified deadline"
            self.say("DeadlineExceeded", self.state.message)
            for each in self._containers:
                each.stopped(137)
        codes = [each.code for each in self._containers]
        await self.kubelet.clock.sleep(_ENDING)
        await self.kubelet.alive()
        self.state.phase = "Failed" if overdue or any(codes) else "Succeeded"
        self.kubelet.devices.release(self.pod["metadata"]["uid"])
        self.report()

    def _admit(self) -> bool:
        """Give the pod its devices, or refuse it."""
        uid = self.pod["metadata"]["uid"]
        try:
            for state, spec in zip(
                self.state.containers, self.pod["spec"]["containers"], strict=True
            ):
                for resource, count in devices.asked(spec).items():
                    given = self.kubelet.devices.allocate(uid, resource, count)
                    state.devices[resource] = given
        except devices.AdmissionError as refusal:
            self.kubelet.devices.release(uid)
            self._rejected = True
            text = str(refusal)
            self.say("UnexpectedAdmissionError", text, warning=True)
            self._write(lambda status: self.state.reject(status, "UnexpectedAdmissionError", text))
            return False
        return True

    async def _mount(self) -> None:
        wait = _MOUNT_AGAIN
        while fault := volumes.fault(self.kubelet.registry, self.pod):
            self.say("FailedMount", fault, warning=True)
            await self.kubelet.clock.sleep(wait)
            await self.kubelet.alive()
            wait = min(wait * 2, 122.0)

    async def _make_sandbox(self) -> None:
        await self.kubelet.clock.sleep(_SANDBOX)
        while True:
            await self.kubelet.alive()
            fault = self._sandbox_fault()
            if not fault:
                break
            text = f"Failed to create pod sandbox: {fault}"
            self.say("FailedCreatePodSandBox", text, warning=True)
            await self.kubelet.clock.sleep(_AGAIN)
        self.state.sandbox = True
        self.state.pod_ip = self.kubelet.next_address()
        self.report()

    def _sandbox_fault(self) -> str:
        """Why the runtime makes no sandbox; "" once `handler` is one that it knows."""
        worker = self.kubelet.worker
        wanted = self.pod["spec"].get("runtimeClassName")
        self.handler = worker.default_handler
        if wanted:
            found = self.kubelet.registry.find("RuntimeClass", "", wanted)
            if found is None:
                return f'failed to get sandbox runtime: RuntimeClass "{wanted}" not found'
            self.handler = found["handler"]
        if self.handler in worker.handlers:
            return ""
        sandbox = times.new_uid().replace("-", "") * 2
        return (
            "rpc error: code = Unknown desc = unable to get OCI runtime for sandbox "
            f'"{sandbox}": no runtime for "{self.handler}" is configured'
        )

    async def _terminate(self) -> None:
        await self.kubelet.alive()
        metadata = self.pod["metadata"]
        grace = float(metadata.get("deletionGracePeriodSeconds") or 0)
        if self.state.sandbox:
            times_needed = [each.stop_time(grace) for each in self._containers]
            for each in self._containers:
                if each.running:
                    text = f"Stopping container {each.state.name}"
                    self.say("Killing", text, container=each.state.name)
            await self.kubelet.clock.sleep(max(times_needed, default=0.0))
        self.end()
        await self.kubelet.clock.sleep(_SEEN * 5)
        await self.kubelet.alive()
        self.kubelet.devices.release(metadata["uid"])
        registry = self.kubelet.registry
        options = {"gracePeriodSeconds": 0, "preconditions": {"uid": metadata["uid"]}}
        kind, namespace, name = registry.kind("Pod"), metadata["namespace"], metadata["name"]
        if registry.find("Pod", namespace, name) is not None:
            registry.delete(kind, namespace, name, options, Caller(manager="kubelet"))

    def _write(self, change: volumes.StatusChange) -> None:
        metadata = self.pod["metadata"]
        self.kubelet.registry.write_status(
            "Pod", metadata["namespace"], metadata["name"], change, "kubelet"
        )
