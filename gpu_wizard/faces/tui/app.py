"""The wizard: one program, one run at a time, any number of screens over the same progress."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime
from functools import cached_property, partial
from typing import TYPE_CHECKING, ClassVar

from textual import on
from textual.binding import Binding, BindingType
from textual.timer import Timer

from gpu_wizard.faces.tui.control import Control
from gpu_wizard.faces.tui.look import Look
from gpu_wizard.faces.tui.runs import Runs
from gpu_wizard.faces.tui.screens.catalogue import make_screen
from gpu_wizard.faces.tui.screens.wizard_screen import WizardScreen
from gpu_wizard.faces.tui.terminal_app import CALM_SECONDS, TerminalApp
from gpu_wizard.faces.tui.ui import FindingWanted, RunWanted, ScreenWanted, SetupChosen, Ui
from gpu_wizard.faces.words import Words

if TYPE_CHECKING:
    from collections.abc import Sequence

    from textual.command import Provider

    from gpu_wizard.faces.tui.asked import Asked
    from gpu_wizard.faces.tui.asking import ScreenAsker
    from gpu_wizard.faces.tui.services import Services
    from gpu_wizard.knowledge.texts import Language
    from gpu_wizard.model.action import Step
    from gpu_wizard.model.events import Event
    from gpu_wizard.model.setup_file import SetupFile

PAINT_SECONDS = 0.05
TICK_SECONDS = 1.0
IDLE_TICK_SECONDS = 10.0


def _everything() -> type[Provider]:
    """The palette's entries, imported when it is first opened."""
    from gpu_wizard.faces.tui.commands import Everything

    return Everything


class WizardApp(TerminalApp):
    """Shows events and makes choices; what it needs of the outside it is given as functions."""

    CSS_PATH = "app.tcss"
    ENABLE_COMMAND_PALETTE = True
    COMMANDS: ClassVar[set[type[Provider] | Callable[[], type[Provider]]]] = {_everything}
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("ctrl+c", "interrupt", "does.quit", priority=True, show=False),
        Binding("q,й,ctrl+q", "leave", "does.quit", show=False),
        Binding("question_mark,comma,f1", "help", "does.help", show=False),
        Binding("f2", "language", "does.language", show=False),
        Binding("escape", "back", "does.back", show=False),
        Binding("p,з", "open('plan')", "does.plan", show=False),
        Binding("o,щ", "open('output')", "does.output", show=False),
        Binding("c,с", "open('config')", "does.config", show=False),
        Binding("g,п", "open('gpu')", "does.gpu", show=False),
        Binding("d,в", "open('trouble')", "does.trouble", show=False),
    ]

    def __init__(
        self,
        services: Services,
        *,
        setup: SetupFile | None = None,
        language: Language = "en",
        look: Look | None = None,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
        look_at_once: bool = True,
        plain: bool = False,
        few_colours: bool = False,
        calm: bool = False,
    ) -> None:
        """`setup` None: the wizard begins by asking for the machines. `plain`: without colours.

        `few_colours`: the terminal has sixteen, and its own choice of them. `calm`: values are painted seldom.
        """
        look = look or Look()
        super().__init__(look, lambda: self.ui.words, plain=plain, few_colours=few_colours)
        control = Control(self._changed, self._put, self._narrate, calm=calm)
        self.ui = Ui(look, Words(language), now, services, control, setup)
        self.ui.every_seconds = CALM_SECONDS if calm else TICK_SECONDS
        self.ui.plain_output = plain
        self._look_at_once = look_at_once
        self._painting: Timer | None = None
        self.runs = Runs(self)
        if setup is not None and setup.nodes:
            self.ui.node = setup.nodes[0].name

    @cached_property
    def asker(self) -> ScreenAsker:
        """Asks for keys and passwords; what it was told it keeps for this run of the program."""
        from gpu_wizard.faces.tui.asking import ScreenAsker

        return ScreenAsker(self)

    async def _put(self, asked: Asked) -> str:
        from gpu_wizard.faces.tui import asking

        return await asking.put(self, asked)

    def _narrate(self, event: Event, steps: Sequence[Step]) -> str:
        from gpu_wizard.faces.tui.drawing.narration import narrate

        return narrate(event, steps, self.ui.words)

    def on_mount(self) -> None:
        """The first screen; what is heavy is imported behind it."""
        first = "stages" if self.ui.setup is not None else "start"
        self.push_screen(make_screen(first, self.ui))
        self.set_interval(IDLE_TICK_SECONDS, partial(self._tick, busy=False))
        self.set_interval(self.ui.every_seconds, partial(self._tick, busy=True))
        if self.ui.services.prepare is not None:
            self.call_after_refresh(self._prepare)
        if self.ui.setup is not None and self._look_at_once:
            self.call_after_refresh(self.begin, RunWanted(plan=True))

    def on_unmount(self) -> None:
        """What lies on disk for the screens goes with them."""
        self.ui.control.close()

    async def _prepare(self) -> None:
        if self.ui.services.prepare is not None:
            self.run_worker(asyncio.to_thread(self.ui.services.prepare), group="prepare")

    @on(RunWanted)
    def begin(self, wanted: RunWanted) -> None:
        """Start a run, or go on with the one that waits."""
        self.runs.begin(wanted)

    async def on_setup_chosen(self, message: SetupChosen) -> None:
        """The machines are named: to the stages, and look."""
        self.ui.setup = message.setup
        self.ui.node = message.setup.nodes[0].name
        self.ui.notice = ("", "")
        await self.switch_screen(make_screen("stages", self.ui))
        self.begin(RunWanted(plan=True))

    def say(self, text: str, style: str = "") -> None:
        """A line above the footer."""
        self.ui.notice = (text, style)
        self._changed()

    def _changed(self) -> None:
        """Paint soon: 20 times a second at most, not at all while nothing happens."""
        if self._painting is None and self.is_running:
            self._painting = self.set_timer(PAINT_SECONDS, self.paint)

    async def paint(self) -> None:
        """Draw what changed."""
        self._painting = None
        if isinstance(self.screen, WizardScreen):
            await self.screen.paint()

    def _tick(self, *, busy: bool) -> None:
        """Times go on: each second while a run does, seldom at rest."""
        if self.ui.busy is busy:
            self._changed()

    def on_screen_wanted(self, message: ScreenWanted) -> None:
        """A screen wants another one."""
        from gpu_wizard.faces.tui import asking

        if message.name == "save":
            self.run_worker(asking.save(self), group="save")
            return
        self.open(message.name, message.stages)

    def open(self, name: str, stages: tuple[str, ...] = ()) -> None:
        """Show a screen; one that is open already is come back to."""
        if any(screen.name == name for screen in self.screen_stack):
            while self.screen.name != name:
                self.pop_screen()
            return
        self.push_screen(make_screen(name, self.ui, stages))

    @on(FindingWanted)
    def to_finding(self, message: FindingWanted) -> None:
        """From a line of the output to what it tells of."""
        self.ui.finding = message.signature
        self.open("trouble")

    def action_open(self, name: str) -> None:
        """A screen by its key."""
        self.open(name)

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """There is nothing to see before a machine is named, and nothing to go back to from the first screen."""
        if action == "open":
            return self.ui.setup is not None
        if action == "back":
            return len(self.screen_stack) > 2
        return super().check_action(action, parameters)

    async def action_back(self) -> None:
        """Esc: close what is on top; never quits."""
        self.pop_screen()

    async def action_language(self) -> None:
        """English or Russian, everything at once."""
        from gpu_wizard.faces.tui.screens.dialogs import Dialog

        self.ui.words = Words("ru" if self.ui.words.language == "en" else "en")
        for screen in self.showing():
            if isinstance(screen, Dialog):
                await screen.say_anew()
            elif isinstance(screen, WizardScreen):
                await screen.paint()

    def action_help(self) -> None:
        """The keys of this screen."""
        from gpu_wizard.faces.tui import asking

        asking.show_help(self)

    def action_leave(self) -> None:
        """Quit where nothing runs, else ask how to stop."""
        from gpu_wizard.faces.tui import asking

        asking.leave(self)

    def action_interrupt(self) -> None:
        """Ctrl+C: as q; in the dialog that follows it abandons."""
        from gpu_wizard.faces.tui.screens.dialogs import Dialog

        if isinstance(self.screen, Dialog):
            self.screen.interrupt()
        else:
            self.action_leave()

    def end(self) -> None:
        """End, once a run in hand has stopped after its step; told twice, abandon that."""
        self.runs.end()

    def last_words(self) -> list[str]:
        """What a person wants to know once the screen is gone: what was done, what was not, what was saved."""
        from gpu_wizard.faces.tui.drawing.narration import closing_words

        return closing_words(self.ui)
