"""Runs cut at the moment when a stage is in each of its states."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

from gpu_wizard.model.errors import CommandError
from gpu_wizard.model.events import (
    ConnectionLost,
    Event,
    NodeFinished,
    SetupFinished,
    StageAssessed,
    StageFinished,
    StageSettling,
    StepFinished,
    StepQuiet,
    StepStarted,
)
from gpu_wizard.model.stage import unknown
from tests.faces.tui.recorded_events import load


def up_to(events: list[Event], last: Callable[[Event], bool]) -> list[Event]:
    """The events until the first that `last` is true of, with it."""
    for index, event in enumerate(events):
        if last(event):
            return events[: index + 1]
    raise AssertionError("the recording has no such event")


def fresh() -> list[Event]:
    """A machine that was looked at."""
    return load("fresh-plan")


def whole() -> list[Event]:
    """The whole journey of a fresh machine."""
    return fresh() + load("fresh-run")


def running() -> list[Event]:
    """The fifth step of the toolkit is in hand, its output coming."""
    events = load("fresh-run")
    cut = up_to(events, lambda e: isinstance(e, StepStarted) and e.step.id == "toolkit.install")
    return fresh() + cut + events[len(cut) : len(cut) + 12]


def quiet() -> list[Event]:
    """Nothing was heard of the step for 34 seconds."""
    events = running()
    at = events[-1].at + timedelta(seconds=34)
    return [
        *events,
        StepQuiet(node="gpu1", stage="toolkit", step="toolkit.install", seconds=34, at=at),
    ]


def lost() -> list[Event]:
    """The connection went away under the step."""
    events = running()
    at = events[-1].at + timedelta(seconds=2)
    gone = ConnectionLost(
        node="gpu1", stage="toolkit", host="anna@10.20.0.21", deadline_seconds=120, at=at
    )
    return [*events, gone]


def settling() -> list[Event]:
    """The steps are done, the node is given time."""
    events = load("fresh-run")
    return fresh() + up_to(events, lambda e: isinstance(e, StageSettling))


def failed() -> list[Event]:
    """The server does not take the token; what was done was taken back."""
    return load("wrong-token-plan") + load("wrong-token-run")


def no_internet() -> list[Event]:
    """The package lists can't be had."""
    return load("no-internet-plan") + load("no-internet-run")


def unheard_of() -> list[Event]:
    """The run failed with a text that is in no catalogue."""
    said = ("containerd: shim gpu-shim ended early: quux 71", "crictl: no answer of the runtime")
    error = CommandError("command-failed", "A command ended with status 3.", lines=said)
    events = settling()
    assessed = next(
        e for e in reversed(events) if isinstance(e, StageAssessed) and e.stage == "runtime"
    )
    last = events[-1].at
    end = StageFinished(
        node="gpu1",
        stage="runtime",
        outcome="failed",
        assessment=assessed.assessment,
        changes=1,
        seconds=1.5,
        error=error,
        at=last,
    )
    failed_node = NodeFinished(node="gpu1", outcome="failed", states={}, changes=8, at=last)
    over = SetupFinished(outcome="failed", changes=8, nodes={"gpu1": "failed"}, at=last)
    return [*events, end, failed_node, over]


def stopped() -> list[Event]:
    """Stopped by the person in the middle of the toolkit."""
    events = load("fresh-run")
    cut = up_to(events, lambda e: isinstance(e, StepFinished) and e.step == "toolkit.source")
    last = cut[-1]
    assessed = next(
        e for e in reversed(cut) if isinstance(e, StageAssessed) and e.stage == "toolkit"
    )
    end = StageFinished(
        node="gpu1",
        stage="toolkit",
        outcome="stopped",
        assessment=assessed.assessment,
        changes=2,
        seconds=1.5,
        at=last.at,
    )
    return [
        *fresh(),
        *cut,
        end,
        NodeFinished(node="gpu1", outcome="stopped", states={}, changes=8, at=last.at),
        SetupFinished(outcome="stopped", changes=8, nodes={"gpu1": "stopped"}, at=last.at),
    ]


def could_not_look() -> list[Event]:
    """The node did not tell in time."""
    events = fresh()
    last = events[-1].at
    event = StageAssessed(
        node="gpu1", stage="driver", assessment=unknown("timed-out", detail="nvidia-smi"), at=last
    )
    return [*events[:-1], event, events[-1]]


STATES: dict[str, tuple[Callable[[], list[Event]], str]] = {
    "looking": (lambda: fresh()[:1], "1"),
    "needed": (fresh, "1"),
    "waiting": (fresh, "4"),
    "done": (fresh, "2"),
    "done-by-us": (whole, "3"),
    "blocked": (lambda: load("custom-template-plan"), "4"),
    "unknown": (could_not_look, "2"),
    "running": (running, "3"),
    "quiet": (quiet, "3"),
    "lost": (lost, "3"),
    "settling": (settling, "4"),
    "failed": (failed, "1"),
    "stopped": (stopped, "3"),
}
"""State → the events up to it, and the key of its stage."""
