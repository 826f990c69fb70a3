"""The end of a run: what holds, the evidence, what was changed and how each is undone, what comes next."""

from __future__ import annotations

from collections import Counter

from gpu_wizard.engine.progress import Done, NodeProgress
from gpu_wizard.faces.risks import cannot_be_undone
from gpu_wizard.faces.tui.drawing.command import command_words
from gpu_wizard.faces.tui.drawing.pen import Pen
from gpu_wizard.faces.tui.drawing.plan import found_rows
from gpu_wizard.faces.tui.look import BODY, HEADING, MUTED, RISK, STRONG, STYLES, Line
from gpu_wizard.faces.tui.order import ORDER, number_of
from gpu_wizard.faces.wording import act
from gpu_wizard.model.action import Action, ApplyObject, DeleteObject, PutFile, RestoreFile, Run


def summary(node: NodeProgress, pen: Pen, saved_to: str) -> list[Line]:
    """The whole screen; after a failure or a stop the first line says what holds."""
    look = pen.look
    lines = _verdict(node, pen)
    proof = node.stage(ORDER[-1])
    if proof.found:
        lines += [look.line(""), look.line((pen.words("finish.evidence"), HEADING))]
        lines += found_rows(proof.found, pen)
    lines += _stages(node, pen)
    lines += _changes(node.done, pen)
    lines += [look.line(""), look.line((pen.words("finish.yours"), HEADING))]
    if saved_to:
        lines += look.wrapped(pen.words("finish.saved", path=saved_to), pen.width)
        lines += look.wrapped(f"gpu-wizard --auto {saved_to}", pen.width, STRONG, "    ", "  $ ")
    else:
        lines += look.wrapped(pen.words("finish.save-hint"), pen.width, MUTED)
    return lines


def _verdict(node: NodeProgress, pen: Pen) -> list[Line]:
    words, look = pen.words, pen.look
    proof = node.stage(ORDER[-1])
    if proof.state == "done":
        given = words("finish.given", node=node.name)
        first = ("done", words.assessed(proof.assessment) if proof.assessment else given)
        second = look.wrapped(words("finish.control"), pen.width, BODY, "  ", "  ")
    else:
        left = [stage for stage in ORDER if node.stage(stage).state != "done"]
        first = ("stopped", words("finish.not-proved", node=node.name)) if left else ("done", "")
        second = []
    head = look.line((look.glyph(first[0]), STYLES[first[0]]), " ")
    rows = look.wrapped(first[1], pen.width, STRONG, "  ", "  ")
    return [head + rows[0][2:], *rows[1:], *second]


def _stages(node: NodeProgress, pen: Pen) -> list[Line]:
    """What is not done, where anything is not."""
    words, look = pen.words, pen.look
    left = [stage for stage in ORDER if node.stage(stage).state != "done"]
    if not left:
        return []
    lines = [look.line(""), look.line((words("run.was-not-done"), HEADING))]
    for stage in left:
        state = node.stage(stage).state
        name = f"{number_of(stage)} {words(f'title.{stage}')}"
        right = [(words.state(state), STYLES[state])]
        lines.append(
            look.ends(pen.width, [(look.glyph(state), STYLES[state]), (f" {name}", BODY)], right)
        )
    return lines


def _changes(done: tuple[Done, ...], pen: Pen) -> list[Line]:
    words, look = pen.words, pen.look
    head = words.count("plan.changes", len(done)) if done else ""
    lines = [
        look.line(""),
        look.ends(pen.width, [(words("finish.changed"), HEADING)], [(head, MUTED)]),
    ]
    if not done:
        return [*lines, look.line((words("run.nothing-done"), MUTED))]
    counts = Counter(_kind(one.step.action) for one in done)
    kinds = [words.count(f"finish.kind.{kind}", n) for kind, n in counts.items()]
    lines += look.wrapped(" · ".join(kinds), pen.width, BODY)
    for one in reversed(done):
        text = f"{number_of(one.stage)}  {words.step(one.step)}"
        lines += look.wrapped(text, pen.width, BODY, "   ")
        style = RISK if cannot_be_undone(one.step) else MUTED
        for row in _inverse(one, pen):
            lines += look.wrapped(row, pen.width, style, "     ", "   ")
    return lines


def _kind(action: Action) -> str:
    match action:
        case PutFile() | RestoreFile():
            return "file"
        case ApplyObject() | DeleteObject():
            return "object"
        case _:
            return "command"


def _inverse(one: Done, pen: Pen) -> list[str]:
    """How a change is undone, in words."""
    words, action = pen.words, one.step.action
    match action:
        case PutFile():
            return [words("finish.undo.file", path=action.path)]
        case ApplyObject():
            return [words("finish.undo.object", object=act(action, words.language))]
        case Run() if one.step.undo:
            shown = [
                " ".join(command_words(u)).split("\n")[0]
                if isinstance(u, Run)
                else act(u, words.language)
                for u in one.step.undo
            ]
            return [words("finish.undo.command", command=row) for row in shown]
        case _:
            code = "plan.no-undo" if cannot_be_undone(one.step) else "finish.undo.none"
            return [words(code)]
