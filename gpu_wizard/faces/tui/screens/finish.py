"""The end: the proof shown as evidence, what was changed, and what is the person's now."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import ClassVar

from textual.binding import Binding, BindingType
from textual.containers import Vertical, VerticalScroll
from textual.widget import Widget

from gpu_wizard.faces.tui.drawing.evidence import summary
from gpu_wizard.faces.tui.drawing.workloads import workloads
from gpu_wizard.faces.tui.look import HEADING, MUTED, Line, Part
from gpu_wizard.faces.tui.screens.wizard_screen import BACK, HELP, QUIT, WizardScreen
from gpu_wizard.faces.tui.ui import ScreenWanted, Ui
from gpu_wizard.faces.tui.widgets.bars import Hint
from gpu_wizard.faces.tui.widgets.buttons import Action, ButtonRow
from gpu_wizard.faces.tui.widgets.drawn import Drawn


class FinishScreen(WizardScreen):
    """Evidence, changes, manifests, the setup file."""

    CSS_PATH = "finish.tcss"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("up,k,л", "scroll(-1)", "does.scroll", show=False),
        Binding("down,j,о", "scroll(1)", "does.scroll", show=False),
        Binding("pageup", "scroll(-10)", "does.page", show=False),
        Binding("pagedown", "scroll(10)", "does.page", show=False),
        Binding("y,н", "copy", "does.copy", show=False),
        Binding("w,ц", "save", "does.save", show=False),
    ]

    def __init__(self, ui: Ui) -> None:
        """`manifests` shows the ready workloads instead."""
        super().__init__(ui)
        self.manifests = False

    def body(self) -> Iterator[Widget]:
        """Text and buttons."""
        with Vertical(id="finish"):
            with VerticalScroll(id="finish-text", can_focus=False):
                yield Drawn(self._text)
            yield ButtonRow(self.actions(), id="finish-buttons")

    def on_mount(self) -> None:
        """Saving is what most want next."""
        self.query_one(ButtonRow).focus_on()

    def title_parts(self) -> tuple[list[Part], list[Part]]:
        """How far it came, and how long it took."""
        title = "finish.manifests" if self.manifests else "finish.title"
        return [(f"  {self.ui.words(title)}", HEADING)], self.clock()

    def hints(self) -> Sequence[Hint]:
        """The keys."""
        return (
            Hint("↑↓", "key.choose"),
            Hint("y", "key.copy", "screen.copy"),
            Hint("w", "key.save", "screen.save"),
            Hint("g", "key.gpu", "app.open('gpu')"),
            BACK,
            HELP,
            QUIT,
        )

    def actions(self) -> tuple[Action, ...]:
        """What the buttons offer now."""
        words = self.ui.words
        if self.manifests:
            return (
                Action("copy", words("button.copy"), "primary"),
                Action("save", words("button.save-file")),
                Action("back", words("button.back")),
            )
        return (
            Action("save", words("button.save-file"), "primary"),
            Action("manifests", words("button.manifests")),
            Action("watch", words("button.watch")),
            Action("close", words("button.close")),
        )

    def _text(self, width: int) -> list[Line]:
        if self.manifests:
            rows = self._manifests().split("\n")
            return [
                self.ui.look.line((row, MUTED if row.lstrip().startswith("#") else "$foreground"))
                for row in rows
            ]
        return summary(self.ui.shown, self.ui.pen(width), self.ui.saved_to)

    def _manifests(self) -> str:
        return workloads(self.ui.words, self.ui.shown)

    def action_scroll(self, by: int) -> None:
        """The text."""
        self.query_one("#finish-text", VerticalScroll).scroll_relative(y=by, animate=False)

    def action_copy(self) -> None:
        """Copy what is shown."""
        text = self._manifests() if self.manifests else self._plain_summary()
        self.app.copy_to_clipboard(text)
        self.tell(self.ui.words("line.copied"))

    def _plain_summary(self) -> str:
        lines = summary(self.ui.shown, self.ui.pen(100), self.ui.saved_to)
        return "\n".join(line.plain for line in lines)

    def action_save(self) -> None:
        """The setup file, or the manifests."""
        if not self.manifests:
            self.post_message(ScreenWanted("save"))
            return
        self.save_text(self._manifests(), Path("gpu-workload.yaml"))

    async def on_button_row_pressed(self, event: ButtonRow.Pressed) -> None:
        """What was chosen."""
        match event.action:
            case "save":
                self.action_save()
            case "copy":
                self.action_copy()
            case "manifests" | "back":
                self.manifests = event.action == "manifests"
                self.query_one("#finish-text", VerticalScroll).scroll_home(animate=False)
                await self.paint()
                self.query_one(ButtonRow).focus_on()
            case "watch":
                self.post_message(ScreenWanted("gpu"))
            case _:
                self.step_back()
