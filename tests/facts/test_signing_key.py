"""The scripts of the package source steps, run by the real sh, gpg and apt where they are."""

from __future__ import annotations

import fcntl
import shutil
import subprocess
from pathlib import Path

import pytest

from gpu_wizard.facts import apt
from gpu_wizard.facts.signing_key import FETCHED, checked_key_steps
from gpu_wizard.model.action import Run, Step

KEYS = Path(__file__).parent.parent / "recorded" / "openpgp"
FINGERPRINT = "713DE99AF4857C07E6C99721B604A8F261C469D7"
needs_gpg = pytest.mark.skipif(not shutil.which("gpg"), reason="gpg is not installed")


def step(name: str, target: Path, fingerprint: str = FINGERPRINT) -> Step:
    steps = checked_key_steps("https://x.example/key", fingerprint, str(target), "curl", ())
    return next(one for one in steps if one.id == name)


def perform(action: object, fetched: Path) -> subprocess.CompletedProcess[str]:
    """Run a step's own command, with a file of the test in place of the fetched one."""
    assert isinstance(action, Run)
    argv = [str(fetched) if word == FETCHED else word for word in action.argv]
    return subprocess.run(argv, capture_output=True, text=True, timeout=30, check=False)


@needs_gpg
@pytest.mark.parametrize("name", ["one-key.asc", "one-key.gpg"])
def test_the_expected_key_passes(tmp_path: Path, name: str) -> None:
    done = perform(step("toolkit.key-check", tmp_path / "k").action, KEYS / name)
    assert (done.returncode, done.stdout) == (0, f"fingerprint {FINGERPRINT}\n")


@needs_gpg
def test_another_key_is_refused_with_both_fingerprints(tmp_path: Path) -> None:
    other = f"AA{FINGERPRINT[2:]}"
    done = perform(step("toolkit.key-check", tmp_path / "k", other).action, KEYS / "one-key.asc")
    assert done.returncode == 1
    assert FINGERPRINT in done.stderr
    assert other in done.stderr


@needs_gpg
@pytest.mark.parametrize("content", [b"", b"<html>proxy</html>"])
def test_what_is_no_key_is_refused(tmp_path: Path, content: bytes) -> None:
    fetched = tmp_path / "fetched"
    fetched.write_bytes(content)
    done = perform(step("toolkit.key-check", tmp_path / "k").action, fetched)
    assert done.returncode == 1
    assert "none" in done.stderr


@needs_gpg
def test_a_second_key_beside_the_expected_one_is_refused(tmp_path: Path) -> None:
    home = tmp_path / "home"
    home.mkdir(mode=0o700)
    gpg = ("gpg", "--batch", "--quiet", "--homedir", str(home))
    made = (
        "--passphrase",
        "",
        "--quick-gen-key",
        "Other <o@x.example>",
        "ed25519",
        "sign",
        "never",
    )
    subprocess.run((*gpg, *made), check=True, capture_output=True, timeout=60)
    other = subprocess.run((*gpg, "--export"), check=True, capture_output=True, timeout=30).stdout
    subprocess.run(("gpgconf", "--homedir", str(home), "--kill", "all"), check=False, timeout=30)
    both = tmp_path / "both.gpg"
    both.write_bytes((KEYS / "one-key.gpg").read_bytes() + other)
    done = perform(step("toolkit.key-check", tmp_path / "k").action, both)
    assert done.returncode == 1


@needs_gpg
def test_the_key_is_put_in_place_whole_and_readable(tmp_path: Path) -> None:
    fetched, target = tmp_path / "fetched.asc", tmp_path / "keyrings" / "nvidia.gpg"
    shutil.copy(KEYS / "one-key.asc", fetched)
    placing = step("toolkit.key", target)
    done = perform(placing.action, fetched)
    assert done.returncode == 0, done.stderr
    assert target.read_bytes() == (KEYS / "one-key.gpg").read_bytes()
    assert target.stat().st_mode & 0o777 == 0o644
    assert [path.name for path in target.parent.iterdir()] == ["nvidia.gpg"]
    assert not fetched.exists()
    assert perform(placing.undo[0], fetched).returncode == 0
    assert not target.exists()


@pytest.mark.skipif(not shutil.which("apt-get"), reason="apt is not installed")
def test_the_lists_lock_is_waited_for(tmp_path: Path) -> None:
    lists = tmp_path / "lists"
    (lists / "partial").mkdir(parents=True)
    (tmp_path / "cache").mkdir()
    options = (
        *("-o", f"Dir::State::lists={lists}", "-o", f"Dir::Cache={tmp_path / 'cache'}"),
        *("-o", "Dir::Etc::sourcelist=/dev/null", "-o", "Dir::Etc::sourceparts=-"),
        *("-o", "APT::Sandbox::User=root", "-o", "APT::Update::Post-Invoke::="),
    )
    with (lists / "lock").open("w") as held:
        fcntl.lockf(held, fcntl.LOCK_EX)
        argv = apt.update(*options).argv
        waiting = subprocess.Popen(argv, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        with pytest.raises(subprocess.TimeoutExpired):
            waiting.wait(timeout=0.7)
    _, errors = waiting.communicate(timeout=30)
    assert "Could not get lock" in errors
    assert waiting.returncode == 0, errors


def test_a_missing_version_is_named_with_those_that_there_are(tmp_path: Path) -> None:
    madison = tmp_path / "apt-cache"
    lines = " p | 1.20.0-1 | https://x.example Packages\n p | 1.17.8-1 | https://x.example Packages"
    madison.write_text(f"#!/bin/sh\necho '{lines}'\n")
    madison.chmod(0o755)

    def ask(version: str) -> subprocess.CompletedProcess[str]:
        run = apt.available_step("p", version).action
        assert isinstance(run, Run)
        path = f"{tmp_path}:/usr/bin:/bin"
        return subprocess.run(
            run.argv, env={"PATH": path}, capture_output=True, text=True, timeout=30, check=False
        )

    assert ask("1.20.0-1").returncode == 0
    missing = ask("1.2")
    assert missing.returncode == 1
    assert "They have: 1.17.8-1 1.20.0-1" in missing.stderr
