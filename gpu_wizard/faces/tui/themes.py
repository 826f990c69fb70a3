"""The themes offered: Textual's own that keep contrast, light and dark, and those of 16-colour terminals."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, Final

from textual.app import App
from textual.color import BLACK, WHITE, Color
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


CONTRAST: Final = 4.5
"""Least contrast of any text with what is behind it.

Source: WCAG 2.2, 1.4.3 Contrast (Minimum), https://www.w3.org/TR/WCAG22/#contrast-minimum.
"""
_BEHIND: Final = ("background", "surface", "panel")
_WRITTEN: Final = (
    *("foreground", "foreground-muted", "footer-key-foreground"),
    *("text-primary", "text-secondary", "text-accent"),
    *("text-success", "text-warning", "text-error"),
)
_STEPS: Final = 40


class PlainBars(ScrollBarRender):
    """A scrollbar without block characters: its ends are whole cells."""

    VERTICAL_BARS: ClassVar[list[str]] = [" "] * 8
    HORIZONTAL_BARS: ClassVar[list[str]] = [" "] * 8


def register(app: App[Any], *, plain: bool) -> None:
    """Choose the first theme. `plain`: the terminal has sixteen colours at most, or is to show none."""
    app.theme = SIXTEEN if plain else DARK


def legible(variables: Mapping[str, str], *, dark: bool) -> dict[str, str]:
    """The colours that text is written in, each as near to the theme's own as its contrast allows."""
    behind = [Color.parse(variables[name]) for name in _BEHIND]
    written = {name: Color.parse(variables[name]) for name in _WRITTEN}
    return {name: _readable(colour, behind, dark=dark).hex for name, colour in written.items()}


def _readable(colour: Color, behind: list[Color], *, dark: bool) -> Color:
    opaque = behind[0].blend(colour.with_alpha(1), colour.a) if colour.a < 1 else colour
    towards = WHITE if dark else BLACK
    tried = (opaque.blend(towards, step / _STEPS) for step in range(_STEPS))
    enough = (c for c in tried if all(contrast(c, each) >= CONTRAST for each in behind))
    return next(enough, towards)


def contrast(one: Color, other: Color) -> float:
    """Between 1 and 21.

    Source: WCAG 2.2, relative luminance and contrast ratio.
    """
    low, high = sorted((_luminance(one), _luminance(other)))
    return (high + 0.05) / (low + 0.05)


def _luminance(colour: Color) -> float:
    red, green, blue = (
        part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4
        for part in colour.normalized
    )
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue
