"""containerd's configuration: the nvidia section judged key by key, the file, and the repair."""

from __future__ import annotations

from collections.abc import Mapping

from rich.cells import cell_len

from gpu_wizard.engine.progress import NodeProgress
from gpu_wizard.engine.survey import filled
from gpu_wizard.faces.tui.drawing.command import diff_lines
from gpu_wizard.faces.tui.drawing.pen import Pen
from gpu_wizard.faces.tui.look import BODY, HEADING, MUTED, STRONG, STYLES, Line, cut_middle
from gpu_wizard.facts.containerd import CONFIG, ContainerdFiles
from gpu_wizard.facts.containerd_rows import ConfigRow, config_rows
from gpu_wizard.facts.containerd_situation import Situation
from gpu_wizard.model.fact import Fact, value_or
from gpu_wizard.model.question import probes_of
from gpu_wizard.stages.runtime import RuntimeFacts, situation_of


def known_situation(facts: Mapping[str, Fact[object]], wanted: str) -> Situation | None:
    """What is known of containerd; None before it was asked. `wanted`: the program that the user names."""
    if any(probe.id not in facts for probe in probes_of(RuntimeFacts).values()):
        return None
    return situation_of(filled(RuntimeFacts, facts), wanted)


def judged(situation: Situation | None, pen: Pen) -> list[Line]:
    """Each key: found, wanted, meaning; where the runtime comes from below."""
    words, look = pen.words, pen.look
    rows = config_rows(situation) if situation is not None else ()
    if situation is None:
        return look.wrapped(words("config.unread"), pen.width, MUTED)
    if not rows:
        return look.wrapped(words("config.absent"), pen.width, MUTED)
    column = max(20, *(cell_len(row.key) for row in rows)) + 2
    heads = f"  {words('config.key'):<{column}}{words('config.found')}"
    lines = [look.line((heads, MUTED))]
    for row in rows:
        lines += _row(row, column, pen)
    origin = situation.origin
    where = words(f"config.origin.{origin.kind}", path=origin.path)
    return [*lines, look.line(""), *look.wrapped(where, pen.width, MUTED)]


def _row(row: ConfigRow, column: int, pen: Pen) -> list[Line]:
    look, words = pen.look, pen.words
    state = {True: "done", False: "failed", None: "skipped"}[row.ok]
    style = STRONG if row.ok is False else BODY
    found = row.found or words("plan.none")
    head = look.line((look.glyph(state), STYLES[state]), (f" {row.key:<{column}}", BODY))
    lines = look.wrapped(found, pen.width, style, " " * (column + 2), "")
    lines = [head + lines[0], *lines[1:]]
    indent = " " * (column + 2)
    if row.wanted:
        text = words("config.wanted", value=row.wanted)
        lines += look.wrapped(text, pen.width, STYLES["needed"], indent)
    params = {"found": row.found, "wanted": row.wanted, "file": row.file}
    meaning = words.of("finding", f"containerd.{row.meaning}", params)
    return [*lines, *look.wrapped(meaning, pen.width, MUTED, indent)]


def file_lines(situation: Situation | None, pen: Pen) -> tuple[list[Line], int]:
    """The rendered file with line numbers, and the row of its nvidia section (0 where there is none)."""
    words, look = pen.words, pen.look
    files = value_or(situation.files, ContainerdFiles({})) if situation else ContainerdFiles({})
    rendered = files.at(CONFIG)
    if rendered is None:
        return look.wrapped(words("config.absent"), pen.width, MUTED), 0
    marks = {row.line for row in config_rows(situation) if row.ok is False} if situation else set()
    lines = [look.line((CONFIG, MUTED))]
    at = 0
    inside = False
    for number, text in enumerate(rendered.text.splitlines(), 1):
        if text.startswith("["):
            inside = "nvidia" in text
            at = at or (len(lines) if inside else 0)
        lines.append(_file_row(number, text, pen, wrong=number in marks, inside=inside))
    return lines, at


def _file_row(number: int, text: str, pen: Pen, *, wrong: bool, inside: bool) -> Line:
    look = pen.look
    mark = (look.glyph("failed"), STYLES["failed"]) if wrong else (" ", BODY)
    shown = text.expandtabs(2)
    if text.startswith("["):
        style = HEADING if inside else MUTED
    elif text.lstrip().startswith("#"):
        style = MUTED
    else:
        style = BODY if inside else MUTED
    return look.line(mark, (f"{number:>4}  ", MUTED), (shown[: max(1, pen.width - 8)], style))


def repair_lines(node: NodeProgress, pen: Pen) -> list[Line]:
    """What the plan of stage 4 would write."""
    words, look, stage = pen.words, pen.look, node.stage("runtime")
    lines: list[Line] = []
    for step in stage.plan:
        lines += look.wrapped(words.step(step), pen.width, STRONG)
        diff = stage.diffs.get(step.id, "")
        lines += diff_lines(diff, look, words, pen.width, whole=True, indent=2)
    return lines or look.wrapped(words("config.no-repair"), pen.width, MUTED)


def read_at(situation: Situation | None, pen: Pen) -> str:
    """containerd's version, for the header."""
    return cut_middle(situation.containerd, 24) if situation and situation.containerd else ""


def file_text(situation: Situation | None) -> str:
    """The rendered file, "" where there is none."""
    files = value_or(situation.files, ContainerdFiles({})) if situation else ContainerdFiles({})
    rendered = files.at(CONFIG)
    return rendered.text if rendered is not None else ""
