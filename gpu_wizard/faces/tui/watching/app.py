"""The watch: looks at all nodes every so many seconds, and shows what was seen."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta

from gpu_wizard.engine.fleet import NodeSeen
from gpu_wizard.faces.tui.look import Look
from gpu_wizard.faces.tui.watching import rows
from gpu_wizard.faces.tui.watching.board import BoardScreen
from gpu_wizard.faces.tui.watching.node import NodeScreen
from gpu_wizard.faces.tui.watching.nodes_view import CursorMoved, Eyes, NodesView, NodeWanted
from gpu_wizard.faces.tui.watching.read_only import ReadOnlyApp
from gpu_wizard.faces.tui.watching.sight import Sight
from gpu_wizard.faces.words import Words
from gpu_wizard.knowledge.texts import Language

STILL: timedelta = timedelta(seconds=2)
"""How long rows keep their places after the cursor was moved."""


class WatchApp(ReadOnlyApp):
    """Nodes × stages, what changed, and each node's cards."""

    view: NodesView

    def __init__(
        self,
        names: Sequence[str],
        eyes: Eyes,
        *,
        every_seconds: float,
        setup: str = "",
        language: Language = "en",
        look: Look | None = None,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
        plain: bool = False,
        few_colours: bool = False,
        calm: bool = False,
    ) -> None:
        """`names`: of all nodes. `plain`: without colours; `few_colours`: the terminal has sixteen.

        `calm`: values are painted seldom.
        """
        sight = Sight(names, rows.matches)
        view = NodesView(look or Look(), Words(language), now, sight, eyes, setup)
        super().__init__(view, plain=plain, few_colours=few_colours, calm=calm)
        self._every = every_seconds
        self._wanted = asyncio.Event()
        self._moved_at: datetime | None = None

    def on_mount(self) -> None:
        """The nodes, or the only one; then look."""
        names = self.view.sight.names
        single = len(names) == 1
        self.push_screen(NodeScreen(self.view, names[0]) if single else BoardScreen(self.view))
        self.run_worker(self._watch(), group="watch", exit_on_error=True)

    async def _watch(self) -> None:
        """A look every so often, also while an earlier one waits for a node that hangs."""
        while True:
            self._wanted.clear()
            self.run_worker(self._look(), group="look", exit_on_error=True)
            try:
                async with asyncio.timeout(self._every):
                    await self._wanted.wait()
            except TimeoutError:
                continue

    async def _look(self) -> None:
        if await self.view.eyes.look(self._arrived):
            self.view.sight.finished(self.view.now())
            self._sort()

    async def _arrived(self, seen: NodeSeen) -> None:
        self.view.sight.arrived(seen, self.view.now())
        if isinstance(self.screen, NodeScreen) and self.screen.node == seen.node:
            self.screen.looked_at()
        self.changed()

    def _sort(self) -> None:
        """Once a refresh; later, where a person moves among the rows."""
        moved = self._moved_at
        if moved is not None and self.view.now() - moved < STILL:
            self.set_timer(STILL.total_seconds(), self._sort)
            return
        self.view.sight.sort()
        self.changed()
        if isinstance(self.screen, BoardScreen):
            self.call_after_refresh(self.screen.show_cursor)

    def on_cursor_moved(self, _message: CursorMoved) -> None:
        """Rows stay where they are for a moment."""
        self._moved_at = self.view.now()

    def on_node_wanted(self, message: NodeWanted) -> None:
        """Open a node."""
        self.view.chosen = message.node
        self.push_screen(NodeScreen(self.view, message.node, message.shown))

    def action_refresh(self) -> None:
        """Look again now."""
        self._wanted.set()
