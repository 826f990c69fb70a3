"""The first screen's rows: machines to choose from, and what a tested one said."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Literal, NamedTuple

from gpu_wizard.faces.machines import nodes_named
from gpu_wizard.faces.tui.look import (
    BODY,
    CHOSEN,
    ERROR,
    HEADING,
    MUTED,
    STRONG,
    STYLES,
    Line,
    Look,
    Part,
)
from gpu_wizard.faces.tui.order import ORDER, number_of

if TYPE_CHECKING:
    from gpu_wizard.faces.exchanged import Candidate, Recent, Tested, Unfinished
    from gpu_wizard.faces.machines import Machine
    from gpu_wizard.faces.tui.drawing.pen import Pen
    from gpu_wizard.faces.words import Words
    from gpu_wizard.knowledge.texts import Language
    from gpu_wizard.model.errors import WizardError

Kind = Literal["host", "local", "same", "kubeconfig", "resume", "recent", "practice"]


class Choice(NamedTuple):
    """A row. `value`: the host, or the number of the unfinished or the recent run."""

    kind: Kind
    label: str
    note: str = ""
    value: str = ""


def choices(
    which: str,
    typed: str,
    candidates: Sequence[Candidate],
    unfinished: Sequence[Unfinished],
    recent: Sequence[Recent],
    pen: Pen,
) -> list[Choice]:
    """The rows for one field (`gpu` or `control`), those that fit what was typed."""
    words = pen.words
    rows: list[Choice] = []
    if typed and all(typed != each.target for each in candidates):
        rows.append(Choice("host", typed, words("start.typed"), typed))
    if which == "gpu":
        rows += [_resume(one, number, pen) for number, one in enumerate(unfinished)]
        rows += [_again(one, number, pen) for number, one in enumerate(recent)]
    else:
        rows.append(Choice("same", words("start.same"), words("start.same-note")))
    rows += [
        Choice("host", c.target, f"{c.source}  {c.address}".strip(), c.target) for c in candidates
    ]
    rows.append(Choice("local", words("start.this"), words("start.this-note")))
    if which == "control":
        rows.append(Choice("kubeconfig", words("start.kubeconfig"), words("start.kubeconfig-note")))
    else:
        rows.append(Choice("practice", words("start.practice"), words("start.practice-note")))
    if not typed:
        return rows
    return [row for row in rows if typed.lower() in row.label.lower()]


def _resume(one: Unfinished, number: int, pen: Pen) -> Choice:
    when = datetime.fromtimestamp(one.at, UTC)
    stage = number_of(one.stage) if one.stage in ORDER else 1
    note = pen.words("start.resume-note", n=stage, when=pen.words.ago(when, pen.now))
    return Choice("resume", pen.words("start.resume", node=one.node), note, str(number))


def _again(one: Recent, number: int, pen: Pen) -> Choice:
    when = pen.words.ago(datetime.fromtimestamp(one.at, UTC), pen.now)
    note = pen.words("start.recent-note", when=when)
    return Choice("recent", nodes_named(one.setup), note, str(number))


def choice_lines(rows: Sequence[Choice], chosen: int, room: int, pen: Pen) -> list[Line]:
    """The list under its head; of more rows than there is room for those around the chosen one."""
    first = max(0, min(chosen - room // 2, len(rows) - room))
    place: list[Part] = [(f"{chosen + 1}/{len(rows)}", MUTED)] if len(rows) > room else []
    lines = [pen.look.ends(pen.width, [(pen.words("start.choose"), MUTED)], place)]
    for index, row in list(enumerate(rows))[first : first + room]:
        is_chosen = index == chosen
        mark = (CHOSEN if is_chosen else " ", STYLES["needed"])
        label = (f" {row.label:<24}", STRONG if is_chosen else BODY)
        lines.append(pen.look.ends(pen.width, [mark, label, (row.note, MUTED)], []))
    return lines


def tested_text(tested: Tested, pen: Pen, *, wants_card: bool) -> str:
    """`Debian 13 · RTX A6000 · K3s agent`."""
    words = pen.words
    card = tested.card or (words("start.no-card") if wants_card else "")
    role = words(f"start.{tested.role}") if tested.role else words("start.bare")
    return " · ".join(part for part in (tested.system, card, role) if part)


def result_lines(machine: Machine, pen: Pen, *, wants_card: bool) -> list[Line]:
    """The row below a field: trouble, the test in hand, or what the machine said."""
    look, words = pen.look, pen.words
    if machine.trouble:
        text = f"{look.glyph('failed')} {machine.trouble}"
        rows = look.wrapped(text, pen.width, ERROR)
        if len(rows) <= 2:
            return rows
        return [rows[0], look.ends(pen.width, [(f"{rows[1].plain} …", ERROR)], [])]
    if machine.testing:
        text = words("start.testing", host=machine.host)
        return [look.line((f"{look.glyph('running')} {text}", STYLES["running"]))]
    if machine.tested is not None:
        said = tested_text(machine.tested, pen, wants_card=wants_card)
        return [look.line((f"{look.glyph('done')} ", STYLES["done"]), said)]
    return [look.line("")]


def trouble_text(error: WizardError, language: Language) -> str:
    """Why a machine could not be reached, and what to do."""
    from gpu_wizard.faces.wording import error_advice, error_text

    said = (error_text(error, language), error_advice(error, language))
    return " ".join(part for part in said if part)


def intro_lines(look: Look, words: Words) -> list[Line]:
    """What this is, and that nothing happens by itself."""
    return [look.line((words("start.title"), HEADING)), look.line(words("start.intro"))]


def shown_name(machine: Machine, words: Words) -> str:
    """What a field says for what was chosen."""
    named = {"local": words("start.this"), "same": words("start.same")}
    return named.get(machine.kind, machine.host)
