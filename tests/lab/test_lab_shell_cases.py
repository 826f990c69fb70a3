"""Shell scripts, most of which no setup tool would send: the same in the lab and in real dash.

`NAME.sh` is a script, `NAME.out` what dash 0.5.12 on Debian makes of it: `exit STATUS`, a line feed,
standard output. One test runs the lab against that, another holds the record to the dash here.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
from pathlib import Path

import pytest

from tests.lab.plain_computer import fresh, outcome

CASES = Path(__file__).parent / "shell_cases"
NAMES = sorted(path.stem for path in CASES.glob("*.sh"))
KNOWN_DIFFERENCES = {
    "command-substitution-status": "dash expands `$?` beside `$(…)` before that has run",
    "error-if-unset": "bashkit ends a shell on `${x:?}` with 1, dash with 2",
    "noclobber": "a failed redirection is status 1 in bashkit as in bash, 2 in dash",
    "readonly": "bashkit ends a shell on a write to a readonly variable with 1, dash with 2",
    "redirect-failure": "a failed redirection is status 1 in bashkit as in bash, 2 in dash",
    "redirect-no-directory": "a failed redirection is status 1 in bashkit as in bash, 2 in dash",
}
"""Cases in which the lab's shell differs, and why: all are inside the interpreter, out of reach."""
FURTHER_DIFFERENCES = (
    "`$$` is 1 in a file that is run by its path or by `.`, not in one that `sh FILE` runs",
    "`PATH` hides no program; `hash`, `ulimit` and `times` are bashkit's",
    "a loop or group behind a pipe starts when its input has ended, so it follows no endless one",
    "two readers in a group each see the whole of a file or a buffered pipe, not what is left",
    "a job in the background, and what `setsid -f` starts, keep the channel until they end",
    "a trap for a signal from outside ends the shell even if it does not call `exit`",
    "a program that `exec` starts in the middle of a script has a process id of its own",
    "`flock N` on a descriptor's number is granted without looking",
    "messages on standard error are bash's or bashkit's where dash words them otherwise",
)
"""What else differs, with no case of its own: each is inside the interpreter, out of reach."""
AS_ROOT = {"id-numbers", "ls-owner", "stat-formats", "ps-self", "tilde"}
"""Cases whose record was made by root."""
DASH = shutil.which("dash")
ENVIRONMENT = {
    "HOME": "/root",
    "LANG": "C.UTF-8",
    "LC_ALL": "C.UTF-8",
    "LOGNAME": "root",
    "PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
    "USER": "root",
}


def recorded(name: str) -> bytes:
    """The record of a case."""
    return (CASES / f"{name}.out").read_bytes()


def as_recorded(status: int, out: bytes) -> bytes:
    """A result in the form of a record."""
    return b"exit %d\n%s" % (status, out)


@pytest.mark.parametrize("name", NAMES)
async def test_the_lab_does_as_dash(name: str, request: pytest.FixtureRequest) -> None:
    if reason := KNOWN_DIFFERENCES.get(name):
        request.applymarker(pytest.mark.xfail(reason=reason, strict=True))
    result = await outcome(fresh(), (CASES / f"{name}.sh").read_text())
    assert as_recorded(result.status, result.out).decode() == recorded(name).decode()


@pytest.mark.skipif(DASH is None, reason="there is no dash here")
@pytest.mark.parametrize("name", NAMES)
def test_the_record_is_what_dash_does(name: str, tmp_path: Path) -> None:
    if name in AS_ROOT and os.getuid() != 0:
        pytest.skip("its record was made by root")
    result = subprocess.run(
        [str(DASH), "-c", (CASES / f"{name}.sh").read_text()],
        cwd=tmp_path,
        env=ENVIRONMENT,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        timeout=60,
        check=False,
    )
    status = (
        result.returncode if result.returncode >= 0 else 128 + signal.Signals(-result.returncode)
    )
    assert as_recorded(status, result.stdout).decode() == recorded(name).decode()


def test_there_are_enough_cases() -> None:
    assert len(NAMES) - len(KNOWN_DIFFERENCES) >= 120
    assert set(KNOWN_DIFFERENCES) <= set(NAMES)
