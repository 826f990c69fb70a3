"""What the read-only programs share: look, language, help, and how they end."""

from __future__ import annotations

from collections.abc import Callable
from typing import ClassVar

from textual.binding import Binding, BindingType
from textual.command import Provider
from textual.timer import Timer

from gpu_wizard.faces.tui.screens.dialogs import Dialog, Said
from gpu_wizard.faces.tui.terminal_app import CALM_SECONDS, TerminalApp
from gpu_wizard.faces.tui.watching.commands import Everything
from gpu_wizard.faces.tui.watching.keys import key_lines
from gpu_wizard.faces.tui.watching.read_only_screen import ReadOnlyScreen
from gpu_wizard.faces.tui.watching.view import ValuesCame, View
from gpu_wizard.faces.tui.widgets.buttons import Action
from gpu_wizard.faces.words import Words

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

    def __init__(
        self, view: View, *, plain: bool = False, few_colours: bool = False, calm: bool = False
    ) -> None:
        """`plain`: without colours; `few_colours`: the terminal has sixteen. `calm`: values are painted seldom."""
        super().__init__(view.look, lambda: self.view.words, plain=plain, few_colours=few_colours)
        self.view = view
        self._rest_seconds = CALM_SECONDS if calm else PAINT_SECONDS
        self._resting: Timer | None = None
        self._stale = False

    @property
    def ui(self) -> View:
        """Where widgets that the wizard has too find the look."""
        return self.view

    def changed(self) -> None:
        """Paint soon; where that was done a moment ago, when the pause after it is over."""
        self._stale = True
        if self._resting is None and self.is_running:
            self._resting = self.set_timer(PAINT_SECONDS, self._paint_news)

    def on_values_came(self, _message: ValuesCame) -> None:
        """A screen has something new to draw."""
        self.changed()

    def _paint_news(self) -> None:
        self._resting = None
        if self._stale:
            self._stale = False
            self.paint()
            self._resting = self.set_timer(self._rest_seconds, self._paint_news)

    def paint(self) -> None:
        """Draw what changed."""
        if isinstance(self.screen, ReadOnlyScreen):
            self.screen.paint()

    def action_refresh(self) -> None:
        """Look again now."""

    async def action_back(self) -> None:
        """Esc: close what is on top; never quits."""
        if len(self.screen_stack) > 2:
            self.pop_screen()

    async def action_language(self) -> None:
        """English or Russian, everything at once."""
        self.view.words = Words("ru" if self.view.words.language == "en" else "en")
        for screen in self.showing():
            if isinstance(screen, Dialog):
                await screen.say_anew()
            elif isinstance(screen, ReadOnlyScreen):
                screen.paint()

    def action_help(self) -> None:
        """The keys and the signs."""
        if not isinstance(self.screen, ReadOnlyScreen):
            return
        lines = key_lines(self.view, self.screen.keys)

        def say() -> Said:
            close = Action("close", self.view.words("button.close"), "primary")
            return Said(self.view.words("help.title"), lines, [close])

        self.push_screen(Dialog(say, escape="close"))

    def action_leave(self) -> None:
        """Quit."""
        self.exit(0)
