"""Which buttons a stage offers, and what each does."""

from __future__ import annotations

from textual.message import Message

from gpu_wizard.faces.tui.order import ORDER, shown_state
from gpu_wizard.faces.tui.ui import RunWanted, ScreenWanted, Ui
from gpu_wizard.faces.tui.widgets.buttons import Action


def actions_for(ui: Ui) -> tuple[Action, ...]:
    """The buttons of the stage shown, the primary one first."""
    waiting = ui.control.waiting
    if waiting is not None and (waiting.asked.node, waiting.asked.stage) == (ui.node, ui.stage):
        return _named(ui, ("cause", "primary"), ("retry", ""), ("skip-now", ""), ("stop-run", ""))
    if ui.busy:
        running = ui.shown.running
        mine = running is not None and running.id == ui.stage and not ui.control.stopping
        return _named(ui, ("stop", "")) if mine else ()
    return _at_rest(ui)


def _at_rest(ui: Ui) -> tuple[Action, ...]:
    state = shown_state(ui.shown, ui.stage, ui.skipped)
    remaining = ui.remaining()
    if not ui.shown.stages:
        return _named(ui, ("look", "primary"))
    if not remaining and state == "done":
        return _named(ui, ("summary", "primary"), ("prove", ""))
    everything = (("all", "primary"),) if _can_start(ui, remaining) else ()
    match state:
        case "needed":
            only = (("only", ""),) if len(remaining) > 1 and ui.stage != ORDER[-1] else ()
            return _named(ui, *everything, *only, ("skip", ""))
        case "skipped":
            return _named(ui, *everything, ("unskip", ""))
        case "blocked" | "unknown" if ui.stage != ORDER[-1]:
            return _named(ui, ("look", "primary"), ("skip", ""))
        case "stopped":
            return _named(ui, ("all", "primary"), ("skip", ""))
        case "failed":
            return _named(ui, ("cause", "primary"), ("all", ""), ("skip", ""))
        case "waiting":
            return _named(ui, *everything, ("skip", ""))
        case _:
            return _named(ui, *(everything or (("look", ""),)))


def _can_start(ui: Ui, remaining: tuple[str, ...]) -> bool:
    """Whether a run would get further: no person has to act first on the first stage that is open."""
    states = (shown_state(ui.shown, stage, ui.skipped) for stage in ORDER)
    first = next((state for state in states if state not in ("done", "skipped")), "done")
    return bool(remaining) and first not in ("blocked", "unknown", "looking", "done")


def _named(ui: Ui, *wanted: tuple[str, str]) -> tuple[Action, ...]:
    words, count = ui.words, len(ui.remaining())
    labels = {"skip-now": words("button.skip")}
    labels["all"] = words("button.all", n=count) if count > 1 else words("button.one")
    return tuple(
        Action(name, labels.get(name) or words(f"button.{name}"), kind) for name, kind in wanted
    )


def carry_out(ui: Ui, action: str) -> Message | None:
    """Do what a button means; what the program is to do, where it is more than a note."""
    match action:
        case "all":
            return ScreenWanted("plan")
        case "only":
            return ScreenWanted("plan", (ui.stage,))
        case "look":
            return None if ui.busy else RunWanted(plan=True)
        case "prove":
            return RunWanted(prove=True)
        case "cause":
            return ScreenWanted("trouble")
        case "summary":
            return ScreenWanted("finish")
        case "retry":
            ui.control.answer("retry")
        case "skip-now":
            ui.control.answer("skip")
        case "stop-run":
            ui.control.answer("stop")
        case "stop":
            ui.control.request_stop()
        case "skip" | "unskip":
            _toggle_skip(ui)
    return None


def _toggle_skip(ui: Ui) -> None:
    if ui.stage in ui.skipped:
        ui.skipped.discard(ui.stage)
    elif ui.shown.stage(ui.stage).state != "done":
        ui.skipped.add(ui.stage)
