"""Start: which machines, tested as they are named; or an unfinished run, or the practice lab."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from functools import partial
from typing import TYPE_CHECKING, ClassVar

from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.timer import Timer
from textual.widget import Widget
from textual.widgets import Input

from gpu_wizard.faces.machines import Machine, named_in, not_left_open, setup_of
from gpu_wizard.faces.tui.drawing.starting import (
    Choice,
    choice_lines,
    choices,
    intro_lines,
    result_lines,
    shown_name,
    trouble_text,
)
from gpu_wizard.faces.tui.look import ERROR, HEADING, MUTED, Line, Part
from gpu_wizard.faces.tui.screens import trials
from gpu_wizard.faces.tui.screens.wizard_screen import WizardScreen
from gpu_wizard.faces.tui.ui import SetupChosen
from gpu_wizard.faces.tui.widgets.bars import Hint
from gpu_wizard.faces.tui.widgets.buttons import Action, ButtonRow
from gpu_wizard.faces.tui.widgets.drawn import Drawn
from gpu_wizard.faces.tui.widgets.field import Field
from gpu_wizard.model.errors import WizardError

if TYPE_CHECKING:
    from gpu_wizard.faces.exchanged import Candidate, Recent, Unfinished
    from gpu_wizard.faces.machines import Kind
    from gpu_wizard.faces.tui.ui import Ui
    from gpu_wizard.model.setup_file import SetupFile

TEST_AFTER_SECONDS = 0.4
_ROWS, _ROWS_TALL = 6, 19
"""Of the list, below its head; `start.tcss` says the same."""
FIELDS = ("gpu", "control")


class StartScreen(WizardScreen):
    """Two fields, one list that serves the one in use, one button."""

    CSS_PATH = "start.tcss"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("up", "move(-1)", "does.row", show=False),
        Binding("down", "move(1)", "does.row", show=False),
    ]

    def __init__(self, ui: Ui) -> None:
        """Candidates are read once, after the first frame."""
        super().__init__(ui)
        self.fields = {name: Machine() for name in FIELDS}
        self._which = "gpu"
        self._chosen = 0
        self._candidates: Sequence[Candidate] = ()
        self._unfinished: Sequence[Unfinished] = ()
        self._recent: Sequence[Recent] = ()
        self._debounces: dict[str, Timer] = {}

    def body(self) -> Iterator[Widget]:
        """Fields, their result rows, the list, the button."""
        with Vertical(id="start"):
            yield Drawn(lambda _width: intro_lines(self.ui.look, self.ui.words), id="start-intro")
            for name in FIELDS:
                yield Drawn(partial(self._label, name), classes="label")
                yield Field(id=f"field-{name}")
                yield Drawn(partial(self._result, name), classes="result")
            yield Drawn(self._list, id="start-list")
            yield ButtonRow(self.actions(), id="start-buttons")

    def on_mount(self) -> None:
        """The first field has the focus."""
        self.query_one("#field-gpu", Input).focus()
        self.call_after_refresh(self._look_around)

    async def _look_around(self) -> None:
        """What this machine knows of others."""
        self._candidates = self.ui.services.candidates()
        self._unfinished = self.ui.services.unfinished()
        self._recent = not_left_open(self.ui.services.recent(), self._unfinished)
        await self.paint()

    def title_parts(self) -> tuple[list[Part], list[Part]]:
        """The language, where one can see it."""
        return [], [(self.ui.words("head.language"), MUTED)]

    def hints(self) -> Sequence[Hint]:
        """Letters type here: only keys that no field takes."""
        return (
            Hint("↑↓", "key.choose"),
            Hint("Tab", "key.field"),
            Hint("Enter", "key.connect"),
            Hint("F2", "key.language", "app.language"),
            Hint("F1", "key.help", "app.help"),
            Hint("^C", "key.quit", "app.leave"),
        )

    def _label(self, name: str, _width: int) -> list[Line]:
        style = HEADING if name == self._which else MUTED
        return [self.ui.look.line((self.ui.words(f"start.{name}"), style))]

    def _result(self, name: str, width: int) -> list[Line]:
        return result_lines(self.fields[name], self.ui.pen(width), wants_card=name == "gpu")

    def _rows(self) -> list[Choice]:
        field = self.query_one(f"#field-{self._which}", Input)
        typed = field.value.strip() if field.value.strip() != self._shown(self._which) else ""
        pen = self.ui.pen(80)
        return choices(self._which, typed, self._candidates, self._unfinished, self._recent, pen)

    def _shown(self, name: str) -> str:
        return shown_name(self.fields[name], self.ui.words)

    def _list(self, width: int) -> list[Line]:
        rows = self._rows()
        self._chosen = max(0, min(self._chosen, len(rows) - 1))
        room = _ROWS_TALL if self.has_class("-tall") else _ROWS
        return choice_lines(rows, self._chosen, room, self.ui.pen(width))

    def actions(self) -> tuple[Action, ...]:
        """What the buttons offer now."""
        return (Action("look", self.ui.words("start.look"), "primary"),)

    async def action_move(self, by: int) -> None:
        """Another row of the list."""
        self._chosen = max(0, min(len(self._rows()) - 1, self._chosen + by))
        await self.paint()

    async def on_descendant_focus(self) -> None:
        """The list serves the field in use."""
        focused = self.focused
        if isinstance(focused, Input) and focused.id != f"field-{self._which}" and focused.id:
            self._which = focused.id.removeprefix("field-")
            self._chosen = 0
            await self.paint()

    async def on_input_changed(self, event: Input.Changed) -> None:
        """Tested a moment after the last key."""
        text = event.value.strip()
        name = (event.input.id or "").removeprefix("field-")
        self._settle(name)
        if text == self._shown(name):
            return
        self.fields[name] = Machine()
        self._chosen = 0
        if re.search(r"\w", text):
            timer = self.set_timer(TEST_AFTER_SECONDS, lambda: self._typed(name, text))
            self._debounces[name] = timer
        await self.paint()

    def _settle(self, name: str) -> None:
        """The field's text is dealt with, or typed on: it is not tried a moment after the last key."""
        timer = self._debounces.pop(name, None)
        if timer is not None:
            timer.stop()

    def _typed(self, name: str, text: str) -> None:
        """A name that is known, or looks like a whole one, is tried."""
        if "@" in text or "." in text or any(text == each.target for each in self._candidates):
            self._try(name, text)

    async def on_input_submitted(self, event: Input.Submitted) -> None:
        """Enter takes the chosen row."""
        rows = self._rows()
        named = self.fields[self._which].host and event.value.strip() == self._shown(self._which)
        if named and not self._chosen:
            self._next()
        elif rows:
            await self._take(rows[self._chosen])

    async def _take(self, row: Choice) -> None:
        from gpu_wizard.faces.exchanged import Tested
        from gpu_wizard.model.setup_file import LOCAL

        name = self._which
        match row.kind:
            case "practice":
                self.run_worker(self._practice(), group="practice", exclusive=True)
                return
            case "resume":
                self.app.post_message(SetupChosen(self._unfinished[int(row.value)].setup))
                return
            case "recent":
                await self._again(self._recent[int(row.value)].setup)
                return
            case "kubeconfig":
                self.run_worker(trials.kubeconfig(self), group="kubeconfig")
                return
            case "same":
                self.fields[name] = Machine("same", "same", Tested(""))
            case "local":
                self._try(name, LOCAL, "local")
            case _:
                self._try(name, row.value)
        self.query_one(f"#field-{name}", Input).value = self._shown(name)
        self._next()
        await self.paint()

    async def _again(self, setup: SetupFile) -> None:
        """The fields filled as they were; at once to the stages with what two fields can't say."""
        if named_in(setup) is None:
            self.app.post_message(SetupChosen(setup))
            return
        trials.refill(self, setup)
        await self.paint()

    def _next(self) -> None:
        """The other field, then the button."""
        if self._which == "gpu":
            self.query_one("#field-control").focus()
        else:
            self.query_one(ButtonRow).focus_on()

    def _try(self, name: str, host: str, kind: Kind = "host") -> None:
        self._settle(name)
        current = self.fields[name]
        if current.host == host and (current.testing or current.tested):
            return
        self.fields[name] = Machine(host, kind, testing=True)
        self.run_worker(trials.host(self, name, host), group=f"test-{name}", exclusive=True)

    async def _practice(self) -> None:
        start = self.ui.services.practice
        if start is None:
            await self.say(self.ui.words("start.lab-missing"), ERROR)
            return
        await self.say(self.ui.words("start.lab-starting"))
        try:
            self.app.post_message(SetupChosen(await start()))
        except WizardError as error:
            await self.say(trouble_text(error, self.ui.words.language), ERROR)

    async def on_button_row_pressed(self) -> None:
        """Look at the node, once both machines are named."""
        setup = setup_of(self.fields["gpu"], self.fields["control"])
        if setup is None:
            await self.say(self.ui.words("start.needs-two"), ERROR)
        else:
            self.app.post_message(SetupChosen(setup))
