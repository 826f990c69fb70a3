"""containerd's configuration: judged, as a file, and repaired."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import ClassVar

from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical, VerticalScroll
from textual.widget import Widget

from gpu_wizard.faces.tui.drawing import config
from gpu_wizard.faces.tui.drawing.explained import configuration
from gpu_wizard.faces.tui.look import HEADING, MUTED, STRONG, Line, Part
from gpu_wizard.faces.tui.screens.explain import ExplainScreen
from gpu_wizard.faces.tui.screens.wizard_screen import BACK, HELP, QUIT, WizardScreen
from gpu_wizard.faces.tui.ui import RunWanted, ScreenWanted, Ui
from gpu_wizard.faces.tui.widgets.bars import Hint
from gpu_wizard.faces.tui.widgets.buttons import Action, ButtonRow
from gpu_wizard.faces.tui.widgets.drawn import Drawn
from gpu_wizard.facts.containerd_situation import Situation

VIEWS = ("judged", "file", "repair")


class ConfigScreen(WizardScreen):
    """The heart of stage 4, readable."""

    CSS_PATH = "config.tcss"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("left", "turn(-1)", "does.parts", show=False),
        Binding("right", "turn(1)", "does.parts", show=False),
        Binding("up,k,л", "scroll(-1)", "does.scroll", show=False),
        Binding("down,j,о", "scroll(1)", "does.scroll", show=False),
        Binding("pageup", "scroll(-10)", "does.page", show=False),
        Binding("pagedown", "scroll(10)", "does.page", show=False),
        Binding("r,к", "look", "does.look", show=False),
        Binding("y,н", "copy", "does.copy", show=False),
        Binding("e,у", "explain", "does.explain", show=False),
    ]

    def __init__(self, ui: Ui) -> None:
        """Begins with the judgement."""
        super().__init__(ui)
        self.view = "judged"
        self._in_sight = False

    def body(self) -> Iterator[Widget]:
        """Judgement left and file right where there is room, the repair below."""
        self.add_class("-view-judged")
        yield Drawn(self._tabs, id="config-tabs")
        with Vertical(id="config-body"):
            with Horizontal(id="config-top"):
                with VerticalScroll(id="judged", can_focus=False):
                    yield Drawn(self._judged)
                with VerticalScroll(id="file", can_focus=False):
                    yield Drawn(self._file)
            with VerticalScroll(id="repair", can_focus=False):
                yield Drawn(self._repair)
            yield ButtonRow(self.actions(), id="config-buttons", arrows=False)

    def on_mount(self) -> None:
        """The button has the focus."""
        self.query_one(ButtonRow).focus_on()

    async def paint(self) -> None:
        """Draw; where the file shows for the first time, its nvidia section is in sight."""
        await super().paint()
        if not self._in_sight:
            self.call_after_refresh(self._to_section)

    def _to_section(self) -> None:
        if not self.query_one("#file").size:
            return
        self._in_sight = True
        _, at = config.file_lines(self._situation(), self.ui.pen(80))
        self.query_one("#file", VerticalScroll).scroll_to(y=max(0, at - 1), animate=False)

    def title_parts(self) -> tuple[list[Part], list[Part]]:
        """Whose configuration it is."""
        words, situation = self.ui.words, self._situation()
        return (
            [(f"  {words('config.title')}", HEADING)],
            [(config.read_at(situation, self.ui.pen(80)), MUTED)],
        )

    def hints(self) -> Sequence[Hint]:
        """The keys."""
        return (
            Hint("←→", "key.file"),
            Hint("e", "key.explain", "screen.explain"),
            Hint("r", "key.look", "screen.look"),
            Hint("y", "key.copy", "screen.copy"),
            BACK,
            HELP,
            QUIT,
        )

    def _situation(self) -> Situation | None:
        setup = self.ui.setup
        node = next((n for n in setup.nodes if n.name == self.ui.node), None) if setup else None
        wanted = node.options.runtime.binary if node else ""
        return config.known_situation(self.ui.shown.facts, wanted)

    def actions(self) -> tuple[Action, ...]:
        """What the buttons offer now."""
        words = self.ui.words
        plan = self.ui.shown.stage("runtime").plan
        repair = (Action("repair", words("button.repair"), "primary"),) if plan else ()
        return (*repair, Action("copy", words("button.copy"), "" if plan else "primary"))

    def _tabs(self, width: int) -> list[Line]:
        if self.has_class("-wide"):
            return [self.ui.look.line("")]
        parts: list[Part] = []
        for view in VIEWS:
            name = self.ui.words(f"config.view.{view}")
            parts.append((f"[{name}] ", STRONG) if view == self.view else (f" {name}  ", MUTED))
        return [self.ui.look.ends(width, parts, [("← →", MUTED)])]

    def _judged(self, width: int) -> list[Line]:
        return config.judged(self._situation(), self.ui.pen(width))

    def _file(self, width: int) -> list[Line]:
        return config.file_lines(self._situation(), self.ui.pen(width))[0]

    def _repair(self, width: int) -> list[Line]:
        head = self.ui.look.line((self.ui.words("config.view.repair"), HEADING))
        return [head, *config.repair_lines(self.ui.shown, self.ui.pen(width))]

    async def action_turn(self, by: int) -> None:
        """The next view."""
        self.remove_class(f"-view-{self.view}")
        self.view = VIEWS[(VIEWS.index(self.view) + by) % len(VIEWS)]
        self.add_class(f"-view-{self.view}")
        await self.paint()

    def action_scroll(self, by: int) -> None:
        """The text in sight; with all in sight, the file."""
        shown = "file" if self.has_class("-wide") else self.view
        self.query_one(f"#{shown}", VerticalScroll).scroll_relative(y=by, animate=False)

    def action_look(self) -> None:
        """Ask the node again."""
        self.post_message(RunWanted(plan=True))

    def action_explain(self) -> None:
        """The keys of the file, the nvidia section first."""
        ui = self.ui
        self.app.push_screen(
            ExplainScreen(
                ui,
                lambda: ui.words("config.title"),
                lambda: configuration(self._situation(), ui.words),
            )
        )

    def action_copy(self) -> None:
        """Copy the file."""
        situation = self._situation()
        verdict = config.file_text(situation)
        self.ui.notice = (self.ui.words("line.copied" if verdict else "line.nothing-to-copy"), "")
        if verdict:
            self.app.copy_to_clipboard(verdict)
        self.call_later(self.paint)

    def on_button_row_pressed(self, event: ButtonRow.Pressed) -> None:
        """Show the repair as a plan, or copy."""
        if event.action == "repair":
            self.post_message(ScreenWanted("plan", ("runtime",)))
        else:
            self.action_copy()
