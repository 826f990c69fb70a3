"""Why a stage is there: its page of the guide, drawn for a pane."""

from __future__ import annotations

from datetime import UTC, datetime
from functools import lru_cache

from gpu_wizard.faces.tui.drawing.pen import Pen
from gpu_wizard.faces.tui.look import BODY, HEADING, MUTED, STRONG, Line, Look
from gpu_wizard.faces.words import Words
from gpu_wizard.knowledge.guide import Block, page
from gpu_wizard.knowledge.texts import Language


def why(stage: str, pen: Pen) -> tuple[Line, ...]:
    """The page of a stage; the chain that it is a link of ends it."""
    return _why(stage, pen.words.language, pen.look.ascii_only, pen.width)


@lru_cache(maxsize=32)
def _why(stage: str, language: Language, ascii_only: bool, width: int) -> tuple[Line, ...]:
    """The page never changes, and is long."""
    words, look = Words(language), Look(ascii_only=ascii_only)
    pen = Pen(look, words, width, datetime.min.replace(tzinfo=UTC))
    lines = [look.line((words("view.why"), HEADING))]
    guide = page(stage, words.language)
    if guide is None:
        lines += [*look.wrapped(words("why.none"), pen.width, MUTED), look.line("")]
    for block in guide.blocks if guide else ():
        lines += _block(block, pen)
    return (*lines, *look.wrapped(words("why.theory"), pen.width, MUTED))


def _block(block: Block, pen: Pen) -> list[Line]:
    look, width = pen.look, pen.width
    if block.kind == "heading":
        return [look.line(""), *look.wrapped(block.text, width, HEADING)]
    lines = look.wrapped(block.text, width, BODY) if block.text else []
    if block.code:
        lead = "$ " if block.kind == "command" else "  "
        for text in block.code.split("\n"):
            lines += look.wrapped(text, width, STRONG if lead == "$ " else BODY, "    ", lead)
            lead = "  "
    for row in block.rows:
        indent = "  " * (row.depth + 1)
        lines += look.wrapped(f"{row.name}  {row.meaning}", width, MUTED, f"{indent}  ", indent)
    return [*lines, look.line("")]
