"""systemd of one lab machine: units as state machines, jobs, restarts, enable links."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime

from gpu_wizard.lab import units
from gpu_wizard.lab.clock import wall
from gpu_wizard.lab.journal import ERROR, INFO, Journal
from gpu_wizard.lab.ports import Clock, Files
from gpu_wizard.lab.units import UnitFile

_STOP_TIMEOUT_SECONDS = 90.0
_FIRST_PID = 400


@dataclass
class UnitState:
    """What systemd knows of a loaded unit, in the words of `systemctl show`."""

    name: str
    active: str = "inactive"
    sub: str = "dead"
    result: str = "success"
    restarts: int = 0
    pid: int = 0
    exit_status: int = 0
    invocation: str = ""
    started: datetime | None = None
    entered: datetime | None = None
    deaf: bool = False
    """True while the main process doesn't hear SIGTERM, so that a stop takes its whole time-out."""
    task: asyncio.Task[None] | None = None
    job: asyncio.Future[str] | None = None


class Running:
    """A service's main process: where it logs, and how it says READY."""

    def __init__(
        self, unit: UnitFile, environment: dict[str, str], state: UnitState, journal: Journal
    ) -> None:
        self.unit = unit
        self.argv = unit.argv
        self.environment = environment
        self.state = state
        self.ended_by_itself = True
        self._journal = journal
        self._announced = False

    def log(self, message: str, *, priority: int = INFO) -> None:
        """A line of the process's output."""
        name = self.argv[0].rsplit("/", 1)[-1] if self.argv else self.unit.name
        for line in message.splitlines():
            self._journal.add(
                line,
                unit=self.unit.name,
                identifier=name,
                pid=self.state.pid,
                priority=priority,
                invocation=self.state.invocation,
            )

    def ready(self) -> None:
        """Tell systemd READY=1: the unit is active from here on."""
        if self._announced:
            return
        self._announced = True
        state = self.state
        state.active, state.sub, state.entered = "active", "running", wall()
        self._journal.add(
            f"Started {self.unit.name} - {self.unit.description}.",
            unit=self.unit.name,
            invocation=state.invocation,
        )
        _finish(state, "done")


Service = Callable[[Running], Awaitable[int]]
"""A service's main process: gives its exit status, or is cancelled by a stop."""


def _finish(state: UnitState, outcome: str) -> None:
    if state.job and not state.job.done():
        state.job.set_result(outcome)
    state.job = None


class Systemd:
    """Starts, stops and watches the services of one machine."""

    def __init__(
        self,
        files: Files,
        journal: Journal,
        clock: Clock,
        service: Callable[[UnitFile], Service | None],
    ) -> None:
        self._files = files
        self._journal = journal
        self._clock = clock
        self._service = service
        self._states: dict[str, UnitState] = {}
        self._next_pid = _FIRST_PID

    def state(self, name: str) -> UnitState:
        """The state of a unit; an unknown one reads inactive."""
        return self._states.setdefault(name, UnitState(name))

    def states(self) -> tuple[UnitState, ...]:
        """Every unit that was ever looked at or started."""
        return tuple(self._states.values())

    def begin(self, name: str) -> asyncio.Future[str]:
        """Queue a start job; its outcome is `done`, `canceled` or a failure's result word."""
        state = self.state(name)
        loop = asyncio.get_running_loop()
        if state.job:
            return state.job
        job: asyncio.Future[str] = loop.create_future()
        unit = units.load(self._files, name)
        if state.active == "active" or unit is None:
            job.set_result("done" if unit else "not-found")
            return job
        self._drop(state)
        state.restarts = 0
        state.active, state.sub, state.job = "activating", "start", job
        state.task = loop.create_task(self._supervise(unit, state))
        return job

    async def start(self, name: str) -> str:
        """Start and wait, for ever if need be; the outcome as in `begin`."""
        return await self.wait(self.begin(name))

    @staticmethod
    async def wait(job: asyncio.Future[str]) -> str:
        """Wait for a job's outcome; giving up the wait leaves the job as it is."""
        return await asyncio.shield(job)

    async def stop(self, name: str) -> None:
        """Stop and wait: at once, or after 90 s where the process doesn't hear SIGTERM."""
        state = self.state(name)
        unit = units.load(self._files, name)
        title = f"{name} - {unit.description}" if unit else name
        if state.task is None or state.task.done():
            self._settle(state, "inactive", state.result if state.active == "failed" else "success")
            return
        waiting = state.sub == "auto-restart"
        state.active, state.sub = "deactivating", "stop-sigterm"
        self._say(f"Stopping {title}...", state)
        deaf = state.deaf and not waiting
        if deaf:
            await self._clock.sleep(_STOP_TIMEOUT_SECONDS)
            self._say_killed(state)
        pid = state.pid
        self._drop(state)
        _finish(state, "canceled")
        self._settle(
            state, "failed" if deaf else "inactive", "timeout" if deaf else "success", pid=pid
        )
        if not deaf:
            self._say(f"{name}: Deactivated successfully.", state)
        self._say(f"Stopped {title}.", state)

    def reset_failed(self, name: str) -> None:
        """Forget a failure."""
        state = self.state(name)
        if state.active == "failed":
            self._settle(state, "inactive", "success")

    def boot(self) -> None:
        """Start every enabled unit, waiting for none."""
        for name in units.names(self._files):
            if units.enabled(self._files, name) == "enabled":
                self.begin(name)

    def shutdown(self) -> list[asyncio.Task[None]]:
        """End every process at once, as a power cut does; gives what is still ending."""
        ending = [state.task for state in self._states.values() if state.task]
        for state in self._states.values():
            self._drop(state)
            _finish(state, "canceled")
        self._states.clear()
        self._next_pid = _FIRST_PID
        return ending

    @staticmethod
    def _drop(state: UnitState) -> None:
        if state.task:
            state.task.cancel()
        state.task, state.deaf = None, False

    @staticmethod
    def _settle(state: UnitState, active: str, result: str, *, pid: int = 0) -> None:
        state.active, state.sub = active, "failed" if active == "failed" else "dead"
        state.result, state.pid = result, 0
        state.exit_status = 9 if result == "timeout" and pid else state.exit_status

    def _say(self, message: str, state: UnitState, *, priority: int = INFO) -> None:
        self._journal.add(message, unit=state.name, invocation=state.invocation, priority=priority)

    def _say_killed(self, state: UnitState) -> None:
        name = state.name
        short = name.removesuffix(".service")
        self._say(f"{name}: State 'stop-sigterm' timed out. Killing.", state, priority=4)
        self._say(f"{name}: Killing process {state.pid} ({short}) with signal SIGKILL.", state)
        self._say(f"{name}: Main process exited, code=killed, status=9/KILL", state, priority=4)
        self._say(f"{name}: Failed with result 'timeout'.", state, priority=4)

    async def _supervise(self, unit: UnitFile, state: UnitState) -> None:
        while True:
            await self._run_once(unit, state)
            if unit.first("Restart") != "always":
                return
            state.active, state.sub = "activating", "auto-restart"
            pause = unit.first("RestartSec", "0.1").removesuffix("s")
            await self._clock.sleep(float(pause))
            state.restarts += 1
            self._say(
                f"{state.name}: Scheduled restart job, restart counter is at {state.restarts}.",
                state,
            )

    async def _run_once(self, unit: UnitFile, state: UnitState) -> None:
        self._next_pid += 17
        state.pid, state.exit_status = self._next_pid, 0
        state.active, state.sub, state.result = "activating", "start", "success"
        state.invocation, state.started = uuid.uuid4().hex, wall()
        self._say(f"Starting {unit.name} - {unit.description}...", state)
        running = Running(unit, units.environment(self._files, unit), state, self._journal)
        service = self._service(unit)
        if service is None:
            self._failed(unit, state, 203)
            return
        if unit.first("Type", "simple") != "notify":
            running.ready()
        status = await service(running)
        state.deaf = False
        self._exited(unit, state, status)

    def _exited(self, unit: UnitFile, state: UnitState, status: int) -> None:
        was_ready = state.active == "active"
        if status:
            self._failed(unit, state, status)
        elif was_ready:
            self._settle(state, "inactive", "success")
            self._say(f"{unit.name}: Deactivated successfully.", state)
        else:
            self._settle(state, "failed", "protocol")
            self._end_failed(unit, state, was_ready=False)

    def _failed(self, unit: UnitFile, state: UnitState, status: int) -> None:
        was_ready = state.active == "active"
        word = "EXEC" if status == 203 else "INVALIDARGUMENT" if status == 2 else "FAILURE"
        self._settle(state, "failed", "exit-code")
        state.exit_status = status
        self._say(
            f"{unit.name}: Main process exited, code=exited, status={status}/{word}",
            state,
            priority=5,
        )
        self._end_failed(unit, state, was_ready=was_ready)

    def _end_failed(self, unit: UnitFile, state: UnitState, *, was_ready: bool) -> None:
        self._say(f"{unit.name}: Failed with result '{state.result}'.", state, priority=4)
        if not was_ready:
            self._say(f"Failed to start {unit.name} - {unit.description}.", state, priority=ERROR)
        _finish(state, state.result)
