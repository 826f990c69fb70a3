"""What is to be said of cards, of pods and of where the values come from."""

from __future__ import annotations

from collections.abc import Sequence

from gpu_wizard.faces.tui.drawing.pen import Pen
from gpu_wizard.faces.tui.look import ERROR, MUTED, RISK, Line
from gpu_wizard.facts.gpu_warnings import Warn
from gpu_wizard.model.sample import Sample

_STYLES = {"error": ERROR, "warning": RISK, "notice": MUTED}


def warn_lines(warn: Warn, pen: Pen) -> list[Line]:
    """One warning."""
    text = pen.words.of("note", warn.code, dict(warn.params))
    return pen.look.wrapped(text, pen.width, _STYLES[warn.level], "    ", "  ! ")


def pod_lines(warns: Sequence[Warn], pen: Pen) -> list[Line]:
    """Pods that leave their cards unused, or see what they did not ask for."""
    lines = [line for warn in warns for line in warn_lines(warn, pen)]
    return [pen.look.line(""), *lines] if lines else []


def source_lines(sample: Sample, pen: Pen) -> list[Line]:
    """Why it is not NVML that is read, and what is not told therefore; nothing where all is."""
    if not sample.cannot_tell:
        return []
    words = pen.words
    why = words.of("note", f"gpu.{sample.fallback}") if sample.fallback else ""
    missing = ", ".join(words.of("word", f"gpu-{name}") for name in sample.cannot_tell)
    text = f"{why} {words.of('word', 'gpu-cannot-tell')}: {missing}.".strip()
    return [pen.look.line(""), *pen.look.wrapped(text, pen.width, MUTED, "  ", "  ")]
