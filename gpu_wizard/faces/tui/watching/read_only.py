"""What the read-only programs share: look, language, help, and how they end."""

from __future__ import annotations

from collections.abc import Callable
from typing import ClassVar

from textual.binding import Binding, BindingType
from textual.command import Provider
from textual.timer import Timer

from gpu_wizard.faces.tui.screens.dialogs import Dialog
from gpu_wizard.faces.tui.terminal_app import TerminalApp
from gpu_wizard.faces.tui.watching.commands import Everything
from gpu_wizard.faces.tui.watching.keys import key_lines
from gpu_wizard.faces.tui.watching.view import View
from gpu_wizard.faces.tui.watching.watch_screen import WatchScreen
from gpu_wizard.faces.tui.widgets.buttons import Action
from gpu_wizard.faces.tui.words import Words

PAINT_SECONDS = 0.1


class ReadOnlyApp(TerminalApp):
    """What it is given can look and sample, and nothing else."""

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

    def __init__(self, view: View, *, plain: bool = False, few_colours: bool = False) -> None:
        """`plain`: without colours; `few_colours`: the terminal has sixteen."""
        super().__init__(view.look, lambda: self.view.words, plain=plain, few_colours=few_colours)
        self.view = view
        self._painting: Timer | None = None

    @property
    def ui(self) -> View:
        """Where widgets that the wizard has too find the look."""
        return self.view

    def changed(self) -> None:
        """Paint soon: ten times a second at most."""
        if self._painting is None and self.is_running:
            self._painting = self.set_timer(PAINT_SECONDS, self.paint)

    def paint(self) -> None:
        """Draw what changed."""
        self._painting = None
        if isinstance(self.screen, WatchScreen):
            self.screen.paint()

    def action_refresh(self) -> None:
        """Look again now."""

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
        if not isinstance(self.screen, WatchScreen):
            return
        words, keys = self.view.words, self.screen.keys
        close = Action("close", words("button.close"), "primary")
        lines = key_lines(self.view, keys)
        self.push_screen(Dialog(words("help.title"), lines, [close], escape="close"))

    def action_leave(self) -> None:
        """Quit."""
        self.exit(0)
