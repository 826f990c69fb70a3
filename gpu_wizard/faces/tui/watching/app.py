"""The watch: looks at all nodes every so many seconds, and shows what was seen."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from typing import ClassVar

from textual.binding import Binding, BindingType
from textual.command import Provider
from textual.timer import Timer

from gpu_wizard.engine.fleet import NodeSeen
from gpu_wizard.faces.tui.look import Look
from gpu_wizard.faces.tui.screens.dialogs import Dialog
from gpu_wizard.faces.tui.terminal_app import TerminalApp
from gpu_wizard.faces.tui.watching import rows
from gpu_wizard.faces.tui.watching.board import BoardScreen
from gpu_wizard.faces.tui.watching.commands import Everything
from gpu_wizard.faces.tui.watching.keys import key_lines
from gpu_wizard.faces.tui.watching.node import NodeScreen
from gpu_wizard.faces.tui.watching.sight import Sight
from gpu_wizard.faces.tui.watching.view import CursorMoved, Eyes, NodeWanted, View
from gpu_wizard.faces.tui.watching.watch_screen import WatchScreen
from gpu_wizard.faces.tui.widgets.buttons import Action
from gpu_wizard.faces.tui.words import Words
from gpu_wizard.knowledge.texts import Language

PAINT_SECONDS = 0.1
STILL: timedelta = timedelta(seconds=2)
"""How long rows keep their places after the cursor was moved."""


class WatchApp(TerminalApp):
    """Read-only: what it is given can look and sample, and nothing else."""

    CSS_PATH = "../app.tcss"
    COMMANDS: ClassVar[set[type[Provider] | Callable[[], type[Provider]]]] = {Everything}
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("ctrl+c", "leave", priority=True, show=False),
        Binding("q,й,ctrl+q", "leave", show=False),
        Binding("question_mark,comma,f1", "help", show=False),
        Binding("f2", "language", show=False),
        Binding("r,к", "refresh", show=False),
        Binding("escape", "back", show=False),
    ]

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
    ) -> None:
        """`names`: of all nodes. `plain`: without colours; `few_colours`: the terminal has sixteen."""
        look = look or Look()
        super().__init__(look, lambda: self.view.words, plain=plain, few_colours=few_colours)
        sight = Sight(names, rows.matches)
        self.view = View(look, Words(language), now, sight, eyes, setup)
        self._every = every_seconds
        self._wanted = asyncio.Event()
        self._moved_at: datetime | None = None
        self._painting: Timer | None = None

    @property
    def ui(self) -> View:
        """Where widgets that the wizard has too find the look."""
        return self.view

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

    def changed(self) -> None:
        """Paint soon: ten times a second at most."""
        if self._painting is None and self.is_running:
            self._painting = self.set_timer(PAINT_SECONDS, self.paint)

    def paint(self) -> None:
        """Draw what changed."""
        self._painting = None
        if isinstance(self.screen, WatchScreen):
            self.screen.paint()

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

    async def action_back(self) -> None:
        """Esc: close what is on top; never quits."""
        if len(self.screen_stack) > 2:
            self.pop_screen()

    def action_language(self) -> None:
        """English or Russian, everything at once."""
        self.view.words = Words("ru" if self.view.words.language == "en" else "en")
        self.paint()

    def action_help(self) -> None:
        """The keys and the signs."""
        if isinstance(self.screen, Dialog):
            return
        words = self.view.words
        close = Action("close", words("button.close"), "primary")
        self.push_screen(Dialog(words("help.title"), key_lines(self.view), [close], escape="close"))

    def action_leave(self) -> None:
        """Quit."""
        self.exit(0)
