"""Lines between the output: which step runs, as which command, and how it ended."""

from __future__ import annotations

from gpu_wizard.faces.tui.drawing.command import act, command_words
from gpu_wizard.faces.tui.words import Words
from gpu_wizard.model.action import Run
from gpu_wizard.model.events import Event, StepFinished, StepStarted


def narrate(event: Event, words: Words) -> str:
    """The line for an event; "" where it has none."""
    match event:
        case StepStarted(step=step):
            clock = f"{event.at.astimezone():%H:%M:%S}"
            if isinstance(step.action, Run):
                first, *more = " ".join(command_words(step.action)).split("\n")
                return f"{clock}  $ {first}{' …' if more else ''}"
            return f"{clock}  {act(step.action, words)}"
        case StepFinished(outcome="undone"):
            return f"{event.at.astimezone():%H:%M:%S}  {words('run.taken-back')}: {event.step}"
        case StepFinished():
            status = event.status if event.status is not None else 0
            failed = event.outcome == "failed" and event.status is None
            code = "×" if failed else status
            message = f"  {event.error}" if event.error is not None else ""
            took = words.took(event.seconds)
            return f"          {words('output.exit', status=code, time=took)}{message}"
    return ""
