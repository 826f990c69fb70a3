"""A field to type in."""

from __future__ import annotations

from textual.widgets import Input


class Field(Input):
    """One row high, its cursor steady."""

    DEFAULT_CSS = """
    Field:focus { background-tint: $foreground 0%; }
    Field > .input--placeholder { color: $foreground-muted; }
    """

    def __init__(self, text: str = "", *, secret: bool = False, id: str | None = None) -> None:
        """`text`: what it begins with. `secret`: what is typed is not shown."""
        super().__init__(text, password=secret, id=id, compact=True)
        self.cursor_blink = False

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """One row has nothing to scroll: ↑ and ↓ are the screen's."""
        return not action.startswith(("scroll_", "page_")) and super().check_action(
            action, parameters
        )
