"""One stage in one run: ask the person, plan, approve, perform, give the world time, judge again."""

from __future__ import annotations

import asyncio
import time
from typing import Literal

from gpu_wizard.engine.diffs import diffs_of
from gpu_wizard.engine.state import NodeState
from gpu_wizard.engine.steps import StepRunner, Stopped
from gpu_wizard.model.action import Plan
from gpu_wizard.model.errors import AccessError, TrustError, UnreachableError, WizardError
from gpu_wizard.model.events import PlanMade, StageFinished, StageSettling
from gpu_wizard.model.stage import AnyStage, Assessment, Option, Question

StageOutcome = Literal["done", "failed", "stopped", "skipped"]
ROUNDS = 4
"""Different plans that one stage may try in one run (restart, then a drop-in, …)."""
PLAN_KEEPS_SECONDS = 5.0
"""A plan approved within this time is performed as it is; later the node is asked once more."""
AWAY_SECONDS = 60.0
"""How long an API that does not answer is waited for before a stage gives up: a server may be booting."""
REBOOTS = 2
"""How often a machine may go down under one stage before that counts as the stage's failure."""
APPROVAL = (Option("approve"), Option("skip"), Option("stop"))
AFTER_FAILURE = (Option("retry"), Option("skip"), Option("stop"))


class StageRun:
    """Takes one stage of one node to its end in this run."""

    def __init__(self, state: NodeState, stage: AnyStage) -> None:
        """`state` is shared by the stages of the node, in order."""
        self.state, self.stage = state, stage
        self._steps = StepRunner(state, stage)
        self._tried: list[Plan] = []
        self._error: WizardError | None = None

    async def run(self) -> tuple[StageOutcome, Assessment]:
        """Until the stage is done, given up, skipped or stopped; says how it ended."""
        started, before = time.monotonic(), self.state.changes
        outcome, assessment = await self._attempts()
        await self.state.face.show(
            StageFinished(
                node=self.state.node.name,
                stage=self.stage.id,
                outcome=outcome,
                assessment=assessment,
                changes=self.state.changes - before,
                seconds=time.monotonic() - started,
                error=self._error,
            )
        )
        return outcome, assessment

    async def _attempts(self) -> tuple[StageOutcome, Assessment]:
        """Attempts until one does not fail, or the person gives up."""
        while True:
            outcome, assessment = await self._attempt()
            if outcome != "failed":
                return outcome, assessment
            choice = await self.state.face.choose(
                Question("failed", AFTER_FAILURE, "retry", {"stage": self.stage.id})
            )
            if choice != "retry":
                return ("skipped" if choice == "skip" else "failed"), assessment
            self._tried, self._error = [], None
            self.state.touched()

    async def _attempt(self) -> tuple[StageOutcome, Assessment]:
        outcome, assessment = await self._try()
        for _ in range(REBOOTS):
            if outcome != "failed" or not await self._came_back():
                break
            self._tried, self._error = [], None
            self.state.touched()
            outcome, assessment = await self._try()
        if outcome == "failed":
            await self._steps.watch.explain(self._error)
        if outcome in ("failed", "stopped") or self.stage.undo_at_once:
            undo_error = await self._steps.take_back()
            self._error = self._error or undo_error
        return outcome, assessment

    async def _came_back(self) -> bool:
        """Whether the failure was the machine's going down, and it is up again."""
        if isinstance(self._error, UnreachableError | TrustError):
            return False
        try:
            return await self._steps.came_back()
        except WizardError as error:
            self._error = error
            return False

    async def _try(self) -> tuple[StageOutcome, Assessment]:
        assessment = self.state.judged(self.stage)
        try:
            if not self.state.is_fresh(self.stage):
                await self._look()
            return await self._rounds(await self.state.assess(self.stage))
        except Stopped:
            return "stopped", assessment
        except WizardError as error:
            self._error = error
            return "failed", assessment
        except asyncio.CancelledError:
            if self.stage.undo_at_once:
                await asyncio.shield(self._steps.take_back())
            raise

    async def _rounds(self, assessment: Assessment) -> tuple[StageOutcome, Assessment]:
        """Plans performed one after the other until the stage is done or none is left."""
        assessment = await self._answered(assessment)
        if assessment.settling:
            assessment = await self._answered(await self._settled())
        rounds = 0
        while assessment.state == "needed":
            plan = self.state.plan(self.stage)
            if plan in self._tried or not plan or rounds >= ROUNDS:
                return "failed", assessment
            choice, plan = await self._approved(plan)
            if choice != "approve":
                return ("skipped" if choice == "skip" else "stopped"), assessment
            rounds += 1
            await self._performed(plan)
            assessment = await self._answered(self.state.judged(self.stage))
        if assessment.state != "done":
            self._error = self._error or self._steps.lost
        return ("done" if assessment.state == "done" else "failed"), assessment

    async def _performed(self, plan: Plan) -> None:
        """Perform a plan and give the world time; one that was cut off may be tried once more."""
        self._tried.append(plan)
        ending = await self._steps.perform_all(plan)
        if ending == "nothing-begun":
            # Nothing goes on without us: as soon as we can ask again the same plan fits again.
            self._tried.remove(plan)
        await self._settled()
        if ending == "host-lost":
            # Its command may go on without us: the time to settle is left to it first.
            self._tried.remove(plan)

    async def _answered(self, assessment: Assessment) -> Assessment:
        """The assessment with every question that it raised answered, or as it was."""
        while assessment.question is not None:
            choice = await self._choose(assessment.question)
            if choice is None:
                return assessment
            if choice == "stop":
                raise Stopped
            self.state.spec = self.state.spec.with_choice(assessment.question.id, choice)
            assessment = await self.state.assess(self.stage)
        return assessment

    async def _approved(self, plan: Plan) -> tuple[str | None, Plan]:
        """What the person says to which plan; it is made anew if time has passed meanwhile."""
        question = Question("approve", APPROVAL, "approve", {"stage": self.stage.id})
        while True:
            diffs = await diffs_of(self.state.node, plan)
            name = self.state.node.name
            await self.state.face.show(
                PlanMade(node=name, stage=self.stage.id, plan=plan, diffs=diffs)
            )
            choice = await self._choose(question)
            if choice != "approve" or self.state.age(self.stage) < PLAN_KEEPS_SECONDS:
                return choice, plan
            await self._look()
            again = self.state.plan(self.stage)
            if again == plan:
                return choice, plan
            plan = again

    async def _choose(self, question: Question) -> str | None:
        if self.state.face.stop_requested():
            raise Stopped
        return await self.state.face.choose(question)

    async def _settled(self) -> Assessment:
        """Look again until the world agrees, a person is needed, another plan fits, or time is over."""
        started, last = time.monotonic(), ""
        while True:
            await self._look()
            assessment = self.state.judged(self.stage)
            over = time.monotonic() - started > self._patience(assessment)
            if over or self._is_conclusive(assessment):
                return await self.state.assess(self.stage)
            if assessment.code != last:
                last = assessment.code
                settling = StageSettling(
                    node=self.state.node.name, stage=self.stage.id, assessment=assessment
                )
                await self.state.face.show(settling)
            if self.state.face.stop_requested():
                raise Stopped
            await asyncio.sleep(self.stage.poll_seconds)

    def _patience(self, assessment: Assessment) -> float:
        """Seconds that this may take: the stage's own for the world to agree, others for an API to come back."""
        settles = self.stage.settles_in(self.state.spec)
        if assessment.state not in ("unknown", "blocked") or not assessment.settling:
            return settles
        return max(settles, AWAY_SECONDS) if self._tried else AWAY_SECONDS

    def _is_conclusive(self, assessment: Assessment) -> bool:
        if assessment.settling:
            return False
        if assessment.state == "needed":
            return self.state.plan(self.stage) not in self._tried
        return assessment.state in ("done", "blocked")

    async def _look(self) -> None:
        try:
            await self.state.look(self.stage)
        except (UnreachableError, AccessError):
            # Also while a machine boots: it lets nobody in at first.
            await self._steps.reconnect()
            await self.state.look(self.stage)
