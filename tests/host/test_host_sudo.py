"""Becoming root through a real sudo, in every way that it can be set up."""

from __future__ import annotations

import contextlib
import shutil
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from gpu_wizard.host.ssh import connect
from gpu_wizard.model.action import Run
from gpu_wizard.model.errors import AccessError
from gpu_wizard.model.fact import Unknown
from gpu_wizard.model.line import Chunk
from gpu_wizard.model.question import Command, Files, HostAnswer, Output
from gpu_wizard.model.secret import Secret
from tests.host.conftest import MakeUser
from tests.host.openssh import Sshd, running_sshd

pytestmark = pytest.mark.skipif(shutil.which("sudo") is None, reason="no sudo here")

WITH_PASSWORD = "USER ALL=(ALL:ALL) ALL"
WITHOUT_PASSWORD = "USER ALL=(ALL:ALL) NOPASSWD: ALL"
WHO = (Command(("id", "-un")), Command(("id", "-u"), root=True), Command(("id", "-g"), root=True))
RIGHT = "canary-Right-4711"


async def ask(server: Sshd, user: str, **options: object) -> list[HostAnswer]:
    host = await connect(server.target(user), server.options(**options))
    answers = await host.ask(WHO)
    await host.close()
    return answers


def became_root(answers: list[HostAnswer], user: str) -> bool:
    return answers == [
        Output(0, f"{user}\n".encode(), b""),
        Output(0, b"0\n", b""),
        Output(0, b"0\n", b""),
    ]


def codes(answers: list[HostAnswer]) -> list[str]:
    return [answer.code if isinstance(answer, Unknown) else "" for answer in answers]


async def ignore(_chunk: Chunk) -> None:
    return


async def test_without_a_password(sshd: Sshd, make_user: MakeUser) -> None:
    user = make_user(rule=WITHOUT_PASSWORD)
    assert became_root(await ask(sshd, user), user)
    assert became_root(await ask(sshd, user, sudo_password=Secret(b"not needed")), user)


async def test_root_needs_none(sshd: Sshd) -> None:
    assert became_root(await ask(sshd, "root"), "root")


async def test_with_a_password(sshd: Sshd, make_user: MakeUser) -> None:
    user = make_user(RIGHT, f"{WITH_PASSWORD}\nDefaults:USER lecture=always")
    assert became_root(await ask(sshd, user, sudo_password=Secret(RIGHT.encode())), user)


async def test_a_missing_password_is_asked_for_once(sshd: Sshd, make_user: MakeUser) -> None:
    user = make_user(RIGHT, WITH_PASSWORD)
    prompts: list[str] = []

    async def person(prompt: str, refused: int = 0) -> Secret:
        assert refused == 0
        prompts.append(prompt)
        return Secret(RIGHT.encode())

    host = await connect(sshd.target(user), sshd.options(ask_sudo_password=person))
    assert became_root(await host.ask(WHO), user)
    assert await host.run(Run(("true",)), ignore) == 0
    await host.close()
    assert len(prompts) == 1
    assert user in prompts[0]


@pytest.mark.parametrize(("typed", "ends"), [(["no", RIGHT], ""), (["no"] * 4, "wrong-password")])
async def test_a_mistyped_password_is_asked_for_again(
    sshd: Sshd, make_user: MakeUser, typed: list[str], ends: str
) -> None:
    user = make_user(RIGHT, WITH_PASSWORD)
    left, told = list(typed), list[int]()

    async def person(_prompt: str, refused: int = 0) -> Secret:
        told.append(refused)
        return Secret(left.pop(0).encode())

    host = await connect(sshd.target(user), sshd.options(ask_sudo_password=person))
    answers = await host.ask(WHO)
    await host.close()
    assert told == list(range(3 if ends else 2))
    if ends:
        assert codes(answers) == ["", f"sudo-{ends}", f"sudo-{ends}"]
        assert len(left) == 1
    else:
        assert became_root(answers, user)
        assert left == []


async def test_no_password_leaves_the_rest_answered(sshd: Sshd, make_user: MakeUser) -> None:
    answers = await ask(sshd, make_user(RIGHT, WITH_PASSWORD))
    assert codes(answers) == ["", "sudo-password-needed", "sudo-password-needed"]


@pytest.mark.parametrize("tries", [3, 1])
async def test_a_wrong_password_is_sent_once(
    sshd: Sshd, make_user: MakeUser, tmp_path: Path, tries: int
) -> None:
    log = tmp_path / "sudo.log"
    rule = f"{WITH_PASSWORD}\nDefaults:USER logfile={log}, passwd_tries={tries}"
    user = make_user(RIGHT, rule)
    host = await connect(
        sshd.target(user), sshd.options(sudo_password=Secret(b"canary-Wrong-0815"))
    )
    assert codes(await host.ask(WHO)) == ["", "sudo-wrong-password", "sudo-wrong-password"]
    assert codes(await host.ask(WHO)) == ["", "sudo-wrong-password", "sudo-wrong-password"]
    with pytest.raises(AccessError) as caught:
        await host.run(Run(("true",)), ignore)
    await host.close()
    assert caught.value.code == "sudo-wrong-password"
    assert caught.value.next_step
    assert "1 incorrect password" in log.read_text()
    assert log.read_text().count("COMMAND=") == 1


@pytest.mark.parametrize("password", [None, Secret(RIGHT.encode())])
async def test_cached_credentials(sshd: Sshd, make_user: MakeUser, password: Secret | None) -> None:
    user = make_user(RIGHT, f"{WITH_PASSWORD}\nDefaults:USER timestamp_type=global")
    cache = ["runuser", "-u", user, "--", "sudo", "-S", "-v"]
    subprocess.run(cache, input=f"{RIGHT}\n".encode(), check=True, capture_output=True)
    assert became_root(await ask(sshd, user, sudo_password=password), user)
    still = ["runuser", "-u", user, "--", "sudo", "-n", "true"]
    assert subprocess.run(still, check=False, capture_output=True).returncode == 0


async def test_one_sudo_serves_a_survey_and_one_a_file(
    sshd: Sshd, make_user: MakeUser, tmp_path: Path
) -> None:
    log = tmp_path / "sudo.log"
    user = make_user(rule=f"{WITHOUT_PASSWORD}\nDefaults:USER logfile={log}")
    host = await connect(sshd.target(user), sshd.options())
    await host.ask([*WHO, *WHO, Files(("/etc/shadow",), root=True)])
    assert log.read_text().count("COMMAND=") == 1
    await host.put(str(tmp_path / "file"), None, 0o600, "run")
    await host.close()
    assert log.read_text().count("COMMAND=") == 2


async def test_not_in_sudoers(sshd: Sshd, make_user: MakeUser) -> None:
    user = make_user(RIGHT)
    answers = await ask(sshd, user, sudo_password=Secret(RIGHT.encode()))
    assert codes(answers) == ["", "sudo-refused", "sudo-refused"]
    assert "not in the sudoers file" in getattr(answers[1], "detail", "")


async def test_terminals_only(sshd: Sshd, make_user: MakeUser) -> None:
    user = make_user(rule=f"{WITHOUT_PASSWORD}\nDefaults:USER requiretty")
    assert codes(await ask(sshd, user))[1] == "sudo-requires-tty"


async def test_no_sudo(tmp_path: Path, login_key: Path, make_user: MakeUser) -> None:
    hidden = ["unshare", "-m", "sh", "-c", f"mount --bind /dev/null {shutil.which('sudo')}"]
    if subprocess.run(hidden, check=False, capture_output=True).returncode != 0:
        pytest.skip("no mount namespaces here")
    with running_sshd(tmp_path, login_key, before=hidden[-1]) as server:
        answers = await ask(server, make_user())
    assert codes(answers)[1] == "sudo-missing"


async def test_run_put_and_capture_with_a_password(
    sshd: Sshd, make_user: MakeUser, tmp_path: Path
) -> None:
    user = make_user(RIGHT, WITH_PASSWORD)
    file, heard = tmp_path / "token", []

    async def hear(chunk: Chunk) -> None:
        heard.append(chunk.text)

    host = await connect(sshd.target(user), sshd.options(sudo_password=Secret(RIGHT.encode())))
    with watched_processes(RIGHT, "canary-Content") as seen:
        before = await host.put(str(file), Secret(b"canary-Content-1"), 0o600, "run")
        token = await host.capture(Run(("cat", str(file))))
        status = await host.run(Run(("sh", "-c", f"cat; id -u; cat {file}"), stdin=b"in\n"), hear)
        assert await host.run(Run(("id", "-un"), root=False), hear) == 0
    await host.close()
    assert token.reveal() == b"canary-Content-1"
    assert before.changed
    assert file.stat().st_mode & 0o777 == 0o600
    assert file.stat().st_uid == 0
    assert status == 0
    assert "".join(heard) == f"in\n0\n***{user}\n"
    assert seen == []


@contextlib.contextmanager
def watched_processes(*words: str) -> Iterator[list[str]]:
    """Looks at the arguments and environments of all processes the whole time; collects what holds a word."""
    seen: list[str] = []
    done = threading.Event()

    def watch() -> None:
        while not done.is_set():
            for entry in Path("/proc").iterdir():
                if entry.name.isdigit():
                    seen.extend(_holding(entry, words))

    thread = threading.Thread(target=watch)
    thread.start()
    try:
        yield seen
    finally:
        done.set()
        thread.join()


def _holding(process: Path, words: tuple[str, ...]) -> list[str]:
    texts: list[str] = []
    for name in ("cmdline", "environ"):
        with contextlib.suppress(OSError):
            texts.append((process / name).read_bytes().decode(errors="replace"))
    return [text for text in texts if any(word in text for word in words)]
