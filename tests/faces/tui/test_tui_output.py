"""The output log and its pane: nothing lost, bounded memory, and nothing of a node reaches the terminal's controls."""

from __future__ import annotations

import re
import subprocess
import sys

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from textual.app import App, ComposeResult

from gpu_wizard.faces.tui.look import Look
from gpu_wizard.faces.tui.output_log import (
    ERRORS,
    LINE_BYTES,
    TAIL_BYTES,
    Matches,
    OutputLog,
    fold_returns,
)
from gpu_wizard.faces.tui.output_marks import Mark, Rows, line_of
from gpu_wizard.faces.tui.ui import FindingWanted
from gpu_wizard.faces.tui.widgets.output_pane import GUTTER, OutputPane

TEXTS = st.text(st.sampled_from("ab\n\rя\t"), max_size=40)


def lines_of(text: str) -> list[str]:
    lines = text.split("\n")
    return lines[:-1] if lines[-1] == "" else lines


@settings(max_examples=60, deadline=None)
@given(st.lists(TEXTS, max_size=30), st.integers(0, 40), st.integers(1, 20))
def test_lines_are_those_of_the_text_however_it_came(
    chunks: list[str], first: int, count: int
) -> None:
    log = OutputLog()
    for chunk in chunks:
        log.feed(chunk)
    whole = lines_of("".join(chunks))
    assert log.lines == len(whole)
    assert log.read(first, count) == whole[first : first + count]
    assert log.text() == "".join(chunks)
    log.close()


FULL_DISK = """
import resource
from gpu_wizard.faces.tui.output_log import OutputLog
log = OutputLog()
log.feed("before\\n")
soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
resource.setrlimit(resource.RLIMIT_FSIZE, (10, hard))
log.feed("full\\n")
log.feed("more\\n")
print(log.read(0, 9))
resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
log.feed("\\nafter\\n")
print(log.read(0, 9), repr(log.text()), log.lines)
log.close()
"""


def test_a_full_disk_costs_what_it_does_not_take_and_no_step() -> None:
    said = subprocess.run(
        [sys.executable, "-c", FULL_DISK], capture_output=True, text=True, check=True
    )
    assert said.stdout.splitlines() == [
        "['before', 'ful']",
        "['before', 'ful', 'after'] 'before\\nful\\nafter\\n' 3",
    ]


def test_old_lines_come_back_from_the_spool() -> None:
    log = OutputLog()
    number = 0
    for _ in range(700):
        log.feed(
            "".join(f"line {number + n} of many, long enough to fill memory\n" for n in range(100))
        )
        number += 100
    assert log.size > 2 * TAIL_BYTES
    assert sum(len(data) for _, _, data in log._tail) <= TAIL_BYTES
    for first in (0, 1, 999, 1000, 1001, 12_345, number - 3):
        assert log.read(first, 2)[0].startswith(f"line {first} of many")
    assert len(log.read(number - 1, 50)) == 1
    log.close()


def test_a_line_of_a_megabyte_is_cut_for_display_alone() -> None:
    log = OutputLog()
    for _ in range(64):
        log.feed("x" * (48 << 10))
    log.feed("\nlast\n")
    assert log.lines == 2
    assert len(log.read(0, 1)[0]) == LINE_BYTES
    assert log.read(1, 1) == ["last"]
    assert len(log.text()) == 64 * (48 << 10) + 6
    log.close()


def test_matches_are_found_as_the_output_grows() -> None:
    log = OutputLog()
    matches = Matches(log, re.compile(rb"needle"))
    log.feed("hay\nneedle one\nhay needle")
    while matches.advance():
        pass
    assert matches.found == [1]
    log.feed(" two\nneedle three needle\n")
    while matches.advance():
        pass
    assert matches.found == [1, 2, 3]
    log.close()


@pytest.mark.parametrize(
    ("line", "is_error"),
    [
        ("E: Unable to locate package", True),
        ("Job for k3s-agent.service failed", True),
        ("curl: (6) Could not resolve host", True),
        ("Setting up libnvidia-container1", False),
        ("0 upgraded, 4 newly installed", False),
    ],
)
def test_which_lines_speak_of_errors(line: str, is_error: bool) -> None:
    assert bool(ERRORS.search(line.encode())) is is_error


@pytest.mark.parametrize(
    ("line", "shown"),
    [
        ("plain", "plain"),
        ("windows\r", "windows"),
        ("10%\r20%\r100%", "100%"),
        ("abcdef\rxyz", "xyzdef"),
        ("a\r\r\r", "a"),
    ],
)
def test_returns_leave_what_a_terminal_would_show(line: str, shown: str) -> None:
    assert fold_returns(line) == shown


class _Pane(App[None]):
    def __init__(self, log: OutputLog) -> None:
        super().__init__()
        self.log_shown = log
        self.wanted: list[str] = []

    def compose(self) -> ComposeResult:
        yield OutputPane(self.log_shown, Look())

    def on_finding_wanted(self, message: FindingWanted) -> None:
        self.wanted.append(message.signature)


def rows(pane: OutputPane) -> list[str]:
    return [pane.render_line(y).text[GUTTER:].rstrip() for y in range(pane.size.height)]


async def test_the_pane_follows_until_the_person_scrolls_and_again_from_the_end() -> None:
    log = OutputLog()
    app = _Pane(log)
    async with app.run_test(size=(40, 10)) as pilot:
        pane = app.query_one(OutputPane)
        pane.focus()
        log.feed("".join(f"{n}\n" for n in range(100)))
        pane.tick()
        await pilot.pause()
        assert rows(pane)[-1] == "99"
        await pilot.press("pageup")
        await pilot.pause(0.3)
        assert not pane.following
        before = rows(pane)
        log.feed("more\n" * 50)
        pane.tick()
        await pilot.pause()
        assert rows(pane) == before
        assert pane.below > 50
        await pilot.press("end")
        await pilot.pause()
        assert pane.following
        assert rows(pane)[-1] == "more"
    log.close()


async def test_search_and_errors_only() -> None:
    log = OutputLog()
    app = _Pane(log)
    log.feed("".join(f"line {n}\n" for n in range(200)) + "error: it broke\nfine\nFAILED: too\n")
    async with app.run_test(size=(40, 10)) as pilot:
        pane = app.query_one(OutputPane)
        pane.tick()
        pane.toggle_errors()
        await pilot.pause()
        assert [row for row in rows(pane) if row] == ["error: it broke", "FAILED: too"]
        pane.toggle_errors()
        pane.search("LINE 57")
        await pilot.pause()
        assert pane.view.hits == (1, 1)
        assert "line 57" in rows(pane)
    log.close()


async def test_text_of_a_node_is_never_markup() -> None:
    log = OutputLog()
    app = _Pane(log)
    log.feed("[bold]not bold[/bold] [@click=app.quit]x[/]\n\x1b[31mred\x1b[0m plain\n")
    async with app.run_test(size=(60, 5)) as pilot:
        pane = app.query_one(OutputPane)
        pane.tick()
        await pilot.pause()
        assert rows(pane)[:2] == ["[bold]not bold[/bold] [@click=app.quit]x[/]", "red plain"]
    log.close()


async def test_a_flood_leaves_memory_bounded_and_the_end_in_sight() -> None:
    log = OutputLog()
    app = _Pane(log)
    chunk = "a line of a flood that nobody reads, number {n}\n" * 1500
    async with app.run_test(size=(80, 24)) as pilot:
        pane = app.query_one(OutputPane)
        for _ in range(200):
            log.feed(chunk)
        pane.tick()
        await pilot.pause()
        assert log.lines == 300_000
        assert rows(pane)[-1].startswith("a line of a flood")
        assert sum(len(data) for _, _, data in log._tail) <= TAIL_BYTES
    log.close()


async def test_findings_stand_below_their_lines_and_lead_on() -> None:
    log = OutputLog()
    app = _Pane(log)
    log.feed("one\ntwo is broken\nerror: three\nfour\n")
    log.marks.put(Mark(1, "cause-two", "toolkit"))
    async with app.run_test(size=(40, 10)) as pilot:
        pane = app.query_one(OutputPane)
        pane.focus()
        pane.tick()
        await pilot.pause()
        assert [row for row in rows(pane) if row] == [
            "one",
            "two is broken",
            "└ cause-two",
            "error: three",
            "four",
        ]
        assert pane.render_line(1).text.startswith("× two")
        pane.search("four")
        await pilot.pause()
        assert pane.render_line(4).text.startswith("  four")
        pane.toggle_errors()
        await pilot.pause()
        assert [row for row in rows(pane) if row] == [
            "two is broken",
            "└ cause-two",
            "error: three",
        ]
        assert pane.in_sight() == ["two is broken", "error: three"]
        await pilot.click(OutputPane, offset=(6, 1))
        await pilot.press("enter")
        assert app.wanted == ["cause-two", "cause-two"]
        log.marks.drop("toolkit")
        pane.tick()
        await pilot.pause()
        assert not any("└" in row for row in rows(pane))
    log.close()


def test_a_finding_goes_to_the_last_line_that_reads_so() -> None:
    log = OutputLog()
    log.feed("E:  Unable to\tlocate\nfine\n\x1b[31mE: Unable to locate\x1b[0m\r\nend\n")
    assert line_of(log, "E: Unable to locate") == 2
    assert line_of(log, "nowhere") is None
    log.close()


@settings(max_examples=60, deadline=None)
@given(st.lists(st.integers(0, 30), max_size=12), st.integers(31, 60))
def test_every_row_shows_a_line_or_a_finding_once(lines: list[int], count: int) -> None:
    marks = sorted(Mark(line, str(n), "x") for n, line in enumerate(lines))
    rows_ = Rows(marks, int)
    shown = [rows_.at(row) for row in range(count + len(marks))]
    assert [each for each in shown if isinstance(each, int)] == list(range(count))
    assert [each for each in shown if isinstance(each, Mark)] == marks
    assert [shown.index(mark) for mark in marks] == [rows_.row_of_mark(mark) for mark in marks]
    for line in range(count):
        assert shown[rows_.row_of(line)] == line
    for mark in marks:
        before = [each for each in shown[: shown.index(mark)] if isinstance(each, int)]
        assert before[-1] == mark.line
