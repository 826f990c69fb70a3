"""`status --watch` from outside: usage, and a real terminal whose words and colours are read."""

from __future__ import annotations

import contextlib
import os
import sys
from pathlib import Path

import pexpect
import pyte
import pytest

from tests.cli.test_status_command import status

WAIT_SECONDS = 60


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("gpu1", "--watch"), "needs a terminal"),
        (("gpu1", "--watch", "--json"), "--json"),
        (("gpu1", "--every", "5"), "--watch"),
        (("gpu1", "--ascii"), "--watch"),
        (("gpu1", "--watch", "--every", "0"), "--every"),
        (("gpu1", "--watch", "--every", "nan"), "--every"),
    ],
)
def test_bad_usage_is_2_and_says_what_is_wrong(arguments: tuple[str, ...], said: str) -> None:
    ran = status(*arguments)
    assert ran.returncode == 2, ran.stderr
    assert said in ran.stderr
    assert ran.stdout == ""
    assert "Traceback" not in ran.stderr


class Terminal:
    """The program in a pseudo-terminal, and the screen that it paints."""

    def __init__(self, arguments: list[str], environment: dict[str, str]) -> None:
        self.child = pexpect.spawn(
            sys.executable,
            ["-m", "gpu_wizard", "status", *arguments],
            env={**os.environ, "TERM": "xterm-256color", "LANG": "C.UTF-8", **environment},
            dimensions=(24, 80),
            timeout=WAIT_SECONDS,
        )
        self.screen = pyte.Screen(80, 24)
        self._stream = pyte.ByteStream(self.screen)
        self.painted = b""

    def until(self, text: str) -> str:
        """The screen once it holds this."""
        for _ in range(WAIT_SECONDS * 10):
            with contextlib.suppress(pexpect.TIMEOUT):
                got = self.child.read_nonblocking(65536, timeout=0.1)
                self.painted += got
                self._stream.feed(got)
            shown = "\n".join(self.screen.display)
            if text in shown:
                return shown
        raise AssertionError(f"waited in vain for {text}:\n{shown}")

    def end(self) -> int:
        """Quit; the exit status."""
        self.child.send("q")
        self.child.expect(pexpect.EOF)
        self.child.close()
        return int(self.child.exitstatus)


def test_a_terminal_shows_nodes_that_refuse_and_quits_by_their_state(tmp_path: Path) -> None:
    targets = ["anna@127.0.0.1:1", "anna@127.0.0.1:2"]
    terminal = Terminal([*targets, "--watch", "--lang", "ru"], {"HOME": str(tmp_path)})
    shown = terminal.until("anna@127.0.0.1:2  ???????? ?")
    assert "готово 0 из 2" in shown
    assert "только чтение" in shown
    assert terminal.end() == 1


def test_no_color_sends_no_colour_and_ascii_no_other_character(tmp_path: Path) -> None:
    environment = {"HOME": str(tmp_path), "NO_COLOR": "1"}
    terminal = Terminal(["anna@127.0.0.1:1", "--watch", "--ascii"], environment)
    shown = terminal.until("0 of 1 done")
    assert shown.isascii()
    colours = {cell.fg for row in terminal.screen.buffer.values() for cell in row.values()}
    assert colours == {"default"}
    assert terminal.end() == 1
