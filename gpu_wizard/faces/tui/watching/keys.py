"""The help of the watch: its keys, and what the glyphs mean."""

from __future__ import annotations

from typing import TypeAlias

from gpu_wizard.faces.tui.look import BODY, KEY, STYLES, Line
from gpu_wizard.faces.tui.watching.sight import WORST_FIRST
from gpu_wizard.faces.tui.watching.view import View
from gpu_wizard.faces.tui.widgets.drawn import Draw

Keys: TypeAlias = tuple[tuple[str, str], ...]
OF_CARDS: Keys = (
    ("↑ ↓  j k", "help.watch.card"),
    ("m  h", "help.watch.panel"),
    ("r", "help.watch.reconnect"),
    ("?  F1  F2", "help.watch.language"),
    ("Ctrl+P", "help.palette"),
    ("q  Ctrl+C", "help.watch.quit"),
)
OF_NODES: Keys = (
    ("↑ ↓  j k", "help.watch.choose"),
    ("Enter  Esc", "help.watch.open"),
    ("← →  Tab", "help.watch.views"),
    ("[  ]", "help.watch.nodes"),
    ("/  f", "help.watch.filter"),
    ("r", "help.watch.refresh"),
    ("g  m  h", "help.watch.gpu"),
    ("?  F1  F2", "help.watch.language"),
    ("Ctrl+P", "help.palette"),
    ("q  Ctrl+C", "help.watch.quit"),
)
_CELLS = 12


def key_lines(view: View, keys: Keys) -> Draw:
    """All keys, then the states where there are any."""

    def draw(width: int) -> list[Line]:
        look, words = view.look, view.words
        lines: list[Line] = []
        for names, code in keys:
            first, *rest = look.wrapped(words(code), width - _CELLS)
            lines.append(look.line((names.ljust(_CELLS), KEY)) + first)
            lines += [look.line((" " * _CELLS, BODY)) + row for row in rest]
        if keys is OF_CARDS:
            return lines
        signs = ((f"{look.glyph(s)} {words.state(s)}   ", STYLES[s]) for s in WORST_FIRST)
        return [*lines, look.line(""), look.line(*signs)]

    return draw
