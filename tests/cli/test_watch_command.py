"""`status --watch` from outside: usage, and a real terminal whose words and colours are read."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.cli.terminal import Terminal
from tests.cli.test_status_command import status


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("gpu1", "--watch"), "needs a terminal"),
        (("gpu1", "--watch", "--json"), "--json"),
        (("gpu1", "--every", "5"), "--watch"),
        (("gpu1", "--ascii"), "--watch"),
        (("gpu1", "--calm"), "--watch"),
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


def test_a_terminal_shows_nodes_that_refuse_and_quits_by_their_state(tmp_path: Path) -> None:
    targets = ["anna@127.0.0.1:1", "anna@127.0.0.1:2"]
    terminal = Terminal(["status", *targets, "--watch", "--lang", "ru"], {"HOME": str(tmp_path)})
    shown = terminal.until("anna@127.0.0.1:2  ???????? ?")
    assert "готово 0 из 2" in shown
    assert "только чтение" in shown
    assert terminal.end() == 1


def test_no_color_sends_no_colour_and_ascii_no_other_character(tmp_path: Path) -> None:
    environment = {"HOME": str(tmp_path), "NO_COLOR": "1"}
    terminal = Terminal(["status", "anna@127.0.0.1:1", "--watch", "--ascii"], environment)
    shown = terminal.until("0 of 1 done")
    assert shown.isascii()
    colours = {cell.fg for row in terminal.screen.buffer.values() for cell in row.values()}
    assert colours == {"default"}
    assert terminal.end() == 1
