"""Streams that refuse, lack letters or end; a prompt that is answered or called off; text that would steer a terminal."""

from __future__ import annotations

import io
import os
import pty
import select
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from gpu_wizard.faces.auto import TextFace
from gpu_wizard.faces.headless import JsonFace
from gpu_wizard.faces.wording import error_lines
from gpu_wizard.model.action import Run, Step
from gpu_wizard.model.errors import CommandError, Where
from gpu_wizard.model.events import OutputReceived, StageAssessed, StepStarted
from gpu_wizard.model.line import Chunk
from gpu_wizard.model.stage import blocked

UNREACHABLE = """\
version = 1
[cluster]
kubeconfig = "KUBECONFIG"
[[nodes]]
host = "anna@127.0.0.1:1"
"""


@pytest.fixture
def setup_file(tmp_path: Path) -> Path:
    (tmp_path / "kubeconfig").write_text("{}")
    path = tmp_path / "setup.toml"
    path.write_text(UNREACHABLE.replace("KUBECONFIG", str(tmp_path / "kubeconfig")))
    return path


def wizard(
    setup: Path, *arguments: str, stdout: int = subprocess.PIPE, **environment: str
) -> subprocess.CompletedProcess[bytes]:
    """`--auto` on a machine that refuses the connection."""
    return subprocess.run(
        [sys.executable, "-m", "gpu_wizard", "--auto", str(setup), *arguments],
        stdout=stdout,
        stderr=subprocess.PIPE,
        stdin=subprocess.DEVNULL,
        env={**os.environ, "XDG_STATE_HOME": str(setup.parent / "state"), **environment},
        timeout=60,
        check=False,
    )


@pytest.mark.parametrize("encoding", ["ascii", "latin-1", "koi8-r"])
def test_an_encoding_that_lacks_our_signs_ends_no_run(setup_file: Path, encoding: str) -> None:
    run = wizard(setup_file, "--lang", "ru", PYTHONIOENCODING=encoding)
    assert (run.returncode, run.stderr) == (1, b"")
    assert b"127.0.0.1:1" in run.stdout


@pytest.mark.parametrize("form", [(), ("--json",)])
def test_output_that_nobody_takes_stops_the_run_and_is_said(
    setup_file: Path, form: tuple[str, ...]
) -> None:
    full = os.open("/dev/full", os.O_WRONLY)
    run = wizard(setup_file, *form, stdout=full)
    os.close(full)
    assert run.returncode == 1
    assert run.stderr.startswith(b"Standard output can't be written (No space left on device)")
    reader, writer = os.pipe()
    os.close(reader)
    run = wizard(setup_file, *form, stdout=writer)
    os.close(writer)
    assert (run.returncode, run.stderr) == (130, b"")


def test_a_state_folder_that_cannot_be_made_is_named(setup_file: Path) -> None:
    run = wizard(setup_file, XDG_STATE_HOME="/dev/null")
    assert run.returncode == 1
    assert run.stderr.startswith(b"The run's folder can't be written")


class Gone(io.StringIO):
    """A pipe whose reader has gone."""

    def write(self, text: str) -> int:
        raise BrokenPipeError


async def test_a_face_never_raises_and_asks_to_stop() -> None:
    event = StageAssessed(node="n", stage="join", assessment=blocked("join.needs-systemd"))
    for face in (TextFace(Gone(), "en", ()), JsonFace(Gone(), "1")):
        await face.show(event)
        await face.show(event)
        assert face.stop_requested()
        assert isinstance(face.outlet.failed, BrokenPipeError)


class Terminal(io.StringIO):
    """A terminal."""

    def isatty(self) -> bool:
        return True


async def test_what_a_machine_says_does_not_steer_the_terminal() -> None:
    stream = Terminal()
    face = TextFace(stream, "en", ())
    hostile = "gpu\x1b]0;owned\x07\x1b[2J\u202egnp.exe\r"
    assessment = blocked("join.name-taken", node=hostile, addresses=hostile)
    await face.show(StageAssessed(node="n", stage="join", assessment=assessment))
    assert not {"\x1b", "\x07", "\r", "\u202e"} & set(stream.getvalue())
    chunk = Chunk("out", "\x1b[8mhidden from here on")
    await face.show(OutputReceived(node="n", stage="join", step="s", chunk=chunk))
    await face.show(StageAssessed(node="n", stage="driver", assessment=blocked("driver.no-card")))
    assert stream.getvalue().index("\x1b[0m") < stream.getvalue().rindex("Driver")


PROMPT = "import asyncio; from gpu_wizard.cli.keyring import prompt; print(asyncio.run(prompt('Word')).reveal())"


def prompted(typed: bytes) -> tuple[int, bytes]:
    """A prompt on a terminal of its own, what is typed there, and what comes of it."""
    child, terminal = pty.fork()
    if child == 0:
        os.execv(sys.executable, [sys.executable, "-c", PROMPT])
    shown = b""
    while b"Word: " not in shown:
        shown += os.read(terminal, 1024)
    os.write(terminal, typed)
    shown = b""
    while select.select([terminal], [], [], 60)[0]:
        try:
            shown += os.read(terminal, 1024)
        except OSError:
            break
    else:
        os.kill(child, signal.SIGKILL)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), shown


def test_a_prompt_takes_a_line_without_showing_it() -> None:
    assert prompted(b"geheim\n") == (0, b"\r\nb'geheim'\r\n")


def test_ctrl_c_calls_a_prompt_off() -> None:
    status, shown = prompted(b"\x03")
    assert status in (1, 130, -signal.SIGINT)
    assert b"KeyboardInterrupt" in shown


def test_an_error_is_told_in_the_readers_language_with_what_to_do_next() -> None:
    where = Where(host="gpu1", command="sh -c 'set -e …'", status=7)
    error = CommandError(
        "command-failed", "A command ended.", where, params={"command": "sh", "status": "7"}
    )
    english, russian = error_lines(error, "en"), error_lines(error, "ru")
    assert english[0] == f"A command ended. ({where})"
    assert russian[0].startswith("sh: код завершения 7.")
    assert len(english) == len(russian) == 2
    bare = CommandError("command-failed", "A command ended.", where)
    place = "хост gpu1, команда sh -c 'set -e …', код завершения 7"
    assert error_lines(bare, "ru")[0] == f"A command ended. ({place})"
    unknown = CommandError("no-such-code", "Odd.", next_step="Look.")
    assert error_lines(unknown, "ru") == ["Odd.", "  Look."]


async def test_a_step_without_a_way_back_is_said_to_be_one() -> None:
    stream = io.StringIO()
    face = TextFace(stream, "en", ())
    for_good = Step("toolkit.upgrade", Run(("apt-get", "install", "x")))
    restart = Step("runtime.restart", Run(("systemctl", "restart", "k3s-agent")))
    for number, step in enumerate((for_good, restart), 1):
        await face.show(StepStarted(node="n", stage="toolkit", step=step, number=number))
    assert stream.getvalue().count("This step cannot be undone.") == 1
