"""What a run has come to, folded from its events. Pure: every face draws the same picture, and tests need no clock."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Literal

from gpu_wizard.model.action import Plan, Step
from gpu_wizard.model.errors import WizardError
from gpu_wizard.model.events import (
    ConnectionLost,
    ConnectionRestored,
    Diagnosed,
    Event,
    FactRead,
    NodeFinished,
    OutputReceived,
    PlanMade,
    SetupFinished,
    StageAssessed,
    StageFinished,
    StageSettling,
    StageStarted,
    StepAbandoned,
    StepFinished,
    StepQuiet,
    StepStarted,
    SurveyStarted,
)
from gpu_wizard.model.fact import Fact
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


@dataclass(frozen=True)
class Done:
    """A step that changed the world and was not taken back."""

    stage: str
    step: Step
    at: datetime


@dataclass(frozen=True)
class NodeProgress:
    """One node: its stages by id, its facts by probe id, and what was changed on it.

    `lost`: the connection is away; `restored`: the last time that it came back.
    """

    name: str
    stages: Mapping[str, StageProgress] = field(default_factory=dict)
    facts: Mapping[str, Fact[object]] = field(default_factory=dict)
    looking: bool = False
    probes: int = 0
    done: tuple[Done, ...] = ()
    lost: ConnectionLost | None = None
    restored: ConnectionRestored | None = None
    finished: NodeFinished | None = None

    def stage(self, stage_id: str) -> StageProgress:
        """A stage; one that nothing is known of yet reads `looking`."""
        return self.stages.get(stage_id) or StageProgress(stage_id)

    @property
    def running(self) -> StageProgress | None:
        """The stage whose steps are in hand."""
        return next((stage for stage in self.stages.values() if stage.acting), None)


@dataclass(frozen=True)
class Progress:
    """All nodes of a run. A later run goes on from here: what it does not look at again stays as it was.

    `current`: the node of the last event. `active`: a run is going on.
    """

    nodes: Mapping[str, NodeProgress] = field(default_factory=dict)
    current: str = ""
    active: bool = False
    started_at: datetime | None = None
    ended_at: datetime | None = None
    finished: SetupFinished | None = None

    def node(self, name: str) -> NodeProgress:
        """A node; one that nothing is known of yet is empty."""
        return self.nodes.get(name) or NodeProgress(name)

    def fold(self, event: Event) -> Progress:
        """The progress after one more event."""
        if isinstance(event, SetupFinished):
            return replace(self, active=False, ended_at=event.at, finished=event)
        started = self
        if not self.active:
            started = replace(self, active=True, started_at=event.at, ended_at=None, finished=None)
        if event.node is None:
            return started
        node = _fold_node(started.node(event.node), event)
        return replace(started, nodes={**started.nodes, node.name: node}, current=node.name)

    def given_up(self, node: str, stage: str) -> Progress:
        """The same while a person is asked what to do about a stage that did not get done."""
        one = self.node(node)
        failed = replace(one.stage(stage), acting=False, settling=None, outcome="failed")
        changed = replace(one, stages={**one.stages, stage: failed})
        return replace(self, nodes={**self.nodes, node: changed})


def fold_all(events: tuple[Event, ...] | list[Event], start: Progress | None = None) -> Progress:
    """The progress after these events."""
    progress = start or Progress()
    for event in events:
        progress = progress.fold(event)
    return progress


def _fold_node(node: NodeProgress, event: Event) -> NodeProgress:
    match event:
        case SurveyStarted():
            return replace(node, looking=True, probes=len(event.probes), finished=None)
        case FactRead():
            return replace(node, facts={**node.facts, event.probe: event.fact})
        case ConnectionLost():
            return replace(node, lost=event, restored=None)
        case ConnectionRestored():
            return replace(node, lost=None, restored=event)
        case NodeFinished():
            return _finish(node, event)
    if not event.stage:
        return node
    node = replace(node, looking=False, done=_done(node, event))
    stage = _fold_stage(node.stage(event.stage), event)
    return replace(node, stages={**node.stages, stage.id: stage})


def _finish(node: NodeProgress, event: NodeFinished) -> NodeProgress:
    """Whatever was in hand is no more."""
    stages = {
        stage.id: replace(stage, acting=False, outcome="stopped") if stage.acting else stage
        for stage in node.stages.values()
    }
    return replace(node, stages=stages, looking=False, lost=None, finished=event)


def _done(node: NodeProgress, event: Event) -> tuple[Done, ...]:
    """What was changed, newest last. Steps that are taken back drop out, newest first."""
    if not isinstance(event, StepFinished):
        return node.done
    if event.outcome == "undone":
        at = max((n for n, d in enumerate(node.done) if d.step.id == event.step), default=-1)
        return node.done[:at] + node.done[at + 1 :] if at >= 0 else node.done
    if event.outcome != "done" or not event.changed:
        return node.done
    steps = node.stage(event.stage).steps
    return node.done + tuple(
        Done(event.stage, one.step, event.at) for one in steps if one.step.id == event.step
    )


def _fold_stage(stage: StageProgress, event: Event) -> StageProgress:
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
