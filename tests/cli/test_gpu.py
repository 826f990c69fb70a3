"""`gpu TARGET` as a person runs it: the practice lab's machine by the name in ~/.ssh/config."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from gpu_wizard.lab.serve import LabThread


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


def test_an_unknown_machine_is_1_and_names_it(home: Path) -> None:
    status, out, err = ran(home, "127.0.0.1:1", "--count", "1")
    assert (status, out) == (1, "")
    assert "127.0.0.1" in err
    assert "Traceback" not in err


@pytest.mark.parametrize("reader_goes", [True, False])
def test_ctrl_c_and_a_reader_that_goes_end_it(home: Path, reader_goes: bool) -> None:
    with started(home, "gpu1", "--json") as process:
        assert process.stdout is not None
        process.stdout.readline()
        process.stdout.readline()
        if reader_goes:
            process.stdout.close()
        else:
            process.send_signal(signal.SIGINT)
        assert process.wait(30) == 130
        assert process.stderr is not None
        assert "Traceback" not in process.stderr.read()
