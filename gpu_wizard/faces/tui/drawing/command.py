"""Actions as a person reads them: the command or the act, broken between words, and diffs."""

from __future__ import annotations

import shlex

from rich.cells import cell_len

from gpu_wizard.faces import wording
from gpu_wizard.faces.tui.look import BODY, MUTED, Line, Look
from gpu_wizard.faces.wording import act
from gpu_wizard.faces.words import Words
from gpu_wizard.model.action import Action, Run

_SCRIPT_LINES = 3
"""A script longer than this is folded in a plan until it is opened."""


def command_words(action: Run) -> list[str]:
    """A command as the words of a shell line."""
    environment = [f"{key}={shlex.quote(value)}" for key, value in action.environment]
    lead = ["sudo"] if action.root else []
    return [*lead, *(["env", *environment] if environment else []), *map(shlex.quote, action.argv)]


def action_lines(
    action: Action,
    look: Look,
    words: Words,
    width: int,
    *,
    whole: bool,
    indent: int = 2,
    openable: bool = True,
) -> list[Line]:
    """An action under its step. `whole`: a script is shown to its last line; `openable`: Enter can show the rest."""
    margin = " " * indent
    if not isinstance(action, Run):
        return look.wrapped(act(action, words.language), width, BODY, margin + "  ", margin)
    rows = broken(command_words(action), width - indent - 2)
    hidden = 0 if whole or len(rows) <= _SCRIPT_LINES + 1 else len(rows) - _SCRIPT_LINES
    lines = [look.line((margin + "$ ", MUTED), (rows[0], BODY))]
    lines += [look.line(f"{margin}  ", (row, BODY)) for row in rows[1 : len(rows) - hidden]]
    if hidden:
        more = words.count("plan.more-lines", hidden) if openable else "…"
        lines.append(look.line((f"{margin}  {more}", MUTED)))
    return lines


def broken(parts: list[str], width: int) -> list[str]:
    """A command broken only between its words, with a backslash; lines of a script keep their own breaks."""
    rows: list[str] = []
    row = ""
    for part in parts:
        first, *rest = part.split("\n")
        candidate = f"{row} {first}" if row else first
        if row and cell_len(candidate) > width - 2:
            rows.append(f"{row} \\")
            candidate = f"    {first}"
        row = candidate
        for line in rest:
            rows.append(row)
            row = line
    return [piece for each in [*rows, row] for piece in _pieces(each, width)]


def _pieces(row: str, width: int) -> list[str]:
    """A line of a script that is longer than the pane goes on in the next, set in alike."""
    margin = " " * min(len(row) - len(row.lstrip()), width // 2)
    pieces: list[str] = []
    while cell_len(row) > width:
        at = row.rfind(" ", len(margin) + 1, width + 1)
        at = at if at > 0 else width
        pieces.append(row[:at])
        row = f"{margin}{row[at:].lstrip()}"
    return [*pieces, row]


def _cells(row: str, width: int) -> list[str]:
    """A row that is one word longer than the pane goes on in the next; nothing is left out."""
    pieces = [row[at : at + width] for at in range(0, len(row), width)]
    return pieces or [""]


def diff_lines(
    diff: str, look: Look, words: Words, width: int, *, whole: bool, indent: int = 4
) -> list[Line]:
    """A unified diff, its header left out: the act above names the file or object."""
    told = wording.diff(diff, words.language)
    rows = [row for row in told.splitlines() if not row.startswith(("--- ", "+++ ", "@@"))]
    shown = rows if whole else rows[:_SCRIPT_LINES]
    if len(rows) == len(shown) + 1:
        shown = rows
    lines = []
    for row in shown:
        style = {"+": "$text-success", "-": "$text-error"}.get(row[:1], MUTED)
        sign, text = row[:1], row[1:]
        for number, piece in enumerate(_cells(text, max(8, width - indent - 2))):
            lead = sign if number == 0 else " "
            lines.append(look.line(" " * indent, (f"{lead} {piece}", style)))
    if len(shown) < len(rows):
        more = words.count("plan.more-lines", len(rows) - len(shown))
        lines.append(look.line((" " * indent + more, MUTED)))
    return lines
