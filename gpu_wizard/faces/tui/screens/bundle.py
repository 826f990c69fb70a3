"""The support bundle: every line of it shown, names and secrets replaced, before anything is written."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import ClassVar

from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.widget import Widget

from gpu_wizard.faces.exchanged import Bundle
from gpu_wizard.faces.tui.asking import ask_path
from gpu_wizard.faces.tui.drawing.told import told
from gpu_wizard.faces.tui.look import ERROR, HEADING, MUTED, Line, Part
from gpu_wizard.faces.tui.output_log import OutputLog
from gpu_wizard.faces.tui.screens.wizard_screen import BACK, HELP, QUIT, WizardScreen
from gpu_wizard.faces.tui.ui import Ui
from gpu_wizard.faces.tui.widgets.bars import Hint
from gpu_wizard.faces.tui.widgets.buttons import Action, ButtonRow
from gpu_wizard.faces.tui.widgets.drawn import Drawn
from gpu_wizard.faces.tui.widgets.output_pane import OutputPane
from gpu_wizard.model.errors import WizardError


class BundleScreen(WizardScreen):
    """What somebody who helps would see."""

    CSS_PATH = "bundle.tcss"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("up,k,л", "scroll(-1)", "does.scroll", show=False),
        Binding("down,j,о", "scroll(1)", "does.scroll", show=False),
        Binding("pageup", "scroll(-10)", "does.page", show=False),
        Binding("pagedown", "scroll(10)", "does.page", show=False),
        Binding("w,ц", "write", "does.save", show=False),
    ]

    def __init__(self, ui: Ui) -> None:
        """Nothing is gathered before it is seen."""
        super().__init__(ui)
        self._bundle: Bundle | None = None
        self._log = OutputLog()

    def body(self) -> Iterator[Widget]:
        """What it is, all that it holds, the buttons."""
        with Vertical(id="bundle"):
            yield Drawn(self._intro, id="bundle-intro")
            yield OutputPane(self._log, self.ui.look)
            yield ButtonRow(self.actions(), id="bundle-buttons")

    def on_mount(self) -> None:
        """Gather, in a thread: logs may be long."""
        self.run_worker(self._gather(), group="bundle")

    def on_unmount(self) -> None:
        """Its lines go with it."""
        self._log.close()

    async def _gather(self) -> None:
        gather = self.ui.services.bundle
        try:
            self._bundle = await asyncio.to_thread(gather, self.ui.words.language, told(self.ui))
        except WizardError as error:
            await self.say(self.ui.words.trouble(error), ERROR)
            return
        for name, text in self._bundle.files.items():
            self._log.feed(f"── {name} ({len(text.splitlines())})\n{text.rstrip()}\n\n")
        pane = self.query_one(OutputPane)
        pane.following = False
        pane.tick()
        await self.paint()
        self.query_one(ButtonRow).focus_on()

    def title_parts(self) -> tuple[list[Part], list[Part]]:
        """How much it is."""
        words, bundle = self.ui.words, self._bundle
        right = words("bundle.replaced", n=bundle.replaced) if bundle else words("bundle.gathering")
        return [(f"  {words('bundle.title')}", HEADING)], [(right, MUTED)]

    def hints(self) -> Sequence[Hint]:
        """The keys."""
        return (
            Hint("↑↓ PgUp PgDn", "key.lines"),
            Hint("w", "key.save", "screen.write"),
            BACK,
            HELP,
            QUIT,
        )

    def actions(self) -> tuple[Action, ...]:
        """What the buttons offer now: nothing while there is nothing to see."""
        words = self.ui.words
        if self._bundle is None:
            return ()
        return (
            Action("write", words("button.write"), "primary"),
            Action("back", words("button.back")),
        )

    def _intro(self, width: int) -> list[Line]:
        return self.ui.look.wrapped(self.ui.words("bundle.text"), width)

    def action_scroll(self, by: int) -> None:
        """The lines."""
        self.query_one(OutputPane).scroll_relative(y=by, animate=False)

    def action_write(self) -> None:
        """Ask where to, and write it."""
        if self._bundle is not None:
            self.run_worker(self._write(self._bundle), group="bundle")

    async def _write(self, bundle: Bundle) -> None:
        path = await ask_path(self.app, self.ui, "bundle.title", "bundle.where", bundle.name)
        if path:
            self.save(lambda: self.ui.services.save_bundle(bundle, Path(path)), path)

    def on_button_row_pressed(self, event: ButtonRow.Pressed) -> None:
        """Write, or go back."""
        if event.action == "write":
            self.action_write()
        else:
            self.step_back()
