"""The stages: the rail, and for the stage chosen what was found, what will be done, why, and the output."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import ClassVar

from textual import events
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical, VerticalScroll
from textual.widget import Widget

from gpu_wizard.faces.tui import order
from gpu_wizard.faces.tui.drawing import heads
from gpu_wizard.faces.tui.drawing import rail as rails
from gpu_wizard.faces.tui.drawing.why import why
from gpu_wizard.faces.tui.look import STYLES, Line, Part
from gpu_wizard.faces.tui.screens.stage_actions import actions_for, carry_out
from gpu_wizard.faces.tui.screens.wizard_screen import HELP, QUIT, WizardScreen
from gpu_wizard.faces.tui.ui import ScreenWanted, Ui
from gpu_wizard.faces.tui.widgets.bars import Hint
from gpu_wizard.faces.tui.widgets.buttons import Action, ButtonRow
from gpu_wizard.faces.tui.widgets.drawn import Drawn
from gpu_wizard.faces.tui.widgets.output_pane import OutputPane
from gpu_wizard.faces.tui.widgets.steps import Steps

VIEWS = ("plan", "why", "output")


class StagesScreen(WizardScreen):
    """The heart of the wizard."""

    CSS_PATH = "stages.tcss"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("up,k,л", "move(-1)", "does.stage", show=False),
        Binding("down,j,о", "move(1)", "does.stage", show=False),
        Binding("left", "turn(-1)", "does.view", show=False),
        Binding("right", "turn(1)", "does.view", show=False),
        *(Binding(str(n), f"jump({n})", "does.stage", show=False) for n in range(1, 10)),
        Binding("a,ф", "act('all')", "does.all", show=False),
        Binding("s,ы", "act('only')", "does.only", show=False),
        Binding("x,ч", "act('skip')", "does.skip", show=False),
        Binding("r,к", "act('look')", "does.look", show=False),
        Binding("e,у", "explain", "does.explain", show=False),
        Binding("left_square_bracket,х", "node(-1)", "does.node", show=False),
        Binding("right_square_bracket,ъ", "node(1)", "does.node", show=False),
    ]

    def __init__(self, ui: Ui) -> None:
        """Shows the first stage that is not done, and follows the run until the person goes elsewhere."""
        super().__init__(ui)
        self.view = "plan"

    def body(self) -> Iterator[Widget]:
        """Rail and panes; all views stay mounted, classes show them."""
        self.add_class("-view-plan")
        yield Drawn(self._tabs, id="nodes")
        with Horizontal(id="body"):
            with Vertical(id="rail"):
                yield Drawn(self._rail, id="stages")
                yield Drawn(self._side, id="side")
            with Vertical(id="main"):
                with Horizontal(id="panes"):
                    with Vertical(id="pane"):
                        yield Drawn(self._head, id="head")
                        with VerticalScroll(id="plan-view", can_focus=False):
                            yield Steps(self.ui)
                        with VerticalScroll(id="why-narrow"):
                            yield Drawn(self._why, id="why-text")
                        yield ButtonRow(id="buttons", arrows=False)
                    with VerticalScroll(id="why-wide"):
                        yield Drawn(self._why)
                with Vertical(id="output"):
                    yield Drawn(self._output_head, id="output-head")
                    yield self.output_pane()

    async def on_mount(self) -> None:
        """The primary button has the focus from the start."""
        await self.paint()
        self.query_one(ButtonRow).focus_on()

    async def paint(self) -> None:
        """Follow the run, then draw."""
        self._choose(self.ui.followed())
        pane = self.query_one(OutputPane)
        pane.show_log(self.ui.control.log(self.ui.node))
        pane.tick()
        self.query_one("#nodes").display = len(self.ui.control.progress.nodes) > 1
        await super().paint()
        self._fit()

    def actions(self) -> tuple[Action, ...]:
        """What the stage shown offers."""
        return actions_for(self.ui)

    def _fit(self) -> None:
        """The buttons follow the text; where it is too long it scrolls above them."""
        room = self.query_one("#pane").size.height - self.query_one("#head").size.height - 2
        self.query_one("#plan-view").styles.max_height = max(3, room)

    def hints(self) -> Sequence[Hint]:
        """The keys, the most wanted first."""
        many = [Hint("[ ]", "key.node")] if len(self.ui.control.progress.nodes) > 1 else []
        views = [] if self.has_class("-wide") else [Hint("←→", "key.view")]
        more = [
            Hint("p", "key.plan", "app.open('plan')"),
            Hint("o", "key.output", "app.open('output')"),
            Hint("c", "key.config", "app.open('config')"),
            Hint("r", "key.look", "screen.act('look')"),
        ]
        return (
            Hint("↑↓", "key.stage"),
            *views,
            *many,
            Hint("e", "key.explain", "screen.explain"),
            Hint("g", "key.gpu", "app.open('gpu')"),
            Hint("d", "key.trouble", "app.open('trouble')"),
            *more,
            HELP,
            Hint("q", "key.stop", "app.leave") if self.ui.busy else QUIT,
        )

    def title_parts(self) -> tuple[list[Part], list[Part]]:
        """What the node is to the cluster, and how far it is."""
        if self.ui.control.stopping and self.ui.busy:
            return [], [(self.ui.words("head.stopping"), STYLES["stopped"])]
        return heads.role(self.ui), self.clock()

    def _rail(self, width: int) -> list[Line]:
        ui = self.ui
        return rails.rail(ui.shown, ui.stage, ui.skipped, ui.look, ui.words, width)

    def _side(self, width: int) -> list[Line]:
        return rails.side(self.ui.shown, self.ui.look, self.ui.words, width)

    def _why(self, width: int) -> Sequence[Line]:
        return why(self.ui.stage, self.ui.pen(width))

    def _tabs(self, width: int) -> list[Line]:
        return heads.node_tabs(self.ui, width)

    def _head(self, width: int) -> list[Line]:
        return heads.stage_head(self.ui, width, "" if self.has_class("-wide") else self.view)

    def _output_head(self, width: int) -> list[Line]:
        pane = self.query_one(OutputPane)
        return heads.output_head(self.ui, width, None if pane.following else pane.below)

    def on_output_pane_moved(self) -> None:
        """Where the output stands is said in its head."""
        self.query_one("#output-head", Drawn).redraw()

    def _choose(self, stage: str) -> None:
        if stage == self.ui.stage:
            return
        self.ui.stage = stage
        self.query_one(Steps).reset()
        self.query_one("#plan-view").scroll_home(animate=False)

    async def action_move(self, by: int) -> None:
        """Another stage; the view is the person's from now on."""
        at = order.ORDER.index(self.ui.stage) + by
        await self._go(order.ORDER[max(0, min(len(order.ORDER) - 1, at))])

    async def action_jump(self, number: int) -> None:
        """A stage by its number."""
        await self._go(order.ORDER[number - 1])

    async def _go(self, stage: str) -> None:
        self.ui.follow = False
        self._choose(stage)
        await self.paint()

    async def action_turn(self, by: int) -> None:
        """The next view; where all are in sight, the next pane gets the focus."""
        if self.has_class("-wide"):
            await self._focus_pane(by)
            return
        self.remove_class(f"-view-{self.view}")
        self.view = heads.VIEWS[(heads.VIEWS.index(self.view) + by) % len(heads.VIEWS)]
        self.add_class(f"-view-{self.view}")
        await self.paint()

    async def _focus_pane(self, by: int) -> None:
        panes = [self.query_one(Steps), self.query_one("#why-wide"), self.query_one(OutputPane)]
        after = (panes.index(self.focused) if self.focused in panes else -1) + by
        if 0 <= after < len(panes):
            panes[after].focus()
        else:
            self.query_one(ButtonRow).focus_on()

    async def action_act(self, action: str) -> None:
        """A key that stands for a button, or the button itself."""
        message = carry_out(self.ui, action)
        if message is not None:
            self.post_message(message)
        await self.paint()

    async def on_button_row_pressed(self, event: ButtonRow.Pressed) -> None:
        """A button was pressed."""
        await self.action_act(event.action)

    def action_explain(self) -> None:
        """The words of a command, one by one."""
        self.post_message(ScreenWanted("explain"))

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """A key for what the stage shown does not offer now is none."""
        if action == "node":
            return len(self.ui.control.progress.nodes) > 1
        if action == "act" and parameters[0] in ("all", "only"):
            return any(each.id == parameters[0] for each in self.actions())
        return super().check_action(action, parameters)

    async def action_node(self, by: int) -> None:
        """Another node."""
        names = list(self.ui.control.progress.nodes)
        self.ui.node = names[(names.index(self.ui.node) + by) % len(names)]
        self.ui.follow = False
        await self.paint()

    async def on_click(self, event: events.Click) -> None:
        """The rail and the views answer to the mouse too."""
        if event.widget is not None and event.widget.id == "stages":
            stage = rails.row_at(event.y)
            if stage is not None:
                await self._go(stage)
        elif event.widget is not None and event.widget.id == "head":
            await self.action_turn(1)
