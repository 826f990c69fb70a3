"""The versions table as text: found, recommended, security floor and skew, one line a component and value."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from gpu_wizard.faces.ranges import folded
from gpu_wizard.faces.status_words import word
from gpu_wizard.facts.versions import VersionRow
from gpu_wizard.knowledge.texts import Language, sentence


def table(rows_of: Iterable[tuple[str, Sequence[VersionRow]]], language: Language) -> list[str]:
    """Aligned lines, the head first. `rows_of`: node → its rows; equal rows of several nodes are one line."""
    nodes: dict[VersionRow, list[str]] = {}
    asked: set[str] = set()
    for node, rows in rows_of:
        asked.add(node)
        for row in rows:
            nodes.setdefault(row, []).append(node)
    order = {row.component: at for at, row in enumerate(nodes)}
    lines = sorted(nodes, key=lambda row: (order[row.component], row.found))
    head = [
        word(code, language)
        for code in ("component", "found", "recommended", "floor", "skew", "verdict")
    ]
    cells = [head, *(_cells(row, language) for row in lines)]
    if len(asked) > 1:
        head.append(word("nodes", language))
        for row, line in zip(lines, cells[1:], strict=True):
            line.append(folded(nodes[row]))
    return aligned(cells)


def _cells(row: VersionRow, language: Language) -> list[str]:
    return [
        sentence("component", row.component, {}, language),
        row.found or "–",
        row.recommended or "–",
        row.security_floor or "–",
        row.skew or "–",
        sentence("verdict", row.verdict, {}, language),
    ]


def aligned(cells: Sequence[Sequence[str]]) -> list[str]:
    """Columns padded to their longest cell, two spaces apart."""
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    padded = (
        "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True))
        for line in cells
    )
    return [line.rstrip() for line in padded]
