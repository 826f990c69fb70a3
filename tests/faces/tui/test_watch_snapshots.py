"""The watch at 80×24 and 160×45 as text that can be read and compared; see test_tui_snapshots."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from textual.pilot import Pilot

from gpu_wizard.engine.fleet import NodeSeen
from gpu_wizard.faces.tui.watching.app import WatchApp
from gpu_wizard.faces.tui.watching.node import NodeScreen
from gpu_wizard.facts.cluster_events import ClusterEvent
from gpu_wizard.model.fact import Unknown
from tests.faces.tui import gpu_series
from tests.faces.tui.bench import as_text
from tests.faces.tui.watch_nodes import (
    Clock,
    Looks,
    broken,
    drawn,
    hidden,
    silent,
    ten,
    two_hundred,
    watch_app,
)

FOLDER = Path(__file__).parent / "snapshots"
SMALL, LARGE = (80, 24), (160, 45)


@pytest.fixture(autouse=True)
def _utc(monkeypatch: pytest.MonkeyPatch) -> None:
    """Clocks on screens are local ones."""
    import time

    monkeypatch.setenv("TZ", "UTC")
    time.tzset()


def compare(name: str, text: str) -> None:
    """The screen equals its picture."""
    path = FOLDER / f"{name}.txt"
    if os.environ.get("UPDATE_SNAPSHOTS") or not path.exists():
        path.write_text(text, encoding="utf-8")
    assert text == path.read_text(encoding="utf-8")


async def in_both_sizes(app: WatchApp, pilot: Pilot[int], name: str) -> None:
    """Small in English and Russian, then large."""
    await drawn(pilot)
    compare(f"en-80-{name}", as_text(app))
    await app.run_action("language")
    await drawn(pilot)
    compare(f"ru-80-{name}", as_text(app))
    await app.run_action("language")
    await pilot.resize_terminal(*LARGE)
    await drawn(pilot)
    compare(f"en-160-{name}", as_text(app))


def none_answers() -> list[NodeSeen]:
    return [silent(f"gpu-node-{n}") for n in range(1, 5)]


def one() -> list[NodeSeen]:
    return [hidden("gpu-node-7")]


SCREENS: dict[str, tuple[Callable[[], Sequence[NodeSeen]], tuple[str, ...]]] = {
    "watch-ten": (ten, ()),
    "watch-two-hundred": (two_hundred, ()),
    "watch-two-hundred-end": (two_hundred, ("end",)),
    "watch-unfinished": (two_hundred, ("f",)),
    "watch-filter": (two_hundred, ("slash", *"rack7-4")),
    "watch-no-match": (ten, ("slash", *"zz", "enter")),
    "watch-none-answers": (none_answers, ()),
    "watch-node": (ten, ("down", "enter")),
    "watch-node-versions": (ten, ("enter", "right")),
    "watch-node-cards": (ten, ("g",)),
    "watch-node-silent": (none_answers, ("enter",)),
    "watch-single": (one, ()),
    "watch-help": (ten, ("question_mark",)),
}


@pytest.mark.parametrize("name", SCREENS)
async def test_each_screen(name: str) -> None:
    nodes, keys = SCREENS[name]
    app = watch_app(Looks(nodes()))
    async with app.run_test(size=SMALL) as pilot:
        await drawn(pilot)
        await pilot.press(*keys)
        await in_both_sizes(app, pilot, name)


async def test_what_changed_is_told() -> None:
    before, clock = ten(), Clock()
    changed = {"gpu-node-2": silent("gpu-node-2"), "gpu-node-8": broken("gpu-node-8")}
    app = watch_app(Looks(before, [changed.get(one.node, one) for one in before]), clock=clock)
    async with app.run_test(size=SMALL) as pilot:
        await drawn(pilot)
        clock.on(10)
        await pilot.press("r")
        await in_both_sizes(app, pilot, "watch-changes")


def told(*events: ClusterEvent, unknown: Unknown | None = None) -> list[NodeSeen]:
    """Ten nodes, and what the cluster tells of the fourth."""
    return [
        replace(one, events=events, events_unknown=unknown) if one.node == "gpu-node-4" else one
        for one in ten()
    ]


def event(
    minute: int, kind: str, name: str, reason: str, message: str, **more: Any
) -> ClusterEvent:
    at = datetime(2026, 11, 26, 14, minute, 5, tzinfo=UTC)
    return ClusterEvent(f"{name}{minute}", at, kind, "ml", name, reason, message, **more)


async def test_what_the_cluster_tells_stands_among_the_events() -> None:
    no_room = "0/10 nodes are available: 10 Insufficient nvidia.com/gpu. preemption: none helps."
    failing = "Back-off restarting failed container nvidia-device-plugin-ctr"
    nodes = told(
        event(1, "Pod", "trainer-0", "FailedScheduling", no_room, is_warning=True, count=12),
        event(0, "Node", "gpu-node-4", "NodeNotReady", "Node is not ready", is_warning=False),
        event(2, "Pod", "plugin-x2l", "BackOff", failing, is_warning=True, host="gpu-node-4"),
    )
    app = watch_app(Looks(nodes))
    async with app.run_test(size=SMALL) as pilot:
        await drawn(pilot)
        await in_both_sizes(app, pilot, "watch-events")
        app.view.chosen = "gpu-node-4"
        await pilot.press("enter")
        await in_both_sizes(app, pilot, "watch-node-events")


async def test_events_that_may_not_be_read_are_said_to_be_so() -> None:
    nodes = told(unknown=Unknown("api-forbidden", "events is forbidden"))
    app = watch_app(Looks(nodes))
    async with app.run_test(size=LARGE) as pilot:
        await drawn(pilot)
        app.view.chosen = "gpu-node-4"
        await pilot.press("enter", *["pagedown"] * 5)
        await drawn(pilot)
        assert "The cluster's events could not be read" in as_text(app)


async def test_before_the_first_node_has_answered() -> None:
    app = watch_app(Looks(ten()[:3], stopped=True))
    async with app.run_test(size=SMALL) as pilot:
        await in_both_sizes(app, pilot, "watch-looking")


@pytest.mark.parametrize("series", ["one", "eight"])
async def test_live_cards_of_a_node(series: str) -> None:
    history, now = gpu_series.SERIES[series]()
    clock = Clock()
    clock.now = now
    app = watch_app(Looks(ten()), clock=clock)
    async with app.run_test(size=SMALL) as pilot:
        await drawn(pilot)
        await app.push_screen(NodeScreen(app.view, "gpu-node-1", "cards", history))
        history.failure = ""
        await drawn(pilot)
        compare(f"en-80-watch-live-{series}", as_text(app))
        await pilot.resize_terminal(*LARGE)
        await drawn(pilot)
        compare(f"en-160-watch-live-{series}", as_text(app))


async def test_ascii_has_no_other_character() -> None:
    for keys in ((), ("enter",), ("enter", "g"), ("question_mark",)):
        app = watch_app(Looks(two_hundred()), ascii_only=True)
        async with app.run_test(size=LARGE) as pilot:
            await drawn(pilot)
            await pilot.press(*keys)
            await drawn(pilot)
            text = as_text(app)
        assert text.isascii(), [c for c in text if not c.isascii()]


def test_the_clock_of_the_pictures() -> None:
    assert Clock().now == datetime(2026, 11, 26, 14, 3, 20, tzinfo=UTC)
