"""The plan of a stage: what was found, what will be done, what is being done, and how it ended."""

from __future__ import annotations

from dataclasses import dataclass, field

from rich.cells import cell_len

from gpu_wizard.engine.stage_progress import StageProgress, StepProgress
from gpu_wizard.faces.risks import cannot_be_undone
from gpu_wizard.faces.tui.drawing.command import action_lines, diff_lines
from gpu_wizard.faces.tui.drawing.pen import Pen
from gpu_wizard.faces.tui.look import (
    BODY,
    CHOSEN,
    ERROR,
    HEADING,
    MUTED,
    RISK,
    STRONG,
    STYLES,
    Line,
)
from gpu_wizard.faces.wording import error_advice, error_text, unseen
from gpu_wizard.faces.words import elapsed
from gpu_wizard.knowledge.diagnosis.catalogue import catalogue
from gpu_wizard.model.action import Step
from gpu_wizard.model.errors import WizardError
from gpu_wizard.model.stage import Assessment, Found

_LABEL_CELLS = 18
_TAIL = 8


@dataclass
class Drawing:
    """Lines, and where each step begins among them."""

    lines: list[Line] = field(default_factory=list)
    steps: dict[int, int] = field(default_factory=dict)

    def add(self, *lines: Line) -> None:
        """Append lines."""
        self.lines.extend(lines)

    def gap(self, pen: Pen) -> None:
        """One blank row between blocks."""
        if self.lines:
            self.lines.append(pen.look.line(""))


def plan(
    stage: StageProgress, pen: Pen, cursor: int | None = None, opened: frozenset[str] = frozenset()
) -> Drawing:
    """The whole view. `cursor`: the step chosen; `opened`: ids of steps shown to their last line."""
    drawing = Drawing()
    if stage.assessment is None and not stage.steps:
        drawing.add(pen.look.line((pen.words("plan.looking"), MUTED)))
        return drawing
    _verdict(drawing, stage, pen)
    state = stage.state
    if state == "running":
        _running(drawing, stage, pen)
    elif state in ("failed", "stopped"):
        _ended(drawing, stage, pen)
    elif state in ("blocked", "unknown"):
        _advice(drawing, stage.assessment, pen)
    _found(drawing, stage, pen)
    if state in ("needed", "waiting", "skipped") or (state == "blocked" and stage.plan):
        _will_do(drawing, stage, pen, cursor, opened)
    elif state == "done":
        _was_done(drawing, stage, pen)
    return drawing


def heading(pen: Pen, text: str, right: str = "") -> Line:
    """A block's heading, with something small at the right end."""
    return pen.look.ends(pen.width, [(text, HEADING)], [(right, MUTED)] if right else [])


def _verdict(drawing: Drawing, stage: StageProgress, pen: Pen) -> None:
    """What the judgement says, in a sentence, and what else is worth a word."""
    if stage.state == "running" or stage.assessment is None:
        return
    if stage.state == "skipped":
        drawing.add(*pen.look.wrapped(pen.words("run.skipped"), pen.width))
    drawing.add(*pen.look.wrapped(pen.words.assessed(stage.assessment), pen.width, STRONG))
    for note in pen.words.notes(stage.assessment):
        drawing.add(*pen.look.wrapped(note, pen.width, RISK, "  ", "! "))


def _found(drawing: Drawing, stage: StageProgress, pen: Pen) -> None:
    if not stage.found or stage.state in ("running",):
        return
    drawing.gap(pen)
    ago = pen.words.ago(stage.looked_at, pen.now) if stage.looked_at else ""
    looked = pen.words("plan.looked", ago=ago) if ago else ""
    drawing.add(heading(pen, pen.words("plan.found"), looked))
    drawing.add(*found_rows(stage.found, pen))


def found_rows(found: tuple[Found, ...], pen: Pen) -> list[Line]:
    """Rows of facts: glyph, label, value; a label that repeats stands once."""
    rows = [(one, *pen.words.found(one)) for one in found]
    column = min(_LABEL_CELLS, max(cell_len(label) for _, label, _ in rows))
    lines: list[Line] = []
    last = ""
    for one, label, value in rows:
        state = one.state or ""
        glyph = pen.look.glyph(state) if state else " "
        shown = label if label != last else ""
        last = label
        style = STRONG if state in ("needed", "blocked") else BODY
        lines += _found_row((glyph, STYLES.get(state, BODY)), shown, (value, style), column, pen)
    return lines


def _found_row(
    glyph: tuple[str, str], label: str, value: tuple[str, str], column: int, pen: Pen
) -> list[Line]:
    """A label that is longer than the column takes the room of its value's first row."""
    text, style = value
    indent = " " * (column + 4)
    lead = f"  {label.ljust(column)}  "
    rows = pen.look.wrapped(text, pen.width, style, indent, " " * cell_len(lead))
    head = pen.look.line(glyph, (lead[1:], MUTED))
    return [head + rows[0][cell_len(lead) :], *rows[1:]]


def _advice(drawing: Drawing, assessment: Assessment | None, pen: Pen) -> None:
    advice = pen.words.advice(assessment) if assessment else ""
    if not advice:
        return
    drawing.gap(pen)
    drawing.add(heading(pen, pen.words("plan.you-can")))
    drawing.add(*pen.look.wrapped(advice, pen.width))


def _will_do(
    drawing: Drawing,
    stage: StageProgress,
    pen: Pen,
    cursor: int | None,
    opened: frozenset[str],
) -> None:
    if not stage.plan:
        return
    drawing.gap(pen)
    foreseen = stage.provisional or stage.state == "waiting"
    title = pen.words("plan.foreseen" if foreseen else "plan.will-do")
    drawing.add(heading(pen, title, pen.words.count("plan.steps", len(stage.plan))))
    for index, step in enumerate(stage.plan):
        drawing.steps[index] = len(drawing.lines)
        diff = stage.diffs.get(step.id, "")
        drawing.add(
            *step_lines(step, index, diff, pen, chosen=index == cursor, whole=step.id in opened)
        )


def step_lines(
    step: Step, index: int, diff: str, pen: Pen, *, chosen: bool, whole: bool
) -> list[Line]:
    """One step of a plan: what it does, its command or diff, its risk."""
    mark = CHOSEN if chosen else ""
    lead = f"{mark}{index + 1} "
    style = STRONG if chosen else BODY
    lines = pen.look.wrapped(pen.words.step(step), pen.width, style, " " * len(lead), lead)
    lines += action_lines(step.action, pen.look, pen.words, pen.width, whole=whole)
    note = unseen(step.action, pen.words.language)
    if note:
        lines += pen.look.wrapped(note, pen.width, MUTED, "    ")
    elif diff:
        lines += diff_lines(diff, pen.look, pen.words, pen.width, whole=whole)
    if step.risk:
        lines += pen.look.wrapped(pen.words.risk(step), pen.width, RISK, "    ", "  ! ")
    if cannot_be_undone(step):
        lines += pen.look.wrapped(pen.words("plan.no-undo"), pen.width, RISK, "    ", "  ! ")
    return lines


def _running(drawing: Drawing, stage: StageProgress, pen: Pen) -> None:
    steps = stage.steps
    ended = sum(step.state not in ("waiting", "running") for step in steps)
    current = stage.current
    if current is None:
        away = stage.settling is not None and stage.settling.state in ("unknown", "blocked")
        title = pen.words("run.away" if away else "run.settling")
        drawing.add(*pen.look.wrapped(title, pen.width, STRONG))
        if stage.settling is not None:
            drawing.add(*pen.look.wrapped(pen.words.assessed(stage.settling), pen.width, BODY))
    else:
        number = steps.index(current) + 1
        started = current.started_at or pen.now
        time = elapsed((pen.now - started).total_seconds())
        title = pen.words("run.step", n=number, all=len(steps))
        drawing.add(heading(pen, title, time))
        drawing.add(*pen.look.wrapped(pen.words.step(current.step), pen.width, STRONG))
        drawing.add(
            *action_lines(
                current.step.action,
                pen.look,
                pen.words,
                pen.width,
                whole=False,
                indent=0,
                openable=False,
            )
        )
    drawing.add(bar(ended, len(steps), pen))
    if stage.quiet_seconds and stage.heard_at:
        quiet = elapsed((pen.now - stage.heard_at).total_seconds())
        drawing.add(*pen.look.wrapped(pen.words("run.quiet", time=quiet), pen.width, RISK))
    drawing.gap(pen)
    for number, step in enumerate(steps, 1):
        drawing.add(_step_row(step, number, pen))


def bar(part: int, whole: int, pen: Pen) -> Line:
    """`━━━───`, by finished steps."""
    cells = min(pen.width, 40)
    full = cells * part // max(1, whole)
    return pen.look.line(("━" * full, STYLES["running"]), ("─" * (cells - full), MUTED))


def _step_row(step: StepProgress, number: int, pen: Pen) -> Line:
    style = STYLES[step.state]
    took = pen.words.took(step.seconds) if step.state in ("done", "failed") else ""
    took = pen.words("run.taken-back") if step.state == "undone" else took
    title = pen.words.step(step.step)
    text = STRONG if step.state == "running" else BODY if step.state != "waiting" else MUTED
    left = [(pen.look.glyph(step.state), style), (f" {number} {title}", text)]
    return pen.look.ends(pen.width, left, [(took, MUTED)] if took else [])


def _ended(drawing: Drawing, stage: StageProgress, pen: Pen) -> None:
    """What went wrong, what was and was not done, the last lines."""
    if stage.state == "failed":
        error = stage.error or (stage.current.error if stage.current else None)
        if error is not None:
            drawing.gap(pen)
            drawing.add(heading(pen, pen.words("run.wrong")))
            drawing.add(*error_lines(error, pen))
        _advice(drawing, stage.assessment, pen)
    else:
        drawing.add(*pen.look.wrapped(pen.words("run.stopped"), pen.width, STRONG))
    _causes(drawing, stage, pen)
    if stage.steps:
        drawing.gap(pen)
        drawing.add(heading(pen, pen.words("run.was-done")))
        kept = [s for s in stage.steps if s.state == "done" and s.changed]
        if not kept:
            drawing.add(*pen.look.wrapped(pen.words("run.nothing-done"), pen.width))
        drawing.add(*(_step_row(step, n, pen) for n, step in enumerate(stage.steps, 1)))


def _causes(drawing: Drawing, stage: StageProgress, pen: Pen) -> None:
    """Known errors that were recognised in the output as it came; each once."""
    known = catalogue().by_id
    told = {each.signature: each for each in stage.diagnosed if each.severity != "info"}
    found = [(known[code], each) for code, each in told.items() if code in known]
    if not found or stage.state != "failed":
        return
    drawing.gap(pen)
    drawing.add(heading(pen, pen.words("run.likely-cause"), "d"))
    quoted = ""
    for signature, each in found:
        title = signature.texts[f"title_{pen.words.language}"]
        drawing.add(*pen.look.wrapped(title, pen.width, STRONG))
        if each.line not in ("", quoted):
            quoted = each.line
            drawing.add(*pen.look.wrapped(each.line, pen.width, MUTED, "│ ", "│ "))


def error_lines(error: WizardError, pen: Pen) -> list[Line]:
    """An error for a person: what happened and where, its last lines, what to do next."""
    lines = pen.look.wrapped(error_text(error, pen.words.language), pen.width, ERROR)
    for line in error.lines[-_TAIL:]:
        lines += pen.look.wrapped(line, pen.width, MUTED, "  ")
    following = error_advice(error, pen.words.language)
    return [*lines, *(pen.look.wrapped(following, pen.width) if following else ())]


def _was_done(drawing: Drawing, stage: StageProgress, pen: Pen) -> None:
    drawing.gap(pen)
    if not stage.steps:
        drawing.add(*pen.look.wrapped(pen.words("plan.nothing"), pen.width, MUTED))
        return
    changes = pen.words.count("plan.changes", stage.changes)
    drawing.add(
        heading(pen, pen.words("plan.done"), f"{changes} · {pen.words.took(stage.seconds)}")
    )
    drawing.add(*(_step_row(step, n, pen) for n, step in enumerate(stage.steps, 1)))
