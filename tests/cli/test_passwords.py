"""Passwords that are typed, in a real terminal on the practice lab: mistyped ones are asked for again, like sudo does."""

from __future__ import annotations

import asyncio
import os
import re
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pexpect
import pytest

from gpu_wizard.lab.serve import Lab
from gpu_wizard.model.secret import RememberedSecrets, Secret

SECONDS = 90
WRONG = "canary-Mistyped-1"


@pytest.fixture
async def lab(tmp_path: Path) -> AsyncIterator[Path]:
    """The folder of a lab whose setup file `asks.toml` wants every password typed."""
    folder = tmp_path / "lab"
    folder.mkdir()
    async with Lab("done", folder, speed=25.0):
        setup = (folder / "setup.toml").read_text()
        asked = re.sub(r"(?m)^sudo = .*$", 'sudo = {from = "prompt"}', setup)
        (folder / "asks.toml").write_text(asked)
        yield folder


def terminal(tmp_path: Path, *arguments: str) -> pexpect.spawn:
    return pexpect.spawn(
        sys.executable,
        ["-m", "gpu_wizard", *arguments],
        env={**os.environ, "LANG": "C.UTF-8", "XDG_STATE_HOME": str(tmp_path / "state")},
        timeout=SECONDS,
        dimensions=(60, 200),
    )


def typed(child: pexpect.spawn, *passwords: str) -> tuple[int, str]:
    """Exit status, and all that it said; each password is typed when one is asked for."""
    said = b""
    for password in passwords:
        child.expect(r"sudo password on \S+: ")
        said += child.before + child.after
        child.sendline(password)
    child.expect(pexpect.EOF)
    child.close()
    return child.exitstatus, (said + child.before).decode()


def written(folder: Path) -> bytes:
    return b"".join(path.read_bytes() for path in folder.rglob("*") if path.is_file())


COMMANDS = {"status": ("status", "--setup"), "auto": ("--plan", "--auto")}


@pytest.mark.parametrize("command", COMMANDS)
async def test_a_mistyped_password_is_asked_for_again(
    lab: Path, tmp_path: Path, command: str
) -> None:
    right = (lab / "sudo-password").read_text().strip()
    child = terminal(tmp_path, *COMMANDS[command], str(lab / "asks.toml"))
    status, said = await asyncio.to_thread(typed, child, WRONG, right, WRONG, right)
    assert status in (0, 3), said
    assert "8 Labels: gpu1 carries its labels" in said
    assert said.count("Not accepted, try again. sudo password on") == 2
    assert "refused" not in said
    for secret in (WRONG, right):
        assert secret not in said
        assert secret.encode() not in written(tmp_path / "state")


async def test_after_three_it_goes_on_without(lab: Path, tmp_path: Path) -> None:
    child = terminal(tmp_path, "status", "--setup", str(lab / "asks.toml"))
    status, said = await asyncio.to_thread(typed, child, *[WRONG] * 6)
    assert status in (1, 3), said
    assert "refused the password" in said
    assert WRONG not in said


async def test_what_was_given_is_not_asked_for_twice() -> None:
    asked: list[tuple[str, int]] = []

    async def person(purpose: str, refused: int = 0) -> Secret | None:
        asked.append((purpose, refused))
        return Secret(b"x") if purpose == "a" else None

    remembered = RememberedSecrets(person)
    first = await remembered("a")
    assert await remembered("a") is first
    assert await remembered("a", 1) is not first
    assert await remembered("b") is None
    assert await remembered("b") is None
    assert asked == [("a", 0), ("a", 1), ("b", 0), ("b", 0)]
    assert remembered.purposes == ("a",)
