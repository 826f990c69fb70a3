"""`gpu TARGET` as a person runs it: the practice lab's machine by the name in ~/.ssh/config."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pexpect
import pytest

from gpu_wizard.cli.edges import READERS
from gpu_wizard.cli.gpu import connect_machine
from gpu_wizard.lab.serve import LabThread
from gpu_wizard.model.fact import Unknown
from gpu_wizard.model.question import Command
from gpu_wizard.model.secret import Secret
from gpu_wizard.model.setup_file import HostEntry
from tests.cli.terminal import Terminal
from tests.cli.test_status_command import LOADED


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A home whose SSH configuration knows the lab; its kubeconfig lies there too."""
    folder = tmp_path_factory.mktemp("home")
    with LabThread(scenario="done", directory=folder, speed=25.0):
        (folder / ".ssh").mkdir()
        (folder / ".ssh" / "config").write_text((folder / "ssh_config").read_text())
        yield folder


def started(home: Path, *arguments: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "gpu_wizard", "gpu", "--every", "0.1", *arguments],
        env={**os.environ, "HOME": str(home)},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def ran(home: Path, *arguments: str) -> tuple[int, str, str]:
    with started(home, *arguments) as process:
        out, err = process.communicate(timeout=60)
    return process.returncode, out, err


def test_the_table_says_what_nvidia_smi_cannot_tell(home: Path) -> None:
    status, out, err = ran(home, "gpu1", "--count", "2")
    assert (status, err) == (0, "")
    assert "There is no python3 on the machine" in out
    assert out.count("It can't tell: processes") == 1
    assert out.count("NVIDIA RTX A6000") == 2


def test_json_with_a_kubeconfig_learns_the_node(home: Path) -> None:
    status, out, err = ran(
        home, "gpu1", "--json", "--count", "30", "--kubeconfig", str(home / "kubeconfig")
    )
    assert (status, err) == (0, "")
    _, *samples = [json.loads(line) for line in out.splitlines()]
    assert len(samples) == 30
    assert samples[-1]["node"] == "gpu1"
    assert samples[-1]["gpus"][0]["ecc_errors"] is None


def test_a_terminal_shows_the_panels_and_q_ends_them(home: Path) -> None:
    terminal = Terminal(["gpu", "gpu1", "--every", "0.5"], {"HOME": str(home)})
    shown = terminal.until("NVIDIA RTX A6000")
    assert "gpu-wizard  gpu1  GPU" in shown
    assert "read-only" in shown
    terminal.until("Xid")
    assert terminal.end() == 0


@pytest.mark.parametrize("option", ["--plain", "--once"])
def test_a_terminal_prints_the_table_where_that_is_asked_for(home: Path, option: str) -> None:
    arguments = ["gpu", "gpu1", option, *(["--count", "1"] if option == "--plain" else [])]
    terminal = Terminal(arguments, {"HOME": str(home)})
    shown = terminal.until("Xid")
    assert "read-only" not in shown
    terminal.child.expect(pexpect.EOF)
    terminal.child.close()
    assert terminal.child.exitstatus == 0


def test_a_pipe_loads_no_screen(tmp_path: Path) -> None:
    loaded = subprocess.run(
        [sys.executable, "-c", LOADED, json.dumps(["gpu", "--once"])],
        env={**os.environ, "HOME": str(tmp_path)},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    code, modules = json.loads(loaded.stderr.splitlines()[-1])
    assert code == 0
    assert [name for name in ("textual", "rich", "kubernetes_asyncio") if name in modules] == []


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--every", "0"), "--every"),
        (("--every", "0.01"), "--every"),
        (("--every", "inf"), "--every"),
        (("--count", "-1"), "--count"),
        (("--ascii",), "--ascii"),
        (("--calm",), "--calm"),
    ],
)
def test_bad_usage_is_2(tmp_path: Path, arguments: tuple[str, ...], said: str) -> None:
    status, out, err = ran(tmp_path, "gpu1", *arguments)
    assert (status, out) == (2, "")
    assert said in err


async def test_nobody_is_asked_for_a_password_while_cards_are_shown(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, does in (("id", "echo 1000"), ("sudo", "echo a password is required >&2; exit 1")):
        (tmp_path / name).write_text(f"#!/bin/sh\n{does}\n")
        (tmp_path / name).chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")

    async def asked(_purpose: str, _refused: int = 0) -> Secret | None:
        raise AssertionError("a prompt over the panels")

    machine = await connect_machine(HostEntry("local"), replace(READERS, ask=asked))
    (answer,) = await machine.host.ask([Command(("true",), root=True)])
    assert isinstance(answer, Unknown)
    assert answer.code == "sudo-password-needed"


def test_an_unknown_machine_is_1_and_names_it(home: Path) -> None:
    status, out, err = ran(home, "127.0.0.1:1", "--count", "1")
    assert (status, out) == (1, "")
    assert "127.0.0.1" in err
    assert "Traceback" not in err


@pytest.mark.parametrize("stopped_by", [None, signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_and_a_reader_that_goes_end_it(
    home: Path, stopped_by: signal.Signals | None
) -> None:
    with started(home, "gpu1", "--json") as process:
        assert process.stdout is not None
        process.stdout.readline()
        process.stdout.readline()
        if stopped_by is None:
            process.stdout.close()
        else:
            process.send_signal(stopped_by)
        assert process.wait(30) == 130
        assert process.stderr is not None
        assert "Traceback" not in process.stderr.read()
