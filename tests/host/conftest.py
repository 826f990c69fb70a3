"""Real servers and users for the tests of hosts."""

from __future__ import annotations

import os
import secrets
import shutil
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.host.openssh import SSHD, Sshd, make_key, running_sshd

MakeUser = Callable[..., str]

needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="needs root to make users and mounts")


@pytest.fixture(scope="session")
def login_key(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The key that every server and every made user accepts."""
    if shutil.which(SSHD) is None:
        pytest.skip("no OpenSSH server here (Debian package openssh-server)")
    return make_key(tmp_path_factory.mktemp("key") / "user_key")


@pytest.fixture(scope="session")
def sshd(login_key: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sshd]:
    """One server for the tests that do not harm it."""
    if os.geteuid() != 0:
        pytest.skip("the server logs in as root and as made users: needs root")
    folder = tmp_path_factory.mktemp("sshd")
    with running_sshd(folder, login_key) as server:
        yield server


@pytest.fixture
def own_sshd(login_key: Path, tmp_path: Path) -> Iterator[Sshd]:
    """A server that a test may harm."""
    if os.geteuid() != 0:
        pytest.skip("the server logs in as root: needs root")
    with running_sshd(tmp_path, login_key) as server:
        yield server


def change_users(*command: str, entry: str = "") -> None:
    """Run a program that locks the list of users, which tests beside this one also do.

    A user whose killed processes have not ended yet can't be removed, so that is tried again as well.
    """
    for _ in range(100):
        done = subprocess.run(command, input=entry.encode(), check=False, capture_output=True)
        said = done.stderr.lower()
        if done.returncode == 0 or not (b"lock" in said or b"currently used" in said):
            break
        time.sleep(0.1)
    # userdel says 12 where the mail spool or the home could not be removed; the user is gone all the same.
    assert done.returncode in (0, 12), done.stderr


@pytest.fixture
def make_user(login_key: Path) -> Iterator[MakeUser]:
    """Makes users of this machine that are gone afterwards: `make_user(password, sudoers_rule, shell)`."""
    if os.geteuid() != 0 or shutil.which("useradd") is None:
        pytest.skip("needs root and useradd to make users")
    made: list[str] = []

    def make(password: str = "", rule: str = "", shell: str = "/bin/bash") -> str:
        name = f"gwtest{secrets.token_hex(4)}"
        change_users("useradd", "-m", "-s", shell, name)
        made.append(name)
        change_users("chpasswd", entry=f"{name}:{password or secrets.token_hex(8)}\n")
        keys = Path(f"~{name}").expanduser() / ".ssh"
        keys.mkdir()
        shutil.copy(f"{login_key}.pub", keys / "authorized_keys")
        if rule:
            if shutil.which("sudo") is None:
                pytest.skip("no sudo here (Debian package sudo)")
            sudoers = Path("/etc/sudoers.d") / name
            sudoers.write_text(rule.replace("USER", name) + "\n")
            sudoers.chmod(0o440)
        return name

    yield make
    for name in made:
        (Path("/etc/sudoers.d") / name).unlink(missing_ok=True)
        subprocess.run(["pkill", "-KILL", "-u", name], check=False, capture_output=True)
        change_users("userdel", "-r", name)
