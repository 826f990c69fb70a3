"""What both programs with screens share: themes, ASCII, nothing that moves by itself, a terminal too small, bugs."""

from __future__ import annotations

import signal
import sys
from collections.abc import Callable, Iterator
from types import FrameType
from typing import Any, ClassVar

from textual.app import App
from textual.geometry import Size
from textual.screen import Screen
from textual.scrollbar import ScrollBar
from textual.worker import WorkerFailed

from gpu_wizard.faces.tui import themes
from gpu_wizard.faces.tui.look import Look
from gpu_wizard.faces.words import Words

CALM_SECONDS = 5.0
"""How seldom values are painted for a person who wants it calm."""


def _go_on_only_with_a_terminal() -> None:
    """A terminal that is closed sends SIGCONT too, by which Textual would set it up a second time."""
    go_on = signal.getsignal(signal.SIGCONT)

    def continued(number: int, frame: FrameType | None) -> None:
        if callable(go_on) and sys.stdin.isatty():
            go_on(number, frame)

    if callable(go_on):
        signal.signal(signal.SIGCONT, continued)


class TerminalApp(App[int]):
    """An App that keeps calm. `failure`: the bug that ended it, None where it ended well.

    `ending`: it was told from outside to end, and asks nothing any more.
    """

    TITLE = "gpu-wizard"
    smallest: ClassVar[Size] = Size(60, 20)
    """What the screens have room in."""

    def __init__(
        self,
        look: Look,
        words: Callable[[], Words],
        *,
        plain: bool = False,
        few_colours: bool = False,
    ) -> None:
        """`plain`: without colours; `few_colours`: the terminal has sixteen, and its own choice of them."""
        super().__init__(ansi_color=True if plain else None)
        themes.register(self, plain=plain or few_colours)
        if look.ascii_only:
            self.add_class("-ascii")
        self.animation_level = "none"
        self.failure: BaseException | None = None
        self.ending = False
        self._spoken = words
        self._bars = ScrollBar.renderer

    def get_css_variables(self) -> dict[str, str]:
        """The theme's, with text in colours that can be read."""
        variables = super().get_css_variables()
        if not self.current_theme.ansi:
            variables |= themes.legible(variables, dark=self.current_theme.dark)
            self.theme_variables = variables
        return variables

    def on_mount(self) -> None:
        """Scrollbars in the characters that the terminal has."""
        _go_on_only_with_a_terminal()
        if self.has_class("-ascii"):
            ScrollBar.renderer = themes.PlainBars

    def on_unmount(self) -> None:
        """Scrollbars as they were."""
        ScrollBar.renderer = self._bars

    def on_resize(self) -> None:
        """What has no room is covered, and comes back as it was."""
        self.call_later(self._measure)

    def _measure(self) -> None:
        from gpu_wizard.faces.tui.screens.too_small import TooSmall, fits

        if not fits(self.size, self.smallest) and not isinstance(self.screen, TooSmall):
            self.push_screen(TooSmall(self._spoken, self.smallest))

    def stop(self) -> None:
        """End, without a result: whoever started us wants it, or the terminal is gone. Callable from outside."""
        self.call_later(self.end)

    def end(self) -> None:
        """As `stop`, from within."""
        self.ending = True
        self.exit()

    def showing(self) -> Iterator[Screen[Any]]:
        """The screen on top, and those that show behind it."""
        for screen in reversed(self.screen_stack):
            yield screen
            if not screen.is_modal:
                return

    def _handle_exception(self, error: Exception) -> None:
        """A bug: nothing of it is printed here; the command line writes the report."""
        cause = error.error if isinstance(error, WorkerFailed) else error
        self.failure = self.failure or cause
        self._return_code = 1
        self._close_messages_no_wait()
