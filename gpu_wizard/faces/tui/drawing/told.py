"""What the stages say of a node, as plain text for somebody who helps: in English, whatever the screens speak."""

from __future__ import annotations

from gpu_wizard.faces.tui.order import ORDER, number_of
from gpu_wizard.faces.tui.ui import Ui
from gpu_wizard.faces.words import Words


def told(ui: Ui) -> dict[str, str]:
    """File name → text, one for each node that was looked at."""
    words = Words("en")
    texts: dict[str, str] = {}
    for name, node in ui.control.progress.nodes.items():
        lines: list[str] = []
        for stage_id in ORDER:
            stage = node.stage(stage_id)
            lines.append(f"{number_of(stage_id)} {stage_id}: {words.state(stage.state)}")
            if stage.assessment is not None:
                lines.append(f"  {words.assessed(stage.assessment)}")
                lines += [f"  ! {note}" for note in words.notes(stage.assessment)]
            lines += [f"    {': '.join(words.found(found))}" for found in stage.found]
            if stage.error is not None:
                lines += [
                    f"  × {words.trouble(stage.error)}",
                    *(f"    {x}" for x in stage.error.lines),
                ]
            lines += [f"  {each.signature}: {each.line}" for each in stage.diagnosed]
        texts[f"stages-{name}.txt"] = "\n".join(lines) + "\n"
    return texts
