"""`gpu TARGET` on a terminal: the panels alone."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Sequence
from datetime import datetime

import pytest
from textual.pilot import Pilot

from gpu_wizard.engine.gpu_watch import Watched
from gpu_wizard.faces.tui.live_cards import LiveCards
from gpu_wizard.faces.tui.look import Look
from gpu_wizard.faces.tui.watching.cards import CardsApp
from gpu_wizard.facts.gpu_warnings import Warn
from gpu_wizard.knowledge.texts import Language
from gpu_wizard.model.errors import UnreachableError
from gpu_wizard.model.sample import GpuSample, Sample
from tests.faces.tui import gpu_series
from tests.faces.tui.bench import as_text
from tests.faces.tui.test_watch_snapshots import LARGE, SMALL, compare


class Source:
    """Gives these samples, then waits; or loses the connection. `opened`: how often it was asked."""

    def __init__(self, samples: Sequence[Watched] = (), *, lost: bool = False) -> None:
        self.samples, self.lost = samples, lost
        self.opened, self.open = 0, 0

    async def watch(self, every_seconds: float) -> AsyncGenerator[Watched, None]:
        self.opened += 1
        self.open += 1
        try:
            for sample in self.samples:
                yield sample
            if self.lost:
                raise UnreachableError("connection-lost", "The connection is gone.")
            await asyncio.Event().wait()
        finally:
            self.open -= 1


def cards_app(
    source: Source,
    cards: LiveCards | None = None,
    now: datetime | None = None,
    language: Language = "en",
    *,
    ascii_only: bool = False,
    calm: bool = False,
) -> CardsApp:
    at = now or datetime.fromisoformat("2026-11-26T14:03:20+00:00")
    look = Look(ascii_only=ascii_only)
    return CardsApp(
        "anna@gpu-1", source, cards, language=language, look=look, now=lambda: at, calm=calm
    )


async def drawn(pilot: Pilot[int]) -> None:
    assert isinstance(pilot.app, CardsApp)
    await pilot.pause(0.05)
    pilot.app.paint()
    await pilot.pause()


def watched(*warnings: Warn, cannot_tell: tuple[str, ...] = (), fallback: str = "") -> Watched:
    card = GpuSample(0, "GPU-3f1c0000-a07e", "NVIDIA H200", utilisation_percent=7)
    sample = Sample(0.0, "nvml", "580.159.04", (card,), "", cannot_tell, fallback)
    return Watched(sample, warnings)


@pytest.mark.parametrize("name", gpu_series.SERIES)
async def test_the_panels(name: str) -> None:
    history, now = gpu_series.SERIES[name]()
    app = cards_app(Source(), LiveCards(history), now)
    async with app.run_test(size=SMALL) as pilot:
        await drawn(pilot)
        compare(f"en-80-cards-{name}", as_text(app))
        await pilot.resize_terminal(*LARGE)
        await drawn(pilot)
        compare(f"en-160-cards-{name}", as_text(app))


async def test_a_pod_that_wastes_its_card_and_a_source_that_knows_less_are_named() -> None:
    params = {"pod": "ml/trainer", "asked": "1", "cards": "", "sees": "1"}
    told = ("processes", "mig-instances")
    sample = watched(
        Warn("gpu.pod-unused", "warning", None, params), cannot_tell=told, fallback="no-python3"
    )
    for language, words in (
        ("en", ("ml/trainer", "no python3", "It can't tell: processes, MIG instances")),
        ("ru", ("ml/trainer", "python3", "Она не сообщает: процессы, экземпляры MIG")),
    ):
        app = cards_app(Source([sample]), language=language)  # type: ignore[arg-type]  # both are languages
        async with app.run_test(size=LARGE) as pilot:
            await drawn(pilot)
            text = as_text(app)
        assert [word for word in words if word not in text] == []


async def test_keys_choose_cards_and_windows_and_quit() -> None:
    history, now = gpu_series.SERIES["eight"]()
    source = Source()
    app = cards_app(source, LiveCards(history), now)
    async with app.run_test(size=SMALL) as pilot:
        await pilot.press("down", "down", "h")
        await drawn(pilot)
        assert "2 H200 · last 10 min" in as_text(app)
        await pilot.press("question_mark")
        await pilot.pause()
        help_text = as_text(app)
        assert "sample anew" in help_text
        assert "open the node" not in help_text
        await pilot.press("escape", "q")
    assert app.return_value == 0
    assert source.open == 0


async def test_a_lost_connection_is_said_and_r_begins_anew() -> None:
    source = Source([watched()], lost=True)
    app = cards_app(source)
    async with app.run_test(size=SMALL) as pilot:
        await drawn(pilot)
        assert "The connection is gone." in as_text(app)
        source.lost = False
        await pilot.press("r")
        await drawn(pilot)
        text = as_text(app)
    assert "The connection is gone." not in text
    assert "NVIDIA H200" in text
    assert source.opened == 2


async def test_ascii_has_no_other_character() -> None:
    history, now = gpu_series.SERIES["one"]()
    app = cards_app(Source(), LiveCards(history), now, ascii_only=True)
    async with app.run_test(size=LARGE) as pilot:
        await drawn(pilot)
        text = as_text(app)
    assert text.isascii(), [c for c in text if not c.isascii()]


@pytest.mark.parametrize("size", [(20, 5), (60, 20), (250, 80)])
async def test_any_size_is_drawn(size: tuple[int, int]) -> None:
    history, now = gpu_series.SERIES["eight"]()
    app = cards_app(Source(), LiveCards(history), now)
    async with app.run_test(size=size) as pilot:
        await drawn(pilot)
        assert as_text(app).strip()


async def test_a_corner_of_a_terminal_has_room() -> None:
    history, now = gpu_series.SERIES["one"]()
    app = cards_app(Source(), LiveCards(history), now)
    async with app.run_test(size=(44, 8)) as pilot:
        await drawn(pilot)
        assert "NVIDIA H200" in as_text(app)


@pytest.mark.parametrize("calm", [True, False])
async def test_calm_paints_the_first_value_soon_and_later_ones_seldom(calm: bool) -> None:
    app = cards_app(Source([watched()]), calm=calm)
    async with app.run_test(size=SMALL) as pilot:
        while "NVIDIA H200" not in as_text(app):
            await pilot.pause(0.05)
        painted, paint = [0], app.paint

        def counted() -> None:
            painted[0] += 1
            paint()

        app.paint = counted  # type: ignore[method-assign]  # counts as well
        for _ in range(6):
            app.changed()
            await pilot.pause(0.1)
        assert painted[0] <= 1 if calm else painted[0] > 1
        await pilot.press("f2")
        await pilot.pause()
        assert "только чтение" in as_text(app)
