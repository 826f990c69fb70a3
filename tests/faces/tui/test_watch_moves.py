"""The watch by keys: order and cursor, filter, refresh, samples, hostile words, no colours."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from dataclasses import replace

import pytest

from gpu_wizard.engine.gpu_watch import Watched
from gpu_wizard.faces.tui.watching.board import BoardScreen
from gpu_wizard.faces.tui.watching.node import NodeScreen
from gpu_wizard.faces.tui.watching.sight import FOLD
from gpu_wizard.model.errors import UnreachableError
from gpu_wizard.model.sample import GpuSample, Sample
from gpu_wizard.model.stage import Found, unknown
from tests.faces.tui.bench import as_text
from tests.faces.tui.watch_nodes import (
    Clock,
    Looks,
    broken,
    drawn,
    node,
    silent,
    ten,
    two_hundred,
    watch_app,
)

SMALL = (80, 24)


async def test_rows_are_sorted_once_a_refresh_and_not_while_the_cursor_moves() -> None:
    first, clock = ten(), Clock()
    later = [broken(one.node) if one.node == "gpu-node-6" else one for one in first]
    app = watch_app(Looks(first, later), clock=clock)
    async with app.run_test(size=SMALL) as pilot:
        await drawn(pilot)
        order = app.view.sight.order
        assert order[:3] == ("gpu-node-7", "gpu-node-4", "edge-2")
        await pilot.press("down", "r")
        await drawn(pilot)
        assert app.view.sight.state("gpu-node-6") == "needed"
        assert app.view.sight.order == order
        clock.on(3)
        await pilot.press("r")
        await drawn(pilot)
        assert app.view.sight.order[:3] == ("gpu-node-7", "gpu-node-4", "gpu-node-6")
        assert app.view.cursor == "gpu-node-4"


async def test_the_cursor_stays_on_its_node_and_an_untouched_one_on_the_first_row() -> None:
    first = ten()
    later = [silent(one.node) if one.node == "gpu-node-7" else one for one in first]
    clock = Clock()
    app = watch_app(Looks(first, later), clock=clock)
    async with app.run_test(size=SMALL) as pilot:
        await drawn(pilot)
        assert app.view.cursor == "gpu-node-7"
        await pilot.press("r")
        await drawn(pilot)
        assert app.view.cursor == "gpu-node-4"
        await pilot.press("о", "л", "end")
        assert app.view.cursor == "k3s-1"


async def test_done_nodes_are_folded_and_unfold() -> None:
    app = watch_app(Looks(two_hundred()))
    async with app.run_test(size=SMALL) as pilot:
        await drawn(pilot)
        assert len(app.view.sight.rows().whole) == 13
        await pilot.press("end")
        assert app.view.cursor == FOLD
        await pilot.press("enter")
        assert len(app.view.sight.rows().whole) == 200
        await pilot.press("escape")
        assert len(app.view.sight.rows().folded) == 187


async def test_the_filter_takes_letters_that_are_keys_elsewhere() -> None:
    app = watch_app(Looks(ten()))
    async with app.run_test(size=SMALL) as pilot:
        await drawn(pilot)
        await pilot.press("full_stop", *"fq")
        assert app.view.sight.query == "fq"
        await pilot.press("escape", "slash", *"1.17", "enter")
        assert app.view.sight.rows().whole == ("gpu-node-7",)
        await pilot.press("enter")
        await drawn(pilot)
        assert isinstance(app.screen, NodeScreen)
        await pilot.press("escape", "escape")
        assert len(app.view.sight.rows().whole) == 10
        await pilot.press("а")
        assert app.view.sight.rows().whole == ("gpu-node-7", "gpu-node-4", "edge-2")


async def test_russian_keys_walk_nodes_and_views_and_quit() -> None:
    app = watch_app(Looks(ten()))
    async with app.run_test(size=SMALL) as pilot:
        await drawn(pilot)
        await pilot.press("enter", "ъ", "п")
        screen = app.screen
        assert isinstance(screen, NodeScreen)
        assert (screen.node, screen.shown) == ("gpu-node-4", "cards")
        await pilot.press("х", "п", "tab")
        assert (screen.node, screen.shown) == ("gpu-node-7", "versions")
        await pilot.press("f2")
        await drawn(pilot)
        assert "только чтение" in as_text(app)
        await pilot.press("й")
    assert app.return_value == 0


class _Samples:
    """A source that counts who listens, and fails when told to."""

    def __init__(self) -> None:
        self.open: list[str] = []
        self.fail = False

    def of(self, name: str) -> _Samples.Source:
        return self.Source(self, name)

    class Source:
        def __init__(self, mine: _Samples, name: str) -> None:
            self._mine, self._name = mine, name

        async def watch(self, every_seconds: float) -> AsyncGenerator[Watched, None]:
            self._mine.open.append(self._name)
            try:
                while not self._mine.fail:
                    card = GpuSample(0, "GPU-1", f"H200 of {self._name}", utilisation_percent=7)
                    yield Watched(Sample(0.0, "nvml", "580.159.04", (card,)), ())
                    await asyncio.sleep(0.25)
                raise UnreachableError("connection-lost", "The connection is gone.")
            finally:
                self._mine.open.remove(self._name)


async def test_samples_come_while_a_node_is_open_and_stop_when_it_closes() -> None:
    samples = _Samples()
    app = watch_app(Looks(ten()), telemetry=samples.of)
    async with app.run_test(size=SMALL) as pilot:
        await drawn(pilot)
        assert samples.open == []
        await pilot.press("enter", "g")
        await drawn(pilot)
        assert samples.open == ["gpu-node-7"]
        assert "H200 of gpu-node-7" in as_text(app)
        await pilot.press("right_square_bracket")
        await drawn(pilot)
        assert samples.open == ["gpu-node-4"]
        assert "H200 of gpu-node-4" in as_text(app)
        samples.fail = True
        await pilot.pause(0.4)
        await drawn(pilot)
        assert "The connection is gone." in as_text(app)
        samples.fail = False
        await pilot.press("r")
        await drawn(pilot)
        assert samples.open == ["gpu-node-4"]
        await pilot.press("escape")
        await drawn(pilot)
        assert isinstance(app.screen, BoardScreen)
        assert samples.open == []


async def test_what_a_machine_says_steers_nothing() -> None:
    hostile = "\x1b]0;owned\x07\x1b[2J\u202e[red]x[/red]"
    join = unknown("unreadable", detail=hostile)
    seen = node("gpu-1", join=join)
    first = replace(seen.stages[0], found=(Found("join.node", hostile, "needed"),))
    app = watch_app(Looks([replace(seen, stages=(first, *seen.stages[1:])), node("gpu-2")]))
    async with app.run_test(size=SMALL) as pilot:
        for keys in ((), ("enter",)):
            await pilot.press(*keys)
            await drawn(pilot)
            text = as_text(app)
            assert "[red]x" in text
            assert not set("\x1b\x07\u202e") & set(text)


@pytest.mark.parametrize("size", [(60, 20), (200, 60), (40, 12)])
async def test_any_size_is_drawn(size: tuple[int, int]) -> None:
    app = watch_app(Looks(two_hundred()), plain=True)
    async with app.run_test(size=size) as pilot:
        for keys in ((), ("enter",), ("right",), ("right",), ("question_mark",)):
            await pilot.press(*keys)
            await drawn(pilot)
    assert app.failure is None


async def test_a_bug_ends_the_watch_and_is_kept_for_the_report() -> None:
    app = watch_app(Looks(ten()))

    async def fails(_arrived: object) -> tuple[()]:
        raise ZeroDivisionError

    async with app.run_test(size=SMALL) as pilot:
        await drawn(pilot)
        app.view.eyes = replace(app.view.eyes, look=fails)
        app.action_refresh()
        async with asyncio.timeout(60):
            while app.failure is None:
                await asyncio.sleep(0.01)
    assert app.return_code == 1
