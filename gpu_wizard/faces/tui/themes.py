"""The themes offered: Textual's own that keep contrast, light and dark, and those of 16-colour terminals."""

from __future__ import annotations

from typing import Any, ClassVar, Final

from textual.app import App
from textual.scrollbar import ScrollBarRender

DARK: Final = "textual-dark"
LIGHT: Final = "textual-light"
SIXTEEN: Final = "ansi-dark"
OFFERED: Final = (
    DARK,
    LIGHT,
    "nord",
    "gruvbox",
    "tokyo-night",
    "catppuccin-mocha",
    "solarized-light",
    SIXTEEN,
)


class PlainBars(ScrollBarRender):
    """A scrollbar without block characters: its ends are whole cells."""

    VERTICAL_BARS: ClassVar[list[str]] = [" "] * 8
    HORIZONTAL_BARS: ClassVar[list[str]] = [" "] * 8


def register(app: App[Any], *, plain: bool) -> None:
    """Choose the first theme. `plain`: the terminal has sixteen colours at most, or is to show none."""
    app.theme = SIXTEEN if plain else DARK
