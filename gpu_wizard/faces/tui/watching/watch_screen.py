"""What both screens of the watch share: what the header tells of all nodes, and the change row."""

from __future__ import annotations

from collections.abc import Iterator

from textual.widget import Widget

from gpu_wizard.faces.tui.look import BODY, MUTED, RISK, STRONG, Line, Part
from gpu_wizard.faces.tui.watching.nodes_view import NodesView
from gpu_wizard.faces.tui.watching.read_only_screen import ReadOnlyScreen
from gpu_wizard.faces.tui.watching.rows import last_change
from gpu_wizard.faces.tui.widgets.drawn import Drawn


class WatchScreen(ReadOnlyScreen):
    """Over all nodes that are watched."""

    view: NodesView

    def __init__(self, view: NodesView) -> None:
        """`view` is shared by the screens."""
        super().__init__(view)

    def above_footer(self) -> Iterator[Widget]:
        """What changed last."""
        yield Drawn(self._last_change, id="last-change")

    def title_parts(self) -> list[Part]:
        """What the header says behind the program's name."""
        return []

    def narrowing(self) -> str:
        """Which nodes are left out; "" for none."""
        return ""

    def header(self, width: int) -> list[Line]:
        """What is shown, and how far the looks are."""
        left: list[Part] = [("gpu-wizard", STRONG), ("  ", BODY), *self.title_parts()]
        left.append((f" · {self.view.words('head.read-only')}", MUTED))
        left.append((self.narrowing(), RISK))
        return [self.view.look.ends(width, left, self._progress())]

    def _progress(self) -> list[Part]:
        """How many are done, and when they were looked at."""
        view, words = self.view, self.view.words
        sight = view.sight
        if sight.looked_at is None:
            return [(words("watch.seen", n=len(sight.seen), all=len(sight.names)), MUTED)]
        done = words("head.done", done=sight.counts().get("done", 0), all=len(sight.names))
        at = sight.looked_at.astimezone().strftime("%H:%M:%S")
        return [(done, BODY), (f" · {at}", MUTED)]

    def _last_change(self, width: int) -> list[Line]:
        """Nothing where the changes have a pane of their own."""
        if any(pane.display for pane in self.query("#board-events, #node-events")):
            return []
        return last_change(self.view.sight, self.view.pen(width))
