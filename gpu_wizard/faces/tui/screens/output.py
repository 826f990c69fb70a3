"""The output, full screen: follow and scroll back, search, errors only, copy, save."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime
from pathlib import Path
from typing import ClassVar

from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.widget import Widget
from textual.widgets import Input

from gpu_wizard.faces.tui.drawing.explained import output
from gpu_wizard.faces.tui.look import ERROR, HEADING, MUTED, STYLES, Line, Part
from gpu_wizard.faces.tui.screens.explain import ExplainScreen
from gpu_wizard.faces.tui.screens.wizard_screen import BACK, HELP, QUIT, WizardScreen
from gpu_wizard.faces.tui.ui import Ui
from gpu_wizard.faces.tui.widgets.bars import Hint
from gpu_wizard.faces.tui.widgets.drawn import Drawn
from gpu_wizard.faces.tui.widgets.field import Field
from gpu_wizard.faces.tui.widgets.output_pane import OutputPane


class OutputScreen(WizardScreen):
    """One node's output."""

    CSS_PATH = "output.tcss"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("slash,full_stop", "search", "does.search", show=False),
        Binding("n,т", "next", "does.next", show=False),
        Binding("f,а", "errors", "does.errors", show=False),
        Binding("y,н", "copy", "does.copy", show=False),
        Binding("e,у", "explain", "does.explain", show=False),
        Binding("w,ц", "save", "does.save", show=False),
        Binding("r,к", "refresh", "does.latest", show=False),
        Binding("escape", "close", "does.back", show=False),
    ]

    def __init__(self, ui: Ui) -> None:
        """Shows the node that `ui` names."""
        super().__init__(ui)
        self._search = ""

    def body(self) -> Iterator[Widget]:
        """A head row, the lines, the search field."""
        with Vertical(id="output-body"):
            yield Drawn(self._head, id="full-head")
            yield self.output_pane()
            yield Field(id="search")

    def on_mount(self) -> None:
        """The lines have the focus; the field comes with `/`."""
        self.query_one(Input).display = False
        self.query_one(OutputPane).focus()

    async def paint(self) -> None:
        """Take notice of what came."""
        pane = self.query_one(OutputPane)
        pane.show_log(self.ui.control.log(self.ui.node))
        pane.tick()
        await super().paint()

    def title_parts(self) -> tuple[list[Part], list[Part]]:
        """Where one is."""
        return [(f"  {self.ui.words('output.title')}", HEADING)], self.clock()

    def hints(self) -> Sequence[Hint]:
        """The keys."""
        return (
            Hint("/", "key.search", "screen.search"),
            Hint("n", "key.next", "screen.next"),
            Hint("f", "key.errors", "screen.errors"),
            Hint("d", "key.trouble", "app.open('trouble')"),
            Hint("e", "key.explain", "screen.explain"),
            Hint("y", "key.copy", "screen.copy"),
            Hint("w", "key.save", "screen.save"),
            BACK,
            HELP,
            QUIT,
        )

    def _head(self, width: int) -> list[Line]:
        words, pane = self.ui.words, self.query_one(OutputPane)
        left: list[Part] = []
        if pane.view.errors_only:
            left.append((f"{words('output.errors-only')}  ", STYLES["needed"]))
        if pane.view.hits is not None:
            hit, found = pane.view.hits
            text = words("output.hits", n=hit, all=found) if found else words("output.no-hits")
            left.append((f"/{self._search}  {text}  ", MUTED if found else ERROR))
        if not pane.view.rows:
            code = "output.no-errors" if pane.view.errors_only else "output.empty"
            left.append((words(code), MUTED))
        following = words("output.following")
        state = following if pane.following else words.count("output.below", pane.below)
        return [self.ui.look.ends(width, left, [(state, MUTED)])]

    def on_output_pane_moved(self) -> None:
        """Where it stands is said in the head."""
        self.query_one("#full-head", Drawn).redraw()

    def action_search(self) -> None:
        """Type what to find."""
        field = self.query_one(Input)
        field.display = True
        field.placeholder = self.ui.words("output.search")
        field.focus()

    def on_input_submitted(self, event: Input.Submitted) -> None:
        """Find it."""
        self._search = event.value
        self.query_one(Input).display = False
        pane = self.query_one(OutputPane)
        pane.search(event.value)
        pane.focus()

    def action_next(self) -> None:
        """The next match."""
        self.query_one(OutputPane).next_match()

    def action_errors(self) -> None:
        """Errors only, or everything."""
        self.query_one(OutputPane).toggle_errors()

    async def action_refresh(self) -> None:
        """Take notice now."""
        await self.paint()

    def action_explain(self) -> None:
        """The words of the lines in sight."""
        ui, lines = self.ui, self.query_one(OutputPane).in_sight()
        self.app.push_screen(
            ExplainScreen(ui, lambda: ui.words("output.title"), lambda: output(lines, ui.words))
        )

    def action_copy(self) -> None:
        """Copy what is in sight."""
        self.app.copy_to_clipboard("\n".join(self.query_one(OutputPane).in_sight()))
        self.tell(self.ui.words("line.copied"))

    def action_save(self) -> None:
        """Write all of it into a file beside the person."""
        stamp = datetime.now().astimezone()
        path = Path(f"gpu-wizard-{self.ui.node or 'output'}-{stamp:%Y%m%d-%H%M%S}.log")
        self.save_text(self.query_one(OutputPane).view.log.text(), path)

    async def action_close(self) -> None:
        """Esc: first out of the search, then back."""
        field, pane = self.query_one(Input), self.query_one(OutputPane)
        if field.display:
            field.display = False
            pane.focus()
        elif pane.view.hits is not None:
            self._search = ""
            pane.search("")
        else:
            self.step_back()
