"""Nodes in order, stages in order; and whatever happens, one end for each node and one for the run."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, replace

from gpu_wizard.engine.diffs import diffs_of
from gpu_wizard.engine.stage_run import StageRun
from gpu_wizard.engine.state import NodeState
from gpu_wizard.model.errors import WizardError
from gpu_wizard.model.events import NodeFinished, Outcome, PlanMade, SetupFinished, StageAssessed
from gpu_wizard.model.ports import Face, Journal, Node
from gpu_wizard.model.spec import Spec
from gpu_wizard.model.stage import AnyStage, Assessment, unknown

NOT_RUN = unknown("proof.not-run")
PLAN_SETTLES_SECONDS = 15.0


@dataclass(frozen=True)
class Target:
    """One node to set up: what is wanted, and how to reach it.

    `connect` gives the node and the Spec with what only a connection tells (the server's address); raises WizardError.
    """

    spec: Spec
    connect: Callable[[], Awaitable[tuple[Spec, Node]]]


@dataclass(frozen=True)
class Course:
    """How a run goes. `stages` in order, `proof` after them. `plan_only`: show, change nothing.

    `whole` False: these stages are a part, so their proof is left for later.
    """

    stages: tuple[AnyStage, ...]
    proof: AnyStage
    plan_only: bool = False
    keep_going: bool = False
    prove: bool = False
    whole: bool = True


async def run_setup(
    targets: Sequence[Target], course: Course, face: Face, journal: Journal, folder: str = ""
) -> SetupFinished:
    """Set up every target in order. The first failure ends the run unless `keep_going`. Raises no WizardError.

    Whatever happens, each node that was begun gets its `NodeFinished` and the run its `SetupFinished`.
    """
    finished: list[NodeFinished] = []
    stopped = False
    try:
        for target in targets:
            stopped = face.stop_requested()
            if stopped:
                break
            finished.append(await _one(target, course, face, journal))
            if finished[-1].outcome == "stopped" or (
                finished[-1].outcome == "failed" and not course.keep_going
            ):
                break
    except asyncio.CancelledError:
        stopped = True
    except Exception:
        await face.show(_ended(targets, finished, course, folder, stopped=False))
        raise
    ended = _ended(targets, finished, course, folder, stopped=stopped)
    await face.show(ended)
    return ended


def _ended(
    targets: Sequence[Target],
    nodes: list[NodeFinished],
    course: Course,
    folder: str,
    *,
    stopped: bool,
) -> SetupFinished:
    outcomes: dict[str, Outcome] = {str(node.node): node.outcome for node in nodes}
    if stopped or "stopped" in outcomes.values():
        outcome: Outcome = "stopped"
    elif "failed" in outcomes.values() or len(nodes) < len(targets):
        outcome = "failed"
    else:
        outcome = "done"
    return SetupFinished(
        outcome=outcome,
        changes=sum(node.changes for node in nodes),
        nodes=outcomes,
        plan=course.plan_only,
        planned=sum(node.planned for node in nodes),
        folder=folder,
    )


async def _one(target: Target, course: Course, face: Face, journal: Journal) -> NodeFinished:
    """One node, from connecting to its end; its connections are closed whatever happens."""
    name = target.spec.node
    node: Node | None = None
    run: _NodeRun | None = None
    try:
        spec, node = await target.connect()
        run = _NodeRun(NodeState(node, spec, face, journal), course)
        finished = await run.run()
    except WizardError as error:
        finished = _cut_short(name, run, "failed", error)
    except asyncio.CancelledError:
        # Abandoned: the run ends with this node, and its end is told as every other's.
        finished = _cut_short(name, run, "stopped")
    except Exception:
        await face.show(_cut_short(name, run, "failed"))
        raise
    finally:
        if node is not None:
            await _close(node)
    await face.show(finished)
    return finished


def _cut_short(
    name: str, run: _NodeRun | None, outcome: Outcome, error: WizardError | None = None
) -> NodeFinished:
    """The end of a node that did not get to its own end, with what was changed until then."""
    finished = (
        run.finished(outcome)
        if run
        else NodeFinished(node=name, outcome=outcome, states={}, changes=0)
    )
    return replace(finished, error=error)


async def _close(node: Node) -> None:
    for port in (node.cluster, node.control_plane, node.host):
        if port is not None:
            await port.close()


class _NodeRun:
    """All stages of one node."""

    def __init__(self, state: NodeState, course: Course) -> None:
        self.state, self.course = state, course
        self.assessments: dict[str, Assessment] = {}

    async def run(self) -> NodeFinished:
        await self.state.look(*self.course.stages, self.course.proof)
        for stage in self.course.stages:
            self.assessments[stage.id] = await self.state.assess(stage)
        if self.state.face.stop_requested():
            await self._proof_not_run()
            return self.finished("stopped")
        if not self.course.plan_only:
            return await self._act()
        await self._let_settle()
        return await self._plan()

    async def _let_settle(self) -> None:
        """No plan is made from a moment that time alone is about to change."""
        deadline = time.monotonic() + PLAN_SETTLES_SECONDS
        while time.monotonic() < deadline and not self.state.face.stop_requested():
            settling = [s for s in self.course.stages if self.assessments[s.id].settling]
            if not settling:
                return
            await asyncio.sleep(min(stage.poll_seconds for stage in settling))
            await self.state.look(*settling)
            for stage in settling:
                if self.state.judged(stage) != self.assessments[stage.id]:
                    self.assessments[stage.id] = await self.state.assess(stage)

    async def _plan(self) -> NodeFinished:
        """Show what each stage would do; those behind an open stage are foreseen only."""
        planned = 0
        provisional = False
        for stage in self.course.stages:
            assessment = self.assessments[stage.id]
            if assessment.state in ("needed", "waiting"):
                plan = self.state.plan(stage)
                planned += len(plan)
                foreseen = provisional or assessment.state == "waiting"
                await self.state.face.show(
                    PlanMade(
                        node=self.state.node.name,
                        stage=stage.id,
                        plan=plan,
                        provisional=foreseen,
                        diffs=await diffs_of(self.state.node, plan),
                    )
                )
            provisional = provisional or assessment.state != "done"
        await self._proof_not_run()
        bad = any(a.state in ("blocked", "unknown") for a in self._judged().values())
        return self.finished("failed" if bad else "done", planned)

    async def _act(self) -> NodeFinished:
        for stage in self.course.stages:
            if self.state.face.stop_requested():
                return self.finished("stopped")
            if self.assessments[stage.id].state == "done" and self.state.is_fresh(stage):
                continue
            outcome, self.assessments[stage.id] = await StageRun(self.state, stage).run()
            if outcome in ("failed", "stopped"):
                await self._proof_not_run()
                return self.finished(outcome)
        return await self._prove()

    async def _prove(self) -> NodeFinished:
        proof = self.course.proof
        wanted = self.state.changes or self.course.prove or self._was_cut_off()
        if not self.course.whole or not wanted:
            await self._proof_not_run()
            return self.finished(self._outcome())
        self.state.spec = replace(self.state.spec, prove=True)
        self.state.touched()
        outcome, self.assessments[proof.id] = await StageRun(self.state, proof).run()
        return self.finished("stopped" if outcome == "stopped" else self._outcome())

    def _was_cut_off(self) -> bool:
        """Whether an earlier run left its proof unfinished: without a wish for one it is needed then alone."""
        return self.state.judged(self.course.proof).state == "needed"

    async def _proof_not_run(self) -> None:
        proof = self.course.proof
        self.assessments[proof.id] = NOT_RUN
        await self.state.face.show(
            StageAssessed(node=self.state.node.name, stage=proof.id, assessment=NOT_RUN)
        )

    def _judged(self) -> dict[str, Assessment]:
        """The assessments that count: a proof that was not run does not."""
        return {stage: a for stage, a in self.assessments.items() if a is not NOT_RUN}

    def _outcome(self) -> Outcome:
        return "done" if all(a.state == "done" for a in self._judged().values()) else "failed"

    def finished(self, outcome: Outcome, planned: int = 0) -> NodeFinished:
        """The node's end as it stands now."""
        return NodeFinished(
            node=self.state.node.name,
            outcome=outcome,
            states={stage: assessment.state for stage, assessment in self.assessments.items()},
            changes=self.state.changes,
            planned=planned,
        )
