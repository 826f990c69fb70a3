"""The plan of the stage chosen; with the focus its steps are walked, and Enter opens one in place."""

from __future__ import annotations

from typing import ClassVar

from textual.binding import Binding, BindingType
from textual.containers import VerticalScroll
from textual.geometry import Region

from gpu_wizard.faces.tui.drawing.plan import Drawing, plan
from gpu_wizard.faces.tui.look import Line
from gpu_wizard.faces.tui.ui import Ui
from gpu_wizard.faces.tui.widgets.drawn import Drawn


class Steps(Drawn, can_focus=True):
    """Found and Will do."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("up,k,л", "step(-1)", "does.step", show=False),
        Binding("down,j,о", "step(1)", "does.step", show=False),
        Binding("enter", "open", "does.open", show=False),
    ]

    def __init__(self, ui: Ui) -> None:
        """Shows the stage that `ui` names."""
        super().__init__(self._drawn, id="steps")
        self.ui = ui
        self._cursor = 0
        self._drawing = Drawing()

    def reset(self) -> None:
        """Another stage: its first step is chosen."""
        self._cursor = 0

    @property
    def cursor(self) -> int:
        """The step chosen, from 0."""
        return self._cursor

    def _drawn(self, width: int) -> list[Line]:
        stage = self.ui.shown.stage(self.ui.stage)
        cursor = self._cursor if self.has_focus else None
        self._drawing = plan(stage, self.ui.pen(width), cursor, frozenset(self.ui.opened))
        return self._drawing.lines

    def on_focus(self) -> None:
        """The chosen step is marked."""
        self.redraw()

    def on_blur(self) -> None:
        """No mark without focus."""
        self.redraw()

    def action_step(self, by: int) -> None:
        """The next step; where there are none, the text scrolls."""
        if not self._drawing.steps:
            self._scroll(by)
            return
        self._cursor = max(0, min(len(self._drawing.steps) - 1, self._cursor + by))
        self.redraw()
        top = self._drawing.steps[self._cursor]
        self.call_after_refresh(self.scroll_visible_lines, top)

    def scroll_visible_lines(self, top: int) -> None:
        """Bring the chosen step into sight."""
        if isinstance(self.parent, VerticalScroll):
            below = self._drawing.steps.get(self._cursor + 1, len(self._drawing.lines))
            region = Region(0, top, 1, min(below - top, self.parent.size.height))
            self.parent.scroll_to_region(region, animate=False)

    def _scroll(self, by: int) -> None:
        if isinstance(self.parent, VerticalScroll):
            self.parent.scroll_relative(y=by, animate=False)

    def action_open(self) -> None:
        """Show a step to its last line, or fold it again."""
        stage = self.ui.shown.stage(self.ui.stage)
        if self._cursor < len(stage.plan):
            step = stage.plan[self._cursor].id
            self.ui.opened ^= {step}
            self.redraw()
