"""This machine's cards, through the program: a table, JSON lines, and a thread that ends."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading

import pytest

from gpu_wizard.telemetry.local import LocalTelemetry
from gpu_wizard.telemetry.newest import KEPT, Newest
from tests.telemetry.conftest import Cards


def gpu(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "gpu_wizard", "gpu", "--every", "0.05", *arguments],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        stdin=subprocess.DEVNULL,
    )


def test_json_lines_hold_samples_warnings_and_no_internals(cards: Cards) -> None:
    cards.say(cards=2, pid=os.getpid())
    ran = gpu("--json", "--count", "2")
    assert (ran.returncode, ran.stderr) == (0, "")
    version, *samples = [json.loads(line) for line in ran.stdout.splitlines()]
    assert (version["type"], version["version"], len(samples)) == ("version", "1.0", 2)
    sample = samples[0]
    assert (sample["type"], sample["source"], sample["failure"]) == ("sample", "nvml", "")
    assert sample["at"].endswith("Z")
    card = sample["gpus"][0]
    assert (card["power_watts"], card["fan_percent"], card["xid"]) == (450.44, None, None)
    (process,) = card["processes"]
    assert (process["pid"], process["pod"]) == (os.getpid(), "host")
    assert "cgroup" not in process
    assert [(warn["code"], warn["card"], warn["level"]) for warn in sample["warnings"]] == [
        ("gpu.power-cap", 0, "notice"),
        ("gpu.power-cap", 1, "notice"),
    ]


@pytest.mark.parametrize(
    ("language", "words"), [("en", "not supported"), ("ru", "не поддерживается")]
)
def test_the_table_names_cards_and_processes(cards: Cards, language: str, words: str) -> None:
    cards.say(pid=os.getpid())
    ran = gpu("--count", "1", "--lang", language)
    assert ran.returncode == 0
    assert "NVIDIA H100 80GB HBM3  98 %" in ran.stdout
    assert words in ran.stdout
    assert str(os.getpid()) in ran.stdout


def test_a_lost_card_and_a_driver_that_is_gone_are_said_in_words(cards: Cards) -> None:
    cards.say(cards=2, lost=1)
    assert "Fell off the bus" in gpu("--count", "1").stdout
    cards.say(init=9)
    ran = gpu("--count", "1")
    assert (ran.returncode, "The driver is not loaded." in ran.stdout) == (0, True)


@pytest.mark.parametrize("arguments", [("--every", "0"), ("--count", "-1"), ("--every", "nan")])
def test_bad_usage_is_2(arguments: tuple[str, ...]) -> None:
    assert gpu(*arguments).returncode == 2


async def test_the_thread_ends_with_its_reader() -> None:
    samples = LocalTelemetry().samples(0.05)
    await anext(samples)
    assert any(thread.name == "gpu-samples" for thread in threading.enumerate())
    await samples.aclose()
    assert all(thread.name != "gpu-samples" for thread in threading.enumerate())


async def test_a_slow_reader_loses_the_oldest_samples() -> None:
    queue = Newest[int]()
    for number in range(KEPT + 5):
        queue.put(number)
    assert await queue.take() == 5
