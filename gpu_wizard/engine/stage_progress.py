"""What is known of one stage while it runs: a pure fold of its events."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Literal

from gpu_wizard.model.action import Plan, Step
from gpu_wizard.model.errors import WizardError
from gpu_wizard.model.events import (
    Diagnosed,
    Event,
    OutputReceived,
    PlanMade,
    StageAssessed,
    StageFinished,
    StageSettling,
    StageStarted,
    StepAbandoned,
    StepFinished,
    StepQuiet,
    StepStarted,
)
from gpu_wizard.model.stage import Assessment, Found

StepState = Literal["waiting", "running", "done", "failed", "abandoned", "undone"]
ShownState = Literal[
    "done",
    "needed",
    "waiting",
    "blocked",
    "unknown",
    "running",
    "failed",
    "stopped",
    "skipped",
    "looking",
]


@dataclass(frozen=True)
class StepProgress:
    """A step and how far it has come. `started_at` None: not begun. `seconds`: how long it took, once it ended."""

    step: Step
    state: StepState = "waiting"
    started_at: datetime | None = None
    seconds: float = 0.0
    status: int | None = None
    changed: bool = False
    error: WizardError | None = None


@dataclass(frozen=True)
class StageProgress:
    """A stage: the last judgement of it, its plan, and the steps in hand.

    `steps`: of the round that is or was performed last, empty before the first. `acting`: its steps are being performed,
    or the world is given time to agree. `outcome`: how it ended in this run, "" while it has not. `quiet_seconds`:
    how long nothing has been heard, 0 while the step talks.
    """

    id: str
    assessment: Assessment | None = None
    found: tuple[Found, ...] = ()
    looked_at: datetime | None = None
    plan: Plan = ()
    provisional: bool = False
    diffs: Mapping[str, str] = field(default_factory=dict)
    steps: tuple[StepProgress, ...] = ()
    acting: bool = False
    started_at: datetime | None = None
    settling: Assessment | None = None
    quiet_seconds: float = 0.0
    heard_at: datetime | None = None
    outcome: str = ""
    error: WizardError | None = None
    changes: int = 0
    seconds: float = 0.0
    diagnosed: tuple[Diagnosed, ...] = ()

    @property
    def state(self) -> ShownState:
        """The state that a person is shown; `looking` before the first judgement."""
        if self.acting:
            return "running"
        match self.outcome:
            case "stopped":
                return "stopped"
            case "skipped":
                return "skipped"
            case "failed" if self.steps or self.assessment is None:
                return "failed"
        return self.assessment.state if self.assessment else "looking"

    @property
    def current(self) -> StepProgress | None:
        """The step in hand, or the one that failed; None where there is none."""
        wanted = ("running", "failed", "abandoned")
        return next((step for step in self.steps if step.state in wanted), None)


def fold_stage(stage: StageProgress, event: Event) -> StageProgress:
    match event:
        case StageAssessed():
            return _assessed(stage, event)
        case PlanMade():
            return replace(stage, plan=event.plan, provisional=event.provisional, diffs=event.diffs)
        case StageStarted():
            steps = tuple(StepProgress(step) for step in stage.plan)
            return replace(
                stage, acting=True, steps=steps, outcome="", error=None, started_at=event.at
            )
        case StageSettling():
            return replace(stage, acting=True, settling=event.assessment)
        case StageFinished():
            return replace(
                stage,
                acting=False,
                plan=() if event.outcome == "done" else stage.plan,
                settling=None,
                outcome=event.outcome,
                assessment=event.assessment,
                error=event.error,
                changes=event.changes,
                seconds=event.seconds,
            )
        case Diagnosed():
            return replace(stage, diagnosed=(*stage.diagnosed, event))
        case _:
            return _fold_step(stage, event)


def _assessed(stage: StageProgress, event: StageAssessed) -> StageProgress:
    """A judgement while the stage is in hand ends nothing; one afterwards is news that replaces how it ended.

    A look that runs no proof does not unsay the one that was given.
    """
    if event.assessment.code == "proof.not-run" and stage.state == "done":
        return stage
    fresh = replace(stage, assessment=event.assessment, found=event.found, looked_at=event.at)
    if stage.acting:
        return replace(fresh, settling=None)
    plan = () if event.assessment.state == "done" else fresh.plan
    return replace(fresh, outcome="", steps=(), error=None, plan=plan)


def _fold_step(stage: StageProgress, event: Event) -> StageProgress:
    match event:
        case StepStarted():
            begun = StepProgress(event.step, "running", event.at)
            stage = replace(stage, quiet_seconds=0.0, heard_at=event.at)
            return _with_step(stage, event.step.id, begun)
        case OutputReceived():
            return replace(stage, quiet_seconds=0.0, heard_at=event.at)
        case StepQuiet():
            return replace(stage, quiet_seconds=event.seconds)
        case StepAbandoned():
            return _with_state(stage, event.step, "abandoned")
        case StepFinished():
            return replace(_ended(stage, event), quiet_seconds=0.0)
    return stage


def _ended(stage: StageProgress, event: StepFinished) -> StageProgress:
    old = next((one for one in stage.steps if one.step.id == event.step), None)
    if old is None:
        return stage
    ended = replace(
        old,
        state=event.outcome,
        seconds=event.seconds or old.seconds,
        status=event.status if event.outcome != "undone" else old.status,
        changed=event.changed,
        error=event.error or old.error,
    )
    return _with_step(stage, event.step, ended)


def _with_state(stage: StageProgress, step_id: str, state: StepState) -> StageProgress:
    steps = tuple(
        replace(one, state=state) if one.step.id == step_id else one for one in stage.steps
    )
    return replace(stage, steps=steps)


def _with_step(stage: StageProgress, step_id: str, step: StepProgress) -> StageProgress:
    """The stage with this step in its place; the first of several with one id that has not ended."""
    for number, one in enumerate(stage.steps):
        if one.step.id == step_id and (
            one.state in ("waiting", "running") or step.state == "undone"
        ):
            return replace(stage, steps=(*stage.steps[:number], step, *stage.steps[number + 1 :]))
    return stage
