"""Troubleshooting: what was recognised in this run's output and facts, and the whole catalogue."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import ClassVar

from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical, VerticalScroll
from textual.widget import Widget
from textual.widgets import Input

from gpu_wizard.faces.tui.drawing import troubles
from gpu_wizard.faces.tui.drawing.plan import error_lines
from gpu_wizard.faces.tui.drawing.troubles import Entry
from gpu_wizard.faces.tui.look import HEADING, MUTED, Line, Part
from gpu_wizard.faces.tui.order import number_of
from gpu_wizard.faces.tui.screens.wizard_screen import BACK, HELP, QUIT, WizardScreen
from gpu_wizard.faces.tui.ui import ScreenWanted, Ui
from gpu_wizard.faces.tui.widgets.bars import Hint
from gpu_wizard.faces.tui.widgets.buttons import Action, ButtonRow
from gpu_wizard.faces.tui.widgets.drawn import Drawn
from gpu_wizard.faces.tui.widgets.field import Field
from gpu_wizard.knowledge.diagnose import Finding


class TroubleScreen(WizardScreen):
    """A list on the left, the chosen entry on the right."""

    CSS_PATH = "trouble.tcss"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("up,k,л", "move(-1)", "does.finding", show=False),
        Binding("down,j,о", "move(1)", "does.finding", show=False),
        Binding("pageup", "page(-1)", "does.page", show=False),
        Binding("pagedown", "page(1)", "does.page", show=False),
        Binding("slash,full_stop", "search", "does.search", show=False),
        Binding("r,к", "refresh", "does.recognise", show=False),
        Binding("y,н", "copy", "does.copy", show=False),
        Binding("b,и", "bundle", "does.bundle", show=False),
        Binding("escape", "close", "does.back", show=False),
    ]

    def __init__(self, ui: Ui) -> None:
        """Recognised once, when it opens; `r` looks through the output again."""
        super().__init__(ui)
        self._query = ""
        self._chosen = 0
        self._found: tuple[Finding, ...] = ()

    def body(self) -> Iterator[Widget]:
        """List, entry, buttons, search field."""
        with Horizontal(id="trouble"):
            with Vertical(id="trouble-left"):
                yield Field(id="trouble-search")
                with VerticalScroll(id="trouble-list", can_focus=False):
                    yield Drawn(self._list)
            with Vertical(id="trouble-right"):
                with VerticalScroll(id="trouble-detail", can_focus=False):
                    yield Drawn(self._detail)
                yield ButtonRow(id="trouble-buttons")

    async def on_mount(self) -> None:
        """The first entry, its button focused."""
        self.query_one(Input).display = False
        self.recognise()
        await self.paint()
        self.query_one(ButtonRow).focus_on()

    def recognise(self) -> None:
        """Read the output and the facts again."""
        log = self.ui.control.log(self.ui.node)
        self._found = troubles.recognised(self.ui.shown, log)
        asked, self.ui.finding = self.ui.finding, ""
        at = [n for n, f in enumerate(self._found) if f.id == asked]
        at += [n for n, f in enumerate(self._found) if f.signature.ours == self.ui.stage]
        self._chosen = at[0] if at and not self._query else 0

    def title_parts(self) -> tuple[list[Part], list[Part]]:
        """How much was recognised."""
        words = self.ui.words
        count = words("trouble.count", n=len(self._found), all=troubles.catalogue_size())
        return [(f"  {words('trouble.title')}", HEADING)], [(count, MUTED)]

    def hints(self) -> Sequence[Hint]:
        """The keys."""
        return (
            Hint("↑↓", "key.finding"),
            Hint("/", "key.search", "screen.search"),
            Hint("b", "key.bundle", "screen.bundle"),
            Hint("r", "key.look", "screen.refresh"),
            Hint("y", "key.copy", "screen.copy"),
            BACK,
            HELP,
            QUIT,
        )

    async def paint(self) -> None:
        """Where there is nothing to choose, what is said has the whole width."""
        listed = bool(self._entries()) or self.query_one(Input).display
        self.query_one("#trouble-left").display = listed
        await super().paint()

    def _entries(self) -> tuple[Entry, ...]:
        return troubles.entries(self._found, self._query, self.ui.pen(80))

    def _entry(self) -> Entry | None:
        rows = self._entries()
        return rows[min(self._chosen, len(rows) - 1)] if rows else None

    def actions(self) -> tuple[Action, ...]:
        """What the buttons offer now."""
        words, entry = self.ui.words, self._entry()
        if entry is None:
            return (Action("search", words("trouble.search"), "primary"),)
        actions = []
        at_rest = not self.ui.busy or self.ui.control.waiting is not None
        if entry.finding is not None and at_rest and entry.stage in self.ui.remaining():
            actions.append(Action("fix", words("button.fix"), "primary"))
        actions.append(Action("copy", words("button.copy"), "" if actions else "primary"))
        if entry.stage:
            actions.append(Action("stage", words("button.to-stage", n=number_of(entry.stage))))
        return tuple(actions)

    def _list(self, width: int) -> list[Line]:
        rows, pen = self._entries(), self.ui.pen(width)
        words = self.ui.words
        code = "trouble.all" if self._query else "trouble.order"
        head = [*self.ui.look.wrapped(words(code), width, MUTED), self.ui.look.line("")]
        return [*head, *troubles.list_lines(rows, self._chosen, pen)[0]]

    def _detail(self, width: int) -> list[Line]:
        entry, pen = self._entry(), self.ui.pen(width)
        if entry is not None:
            return troubles.detail_lines(entry, pen)
        return self._not_found(width)

    def _not_found(self, width: int) -> list[Line]:
        """Nothing to choose: what the search lacks, or where the trouble's text comes from and what to ask next."""
        look, words, pen = self.ui.look, self.ui.words, self.ui.pen(width)
        if self._query:
            return look.wrapped(words("trouble.no-match"), width)
        stage = self.ui.shown.stage(self.ui.stage)
        layer = troubles.unrecognised(self.ui.shown)
        if layer is None:
            lines = look.wrapped(words("trouble.none"), width)
        else:
            lines = troubles.unrecognised_lines(layer, pen)
        for error in ([stage.error] if stage.error else troubles.errors(self.ui.shown))[-1:]:
            return [*lines, look.line(""), *error_lines(error, pen)]
        if stage.assessment is not None and stage.state in ("blocked", "failed", "unknown"):
            for text in (words.assessed(stage.assessment), words.advice(stage.assessment)):
                lines += [look.line(""), *look.wrapped(text, width)]
        return lines

    async def action_move(self, by: int) -> None:
        """The next entry."""
        rows = self._entries()
        self._chosen = max(0, min(len(rows) - 1, self._chosen + by))
        places = troubles.list_lines(rows, self._chosen, self.ui.pen(30))[1]
        top = places.get(self._chosen, 0)
        self.query_one("#trouble-list", VerticalScroll).scroll_to(y=max(0, top - 3), animate=False)
        self.query_one("#trouble-detail", VerticalScroll).scroll_home(animate=False)
        await self.paint()

    def action_page(self, by: int) -> None:
        """The entry's text, a page on."""
        detail = self.query_one("#trouble-detail", VerticalScroll)
        detail.scroll_relative(y=by * max(1, detail.size.height - 1), animate=False)

    def action_search(self) -> None:
        """Type what to find in the catalogue."""
        field = self.query_one(Input)
        self.query_one("#trouble-left").display = field.display = True
        field.placeholder = self.ui.words("trouble.search")
        field.focus()

    async def on_input_changed(self, event: Input.Changed) -> None:
        """The list narrows as one types."""
        self._query, self._chosen = event.value.strip(), 0
        await self.paint()

    def on_input_submitted(self) -> None:
        """Back to the list."""
        self.query_one(ButtonRow).focus_on()

    async def action_refresh(self) -> None:
        """Read the output again."""
        self.recognise()
        await self.paint()

    async def action_close(self) -> None:
        """Esc: first out of the search, then back."""
        field = self.query_one(Input)
        if field.display:
            field.display = False
            field.value = ""
            self.query_one(ButtonRow).focus_on()
            self.call_later(self.paint)
        else:
            self.step_back()

    def action_bundle(self) -> None:
        """The support bundle of this run."""
        self.post_message(ScreenWanted("bundle"))

    def action_copy(self) -> None:
        """Copy the entry."""
        lines = self._detail(100)
        self.app.copy_to_clipboard("\n".join(line.plain for line in lines))
        self.ui.notice = (self.ui.words("line.copied"), "")
        self.call_later(self.paint)

    async def on_button_row_pressed(self, event: ButtonRow.Pressed) -> None:
        """Fix, copy, search, or to the stage."""
        entry = self._entry()
        match event.action:
            case "fix" if entry is not None:
                self.ui.stage, self.ui.follow = entry.stage, False
                self.post_message(ScreenWanted("plan"))
            case "stage" if entry is not None:
                self.ui.stage, self.ui.follow = entry.stage, False
                self.step_back()
            case "search":
                self.action_search()
            case _:
                self.action_copy()
