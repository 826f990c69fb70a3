"""Lines between the output: which step runs, as which command, and how it ended."""

from __future__ import annotations

from collections.abc import Sequence

from gpu_wizard.faces.tui.drawing.command import command_words
from gpu_wizard.faces.tui.order import ORDER, number_of
from gpu_wizard.faces.tui.ui import Ui
from gpu_wizard.faces.wording import act
from gpu_wizard.faces.words import Words
from gpu_wizard.model.action import Run, Step
from gpu_wizard.model.events import Diagnosed, Event, StepFinished, StepStarted


def narrate(event: Event, steps: Sequence[Step], words: Words) -> str:
    """The line for an event; "" where it has none. `steps`: of its stage's round, of which it tells an id."""
    match event:
        case StepStarted(step=step):
            clock = f"{event.at.astimezone():%H:%M:%S}"
            if isinstance(step.action, Run):
                first, *more = " ".join(command_words(step.action)).split("\n")
                return f"{clock}  $ {first}{' …' if more else ''}"
            return f"{clock}  {act(step.action, words.language)}"
        case StepFinished(outcome="undone"):
            undone = _step_of(event, steps)
            title = words.step(undone) if undone else event.step
            return f"{event.at.astimezone():%H:%M:%S}  {words('run.taken-back')}: {title}"
        case StepFinished():
            return f"          {_ended(event, _step_of(event, steps), words)}"
        case Diagnosed():
            clock = f"{event.at.astimezone():%H:%M:%S}"
            return f"{clock}  {words('output.elsewhere')}: {event.line}"
    return ""


def _step_of(event: StepFinished, steps: Sequence[Step]) -> Step | None:
    return next((step for step in steps if step.id == event.step), None)


def _ended(event: StepFinished, step: Step | None, words: Words) -> str:
    took = words.took(event.seconds)
    if event.error is not None:
        return f"× {event.error}"
    if event.status is not None:
        return words("output.exit", status=event.status, time=took)
    if step is not None and not step.change:
        return words("output.done", time=took)
    return words("output.changed" if event.changed else "output.unchanged", time=took)


def closing_words(ui: Ui) -> list[str]:
    """What was done and what was not, a line a node, and what was saved."""
    words, lines = ui.words, []
    for node in ui.control.progress.nodes.values():
        done = [stage for stage in ORDER if node.stage(stage).state == "done"]
        left = [stage for stage in ORDER if stage not in done]
        changed = words.count("plan.changes", len(node.done))
        lines.append(
            f"{node.name}: {words('head.done', done=len(done), all=len(ORDER))}, {changed}."
        )
        if left:
            names = ", ".join(f"{number_of(stage)} {words(f'name.{stage}')}" for stage in left)
            lines.append(f"  {words('run.was-not-done')}: {names}")
    if ui.saved_to:
        lines.append(words("line.saved", path=ui.saved_to))
    finished = ui.control.progress.finished
    if finished is not None and finished.folder and finished.changes:
        lines.append(words.of("word", "folder", {"path": finished.folder}))
    return lines
