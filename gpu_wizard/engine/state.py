"""What is known of one node while it is set up."""

from __future__ import annotations

import time
from dataclasses import dataclass, field

from gpu_wizard.engine.survey import Facts, filled, judge, look
from gpu_wizard.model.action import Plan
from gpu_wizard.model.ports import Face, Journal, Node
from gpu_wizard.model.spec import Spec
from gpu_wizard.model.stage import AnyStage, Assessment


@dataclass
class NodeState:
    """Facts and how old they are, the Spec with the answers given so far, and the changes made."""

    node: Node
    spec: Spec
    face: Face
    journal: Journal
    facts: Facts = field(default_factory=dict)
    changes: int = 0
    changed_at: float = 0.0
    """When something was last changed, by the monotonic clock."""
    looked_at: dict[str, float] = field(default_factory=dict)
    """Stage id → when its facts were read, by the monotonic clock."""

    async def look(self, *stages: AnyStage) -> None:
        """Ask these stages' questions afresh."""
        now = time.monotonic()
        seen = await look(self.node.reader(), stages, self.spec, self.face.show)
        self.facts, self.spec = {**self.facts, **seen.facts}, seen.spec
        self.looked_at.update({stage.id: now for stage in stages})

    def is_fresh(self, stage: AnyStage) -> bool:
        """Whether nothing was changed since the stage's facts were read."""
        return self.looked_at.get(stage.id, 0.0) > self.changed_at

    def age(self, stage: AnyStage) -> float:
        """Seconds since the stage's facts were read."""
        return time.monotonic() - self.looked_at.get(stage.id, 0.0)

    def touched(self) -> None:
        """Something is about to be changed: facts read before this are no longer to be trusted."""
        self.changed_at = time.monotonic()

    def plan(self, stage: AnyStage) -> Plan:
        """A stage's plan from the facts at hand."""
        return stage.plan(filled(stage.facts_type, self.facts), self.spec)

    def judged(self, stage: AnyStage) -> Assessment:
        """A stage's judgement of the facts at hand, told to nobody."""
        return judge(stage, self.facts, self.spec).assessment

    async def assess(self, stage: AnyStage) -> Assessment:
        """Judge from the facts at hand, and say so."""
        event = judge(stage, self.facts, self.spec)
        await self.face.show(event)
        return event.assessment
