"""One container of a pod: its image, its runs, its restarts, its logs."""

from __future__ import annotations

import asyncio
import secrets
from typing import TYPE_CHECKING

from gpu_wizard.lab.api import errors, times
from gpu_wizard.lab.api.podlogs import Log
from gpu_wizard.lab.cluster import images, runs
from gpu_wizard.lab.cluster.containers import START_ERROR, Ended
from gpu_wizard.lab.cluster.images import Image
from gpu_wizard.lab.cluster.podstatus import ContainerState
from gpu_wizard.lab.ports import JsonObject

if TYPE_CHECKING:
    from gpu_wizard.lab.cluster.podworker import PodWorker

_CREATE, _NOTICED, _STOPS_QUICKLY = 0.09, 1.0, 0.1
_BACK_OFF = 10.0
_LONGEST_BACK_OFF = 300.0
_KILLED = 255
_WAITING_TEXTS = {
    "ErrImagePull": "image can't be pulled",
    "ImagePullBackOff": "trying and failing to pull image",
}


class ContainerWorker:
    """Runs one container as often as its pod's restart policy says."""

    def __init__(self, pod: PodWorker, state: ContainerState, spec: JsonObject) -> None:
        self.state = state
        self.code = 0
        self._pod = pod
        self._spec = spec
        self._logs: list[Log] = []
        self._image: Image | None = None
        self._run: asyncio.Task[Ended] | None = None
        self._over = False

    @property
    def running(self) -> bool:
        return "running" in self.state.state

    def stop_time(self, grace: float) -> float:
        """How long it takes to stop: a shell as process 1 ignores the signal, services do not."""
        if not self.running:
            return 0.0
        quick = self._image is not None and (self._image.plugin or self._image.idle)
        return min(grace, _STOPS_QUICKLY) if quick else grace

    def end(self) -> None:
        """Kill what runs, for good."""
        self._over = True
        if self._run is not None:
            self._run.cancel()
        for log in self._logs:
            log.close()

    def killed(self) -> None:
        """The machine went down."""
        if self._run is not None:
            self._run.cancel()

    def stopped(self, code: int) -> None:
        """It was ended from outside."""
        self.end()
        self.code = code
        if self.running:
            self._ended(Ended(code))

    def log(self, pod: str, *, previous: bool) -> Log:
        """The log of the newest run, or of the one before.

        Raises:
            ApiError: 400, there is none.
        """
        if previous:
            if len(self._logs) < 2:
                text = f'previous terminated container "{self.state.name}" in pod "{pod}" not found'
                raise errors.bad_request(text)
            return self._logs[-2]
        if not self._logs:
            reason = self.state.state.get("waiting", {}).get("reason", "ContainerCreating")
            shown = _WAITING_TEXTS.get(reason, reason)
            text = f'container "{self.state.name}" in pod "{pod}" is waiting to start: {shown}'
            raise errors.bad_request(text)
        return self._logs[-1]

    async def run(self) -> None:
        """Run, and run again, until it has ended for good; then `code` is set."""
        clock, kubelet = self._pod.kubelet.clock, self._pod.kubelet
        policy = self._pod.pod["spec"].get("restartPolicy", "Always")
        wait = _BACK_OFF
        while True:
            self._image = await self._pull()
            await clock.sleep(_CREATE)
            ended = await self._start(self._image)
            await clock.sleep(_NOTICED)
            await kubelet.alive()
            self._ended(ended)
            self._pod.report()
            self.code = ended.code
            if policy == "Never" or (policy == "OnFailure" and not ended.code):
                return
            if self.state.restarts:
                await self._back_off(wait)
                wait = min(wait * 2, _LONGEST_BACK_OFF)
            self.state.restarts += 1
            self.state.last = self.state.last if "waiting" in self.state.state else self.state.state

    async def _back_off(self, seconds: float) -> None:
        metadata = self._pod.pod["metadata"]
        whose = f"{metadata['name']}_{metadata['namespace']}({metadata['uid']})"
        text = f"back-off {seconds:.0f}s restarting failed container={self.state.name} pod={whose}"
        await self._pod.kubelet.clock.sleep(_NOTICED)
        self.state.last = self.state.state
        self.state.state = {"waiting": {"reason": "CrashLoopBackOff", "message": text}}
        self._pod.report()
        said = f"Back-off restarting failed container {self.state.name} in pod {whose}"
        self._pod.say("BackOff", said, warning=True, container=self.state.name)
        await self._pod.kubelet.clock.sleep(seconds)
        await self._pod.kubelet.alive()

    async def _pull(self) -> Image:
        """Wait until the image is there."""
        wait = _BACK_OFF
        name, policy = self.state.image, self._spec.get("imagePullPolicy")
        while True:
            found = images.find(name)
            pulled = self._pod.kubelet.pulled
            if found and (found.name in pulled or policy == "Never"):
                pulled.setdefault(found.name, found)
                self._say("Pulled", f'Container image "{name}" already present on machine')
                return found
            if found is None and policy == "Never":
                text = f'Container image "{name}" is not present with pull policy of Never'
                self._wait("ErrImageNeverPull", text)
                self._say("ErrImageNeverPull", text, warning=True)
            elif found:
                await self._fetch(found)
                return found
            else:
                self._refuse()
                await self._pod.kubelet.clock.sleep(_NOTICED)
                self._wait(
                    "ImagePullBackOff",
                    f'Back-off pulling image "{name}": ErrImagePull: {images.refusal(name)}',
                )
                self._say("BackOff", f'Back-off pulling image "{name}"')
                self._say("Failed", "Error: ImagePullBackOff", warning=True)
            await self._pod.kubelet.clock.sleep(wait)
            await self._pod.kubelet.alive()
            wait = min(wait * 2, _LONGEST_BACK_OFF)

    def _refuse(self) -> None:
        name = self.state.image
        refusal = images.refusal(name)
        self._say("Pulling", f'Pulling image "{name}"')
        self._wait("ErrImagePull", refusal)
        self._say("Failed", f'Failed to pull image "{name}": {refusal}', warning=True)
        self._say("Failed", "Error: ErrImagePull", warning=True)

    async def _fetch(self, found: Image) -> None:
        name = self.state.image
        self._say("Pulling", f'Pulling image "{name}"')
        await self._pod.kubelet.clock.sleep(found.seconds)
        self._pod.kubelet.pulled[found.name] = found
        took = f"{found.seconds:.3f}s"
        self._say(
            "Pulled",
            f'Successfully pulled image "{name}" in {took} ({took} including waiting). Image '
            f"size: {found.bytes} bytes.",
        )

    async def _start(self, image: Image) -> Ended:
        log = Log()
        self._logs.append(log)
        self.state.container_id = f"containerd://{secrets.token_hex(32)}"
        self.state.image_id = image.id
        self._say("Created", "Container created")
        run = runs.plugin if image.plugin else runs.program
        work = run(self._pod, self.state, self._spec, image, log)
        self._run = asyncio.ensure_future(work)
        self.state.state = {"running": {"startedAt": times.now()}}
        self._say("Started", "Container started")
        self._pod.state.phase = "Running"
        self._pod.report()
        try:
            # Shielded, so that a kill of the container is told from the end of its pod.
            return await asyncio.shield(self._run)
        except asyncio.CancelledError:
            if self._run.cancelled() and not self._over:
                return Ended(_KILLED)
            self._run.cancel()
            raise
        finally:
            log.close()

    def _ended(self, ended: Ended) -> None:
        started = self.state.state.get("running", {}).get("startedAt", times.at(0))
        shown: JsonObject = {
            "exitCode": ended.code,
            "reason": "Error" if ended.code else "Completed",
        }
        if ended.start_error:
            shown |= {"reason": "StartError", "message": ended.start_error}
            started = times.at(0)
        elif ended.code == _KILLED:
            shown["reason"] = "Unknown"
        shown |= {"startedAt": started, "finishedAt": times.now()}
        shown["containerID"] = self.state.container_id
        self.state.state = {"terminated": shown}
        if ended.code == START_ERROR and ended.start_error:
            self._say("Failed", f"Error: {ended.start_error}", warning=True)

    def _wait(self, reason: str, message: str) -> None:
        self.state.state = {"waiting": {"reason": reason, "message": message}}
        self._pod.report()

    def _say(self, reason: str, message: str, *, warning: bool = False) -> None:
        self._pod.say(reason, message, warning=warning, container=self.state.name)
