"""How things look: glyphs in Unicode or ASCII, colour roles, and lines put together from them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeAlias

from rich.cells import cell_len
from textual.content import Content

from gpu_wizard.faces.glyphs import GLYPHS
from gpu_wizard.faces.printable import printable

Part: TypeAlias = "str | tuple[str, str]"
Line: TypeAlias = Content

_ASCII_GLYPHS = {
    "done": "+",
    "needed": "*",
    "waiting": ".",
    "blocked": "#",
    "unknown": "?",
    "running": ">",
    "failed": "x",
    "stopped": "=",
    "skipped": "-",
    "looking": ".",
    "undone": "-",
    "abandoned": "=",
}
STYLES = {
    "done": "$text-success",
    "needed": "$text-primary bold",
    "waiting": "$foreground-muted",
    "blocked": "$text-warning",
    "unknown": "$text-secondary",
    "running": "$text-accent bold",
    "failed": "$text-error bold",
    "stopped": "$text-warning",
    "skipped": "$foreground-muted",
    "looking": "$foreground-muted",
    "undone": "$foreground-muted",
    "abandoned": "$text-warning",
}
HEADING = "$text-primary bold"
BODY = "$foreground"
MUTED = "$foreground-muted"
STRONG = "$foreground bold"
RISK = "$text-warning"
ERROR = "$text-error"
KEY = "$footer-key-foreground bold"
CHOSEN = "▌"

_ASCII = str.maketrans(
    {
        "✓": "+", "●": "*", "○": ".", "■": "#", "►": ">", "×": "x", "□": "=", "–": "-", "—": "-",
        "…": "...", "·": "-", "→": "->", "←": "<-", "↑": "^", "↓": "v", "▌": "|", "━": "=", "─": "-",
        "│": "|", "├": "|", "└": "`", "▏": "|", "•": "-", "“": '"', "”": '"', "«": '"', "»": '"',
        "▁": "_", "▂": ".", "▃": ".", "▄": "-", "▅": "=", "▆": "+", "▇": "*", "█": "#",
        "\N{NO-BREAK SPACE}": " ", "°": "", "Δ": "d",
    }
)  # fmt: skip


class Look:
    """Unicode or ASCII; everything drawn passes through here as text, never as markup."""

    def __init__(self, *, ascii_only: bool = False) -> None:
        """`ascii_only`: for terminals that have no more."""
        self.ascii_only = ascii_only

    def text(self, text: str) -> str:
        """A text in the characters that this terminal has."""
        return text.translate(_ASCII) if self.ascii_only else text

    def glyph(self, state: str) -> str:
        """A state's glyph, one cell wide."""
        return (_ASCII_GLYPHS if self.ascii_only else GLYPHS)[state]

    def line(self, *parts: Part) -> Line:
        """One line of styled parts. What a machine said must not steer the terminal."""
        shown = [
            self.text(printable(part))
            if isinstance(part, str)
            else (self.text(printable(part[0])), part[1])
            for part in parts
        ]
        return Content.assemble(*shown)

    def ends(self, width: int, left: Sequence[Part], right: Sequence[Part]) -> Line:
        """Parts at both ends of a line; the left gives way, at least one space between."""
        start, end = self.line(*left), self.line(*right)
        room = max(1, width - end.cell_length - 1)
        if start.cell_length > room:
            start = start.truncate(room, ellipsis=not self.ascii_only)
        gap = max(1, width - start.cell_length - end.cell_length)
        return Content.assemble(start, " " * gap, end)

    def wrapped(
        self, text: str, width: int, style: str = BODY, indent: str = "", first: str | None = None
    ) -> list[Line]:
        """A text broken between words; `first` stands before its first line, `indent` before the others."""
        lead = indent if first is None else first
        lines: list[Line] = []
        for row in wrap(
            self.text(text), max(8, width - cell_len(indent)), max(8, width - cell_len(lead))
        ):
            lines.append(self.line((lead, style), (row, style)))
            lead = indent
        return lines


def wrap(text: str, width: int, first_width: int | None = None) -> list[str]:
    """Text broken between words; a word longer than a line is broken where it must be."""
    lines: list[str] = []
    for paragraph in text.split("\n"):
        room = (first_width if first_width is not None and not lines else None) or width
        lines += _wrapped(paragraph, width, room)
    return lines or [""]


def _wrapped(paragraph: str, width: int, room: int) -> list[str]:
    lines, line = [], ""
    for word in paragraph.split(" "):
        candidate = f"{line} {word}" if line else word
        if cell_len(candidate) <= room or not candidate.strip():
            line = candidate
            continue
        if line.strip():
            lines.append(line)
            room = width
        while cell_len(word) > room:
            at = _break(word, room)
            lines.append(word[:at])
            word, room = word[at:], width
        line = word
    return [*lines, line]


def _break(word: str, room: int) -> int:
    """Where a word that is too long is broken: behind a slash where that leaves enough on the line."""
    slash = word.rfind("/", 0, room) + 1
    return slash if slash > room // 3 else room


def cut_middle(text: str, width: int) -> str:
    """A path or an id shortened in its middle."""
    if cell_len(text) <= width:
        return text
    if "/" in text:
        tail = text.rsplit("/", 1)[1]
        if cell_len(tail) + 2 <= width:
            return f"…/{tail}"
    keep = max(1, width - 1)
    return f"{text[: keep // 2]}…{text[len(text) - (keep - keep // 2) :]}"
