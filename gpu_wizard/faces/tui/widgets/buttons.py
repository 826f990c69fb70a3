"""A row of buttons, one of them filled: the primary action."""

from __future__ import annotations

import asyncio
from typing import ClassVar, NamedTuple

from rich.cells import cell_len
from textual import events
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal
from textual.content import Content
from textual.message import Message
from textual.widget import Widget

from gpu_wizard.faces.tui.look import Look


class Action(NamedTuple):
    """A button: an id, its label, and whether it is the primary one or one that disturbs."""

    id: str
    label: str
    kind: str = ""
    """`primary`, `risk` or ""."""


class ActionButton(Widget, can_focus=True):
    """A button one row high that knows which action it stands for."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("enter", "press", "does.press", show=False)]
    DEFAULT_CSS = """
    ActionButton { width: auto; height: 1; margin-right: 1; text-style: bold; background: $panel; }
    ActionButton.-primary { color: $background; background: $text-primary; }
    ActionButton.-risk { color: $background; background: $text-warning; }
    ActionButton:focus, ActionButton:hover { color: $background; background: $foreground; }
    ActionButton:ansi { color: ansi_default; background: ansi_default; }
    ActionButton:ansi:focus { text-style: reverse bold; }
    """

    class Pressed(Message):
        """It was pressed."""

        def __init__(self, button: ActionButton) -> None:
            """`button`: this one."""
            super().__init__()
            self.button = button

    def __init__(self, action: Action, label: str) -> None:
        """`action`: what pressing it means; `label` in the characters that the terminal has."""
        super().__init__(classes=f"-{action.kind}" if action.kind else None)
        self.means = action.id
        self.label = label

    def render(self) -> Content:
        """The label; where no background tells it from a text, brackets do."""
        bare = self.app.native_ansi_color or self.app.has_class("-ascii")
        return Content(f"[{self.label}]" if bare else f" {self.label} ")

    def action_press(self) -> None:
        """Say so."""
        self.post_message(self.Pressed(self))

    def on_click(self, event: events.Click) -> None:
        """The same with the mouse."""
        event.stop()
        self.action_press()


class ButtonRow(Horizontal):
    """Buttons that can be replaced; the focus stays on the action that it was on, if that is still there."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("left", "step(-1)", "does.button", show=False),
        Binding("right", "step(1)", "does.button", show=False),
    ]
    DEFAULT_CSS = """
    ButtonRow { height: 1; width: 1fr; }
    """

    class Pressed(Message):
        """An action was chosen."""

        def __init__(self, action: str) -> None:
            """`action`: its id."""
            super().__init__()
            self.action = action

    def __init__(
        self, actions: tuple[Action, ...] = (), *, id: str | None = None, arrows: bool = True
    ) -> None:
        """`actions`, the first on the left. `arrows`: ← and → go from one to the next."""
        super().__init__(id=id)
        self._arrows = arrows
        self._actions = actions
        self._changing = asyncio.Lock()
        self._owed = False
        """The focus was here when the last button went; the next one gets it."""

    def compose(self) -> ComposeResult:
        """The buttons."""
        for action in self._actions:
            yield self._button(action)

    def _button(self, action: Action) -> ActionButton:
        return ActionButton(action, self._label(action))

    def _label(self, action: Action) -> str:
        look: Look = self.app.ui.look  # type: ignore[attr-defined]  # our own app
        return look.text(action.label)

    @property
    def wanted_width(self) -> int:
        """The cells that all of them take beside each other."""
        return sum(cell_len(self._label(action)) + 3 for action in self._actions) - 1

    @property
    def actions(self) -> tuple[str, ...]:
        """The ids of what can be chosen now."""
        return tuple(action.id for action in self._actions)

    async def show(self, actions: tuple[Action, ...]) -> None:
        """Offer other actions; one change after the other."""
        async with self._changing:
            if actions != self._actions:
                await self._change(actions)

    async def _change(self, actions: tuple[Action, ...]) -> None:
        focused = self.screen.focused
        had_focus = isinstance(focused, ActionButton) and focused.parent is self
        had_focus = had_focus or (self._owed and focused is None)
        meant = focused.means if isinstance(focused, ActionButton) else ""
        same = tuple(a.id for a in actions) == self.actions
        self._actions = actions
        if same:
            for button, action in zip(self.query(ActionButton), actions, strict=True):
                button.label = self._label(action)
                button.refresh(layout=True)
            return
        if had_focus:
            self.screen.set_focus(None)
        await self.remove_children()
        if not self.is_attached:  # the program was ended meanwhile
            return
        await self.mount(*map(self._button, actions))
        self._owed = had_focus and not actions
        if had_focus:
            self.focus_on(meant)

    def focus_on(self, meant: str = "") -> None:
        """Focus the button of an action, else the primary one, else the first."""
        buttons = list(self.query(ActionButton))
        kinds = {action.id: action.kind for action in self._actions}
        ranked = sorted(buttons, key=lambda b: (b.means != meant, kinds[b.means] != "primary"))
        if ranked:
            ranked[0].focus()

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Where arrows mean something else on the screen, they are left to it."""
        return self._arrows if action == "step" else super().check_action(action, parameters)

    def action_step(self, by: int) -> None:
        """The next button."""
        buttons = list(self.query(ActionButton))
        if self.screen.focused in buttons:
            at = buttons.index(self.screen.focused)
            buttons[(at + by) % len(buttons)].focus()

    def on_action_button_pressed(self, event: ActionButton.Pressed) -> None:
        """Say which action was chosen."""
        event.stop()
        self.post_message(self.Pressed(event.button.means))
