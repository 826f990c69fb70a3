"""Every screen and every state of a stage, at 80×24 and 160×45, as text that can be read and compared.

A new picture is written where there is none; `UPDATE_SNAPSHOTS=1` writes all anew.
"""

from __future__ import annotations

import asyncio
import os
import re
from dataclasses import replace
from datetime import datetime
from pathlib import Path

import pytest

from gpu_wizard.faces.exchanged import Candidate, Recent, Unfinished
from gpu_wizard.faces.tui.app import WizardApp
from gpu_wizard.faces.tui.screens.gpu import GpuScreen
from gpu_wizard.knowledge.texts import Language
from gpu_wizard.model.setup_file import HostEntry, NodeEntry, SetupFile
from tests.faces.tui import gpu_series
from tests.faces.tui.bench import SETUP, as_text, recorded_app, settle
from tests.faces.tui.stage_states import (
    STATES,
    failed,
    fresh,
    no_internet,
    running,
    unheard_of,
    whole,
)

FOLDER = Path(__file__).parent / "snapshots"
SMALL, LARGE = (80, 24), (160, 45)


def compare(name: str, text: str) -> None:
    """The screen equals its picture; how many entries the catalogue has is no matter."""
    text = re.sub(r"\d+(?= in the catalogue)|(?<=в каталоге )\d+", "NNN", text)
    path = FOLDER / f"{name}.txt"
    if os.environ.get("UPDATE_SNAPSHOTS") or not path.exists():
        path.parent.mkdir(exist_ok=True)
        path.write_text(text, encoding="utf-8")
    assert text == path.read_text(encoding="utf-8")


async def pictures(app: WizardApp, name: str, *keys: str, opened: str = "") -> None:
    """The screen after these keys, small in English and Russian, then large."""
    async with app.run_test(size=SMALL) as pilot:
        await settle(pilot)
        await pilot.press(*keys)
        if opened:
            app.open(opened)
        await settle(pilot)
        compare(f"en-80-{name}", as_text(app))
        await app.action_language()
        await settle(pilot)
        compare(f"ru-80-{name}", as_text(app))
        await app.action_language()
        await pilot.resize_terminal(*LARGE)
        await settle(pilot)
        compare(f"en-160-{name}", as_text(app))


@pytest.mark.parametrize("state", STATES)
async def test_a_stage_in_each_state(state: str) -> None:
    events, key = STATES[state]
    await pictures(recorded_app(events()), f"stage-{state}", key)


SCREENS = {
    "why": (fresh, ("3", "right")),
    "output-view": (running, ("right", "right")),
    "skipped": (fresh, ("3", "x")),
    "plan": (fresh, ("a",)),
    "plan-one": (fresh, ("3", "s")),
    "plan-done": (whole, ("p",)),
    "explain-output": (whole, ("o", "e", "right")),
    "explain-config": (whole, ("c", "e", "down", "right")),
    "explain": (fresh, ("3", "e", "right", "right")),
    "explain-done": (fresh, ("2", "e", "right")),
    "output": (running, ("o",)),
    "output-errors": (failed, ("o", "f")),
    "output-finding": (no_internet, ("o",)),
    "config": (whole, ("c",)),
    "config-file": (whole, ("c", "right")),
    "config-unread": (lambda: fresh()[:1], ("c",)),
    "trouble": (failed, ("d",)),
    "trouble-none": (fresh, ("d",)),
    "trouble-unheard": (unheard_of, ("d",)),
    "bundle": (failed, ("d", "b")),
    "finish": (whole, ("7",)),
    "gpu-none": (fresh, ("g",)),
}


@pytest.mark.parametrize("name", SCREENS)
async def test_each_screen(name: str) -> None:
    events, keys = SCREENS[name]
    opened = "finish" if name == "finish" else ""
    await pictures(recorded_app(events()), name, *keys, opened=opened)


HELP: dict[str, tuple[str, ...]] = {
    "stages": (),
    "output": ("o",),
    "trouble": ("d",),
    "gpu": ("g",),
}


@pytest.mark.parametrize("name", HELP)
async def test_the_keys_of_a_screen(name: str) -> None:
    shown: tuple[tuple[Language, tuple[int, int]], ...]
    shown = (("en", SMALL), ("ru", SMALL), ("en", LARGE))
    for language, size in shown:
        app = recorded_app(failed(), language=language)
        async with app.run_test(size=size) as pilot:
            await settle(pilot)
            await pilot.press(*HELP[name], "question_mark")
            await settle(pilot)
            compare(f"{language}-{size[0]}-help-{name}", as_text(app))


async def test_the_first_screen() -> None:
    await pictures(recorded_app([], setup=None), "start")


def several() -> SetupFile:
    """Three nodes of one control plane."""
    names = [f"gpu-node-{number}" for number in (1, 2, 3)]
    nodes = tuple(NodeEntry(name, HostEntry(f"anna@{name}")) for name in names)
    return replace(SETUP, nodes=nodes)


async def test_a_run_of_several_nodes_is_begun_at_once() -> None:
    at = datetime.fromisoformat("2026-11-26T11:50:00+00:00").timestamp()
    app = recorded_app([], setup=None, recent=lambda: (Recent(several(), at),))
    async with app.run_test(size=SMALL) as pilot:
        await settle(pilot)
        await app._press_keys(["enter"])
        async with asyncio.timeout(60):
            while app.screen.name != "stages":
                await asyncio.sleep(0.02)
        assert app.ui.setup == several()


async def test_a_list_longer_than_the_screen_shows_the_row_that_is_chosen() -> None:
    many = tuple(Candidate(f"gpu-{number:02}", "~/.ssh/config") for number in range(30))
    app = recorded_app([], setup=None, candidates=lambda: many)
    async with app.run_test(size=SMALL) as pilot:
        await settle(pilot)
        for number in (1, 15, 14):
            await pilot.press(*["down"] * number)
            await settle(pilot)
            rows = [row for row in as_text(app).splitlines() if "▌" in row]
            assert len(rows) == 1
            assert "Look at the node" in as_text(app)
        assert "gpu-29" not in rows[0]
        assert "this machine" in rows[0]


async def test_the_first_screen_lists_runs_that_stopped_and_that_ended_well() -> None:
    at = datetime.fromisoformat("2026-11-26T11:50:00+00:00").timestamp()
    other = HostEntry("anna@gpu-node-7")
    done = replace(SETUP, nodes=(replace(SETUP.nodes[0], host=other),))
    app = recorded_app(
        [],
        setup=None,
        unfinished=lambda: (Unfinished(SETUP, "gpu1", "runtime", at),),
        recent=lambda: (Recent(SETUP, at), Recent(done, at), Recent(several(), at)),
    )
    await pictures(app, "start-runs")
    again = recorded_app([], setup=None, recent=lambda: (Recent(done, at),))
    await pictures(again, "start-again", "enter")


@pytest.mark.parametrize("name", gpu_series.SERIES)
async def test_the_gpu_panels(name: str) -> None:
    history, now = gpu_series.SERIES[name]()
    app = recorded_app(fresh(), now=now)
    async with app.run_test(size=SMALL) as pilot:
        await settle(pilot)
        await app.push_screen(GpuScreen(app.ui, history))
        await settle(pilot)
        compare(f"en-80-gpu-{name}", as_text(app))
        await pilot.resize_terminal(*LARGE)
        await settle(pilot)
        compare(f"en-160-gpu-{name}", as_text(app))


async def test_ascii_has_no_other_character() -> None:
    app = recorded_app(whole(), ascii_only=True)
    async with app.run_test(size=SMALL) as pilot:
        await settle(pilot)
        await pilot.press("3")
        await settle(pilot)
        text = as_text(app)
    assert text.isascii(), [c for c in text if not c.isascii()]


async def test_several_nodes_are_one_rail_each() -> None:
    events = fresh()
    second = [replace(event, node="gpu2") if event.node else event for event in failed()]
    app = recorded_app(events[:-1] + second)
    app.ui.follow = False
    await pictures(app, "nodes", "right_square_bracket")
