"""A question of the engine that waits for the person."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

from gpu_wizard.model.action import Plan
from gpu_wizard.model.stage import Question


@dataclass(frozen=True)
class Asked:
    """A question that waits for the person. `stage`: whose; `plan`: what it is about, where it is one."""

    question: Question
    node: str
    stage: str
    plan: Plan = ()


@dataclass
class Waiting:
    """A question answered in the stage's pane, not in a dialog."""

    asked: Asked
    answer: asyncio.Future[str]
