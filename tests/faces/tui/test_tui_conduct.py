"""How the wizard conducts itself: bugs, words, order of stages, small terminals, keys while one types."""

from __future__ import annotations

import asyncio
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from gpu_wizard.cli.tui import save_text
from gpu_wizard.engine.stage_run import AFTER_FAILURE
from gpu_wizard.faces.exchanged import Asker, RunRequest
from gpu_wizard.faces.tui.app import WizardApp
from gpu_wizard.faces.tui.order import ORDER
from gpu_wizard.faces.tui.ui import RunWanted
from gpu_wizard.faces.words import Words, elapsed
from gpu_wizard.knowledge.texts import entries
from gpu_wizard.model.errors import UnreachableError, Where
from gpu_wizard.model.events import NodeFinished, OutputReceived, SetupFinished, StepStarted
from gpu_wizard.model.ports import Face
from gpu_wizard.model.stage import Question
from gpu_wizard.stages import PROOF, STAGES
from tests.faces.tui.bench import as_text, recorded_app, settle
from tests.faces.tui.stage_states import failed, fresh, whole

FACES = Path(__file__).parents[3] / "gpu_wizard" / "faces"
SOURCES = [*sorted((FACES / "tui").rglob("*.py")), FACES / "plain.py"]
CODE = re.compile(
    r"""(?:\bwords(?:\(\))?|self\.words|say)(?:\.count)?\(\s*"([a-z][a-z0-9.-]+)"|Hint\([^)]*?"(key\.[a-z-]+)"|["'](plain\.[a-z-]+|run\.[a-z-]+|plan\.[a-z-]+|does\.[a-z-]+)["']"""
)


def test_the_order_of_the_screens_is_that_of_the_stages() -> None:
    assert (*(stage.id for stage in STAGES), PROOF.id) == ORDER


def test_every_word_that_the_screens_ask_for_is_there_in_both_languages() -> None:
    asked = {
        code
        for source in SOURCES
        for found in CODE.finditer(source.read_text(encoding="utf-8"))
        for code in found.groups()
        if code and not code.endswith(".tcss")
    }
    known = entries("ui")
    assert len(asked) > 120
    assert asked - set(known) == set()
    for code, entry in known.items():
        assert entry["en"], code
        assert entry["ru"], code
        assert set(re.findall(r"\{(\w+)\}", entry["en"])) == set(
            re.findall(r"\{(\w+)\}", entry["ru"])
        ), code


def test_russian_counts_have_their_three_forms() -> None:
    words = Words("ru")
    counted = {n: words.count("plan.steps", n) for n in (1, 2, 5, 11, 21, 22, 112)}
    assert counted == {
        1: "1 шаг",
        2: "2 шага",
        5: "5 шагов",
        11: "11 шагов",
        21: "21 шаг",
        22: "22 шага",
        112: "112 шагов",
    }


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0, "0:00"), (18.9, "0:18"), (62, "1:02"), (3727, "1:02:07"), (-3, "0:00")],
)
def test_elapsed(seconds: float, text: str) -> None:
    assert elapsed(seconds) == text


async def test_a_bug_ends_the_program_without_a_traceback_on_the_screen() -> None:
    async def breaks(_request: RunRequest, _face: Face, _asker: Asker) -> SetupFinished:
        raise RuntimeError("secret-canary")

    app = recorded_app(fresh(), run=breaks)
    async with app.run_test(size=(80, 24)) as pilot:
        await settle(pilot)
        app.begin(RunWanted(plan=True))
        await pilot.pause(0.2)
    assert isinstance(app.failure, RuntimeError)
    assert app.return_code == 1


async def test_trouble_at_an_edge_is_a_line_above_the_footer() -> None:
    async def unreachable(_request: RunRequest, _face: Face, _asker: Asker) -> SetupFinished:
        raise UnreachableError("no-route", "No answer.", Where(host="gpu-node-1"))

    app = recorded_app(fresh(), run=unreachable)
    async with app.run_test(size=(80, 24)) as pilot:
        await settle(pilot)
        await pilot.press("r")
        await pilot.pause(0.2)
        await settle(pilot)
        assert "No answer. (host gpu-node-1)" in as_text(app)
    assert app.failure is None


@pytest.mark.parametrize("size", [(60, 20), (80, 24), (119, 35), (120, 36), (200, 60)])
async def test_any_size_keeps_the_stage_and_the_step_chosen(size: tuple[int, int]) -> None:
    app = recorded_app(fresh())
    async with app.run_test(size=(80, 24)) as pilot:
        await settle(pilot)
        await pilot.press("3")
        await pilot.resize_terminal(*size)
        await settle(pilot)
        text = as_text(app)
        assert "3 Container toolkit" in text
        assert "Set up all 7" in text
        assert all(len(row) <= size[0] for row in text.split("\n"))


async def test_russian_keys_do_what_the_latin_ones_do() -> None:
    app = recorded_app(fresh())
    async with app.run_test(size=(80, 24)) as pilot:
        await settle(pilot)
        await pilot.press("3", "ч")
        await settle(pilot)
        assert "skipped" in as_text(app)
        await pilot.press("ч", "о")
        await settle(pilot)
        assert app.ui.stage == "runtime"
        await pilot.press("з")
        await settle(pilot)
        assert app.screen.name == "plan"


async def test_the_language_changes_everywhere_at_once() -> None:
    app = recorded_app(whole())
    async with app.run_test(size=(80, 24)) as pilot:
        await settle(pilot)
        await pilot.press("f2")
        await settle(pilot)
        text = as_text(app)
    for english in ("done", "Found", "help", "quit", "Plan"):
        assert not re.search(rf"\b{english}\b", text), english


async def test_leaving_says_what_was_and_was_not_done() -> None:
    app = recorded_app(fresh())
    async with app.run_test(size=(80, 24)) as pilot:
        await settle(pilot)
        await pilot.press("q")
    assert app.return_code == 0
    said = app.last_words()
    assert said[0] == "gpu1: 2 of 9 done, 0 changes."
    assert "1 Join" in said[1]


def test_the_look_of_an_app_is_its_own() -> None:
    first, second = recorded_app([]), recorded_app([], ascii_only=True)
    assert isinstance(first, WizardApp)
    assert first.ui.look.glyph("done") == "✓"
    assert second.ui.look.glyph("done") == "+"


async def test_what_is_saved_from_a_screen_is_whole_and_never_replaces(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    app = recorded_app(whole(), save_text=save_text)
    async with app.run_test(size=(80, 24)) as pilot:
        await settle(pilot)
        app.open("output")
        await settle(pilot)
        await pilot.press("w")
        await settle(pilot)
        (file,) = tmp_path.iterdir()
        assert "Saved: gpu-wizard-" in as_text(app)
        assert "taken back" in file.read_text()
        await pilot.press("escape")
        app.open("finish")
        await settle(pilot)
        await pilot.press("right", "enter", "w")
        await settle(pilot)
        manifests = tmp_path / "gpu-workload.yaml"
        assert "runtimeClassName: nvidia" in manifests.read_text()
        manifests.write_text("mine")
        await pilot.press("w")
        await settle(pilot)
        assert "Not saved: The file is there already" in as_text(app)
    assert manifests.read_text() == "mine"


@pytest.mark.parametrize("stages", [(), ("join",)])
async def test_start_while_a_failed_run_waits_goes_on_with_everything(
    stages: tuple[str, ...],
) -> None:
    asked: list[tuple[tuple[str, ...], str | None]] = []
    events = failed()
    cut = next(n for n, event in enumerate(events) if isinstance(event, NodeFinished))

    async def fails(request: RunRequest, face: Face, _asker: Asker) -> SetupFinished:
        for event in events[cut + 2 : -2]:
            await face.show(event)
        question = Question("failed", AFTER_FAILURE, "retry", {"stage": "join"})
        asked.append((request.stages, await face.choose(question)))
        ended = events[-1]
        assert isinstance(ended, SetupFinished)
        await face.show(ended)
        return ended

    app = recorded_app(events[: cut + 2], run=fails)
    async with app.run_test(size=(80, 24)) as pilot:
        await settle(pilot)
        app.begin(RunWanted(stages))
        await pilot.pause(0.2)
        await pilot.press("p")
        await pilot.pause(0.2)
        assert app.screen.name == "plan"
        await pilot.press("enter")
        await pilot.pause(0.3)
        assert app.screen.name == "stages"
        app.ui.control.answer("stop")
        await pilot.pause(0.2)
    assert asked == ([((), "retry")] if not stages else [(("join",), "stop"), ((), "stop")])


async def test_a_terminal_too_small_says_so_and_keeps_everything() -> None:
    app = recorded_app(fresh())
    async with app.run_test(size=(80, 24)) as pilot:
        await settle(pilot)
        await pilot.press("3", "s")
        await settle(pilot)
        before, focused = as_text(app), app.focused
        await pilot.resize_terminal(59, 20)
        await pilot.pause()
        assert "60 × 20" in as_text(app)
        assert "59 × 20" in as_text(app)
        await pilot.press("enter", "escape", "down", "o")
        await pilot.resize_terminal(40, 10)
        await pilot.pause()
        assert "40 × 10" in as_text(app)
        await pilot.resize_terminal(80, 24)
        await settle(pilot)
        assert (app.screen.name, app.focused) == ("plan", focused)
        assert as_text(app) == before


async def test_a_dialog_over_a_terminal_too_small_ends_as_ever() -> None:
    app = recorded_app(fresh())
    async with app.run_test(size=(80, 24)) as pilot:
        await settle(pilot)
        await pilot.resize_terminal(50, 10)
        await pilot.pause()
        app.action_help()
        await pilot.resize_terminal(80, 24)
        await settle(pilot)
        await app._press_keys(["escape"])
        await asyncio.sleep(0.3)
        await settle(pilot)
        assert app.screen.name == "stages"


async def test_calm_paints_output_with_the_values_alone() -> None:
    app = recorded_app(fresh(), calm=True)
    painted: list[str] = []
    async with app.run_test(size=(80, 24)) as pilot:
        await settle(pilot)
        app.ui.control.changed = lambda: painted.append("x")
        chunk = next(event for event in whole() if isinstance(event, OutputReceived))
        await app.ui.control.show(chunk)
        assert painted == []
        await app.ui.control.show(next(e for e in whole() if isinstance(e, StepStarted)))
        assert painted == ["x"]
        assert app.ui.every_seconds == 5.0
        assert app.animation_level == "none"


FIRST_FRAME = """
import asyncio, sys
from gpu_wizard.cli import tui
from gpu_wizard.faces.tui.app import WizardApp
app = WizardApp(tui.services()._replace(prepare=None))
shown = app._display
def display(screen, renderable):
    shown(screen, renderable)
    if screen.name == "start" and renderable is not None:
        print(*sys.modules)
        sys.stdout.flush()
        app.exit()
app._display = display
async def main():
    async with app.run_test(size=(80, 24)) as pilot:
        await pilot.pause()
asyncio.run(main())
"""


def test_the_first_frame_waits_for_nothing_that_runs_need(tmp_path: Path) -> None:
    environment = {**os.environ, "HOME": str(tmp_path), "XDG_STATE_HOME": str(tmp_path)}
    ran = subprocess.run(
        [sys.executable, "-c", FIRST_FRAME],
        capture_output=True,
        text=True,
        check=True,
        env=environment,
        timeout=60,
    )
    loaded = set(ran.stdout.splitlines()[0].split())
    ours = {name for name in loaded if name.startswith("gpu_wizard.")}
    assert "gpu_wizard.faces.tui.screens.start" in ours
    assert loaded & {"asyncssh", "kubernetes_asyncio", "tomllib", "tomlkit"} == set()
    assert ours & {"gpu_wizard.engine.progress", "gpu_wizard.model.events"} == set()
    assert len(ours) < 50
