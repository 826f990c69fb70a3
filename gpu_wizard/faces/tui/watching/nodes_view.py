"""What the screens of the watch share, and what they are given of the outside: looks and samples, nothing else."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from textual.message import Message

from gpu_wizard.engine.fleet import Arrived, NodeSeen
from gpu_wizard.engine.gpu_watch import CardSource
from gpu_wizard.faces.tui.watching.sight import Sight
from gpu_wizard.faces.tui.watching.view import View


@dataclass(frozen=True)
class Eyes:
    """The functions. `look`: at all nodes that no look is at; `telemetry`: samples of a node's cards, None where there are none."""

    look: Callable[[Arrived], Awaitable[tuple[NodeSeen, ...]]]
    telemetry: Callable[[str], CardSource] | None = None


@dataclass
class NodesView(View):
    """`setup`: the setup file's path, "" without one; `chosen`: the node with the cursor, None until it was moved."""

    sight: Sight
    eyes: Eyes
    setup: str = ""
    chosen: str | None = None

    @property
    def cursor(self) -> str | None:
        """The row chosen: the person's own, else the first; None where nothing is shown."""
        choices = self.sight.rows().choices
        if self.chosen in choices:
            return self.chosen
        return choices[0] if choices else None

    def moved(self, by: int) -> None:
        """Another row."""
        choices = self.sight.rows().choices
        if not choices:
            return
        at = choices.index(self.cursor) if self.cursor in choices else 0
        self.chosen = choices[max(0, min(len(choices) - 1, at + by))]


class CursorMoved(Message):
    """A person moves among the rows: they keep their places for a moment."""


class NodeWanted(Message):
    """A node is to be opened."""

    def __init__(self, node: str, shown: str = "stages") -> None:
        """`node`: its name; `shown`: the view that it begins with."""
        super().__init__()
        self.node, self.shown = node, shown
