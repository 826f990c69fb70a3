"""The help of the watch: its keys, and what the glyphs mean."""

from __future__ import annotations

from gpu_wizard.faces.tui.look import BODY, KEY, STYLES, Line
from gpu_wizard.faces.tui.watching.sight import WORST_FIRST
from gpu_wizard.faces.tui.watching.view import View
from gpu_wizard.faces.tui.widgets.drawn import Draw

_KEYS = (
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


def key_lines(view: View) -> Draw:
    """All keys, then the states."""

    def draw(width: int) -> list[Line]:
        look, words = view.look, view.words
        lines: list[Line] = []
        for keys, code in _KEYS:
            first, *rest = look.wrapped(words(code), width - _CELLS)
            lines.append(look.line((keys.ljust(_CELLS), KEY)) + first)
            lines += [look.line((" " * _CELLS, BODY)) + row for row in rest]
        signs = ((f"{look.glyph(s)} {words.state(s)}   ", STYLES[s]) for s in WORST_FIRST)
        return [*lines, look.line(""), look.line(*signs)]

    return draw
