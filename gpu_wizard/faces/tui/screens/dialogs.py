"""Dialogs: a question with its options, a risk, a host key, a password, stopping, keys."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import ClassVar, NamedTuple, TypeAlias

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical, VerticalScroll
from textual.events import Key
from textual.screen import ModalScreen
from textual.widgets import Input

from gpu_wizard.faces.tui.ui import Ui
from gpu_wizard.faces.tui.widgets.buttons import Action, ButtonRow
from gpu_wizard.faces.tui.widgets.drawn import Draw, Drawn
from gpu_wizard.faces.tui.widgets.field import Field


class Said(NamedTuple):
    """What a dialog says in one language."""

    title: str
    draw: Draw
    actions: Sequence[Action]


Say: TypeAlias = Callable[[], Said]
"""What a dialog says, in the language of the moment."""


class Dialog(ModalScreen[str]):
    """A title in the border, text, a row of buttons; ends with the id of one of them.

    `escape`: what Esc means, "" for nothing. `keys`: more keys that stand for buttons.
    """

    CSS_PATH = "dialogs.tcss"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("up,k,л", "scroll(-1)", show=False),
        Binding("down,j,о", "scroll(1)", show=False),
        Binding("f2", "app.language", show=False),
    ]

    def __init__(
        self,
        say: Say,
        *,
        escape: str = "",
        risk: bool = False,
        focus: str = "",
        keys: Mapping[str, str] | None = None,
        interrupt: str = "",
    ) -> None:
        """`risk`: framed as a warning. `focus`: the button that has the focus; the primary one by itself.

        `interrupt`: what Ctrl+C means here; else the same as Esc.
        """
        super().__init__()
        self._say, self._said = say, say()
        self._escape, self._risk, self._focus = escape, risk, focus
        self._keys = keys or {}
        self._interrupt = interrupt or escape

    def compose(self) -> ComposeResult:
        """The frame."""
        with Vertical(id="dialog", classes="-risk" if self._risk else "") as frame:
            frame.border_title = self._said.title
            with VerticalScroll(id="dialog-text", can_focus=False):
                yield Drawn(lambda width: self._said.draw(width))
            yield from self.fields()
            yield ButtonRow(tuple(self._said.actions), id="dialog-buttons")

    async def say_anew(self) -> None:
        """Another language was chosen; what was typed and what has the focus stay."""
        self._said = self._say()
        self.query_one("#dialog").border_title = self._said.title
        for drawn in self.query(Drawn):
            drawn.redraw()
        await self.query_one(ButtonRow).show(tuple(self._said.actions))
        self.call_after_refresh(self.on_resize)

    def fields(self) -> ComposeResult:
        """What stands between text and buttons."""
        yield from ()

    def on_mount(self) -> None:
        """What is safe has the focus."""
        self.focus_first()

    def on_resize(self) -> None:
        """Buttons that have no room beside each other stand one below the other."""
        row = self.query_one(ButtonRow)
        row.set_class(row.wanted_width > row.size.width, "-stacked")

    def focus_first(self) -> None:
        """The safe button."""
        self.query_one(ButtonRow).focus_on(self._focus)

    def on_button_row_pressed(self, event: ButtonRow.Pressed) -> None:
        """A button ends the dialog."""
        self.dismiss(event.action)

    def on_key(self, event: Key) -> None:
        """Esc and the keys of buttons."""
        if event.key == "escape" and self._escape:
            event.stop()
            self.dismiss(self._escape)
        elif event.key in self._keys and not isinstance(self.focused, Input):
            event.stop()
            self.dismiss(self._keys[event.key])

    def interrupt(self) -> None:
        """Ctrl+C: never what a dialog is there to ask about, but in the one about stopping."""
        if self._interrupt:
            self.dismiss(self._interrupt)

    def action_scroll(self, by: int) -> None:
        """A text longer than the dialog."""
        self.query_one("#dialog-text", VerticalScroll).scroll_relative(y=by, animate=False)


class EntryDialog(Dialog):
    """A dialog with one field. Ends with `ok`, and what was typed is in `typed`; or with another button."""

    def __init__(
        self,
        say: Say,
        *,
        secret: bool,
        text: str = "",
        escape: str = "cancel",
    ) -> None:
        """`secret`: what is typed is not shown. `text`: what the field begins with."""
        super().__init__(say, escape=escape)
        self._secret, self._text = secret, text
        self.typed = ""

    def fields(self) -> ComposeResult:
        """The field."""
        yield Field(self._text, secret=self._secret, id="entry")

    def focus_first(self) -> None:
        """The field."""
        self.query_one(Input).focus()

    def on_input_changed(self, event: Input.Changed) -> None:
        """Kept as it is typed."""
        self.typed = event.value

    def on_input_submitted(self, event: Input.Submitted) -> None:
        """Enter in the field is the primary button."""
        self.typed = event.value
        self.dismiss("ok")


def plain(ui: Ui, *paragraphs: str) -> Draw:
    """Paragraphs of text, a blank line between them."""

    def draw(width: int) -> list[object]:
        lines: list[object] = []
        for text in paragraphs:
            lines += [*([ui.look.line("")] if lines else []), *ui.look.wrapped(text, width)]
        return lines

    return draw  # type: ignore[return-value]  # lines of Content
