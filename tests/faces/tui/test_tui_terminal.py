"""The program in a real terminal: tmux types, and reads what stands on the screen."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

import gpu_wizard

TREE = str(Path(gpu_wizard.__file__).parents[1])
"""The program that runs is the one under test, whatever is installed."""
WAIT_SECONDS = 120.0

pytestmark = pytest.mark.skipif(shutil.which("tmux") is None, reason="tmux is not installed")


class Terminal:
    """A tmux server of its own."""

    def __init__(self, socket: Path, environment: dict[str, str]) -> None:
        self._tmux = ["tmux", "-S", str(socket), "-f", "/dev/null"]
        self._environment = environment

    def start(self, command: str, width: int, height: int) -> None:
        size = ["-x", str(width), "-y", str(height)]
        self._run("new-session", "-d", *size, f"{command}; echo exit=$?; sleep 600")

    def type(self, *keys: str) -> None:
        self._run("send-keys", *keys)

    def resize(self, width: int, height: int) -> None:
        self._run("resize-window", "-x", str(width), "-y", str(height))

    def screen(self) -> str:
        return self._run("capture-pane", "-p")

    def until(self, *texts: str) -> str:
        """The screen once it holds all of these."""
        deadline = time.monotonic() + WAIT_SECONDS
        shown = ""
        while time.monotonic() < deadline:
            shown = self.screen()
            if all(text in shown for text in texts):
                return shown
            time.sleep(0.2)
        raise AssertionError(f"waited in vain for {texts}:\n{shown}")

    def end(self) -> None:
        subprocess.run([*self._tmux, "kill-server"], check=False, capture_output=True)

    def _run(self, *arguments: str) -> str:
        done = subprocess.run(
            [*self._tmux, *arguments],
            check=True,
            capture_output=True,
            text=True,
            env=self._environment,
            timeout=20,
        )
        return done.stdout


@pytest.fixture
def terminal(tmp_path: Path) -> Iterator[Terminal]:
    keep = {key: os.environ[key] for key in ("PATH", "HOME") if key in os.environ}
    more = {
        "PYTHONPATH": TREE,
        "TERM": "xterm-256color",
        "LANG": "C.UTF-8",
        "XDG_STATE_HOME": str(tmp_path / "state"),
    }
    one = Terminal(tmp_path / "tmux", {**keep, **more})
    yield one
    one.end()


PROGRAM = f"{sys.executable} -m gpu_wizard"


def test_demo_in_two_keys_resized_on_the_way(terminal: Terminal) -> None:
    terminal.start(f"{PROGRAM} demo --speed 25", 80, 24)
    terminal.until("2 of 9 done", "Set up all 7")
    terminal.type("Enter")
    terminal.until("The whole plan", "Start")
    terminal.type("Enter")
    terminal.until("running")
    terminal.resize(160, 45)
    terminal.until("Output")
    terminal.until("A pod on gpu1 was given a real GPU", "9 of 9 done")
    terminal.resize(60, 20)
    terminal.until("A pod on gpu1 was given a real GPU")
    terminal.type("q")
    shown = terminal.until("exit=0")
    assert "9 of 9 done, 12 changes" in shown


def test_ctrl_c_twice_abandons_and_says_what_was_not_done(terminal: Terminal) -> None:
    terminal.start(f"{PROGRAM} demo --speed 2", 80, 24)
    terminal.until("Set up all 7")
    terminal.type("Enter")
    terminal.until("The whole plan", "Start")
    terminal.type("Enter")
    terminal.until("running")
    terminal.type("C-c")
    terminal.until("Stop?")
    terminal.type("C-c")
    terminal.until("stopped", "q quit")
    terminal.type("q")
    assert "What was not done: " in terminal.until("exit=0")


def test_russian_and_ascii(terminal: Terminal) -> None:
    terminal.start(f"{PROGRAM} demo --speed 25 --lang ru --ascii", 80, 24)
    shown = terminal.until("Настроить все 7...")
    assert "+ 2 Драйвер" in shown
    terminal.type("F2")
    terminal.until("Set up all 7...")
    terminal.type("q")
    terminal.until("exit=0")


BROKEN = """
def user_state_path(name):
    secret = "-".join(("secret", "canary"))
    raise RuntimeError(secret)

def __getattr__(name):
    return lambda *_: None
"""


@pytest.mark.parametrize(
    ("language", "said"),
    [("en", "A bug in gpu-wizard. The report: "), ("ru", "Ошибка в gpu-wizard. Отчёт: ")],
)
def test_a_crash_is_one_line_and_a_report_without_values(
    tmp_path: Path, language: str, said: str
) -> None:
    """A library of this installation is broken: the screens stand already when it fails."""
    (tmp_path / "broken").mkdir()
    (tmp_path / "broken" / "platformdirs.py").write_text(BROKEN)
    environment = {
        **os.environ,
        "PYTHONPATH": f"{tmp_path / 'broken'}:{TREE}",
        "TERM": "xterm-256color",
        "LANG": "C.UTF-8",
        "TMPDIR": str(tmp_path),
    }
    terminal = Terminal(tmp_path / "tmux", environment)
    try:
        terminal.start(f"{PROGRAM} --lang {language}", 160, 45)
        shown = terminal.until("exit=1", said)
    finally:
        terminal.end()
    rows = [row for row in shown.splitlines() if row.strip()]
    (report,) = tmp_path.glob("report-*.txt")
    assert rows == [f"{said}{report}", "exit=1"]
    text = report.read_text()
    assert "in user_state_path" in text
    assert text.endswith("RuntimeError")
    assert "secret-canary" not in text
