"""`--plain` from outside: the whole dialogue through a pipe, on the practice lab."""

from __future__ import annotations

import io
import os
import subprocess
import sys
from pathlib import Path

import pexpect
import pytest

import gpu_wizard
from gpu_wizard.faces import wording
from gpu_wizard.faces.plain import PlainFace
from gpu_wizard.faces.terminal import Terminal
from gpu_wizard.faces.words import Words
from gpu_wizard.knowledge.texts import Language
from gpu_wizard.model.events import OutputReceived, StageAssessed
from gpu_wizard.model.line import Chunk
from gpu_wizard.model.stage import Found, unknown
from gpu_wizard.model.stage import blocked as assessed_as_blocked
from gpu_wizard.model.stage import waiting as assessed_as_waiting

SECONDS = 150
TREE = str(Path(gpu_wizard.__file__).parents[1])
"""The program that runs is the one under test, whatever is installed."""


def dialogue(tmp_path: Path, typed: str, *options: str) -> tuple[int, str]:
    return conversation(tmp_path, typed, "demo", "--plain", "--speed", "25", *options)


def conversation(tmp_path: Path, typed: str, *arguments: str) -> tuple[int, str]:
    keep = {key: os.environ[key] for key in ("PATH", "HOME") if key in os.environ}
    done = subprocess.run(
        [sys.executable, "-m", "gpu_wizard", *arguments],
        input=typed,
        capture_output=True,
        text=True,
        timeout=SECONDS,
        check=False,
        cwd=tmp_path,
        env={
            **keep,
            "PYTHONPATH": TREE,
            "XDG_STATE_HOME": str(tmp_path / "state"),
            "LANG": "C.UTF-8",
        },
    )
    assert done.stderr == ""
    return done.returncode, done.stdout


def test_one_line_takes_a_fresh_machine_to_the_evidence(tmp_path: Path) -> None:
    status, said = dialogue(tmp_path, "1\n")
    assert status == 0
    assert "Stage 3 of 9, Container toolkit: needed." in said
    assert "1 set up all 7, 2 only this, 3 skip, 4 why, 5 show commands" in said
    assert said.rstrip().endswith("A pod on gpu1 was given a real GPU.")
    assert "\x1b" not in said
    assert "\r" not in said


def test_why_commands_save_and_stop(tmp_path: Path) -> None:
    status, said = dialogue(tmp_path, "4\n5\n6\nmine.toml\n9\n7\n")
    assert status != 0
    assert "$ sudo" in said
    assert "Saved: mine.toml" in said
    assert (tmp_path / "mine.toml").read_text().startswith("# A setup file of gpu-wizard")
    assert "Type a number from 1 to 7." in said
    assert "What was not done: " in said


def test_the_end_of_the_input_changes_nothing(tmp_path: Path) -> None:
    status, said = dialogue(tmp_path, "")
    assert status != 0
    assert "2 of 9 done, 0 changes." in said
    assert said.count("The input has ended, so this stops here.") == 1


@pytest.mark.parametrize("typed", ["1\n3\n", "1\n"])
def test_a_failure_asks_and_never_retries_by_itself(tmp_path: Path, typed: str) -> None:
    status, said = dialogue(tmp_path, typed, "--scenario", "wrong-token")
    assert status != 0
    assert "1 Try again, 2 Skip this stage, 3 Stop here [3]:" in said
    assert said.count("Stage 1 of 9, step 1,") == 1


def test_in_russian(tmp_path: Path) -> None:
    _, said = dialogue(tmp_path, "", "--lang", "ru")
    assert "Этап 3 из 9, Container toolkit: нужно." in said
    assert "1 настроить все 7, 2 только этот" in said


@pytest.mark.parametrize(
    ("language", "waiting"),
    [("en", "Waiting for it, up to a minute."), ("ru", "Ждём ответа, не дольше минуты.")],
)
def test_an_api_that_is_waited_for_is_said_to_be(language: Language, waiting: str) -> None:
    away = wording.settling(unknown("api-unreachable", detail="refused"), language)
    assert "refused" in away
    assert away.endswith(waiting)
    agreeing = assessed_as_waiting("runtime.starting", settling=True, unit="k3s-agent")
    assert waiting not in wording.settling(agreeing, language)


class Typed:
    """Nobody types."""

    def isatty(self) -> bool:
        return True

    async def line(self) -> str:
        return ""

    async def secret(self, _purpose: str, _refused: int = 0) -> None:
        return None


def blocked_driver() -> StageAssessed:
    """A judgement in which a machine's own words would clear the screen."""
    return StageAssessed(
        node="n",
        stage="driver",
        assessment=assessed_as_blocked("driver.smi-broken", status="1", text="\x1b[2J\x1b]0;x\x07"),
        found=(Found("driver.version", "5\x9b2J\u202e"),),
    )


async def test_what_a_machine_says_does_not_steer_the_terminal() -> None:
    sink = io.StringIO()
    face = PlainFace(Terminal(Typed(), sink, Words("en")), ("driver", "proof"))
    face.begin(looking=True)
    await face.show(blocked_driver())
    await face.show(
        OutputReceived(
            node="n", stage="driver", step="x", chunk=Chunk("out", "\x1b[31mred\x1b[0m\n")
        )
    )
    shown = sink.getvalue()
    assert not set(shown) & set("\x1b\x07\x9b\u202e")
    assert "  red\n" in shown


async def test_output_that_nobody_takes_is_the_end_and_no_crash() -> None:
    class Gone(io.StringIO):
        def write(self, _text: str) -> int:
            raise BrokenPipeError

    face = PlainFace(Terminal(Typed(), Gone(), Words("en")), ("driver", "proof"))
    face.begin(looking=True)
    await face.show(blocked_driver())
    assert face.stop_requested()


@pytest.mark.parametrize(
    ("keys", "status"), [(b"\x03", 130), ("²\n".encode() + b"\x03", 130), (b"\x04", 130)]
)
def test_ctrl_c_and_ctrl_d_leave_the_first_question(
    tmp_path: Path, keys: bytes, status: int
) -> None:
    environment = {**os.environ, "HOME": str(tmp_path), "PYTHONPATH": TREE, "LANG": "C.UTF-8"}
    child = pexpect.spawn(
        sys.executable, ["-m", "gpu_wizard", "--plain"], env=environment, timeout=SECONDS
    )
    child.expect_exact("[1]: ")
    child.send(keys)
    child.expect(pexpect.EOF)
    child.close()
    assert child.exitstatus == status


PLANE = """
[control_plane]
host = "anna@127.0.0.1:4"
"""
NODE = """
[[nodes]]
name = "{name}"
host = "anna@127.0.0.1:{port}"
"""


def test_runs_that_ended_well_are_listed_and_one_of_several_nodes_runs_anew(tmp_path: Path) -> None:
    nodes = "".join(NODE.format(name=f"gpu-{n}", port=n) for n in (1, 2))
    for name, setup in (("2-both", nodes), ("1-one", NODE.format(name="old", port=3))):
        run = tmp_path / "state" / "gpu-wizard" / "runs" / name
        run.mkdir(parents=True)
        (run / "finished-setup.toml").write_text(f"version = 1\n{PLANE}{setup}")
    status, said = conversation(tmp_path, "1\n", "--plain")
    assert "1 gpu-[1-2], set up, " in said
    assert "2 anna@127.0.0.1:3, set up, " in said
    for name in ("gpu-1", "gpu-2"):
        assert f"{name}: 0 of 9 done, 0 changes." in said
    assert status != 0
