"""What all full screens share: header, notice row, footer, painting, and words that change at run time."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from textual.app import ComposeResult
from textual.containers import Vertical
from textual.screen import Screen
from textual.widget import Widget

from gpu_wizard.faces.tui.look import BODY, ERROR, MUTED, RISK, STRONG, STYLES, Line, Part
from gpu_wizard.faces.tui.widgets.bars import Footer, Header, Hint
from gpu_wizard.faces.tui.widgets.buttons import Action, ButtonRow
from gpu_wizard.faces.tui.widgets.drawn import Drawn
from gpu_wizard.faces.words import elapsed
from gpu_wizard.model.errors import WizardError

if TYPE_CHECKING:
    from gpu_wizard.faces.tui.ui import Ui
    from gpu_wizard.faces.tui.widgets.output_pane import OutputPane

HELP = Hint("?", "key.help", "app.help")
QUIT = Hint("q", "key.quit", "app.leave")
BACK = Hint("Esc", "key.back", "app.back")


class WizardScreen(Screen[None]):
    """A full screen. `paint` is called whenever something changed, at most 20 times a second."""

    HORIZONTAL_BREAKPOINTS = [(0, "-narrow"), (120, "-wide")]  # noqa: RUF012 - Textual declares it without ClassVar
    VERTICAL_BREAKPOINTS = [(0, "-short"), (36, "-tall")]  # noqa: RUF012 - as above
    DEFAULT_CSS = """
    WizardScreen #foot { dock: bottom; height: 2; }
    WizardScreen #notice { height: 1; padding: 0 1; }
    """

    def __init__(self, ui: Ui) -> None:
        """`ui` is shared with the other screens."""
        name = type(self).__name__.removesuffix("Screen").lower()
        super().__init__(name=name)
        self.ui = ui
        # Before the first layout: a class that came with it would have everything styled once more.
        width, height = self.app.size
        across = self._get_breakpoint_classes(width, self.HORIZONTAL_BREAKPOINTS)
        down = self._get_breakpoint_classes(height, self.VERTICAL_BREAKPOINTS)
        self.add_class(*across, *down)

    def compose(self) -> ComposeResult:
        """Header, body, notice row, footer."""
        yield Header(self._header, id="header")
        yield from self.body()
        with Vertical(id="foot"):
            yield Drawn(self._notice, id="notice")
            yield Footer(self.hints, lambda: self.ui.words, self.ui.look)

    def body(self) -> Iterator[Widget]:
        """The widgets between header and footer."""
        yield from ()

    def hints(self) -> Sequence[Hint]:
        """The footer's keys, the most wanted first."""
        return (BACK, HELP, QUIT)

    def actions(self) -> tuple[Action, ...]:
        """What the row of buttons offers now, where there is one."""
        return ()

    def title_parts(self) -> tuple[list[Part], list[Part]]:
        """What the header says on the left behind the node, and on the right."""
        return [], []

    def output_pane(self) -> OutputPane:
        """The output of the node shown."""
        from gpu_wizard.faces.tui.widgets.output_pane import OutputPane

        ui = self.ui
        pane = OutputPane(ui.control.log(ui.node), ui.look, ui.finding_title)
        pane.plain = ui.plain_output
        return pane

    async def paint(self) -> None:
        """Draw what may have changed, and offer what fits."""
        for drawn in self.query(Drawn):
            drawn.redraw()
        for row in self.query(ButtonRow):
            await row.show(self.actions())

    async def say(self, text: str, style: str = "") -> None:
        """A line above the footer."""
        self.ui.notice = (text, style)
        await self.paint()

    def tell(self, text: str, style: str = "") -> None:
        """The same, drawn as soon as there is time."""
        self.ui.notice = (text, style)
        self.call_later(self.paint)

    def save(self, write: Callable[[], None], path: Path | str) -> None:
        """Write a file of the person's own, and say so, or why not."""
        try:
            write()
        except WizardError as error:
            self.tell(self.ui.words("line.not-saved", reason=self.ui.words.trouble(error)), ERROR)
        else:
            self.tell(self.ui.words("line.saved", path=path))

    def save_text(self, text: str, path: Path) -> None:
        """Write a text into a file of the person's own."""
        self.save(lambda: self.ui.services.save_text(text, path), path)

    def on_resize(self) -> None:
        """Another size may mean another arrangement."""
        self.call_after_refresh(self.paint)

    def on_screen_resume(self) -> None:
        """Shown again: what changed meanwhile is drawn."""
        self.call_later(self.paint)

    def _header(self, width: int) -> list[Line]:
        left, right = self.title_parts()
        start: list[Part] = [("gpu-wizard", STRONG)]
        if self.ui.node:
            start += [("  ", BODY), (self.ui.node, BODY)]
        return [self.ui.look.ends(width, [*start, *left], right)]

    def _notice(self, width: int) -> list[Line]:
        text, style = self._connection() or self.ui.notice
        return [self.ui.look.ends(width, [(text, style or MUTED)], [])]

    def _connection(self) -> tuple[str, str] | None:
        if not self.ui.node:
            return None
        node, words = self.ui.shown, self.ui.words
        if node.lost is not None:
            ago = words.ago(node.lost.at, self.ui.now())
            return f"! {words('line.lost', host=node.lost.host, ago=ago)}", RISK
        back = node.restored
        if back is not None and (self.ui.now() - back.at).total_seconds() < 5:
            return f"✓ {words('line.restored', host=back.host)}", STYLES["done"]
        return None

    def clock(self) -> list[Part]:
        """How much is done and how long it took, for the header's right end."""
        ui, progress = self.ui, self.ui.control.progress
        stages = ui.shown.stages.values()
        done = sum(stage.state == "done" for stage in stages)
        text = ui.words("head.done", done=done, all=9)
        parts: list[Part] = [(text, BODY)]
        if progress.started_at is not None and (progress.active or progress.finished):
            end = progress.ended_at or ui.now()
            parts.append((f" · {elapsed((end - progress.started_at).total_seconds())}", MUTED))
        return parts

    def step_back(self) -> None:
        """Close this screen; once, also where its button was pressed twice before it was gone."""
        if self.is_current:
            self.app.pop_screen()
