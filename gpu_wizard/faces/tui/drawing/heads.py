"""What stands above the panes of the stages screen: nodes, the stage, its views, how the output stands."""

from __future__ import annotations

from typing import Final

from gpu_wizard.faces.tui.look import HEADING, MUTED, STRONG, STYLES, Line, Part
from gpu_wizard.faces.tui.order import ORDER, number_of, shown_state
from gpu_wizard.faces.tui.ui import Ui

VIEWS: Final = ("plan", "why", "output")


def role(ui: Ui) -> list[Part]:
    """`agent of 192.168.20.225`, where the server is known."""
    server = ui.setup.cluster.server if ui.setup else ""
    name = server.removeprefix("https://").rpartition(":")[0] or server
    return [(f"  {ui.words('head.agent-of', server=name)}", MUTED)] if name else []


def node_tabs(ui: Ui, width: int) -> list[Line]:
    """A row of tabs, one for each node; where they don't fit, the chosen one and a count."""
    nodes = ui.control.progress.nodes
    parts: list[Part] = []
    for name, node in nodes.items():
        done = sum(stage.state == "done" for stage in node.stages.values())
        shown = name == ui.node
        text = f"[ {name} {done}/{len(ORDER)} ]" if shown else f"  {name} {done}/{len(ORDER)}  "
        parts.append((text, STRONG if shown else MUTED))
    index = list(nodes).index(ui.node) + 1 if ui.node in nodes else 0
    if ui.look.line(*parts).cell_length > width - 20 and index:
        parts = [parts[index - 1]]
    count = [(f"{index}/{len(nodes)}  [ ] {ui.words('key.node')}", MUTED)]
    return [ui.look.ends(width, parts, count)]


def stage_head(ui: Ui, width: int, view: str) -> list[Line]:
    """Title and state, a summary, and the views where they don't all fit (`view` "": they do)."""
    look, words, stage = ui.look, ui.words, ui.stage
    state = shown_state(ui.shown, stage, ui.skipped)
    title = f"{number_of(stage)} {words(f'title.{stage}')}"
    right = [(f"{look.glyph(state)} {words.state(state)}", STYLES[state])]
    lines = [
        look.ends(width, [(title, HEADING)], right),
        *look.wrapped(words(f"summary.{stage}"), width),
    ]
    if view:
        parts: list[Part] = []
        for one in VIEWS:
            name = words(f"view.{one}")
            parts.append((f"[{name}] ", STRONG) if one == view else (f" {name}  ", MUTED))
        lines.append(look.ends(width, parts, [("← →", MUTED)]))
    return [*lines, look.line("")]


def output_head(ui: Ui, width: int, below: int | None) -> list[Line]:
    """`below`: lines below the last one seen; None while the end is followed."""
    words = ui.words
    state = words("output.following") if below is None else words.count("output.below", below)
    return [ui.look.ends(width, [(words("output.title"), HEADING)], [(state, MUTED)])]
