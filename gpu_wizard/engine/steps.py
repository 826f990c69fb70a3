"""Performing the steps of one stage: output as it comes, silence told, lost connections and reboots survived."""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Awaitable, Callable
from typing import Literal, TypeAlias, TypedDict

from gpu_wizard.engine.perform import Performed, Performer
from gpu_wizard.engine.state import NodeState
from gpu_wizard.engine.watching import Watch
from gpu_wizard.facts.identity import BOOT_ID, BOOT_ID_FILE
from gpu_wizard.knowledge.diagnosis.conditions import TOKEN_FORM
from gpu_wizard.model.action import ApplyObject, DeleteObject, Plan, Run, Step
from gpu_wizard.model.errors import (
    AccessError,
    TimedOutError,
    UnreachableError,
    WizardError,
)
from gpu_wizard.model.events import (
    ConnectionLost,
    ConnectionRestored,
    FactRead,
    OutputReceived,
    StageStarted,
    StepAbandoned,
    StepFinished,
    StepQuiet,
    StepStarted,
)
from gpu_wizard.model.fact import Known
from gpu_wizard.model.line import Chunk
from gpu_wizard.model.ports import Host
from gpu_wizard.model.question import Command, Files, Output
from gpu_wizard.model.stage import AnyStage

QUIET_SECONDS = 30.0
RECONNECT_SECONDS = 120.0
REBOOT_SECONDS = 600.0
TAIL_LINES = 40
# As root systemd itself is asked, others ask D-Bus, which is among the first to end.
SYSTEM_STATE = Command(("systemctl", "is-system-running"), root=True)
GOING_DOWN = "stopping"
"""Source: systemctl(1), is-system-running."""
Ending: TypeAlias = Literal["whole", "host-lost", "nothing-begun"]
"""How a plan ended: performed as a whole, or cut off; a command may then still run, an API request may not."""


class Stopped(Exception):  # noqa: N818 - the person's wish, not an error
    """The person asked to stop; the action in hand has ended."""


class _Place(TypedDict):
    node: str
    stage: str


class StepRunner:
    """Performs and takes back the steps of one stage on one node."""

    def __init__(self, state: NodeState, stage: AnyStage) -> None:
        """`state` is shared by all stages of the node."""
        self.state, self.stage = state, stage
        self._performer = Performer(state.node, state.journal, state.spec.run_id, stage.id)
        self.watch = Watch(state, stage)
        self._tail: deque[str] = deque(maxlen=TAIL_LINES)
        self._heard_at = 0.0
        self.lost: WizardError | None = None
        """Why a host or the API was last given up under a step."""
        self._place = _Place(node=state.node.name, stage=stage.id)

    async def perform_all(self, plan: Plan) -> Ending:
        """Perform the steps in order; ends early where a host or the API went away, the node is then asked afresh.

        Raises: Stopped: before a step; WizardError: a step failed.
        """
        await self.state.face.show(StageStarted(**self._place, steps=len(plan)))
        for number, step in enumerate(plan, 1):
            if self.state.face.stop_requested():
                raise Stopped
            await self.state.face.show(StepStarted(**self._place, step=step, number=number))
            self.state.touched()
            ending = await self._step(step)
            if ending != "whole":
                return ending
        return "whole"

    async def take_back(self) -> WizardError | None:
        """Take back what must not stay, newest first; the first error, after all were tried."""
        log, self._performer.undo_log = self._performer.undo_log, []
        first: WizardError | None = None
        for step, performed in reversed(log):
            if not (step.revert or self.stage.undo_at_once):
                continue
            self.state.touched()
            try:
                await self._performer.take_back(step, performed, self._hearer(step))
            except WizardError as error:
                first = first or error
                await self._failed(step, error)
                continue
            if performed.changed and not self.stage.undo_at_once:
                self.state.changes -= 1
            await self.state.face.show(
                StepFinished(**self._place, step=step.id, outcome="undone", changed=False)
            )
        return first

    async def reconnect(
        self, deadline_seconds: float = RECONNECT_SECONDS, host: Host | None = None
    ) -> None:
        """Open a connection anew, None: the node's own, and say so. Raises: UnreachableError, TrustError, AccessError."""
        host, started = host or self.state.node.host, time.monotonic()
        await self.state.face.show(
            ConnectionLost(**self._place, host=host.name, deadline_seconds=deadline_seconds)
        )
        await host.reconnect(deadline_seconds)
        while await _is_going_down(host):
            # A machine that shuts down lets one in again until its sshd has ended.
            await host.close()
            await asyncio.sleep(self.stage.poll_seconds)
            await host.reconnect(max(0.0, started + REBOOT_SECONDS - time.monotonic()))
        seconds = time.monotonic() - started
        await self.state.face.show(
            ConnectionRestored(**self._place, host=host.name, seconds=seconds)
        )

    async def came_back(self) -> bool:
        """Whether the host was going down, in which nothing succeeds; returns once it is up and logged in to again.

        Raises: as `reconnect`.
        """
        if not await _is_going_down(self.state.node.host):
            return False
        await self.reconnect(REBOOT_SECONDS)
        return True

    async def _step(self, step: Step) -> Ending:
        """Perform one step, and say whether host or API went away under it."""
        boot = await self._boot_id() if _reboots(step) else ""
        try:
            performed = await self._listening(
                step, self._performer.perform(step, self._hearer(step))
            )
        except UnreachableError as error:
            await self._failed(step, error)
            self.lost = error
            if isinstance(step.action, ApplyObject | DeleteObject):
                return "nothing-begun"
            lost = self._lost_host(error)
            await self.reconnect(host=lost)
            return "host-lost" if lost is self._acting_host(step) else "nothing-begun"
        except WizardError as error:
            error.lines = error.lines or tuple(self._tail)
            await self._failed(step, error)
            raise
        except asyncio.CancelledError:
            await self.state.face.show(StepAbandoned(**self._place, step=step.id))
            raise
        self.state.changes += performed.changed and not self.stage.undo_at_once
        await self._finished(step, performed)
        await self._tell_token_form()
        if _reboots(step):
            await self._rebooted(boot)
        return "whole"

    def _lost_host(self, error: UnreachableError) -> Host:
        """Which of the two a step lost: one on the node may fetch a token from the control plane."""
        own, control = self.state.node.host, self.state.node.control_plane
        return control if control is not None and control.name == error.where.host else own

    def _acting_host(self, step: Step) -> Host | None:
        """Where a step's own command may go on without us."""
        on_control = getattr(step.action, "on", "node") == "control_plane"
        return self.state.node.control_plane if on_control else self.state.node.host

    async def _tell_token_form(self) -> None:
        """Once a token was written: its form, which tells an expired token from a mistyped one."""
        form, self._performer.token_form = self._performer.token_form, None
        if form is not None:
            fact = Known(form)
            self.state.facts = {**self.state.facts, TOKEN_FORM: fact}
            await self.state.face.show(
                FactRead(node=self.state.node.name, probe=TOKEN_FORM, fact=fact)
            )

    def _hearer(self, step: Step) -> Callable[[Chunk], Awaitable[None]]:
        async def heard(chunk: Chunk) -> None:
            self._heard_at = time.monotonic()
            self._tail.extend(chunk.text[-8192:].splitlines()[-TAIL_LINES:])
            self.state.journal.output(self.state.node.name, chunk)
            await self.state.face.show(OutputReceived(**self._place, step=step.id, chunk=chunk))
            await self.watch.hear(chunk.text)

        return heard

    async def _listening(self, step: Step, work: Awaitable[Performed]) -> Performed:
        """The work's result; whoever watches is told when nothing was heard for a while."""
        self._heard_at = time.monotonic()
        self._tail.clear()
        watch = asyncio.create_task(self._tell_quiet(step))
        try:
            return await work
        finally:
            watch.cancel()

    async def _tell_quiet(self, step: Step) -> None:
        while True:
            await asyncio.sleep(QUIET_SECONDS)
            quiet = time.monotonic() - self._heard_at
            if quiet >= QUIET_SECONDS:
                await self.state.face.show(StepQuiet(**self._place, step=step.id, seconds=quiet))

    async def _finished(self, step: Step, performed: Performed) -> None:
        await self.state.face.show(
            StepFinished(
                **self._place,
                step=step.id,
                outcome="done",
                status=performed.status,
                changed=performed.changed,
                seconds=performed.seconds,
            )
        )

    async def _failed(self, step: Step, error: WizardError) -> None:
        await self.state.face.show(
            StepFinished(
                **self._place,
                step=step.id,
                outcome="failed",
                status=error.where.status,
                changed=False,
                error=error,
            )
        )

    async def _boot_id(self) -> str:
        (answer,) = await self.state.node.host.ask([Files((BOOT_ID_FILE,))])
        fact = BOOT_ID.read(answer)
        return fact.value if isinstance(fact, Known) else ""

    async def _rebooted(self, old_boot: str) -> None:
        """Wait until the host is up again under another boot id. Raises: TimedOutError, UnreachableError."""
        deadline = time.monotonic() + REBOOT_SECONDS
        while time.monotonic() < deadline:
            await self.state.node.host.close()
            await asyncio.sleep(self.stage.poll_seconds)
            await self.reconnect(deadline - time.monotonic())
            if await self._boot_id() not in ("", old_boot):
                return
        raise TimedOutError(
            "reboot-timed-out", "The host did not come back from its reboot in time."
        )


async def _is_going_down(host: Host) -> bool:
    """Whether a host is shutting down, or is gone already."""
    try:
        (answer,) = await host.ask([SYSTEM_STATE])
    except (UnreachableError, AccessError):
        return True
    return isinstance(answer, Output) and answer.text.strip() == GOING_DOWN


def _reboots(step: Step) -> bool:
    return isinstance(step.action, Run) and step.action.expect_disconnect
