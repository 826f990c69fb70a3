"""SIGTERM and a terminal that is closed stop as Ctrl-C does: after the step in hand, with everything given back."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.cli.terminal import Terminal

SLOW = ("--speed", "5")
SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
BEGIN_SECONDS = 90
"""For what has to start first, beside all other tests."""
WAIT_SECONDS = 25
LEFT_SCREEN = b"\x1b[?1049l"


def environment(home: Path) -> dict[str, str]:
    return {"XDG_STATE_HOME": str(home), "HOME": str(home)}


def journal(home: Path) -> list[dict[str, Any]]:
    """The records of the run that changed something; empty before its first step."""
    for path in sorted(home.glob("gpu-wizard/runs/*/journal.jsonl")):
        records = [json.loads(line) for line in path.read_text().splitlines()]
        if any(one["record"] == "begin" for one in records):
            return records
    return []


def wait_for_a_step(home: Path) -> None:
    deadline = time.monotonic() + BEGIN_SECONDS
    while not journal(home):
        assert time.monotonic() < deadline, "no step was begun"
        time.sleep(0.05)


def assert_stopped_after_its_step(home: Path) -> None:
    kinds = [one["record"] for one in journal(home)]
    assert kinds.count("begin") == kinds.count("end")
    assert "end" in kinds
    assert kinds.count("begin") < 10


@pytest.fixture
def mute() -> Iterator[socket.socket]:
    """A door that is opened, and behind it nobody speaks."""
    with socket.create_server(("127.0.0.1", 0)) as door:
        door.settimeout(BEGIN_SECONDS)
        yield door


@pytest.mark.parametrize("number", SIGNALS)
def test_a_look_is_called_off(tmp_path: Path, mute: socket.socket, number: signal.Signals) -> None:
    process = subprocess.Popen(
        [sys.executable, "-m", "gpu_wizard", "status", f"anna@127.0.0.1:{mute.getsockname()[1]}"],
        env={**os.environ, **environment(tmp_path)},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    with mute.accept()[0]:
        process.send_signal(number)
        _, err = process.communicate(timeout=WAIT_SECONDS)
    assert (process.returncode, err) == (130, "")


@pytest.mark.parametrize("number", SIGNALS)
def test_the_dialogue_stops_after_the_step_in_hand(tmp_path: Path, number: signal.Signals) -> None:
    process = subprocess.Popen(
        [sys.executable, "-m", "gpu_wizard", "demo", "--plain", *SLOW],
        env={**os.environ, **environment(tmp_path)},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdin is not None
    process.stdin.write("1\n")
    process.stdin.flush()
    wait_for_a_step(tmp_path)
    os.kill(process.pid, number)
    out, err = process.communicate(timeout=WAIT_SECONDS)
    assert (process.returncode, err) == (130, "")
    assert "Stopping after the step in hand" in out
    assert_stopped_after_its_step(tmp_path)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_the_screens_stop_after_the_step_in_hand(tmp_path: Path, number: signal.Signals) -> None:
    terminal = Terminal(["demo", *SLOW], environment(tmp_path))
    begin(terminal, tmp_path)
    os.kill(terminal.child.pid, number)
    painted = terminal.rest()
    assert LEFT_SCREEN in painted
    assert terminal.child.exitstatus == 130
    assert_stopped_after_its_step(tmp_path)


def test_a_terminal_that_is_closed_ends_the_screens(tmp_path: Path) -> None:
    terminal = Terminal(["demo", *SLOW], environment(tmp_path))
    begin(terminal, tmp_path)
    terminal.hang_up()
    assert ended(terminal.child.pid) == 130
    assert_stopped_after_its_step(tmp_path)
    assert not list(tmp_path.glob("gpu-wizard/reports/*"))


def test_a_terminal_that_is_closed_ends_a_watch(tmp_path: Path) -> None:
    terminal = Terminal(["status", "anna@127.0.0.1:1", "--watch"], environment(tmp_path))
    terminal.until("0 of 1 done")
    terminal.hang_up()
    assert ended(terminal.child.pid) == 130


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_a_watch_ends_and_leaves_the_terminal_as_it_was(
    tmp_path: Path, number: signal.Signals
) -> None:
    terminal = Terminal(["status", "anna@127.0.0.1:1", "--watch"], environment(tmp_path))
    terminal.until("0 of 1 done")
    os.kill(terminal.child.pid, number)
    assert LEFT_SCREEN in terminal.rest()
    assert terminal.child.exitstatus == 130


def ended(process: int) -> int:
    """The exit status of one that ends by itself."""
    deadline = time.monotonic() + WAIT_SECONDS
    while (status := os.waitpid(process, os.WNOHANG))[0] == 0:
        assert time.monotonic() < deadline, "it goes on without its terminal"
        time.sleep(0.05)
    return os.waitstatus_to_exitcode(status[1])


def begin(terminal: Terminal, home: Path) -> None:
    """Agree to the plan, and wait until something is being changed."""
    terminal.until("Set up all")
    deadline = time.monotonic() + BEGIN_SECONDS
    while not journal(home):
        assert time.monotonic() < deadline, "no step was begun"
        terminal.child.send("\r")
        terminal.take(1.0)
