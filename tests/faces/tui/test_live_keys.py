"""The keys of each screen: what `?` tells of and what the palette offers is what is bound there and then."""

from __future__ import annotations

import pytest
from textual.command import CommandPalette

from gpu_wizard.faces.tui.commands import Everything
from gpu_wizard.faces.tui.live_keys import MOVES, TABLE, live_keys
from gpu_wizard.faces.words import Words
from tests.faces.tui.bench import as_text, recorded_app, settle
from tests.faces.tui.stage_states import failed, fresh, whole

SCREENS = {
    "stages": (fresh, ()),
    "plan": (fresh, ("p",)),
    "output": (whole, ("o",)),
    "config": (whole, ("c",)),
    "gpu": (fresh, ("g",)),
    "trouble": (failed, ("d",)),
    "bundle": (failed, ("d", "b")),
    "explain": (fresh, ("e",)),
}


def declared(kind: type) -> set[str]:
    """The actions of the bindings that our own classes declare."""
    ours = [each for each in kind.__mro__ if each.__module__.startswith("gpu_wizard.")]
    return {binding.action for each in ours for binding in vars(each).get("BINDINGS", ())}


@pytest.mark.parametrize("name", SCREENS)
async def test_every_key_of_ours_is_told_of_and_every_action_is_in_the_palette(name: str) -> None:
    events, keys = SCREENS[name]
    app = recorded_app(events())
    async with app.run_test(size=(160, 45)) as pilot:
        await settle(pilot)
        await pilot.press(*keys)
        await settle(pilot)
        screen, words = app.screen, app.ui.words
        assert screen.name == name
        live = live_keys(screen, words)
        ours = {
            (id(each.node), each.binding.action)
            for each in screen.active_bindings.values()
            if each.enabled and each.binding.action in declared(type(each.node))
        }
        told = {
            (id(live[key].owner), live[key].action) for row in TABLE for key in row if key in live
        }
        side = {action for _, action in ours - told}
        assert side <= {"side(-1)", "side(1)"}
        await pilot.press("ctrl+p")
        await settle(pilot)
        palette = app.screen
        assert isinstance(palette, CommandPalette)
        offered = [hit.text async for hit in Everything(screen).discover()]
        for key, each in live.items():
            if any(key in row for row in TABLE) and key not in MOVES:
                assert words(each.code).lower() in {str(text).lower() for text in offered}


async def test_the_palette_does_what_the_key_does() -> None:
    app = recorded_app(fresh())
    async with app.run_test(size=(80, 24)) as pilot:
        await settle(pilot)
        await pilot.press("3", "ctrl+p")
        await pilot.press(*"skip this")
        await pilot.pause(0.3)
        await pilot.press("enter")
        await pilot.pause(0.3)
        await settle(pilot)
        assert app.ui.skipped == {"toolkit"}


async def test_help_leaves_out_what_can_t_be_pressed() -> None:
    app = recorded_app(fresh())
    async with app.run_test(size=(80, 24)) as pilot:
        await settle(pilot)
        assert not {"left_square_bracket", "escape"} & set(live_keys(app.screen, Words("en")))
        await pilot.press("2")
        assert "s" not in live_keys(app.screen, Words("en"))
    start = recorded_app([], setup=None)
    async with start.run_test(size=(80, 24)) as pilot:
        await settle(pilot)
        live = live_keys(start.screen, Words("en"))
        assert not {"p", "q", "question_mark", "r"} & set(live)
        assert {"f1", "f2", "ctrl+c", "up", "enter"} <= set(live)
        await pilot.press("f1")
        await settle(pilot)
        assert "Keys here: Start" in as_text(start)
