"""The plan overview: every stage that a run would set up, what it changes, and one button that begins."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import ClassVar

from textual.binding import Binding, BindingType
from textual.containers import Vertical, VerticalScroll
from textual.widget import Widget

from gpu_wizard.faces.risks import cannot_be_undone
from gpu_wizard.faces.tui import order
from gpu_wizard.faces.tui.drawing.plan import step_lines
from gpu_wizard.faces.tui.look import (
    BODY,
    CHOSEN,
    HEADING,
    MUTED,
    RISK,
    STRONG,
    STYLES,
    Line,
    Part,
)
from gpu_wizard.faces.tui.screens.wizard_screen import BACK, HELP, QUIT, WizardScreen
from gpu_wizard.faces.tui.ui import RunWanted, ScreenWanted, Ui
from gpu_wizard.faces.tui.widgets.bars import Hint
from gpu_wizard.faces.tui.widgets.buttons import Action, ButtonRow
from gpu_wizard.faces.tui.widgets.drawn import Drawn


class PlanScreen(WizardScreen):
    """What Start will do. `stages`: these alone, empty for all that remain."""

    CSS_PATH = "plan.tcss"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("up,k,л", "move(-1)", "does.stage", show=False),
        Binding("down,j,о", "move(1)", "does.stage", show=False),
        Binding("pageup", "page(-1)", "does.page", show=False),
        Binding("pagedown", "page(1)", "does.page", show=False),
        Binding("e,у", "explain", "does.explain", show=False),
        Binding("w,ц", "save", "does.save", show=False),
        Binding("enter", "start", "does.start", show=False),
        *(Binding(str(n), f"jump({n})", "does.stage", show=False) for n in range(1, 10)),
    ]

    def __init__(self, ui: Ui, stages: tuple[str, ...] = ()) -> None:
        """`stages` that are not to be set up are shown all the same, as they are."""
        super().__init__(ui)
        self._wanted = stages
        self._chosen = self.stages.index(ui.stage) if ui.stage in self.stages else 0

    @property
    def stages(self) -> tuple[str, ...]:
        """The stages that a run would set up now."""
        remaining = self.ui.remaining()
        return tuple(s for s in remaining if not self._wanted or s in self._wanted)

    def body(self) -> Iterator[Widget]:
        """The list, the steps of the stage chosen, the buttons."""
        with Vertical(id="plan-body"):
            yield Drawn(self._list, id="plan-list")
            with VerticalScroll(id="plan-steps", can_focus=False):
                yield Drawn(self._steps)
            yield ButtonRow(self.actions(), id="plan-buttons")

    def on_mount(self) -> None:
        """Start has the focus."""
        self.query_one(ButtonRow).focus_on()

    def title_parts(self) -> tuple[list[Part], list[Part]]:
        """How much it is."""
        words, stages = self.ui.words, self.stages
        steps = sum(len(self.ui.shown.stage(stage).plan) for stage in stages)
        right = words.count("whole.stages", len(stages)) + " · " + words.count("plan.steps", steps)
        return [(f"  {words('whole.title')}", HEADING)], [(right, MUTED)]

    def hints(self) -> Sequence[Hint]:
        """The keys."""
        return (
            Hint("↑↓", "key.stage"),
            Hint("PgUp PgDn", "key.steps"),
            Hint("e", "key.explain", "screen.explain"),
            Hint("w", "key.save", "screen.save"),
            BACK,
            HELP,
            QUIT,
        )

    def actions(self) -> tuple[Action, ...]:
        """What the buttons offer now."""
        words = self.ui.words
        if self.ui.busy and self.ui.control.waiting is None:
            return (Action("back", words("button.back"), "primary"),)
        if not self.stages:
            return (
                Action("prove", words("button.prove"), "primary"),
                Action("back", words("button.back")),
            )
        return (
            Action("start", words("button.start"), "primary"),
            Action("save", words("button.save-file")),
            Action("back", words("button.back")),
        )

    def _list(self, width: int) -> list[Line]:
        look, words, stages = self.ui.look, self.ui.words, self.stages
        if not stages:
            return [look.line((words("whole.nothing"), STRONG))]
        self._chosen = min(self._chosen, len(stages) - 1)
        return [self._row(stage, n == self._chosen, width) for n, stage in enumerate(stages)]

    def _row(self, stage: str, is_chosen: bool, width: int) -> Line:
        look, words, one = self.ui.look, self.ui.words, self.ui.shown.stage(stage)
        name = f"{order.number_of(stage)} {words(f'name.{stage}')}"
        steps = words.count("plan.steps", len(one.plan)) if one.plan else words("whole.comes")
        undo, style = self._undo(stage)
        foreseen = words("whole.foreseen") if one.provisional or one.state == "waiting" else ""
        left: list[Part] = [
            (CHOSEN if is_chosen else " ", STYLES["needed"]),
            (f" {name:<20}", STRONG if is_chosen else BODY),
            (f"{steps:<12}", BODY),
            (self._gist(stage), MUTED),
        ]
        return look.ends(width, left, [(f"{foreseen}  ", MUTED), (f"{undo:>9}", style)])

    def _undo(self, stage: str) -> tuple[str, str]:
        plan = self.ui.shown.stage(stage).plan
        if stage == order.ORDER[-1] or not any(step.change for step in plan):
            return "", MUTED
        if any(cannot_be_undone(step) for step in plan):
            return self.ui.words("whole.no-undo"), RISK
        return self.ui.words("whole.undo"), MUTED

    def _gist(self, stage: str) -> str:
        """The risk of a stage, else what it is for."""
        plan = self.ui.shown.stage(stage).plan
        risks = [self.ui.words.risk(step) for step in plan if step.risk]
        return f"! {risks[0]}" if risks else self.ui.words(f"summary.{stage}")

    def _steps(self, width: int) -> list[Line]:
        if not self.stages:
            return []
        stage = self.stages[min(self._chosen, len(self.stages) - 1)]
        one, pen = self.ui.shown.stage(stage), self.ui.pen(width)
        title = f"{order.number_of(stage)} {self.ui.words(f'title.{stage}')}"
        lines = [self.ui.look.line((title, HEADING))]
        if not one.plan:
            code = "whole.proof" if stage == order.ORDER[-1] else "whole.comes-text"
            lines += self.ui.look.wrapped(self.ui.words(code), width, MUTED)
        for index, step in enumerate(one.plan):
            diff = one.diffs.get(step.id, "")
            lines += step_lines(step, index, diff, pen, chosen=False, whole=True)
        return lines

    async def action_move(self, by: int) -> None:
        """Another stage."""
        self._chosen = max(0, min(len(self.stages) - 1, self._chosen + by))
        self.query_one("#plan-steps", VerticalScroll).scroll_home(animate=False)
        await self.paint()

    async def action_jump(self, number: int) -> None:
        """A stage by its number."""
        stage = order.ORDER[number - 1]
        if stage in self.stages:
            self._chosen = self.stages.index(stage)
            await self.action_move(0)

    def action_page(self, by: int) -> None:
        """The steps, a page on."""
        steps = self.query_one("#plan-steps", VerticalScroll)
        steps.scroll_relative(y=by * max(1, steps.size.height - 1), animate=False)

    def action_explain(self) -> None:
        """The words of the stage's commands."""
        if self.stages:
            self.ui.stage = self.stages[self._chosen]
            self.post_message(ScreenWanted("explain"))

    def action_save(self) -> None:
        """Save the setup file."""
        self.post_message(ScreenWanted("save"))

    async def on_button_row_pressed(self, event: ButtonRow.Pressed) -> None:
        """Start, save, or back."""
        match event.action:
            case "start":
                self._start()
            case "prove":
                self.app.post_message(RunWanted(prove=True))
                self.post_message(ScreenWanted("stages"))
            case "save":
                self.action_save()
            case _:
                self.step_back()

    def _start(self) -> None:
        stages = self.stages
        self.ui.follow = True
        self.ui.stage = stages[0]
        self.app.post_message(RunWanted(stages if self._wanted else ()))
        self.post_message(ScreenWanted("stages"))
