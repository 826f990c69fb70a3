"""What a run has come to, folded from its events. Pure: every face draws the same picture, and tests need no clock."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime

from gpu_wizard.engine.stage_progress import StageProgress, fold_stage
from gpu_wizard.model.action import Step
from gpu_wizard.model.events import (
    ConnectionLost,
    ConnectionRestored,
    Event,
    FactRead,
    NodeFinished,
    SetupFinished,
    StepFinished,
    SurveyStarted,
)
from gpu_wizard.model.fact import Fact


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
    stage = fold_stage(node.stage(event.stage), event)
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
