"""The themes offered: Textual's own that keep contrast, light and dark, and those of 16-colour terminals."""

from __future__ import annotations

from typing import Any, Final

from textual.app import App

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


def register(app: App[Any], *, plain: bool) -> None:
    """Choose the first theme."""
    app.theme = SIXTEEN if plain else DARK
