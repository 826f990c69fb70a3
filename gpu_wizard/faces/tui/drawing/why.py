"""Why a stage is there: the teaching text, as paragraphs."""

from __future__ import annotations

from gpu_wizard.faces.tui.drawing.plan import Pen
from gpu_wizard.faces.tui.look import HEADING, MUTED, Line


def why(stage: str, pen: Pen) -> list[Line]:
    """The teaching text of a stage, and the chain that it is a link of."""
    words, look = pen.words, pen.look
    lines = [look.line((words("view.why"), HEADING))]
    text = words.of("why", stage) if words.has("why", stage) else words("why.none")
    for paragraph in text.strip().split("\n\n"):
        lines += [*look.wrapped(" ".join(paragraph.split()), pen.width), look.line("")]
    return [*lines, *look.wrapped(words("why.theory"), pen.width, MUTED)]
