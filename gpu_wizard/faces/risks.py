"""What a person is asked about once more: plans that touch running work, and steps that can't be undone."""

from __future__ import annotations

from typing import Final

from gpu_wizard.model.action import Plan, Run, Step

CALM_RISKS: Final = ("restarts-agent", "join.agent-away", "plugin-restarts")
"""Risks that disturb no running work: the plan names them, and agreeing to the plan agrees to them."""


def cannot_be_undone(step: Step) -> bool:
    """Whether a step changes something for good. Starting or restarting a unit leaves nothing to undo."""
    action = step.action
    if not isinstance(action, Run) or not step.change or step.undo:
        return False
    return "systemctl" not in action.argv


def disturbs(plan: Plan) -> bool:
    """Whether a plan touches running work or the API, or holds what can't be undone."""
    return any(
        (step.risk is not None and step.risk.code not in CALM_RISKS) or cannot_be_undone(step)
        for step in plan
    )
