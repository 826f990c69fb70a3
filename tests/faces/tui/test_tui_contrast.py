"""Every text that the screens paint can be read on what is behind it, in every theme offered: WCAG's ratio, computed."""

from __future__ import annotations

import pytest
from textual.color import Color

from gpu_wizard.faces.tui import themes
from gpu_wizard.faces.tui.app import WizardApp
from gpu_wizard.faces.tui.themes import CONTRAST, contrast
from tests.faces.tui.bench import recorded_app, settle
from tests.faces.tui.stage_states import failed, fresh, running, whole

TRUE_COLOURS = [theme for theme in themes.OFFERED if not theme.startswith("ansi")]
LINES = frozenset("▔▁▏▕▄▅▆▃▂▇█▊▎")
"""Drawn between panes and as scrollbars: what they part is told apart by its place too."""


def faint(app: WizardApp) -> set[tuple[str, str, str, float]]:
    """Texts on the screen that have too little contrast, with both colours and the ratio."""
    found = set()
    # What lies behind a dialog is dimmed on purpose.
    region = (
        app.screen.query("#dialog").first().region if app.screen.is_modal else app.screen.region
    )
    for strip in app.screen._compositor.render_strips()[region.y : region.bottom]:
        for segment in strip.crop(region.x, region.right):
            style, text = segment.style, segment.text.strip()
            if style is None or not text or set(text) <= LINES:
                continue
            assert style.color is not None
            assert style.bgcolor is not None
            colours = [Color.from_rich_color(each) for each in (style.color, style.bgcolor)]
            ratio = contrast(colours[0], colours[1])
            if ratio < CONTRAST - 0.1:
                found.add((text, colours[0].hex, colours[1].hex, round(ratio, 2)))
    return found


@pytest.mark.parametrize("theme", TRUE_COLOURS)
async def test_everything_written_can_be_read(theme: str) -> None:
    for events, keys in (
        (fresh, ("3", "a", "escape", "e", "escape", "question_mark")),
        (running, ("o", "escape", "ctrl+c")),
        (failed, ("d", "slash")),
        (whole, ("c",)),
    ):
        app = recorded_app(events())
        async with app.run_test(size=(160, 45)) as pilot:
            app.theme = theme
            await settle(pilot)
            assert faint(app) == set()
            for key in keys:
                await pilot.press(key)
                await settle(pilot)
                assert faint(app) == set(), key


def test_contrast_is_that_of_the_standard() -> None:
    assert contrast(Color.parse("#000"), Color.parse("#fff")) == pytest.approx(21)
    assert contrast(Color.parse("#777"), Color.parse("#fff")) == pytest.approx(4.48, abs=0.01)
    assert contrast(Color.parse("#123456"), Color.parse("#123456")) == 1
