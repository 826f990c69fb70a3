"""The themes offered: Textual's own that keep contrast, light and dark, and those of 16-colour terminals."""

from __future__ import annotations

from typing import ClassVar, Final

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
