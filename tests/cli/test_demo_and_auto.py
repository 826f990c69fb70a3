"""`demo` and `--auto` as a person or a script runs them: lines, exit statuses, signals."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

FAST = ("--speed", "25")


def started(*arguments: str, home: Path) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "gpu_wizard", *arguments],
        env={**os.environ, "XDG_STATE_HOME": str(home), "HOME": str(home)},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def ran(*arguments: str, home: Path) -> tuple[int, str, str]:
    process = started(*arguments, home=home)
    out, err = process.communicate(timeout=120)
    return process.returncode, out, err


def lines(out: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in out.splitlines()]


def test_the_demo_ends_in_a_proof_and_says_every_stage(tmp_path: Path) -> None:
    status, out, err = ran("demo", "--auto", *FAST, home=tmp_path)
    assert (status, err) == (0, "")
    for words in ("1 Join", "8 Labels", "9 Proof", "was given a real GPU", "changes:"):
        assert words in out
    assert "<" not in out.replace("<path>", "").replace("</", "").partition("| ")[0]


def test_json_lines_begin_with_the_version_and_end_with_the_run(tmp_path: Path) -> None:
    status, out, err = ran("demo", "--auto", "--json", *FAST, home=tmp_path)
    first, *events = lines(out)
    assert (status, err) == (0, "")
    assert first["type"] == "version"
    assert [event["seq"] for event in events] == list(range(1, len(events) + 1))
    assert events[-1]["type"] == "setup-finished"
    assert events[-1]["outcome"] == "done"
    assert events[-1]["changes"] > 0
    assert [event["type"] for event in events].count("setup-finished") == 1
    assert [event["node"] for event in events if event["type"] == "node-finished"] == ["gpu1"]
    assessed = [event for event in events if event["type"] == "stage-assessed"]
    assert {"join", "labels", "proof"} <= {event["stage"] for event in assessed}
    assert all(
        event["state"] in ("done", "needed", "waiting", "blocked", "unknown") for event in assessed
    )
    assert all(event["node"] == "gpu1" for event in events[:-1])


@pytest.mark.parametrize(
    ("scenario", "options", "status", "outcome"),
    [
        ("fresh", ("--plan",), 3, "done"),
        ("done", ("--plan",), 0, "done"),
        ("done", (), 0, "done"),
        ("no-driver", (), 1, "failed"),
        ("no-driver", ("--plan",), 1, "failed"),
    ],
)
def test_exit_statuses(
    tmp_path: Path, scenario: str, options: tuple[str, ...], status: int, outcome: str
) -> None:
    got, out, _ = ran(
        "demo", "--auto", "--json", "--scenario", scenario, *options, *FAST, home=tmp_path
    )
    last = lines(out)[-1]
    assert (got, last["outcome"]) == (status, outcome)
    assert last["plan"] == ("--plan" in options)
    assert last["changes"] == 0 or scenario == "no-driver"


def test_a_plan_in_words_has_commands_and_diffs(tmp_path: Path) -> None:
    status, out, _ = ran("demo", "--auto", "--plan", *FAST, home=tmp_path)
    assert status == 3
    for words in ("$ sudo", "+server: https://10.20.0.10:6443", "+kind: DaemonSet", "provisional"):
        assert words in out


def test_a_plan_in_russian_has_no_english_of_ours(tmp_path: Path) -> None:
    _, out, _ = ran("demo", "--auto", "--plan", "--lang", "ru", *FAST, home=tmp_path)
    assert "секрет, не показывается" in out
    assert "записать /etc/rancher/k3s/gpu-wizard.token (права 0600)" in out
    for english in ("secret,", "never shown", "mode 0", "write /", "apply "):
        assert english not in out


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_stops_after_the_step_in_hand(tmp_path: Path, number: signal.Signals) -> None:
    process = started("demo", "--auto", "--json", *FAST, home=tmp_path)
    assert process.stdout is not None
    seen: list[dict[str, Any]] = []
    for line in process.stdout:
        seen.append(json.loads(line))
        if seen[-1]["type"] == "step-started":
            process.send_signal(number)
            break
    out, _ = process.communicate(timeout=60)
    rest = lines(out)
    assert process.returncode == 130
    assert (rest[-1]["type"], rest[-1]["outcome"]) == ("setup-finished", "stopped")
    assert [event["type"] for event in [*seen, *rest]].count("step-started") == 1


def test_scenarios_are_listed_and_an_unknown_one_is_bad_usage(tmp_path: Path) -> None:
    _, out, _ = ran("demo", "--list", home=tmp_path)
    names = [line.split()[0] for line in out.splitlines()]
    assert {"fresh", "done", "helm-plugin", "gpu-operator", "three-nodes", "api-down"} <= set(names)
    assert ran("demo", "--auto", "--scenario", "no-such", home=tmp_path)[0] == 2
    assert ran("demo", "--serve", home=tmp_path)[0] == 2


@pytest.fixture
def served(tmp_path: Path) -> Iterator[Path]:
    folder = tmp_path / "lab"
    process = started(
        "demo", "--serve", "--dir", str(folder), "--scenario", "done", *FAST, home=tmp_path
    )
    deadline = time.monotonic() + 60
    while not (folder / "setup.toml").exists() and time.monotonic() < deadline:
        assert process.poll() is None
        time.sleep(0.05)
    yield folder
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=30)
    assert process.returncode == 0


def test_a_served_lab_takes_auto_twice_and_changes_nothing(served: Path, tmp_path: Path) -> None:
    for _ in range(2):
        status, out, _ = ran("--auto", str(served / "setup.toml"), "--json", home=tmp_path)
        assert (status, lines(out)[-1]["changes"]) == (0, 0)


def test_prove_runs_the_proof_though_nothing_changed(served: Path, tmp_path: Path) -> None:
    status, out, _ = ran("--auto", str(served / "setup.toml"), "--json", "--prove", home=tmp_path)
    events = lines(out)
    proof = [
        event for event in events if event["type"] == "stage-finished" and event["stage"] == "proof"
    ]
    assert (status, events[-1]["changes"]) == (0, 0)
    assert proof[0]["assessment"]["code"] == "proof.proved"


@pytest.mark.skipif(shutil.which("ssh") is None, reason="openssh-client is not installed")
def test_an_ordinary_ssh_gets_in(served: Path) -> None:
    asked = subprocess.run(
        ["ssh", "-F", str(served / "ssh_config"), "gpu1", "nvidia-smi -L; sudo -n true"],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        stdin=subprocess.DEVNULL,
    )
    assert asked.stdout.startswith("GPU 0: NVIDIA RTX A6000 (UUID: GPU-")
    assert "a password is required" in asked.stderr
