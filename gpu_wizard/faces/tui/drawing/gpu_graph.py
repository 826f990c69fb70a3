"""Graphs of blocks with a fixed scale: one that scales to its data makes noise look like load."""

from __future__ import annotations

from collections.abc import Sequence

_BLOCKS = " ▁▂▃▄▅▆▇█"


def graph(series: Sequence[float | None], top: float, rows: int) -> list[str]:
    """A graph of blocks, the scale from 0 to `top` always; nothing where no value came."""
    drawn = []
    for row in range(rows):
        base = (rows - 1 - row) / rows
        cells = []
        for value in series:
            if value is None:
                cells.append(" ")
                continue
            part = min(1.0, max(0.0, value / top))
            eighths = round((part - base) * rows * 8)
            floor = 1 if row == rows - 1 else 0
            cells.append(_BLOCKS[max(floor, min(8, eighths))])
        drawn.append("".join(cells))
    return drawn
