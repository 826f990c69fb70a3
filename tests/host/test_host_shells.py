"""The same scripts under each shell that a host may call `sh`."""

from __future__ import annotations

import asyncio
import os
import shutil
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from gpu_wizard.host.local import LocalHost, local_host
from gpu_wizard.host.writing import BACKUP_ROOT
from gpu_wizard.model.action import RestoreFile, Run
from gpu_wizard.model.errors import TimedOutError
from gpu_wizard.model.fact import Unknown
from gpu_wizard.model.line import Chunk
from gpu_wizard.model.question import Command, Files, FilesFound, Output

# One process for all that remove the backups' folder once it is empty.
pytestmark = pytest.mark.xdist_group("backups")
RUN_ID = f"shells-{os.getpid()}"

BUSYBOX = (
    "base64", "cat", "chmod", "chown", "env", "head", "id", "mkdir", "mktemp", "mv", "readlink", "rm", "sed",
    "setsid", "sha256sum", "sleep", "stat", "sync", "timeout", "touch", "uname", "wc",
)  # fmt: skip


@pytest.fixture(params=["dash", "bash", "busybox"])
async def host(
    request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[LocalHost]:
    """This machine with another `sh` first on the path, and for busybox its own small programs too."""
    program = shutil.which(request.param)
    if program is None:
        pytest.skip(f"no {request.param} here")
    programs = tmp_path / "bin"
    programs.mkdir()
    for name in ("sh", *(BUSYBOX if request.param == "busybox" else ())):
        (programs / name).symlink_to(program)
    monkeypatch.setenv("PATH", f"{programs}:{os.environ['PATH']}")
    made = local_host()
    yield made
    await made.close()
    shutil.rmtree(f"{BACKUP_ROOT}/{RUN_ID}", ignore_errors=True)
    for folder in (Path(BACKUP_ROOT), Path(BACKUP_ROOT).parent):
        if folder.exists() and not any(folder.iterdir()):
            folder.rmdir()


async def hear_nothing(_chunk: Chunk) -> None:
    return


async def test_asking(host: LocalHost, tmp_path: Path) -> None:
    (tmp_path / "a.conf").write_text("token: canary\nplain: text\n")
    os.mkfifo(tmp_path / "fifo")
    answers = await host.ask(
        [
            Command(("uname", "-s")),
            Command(("cat", str(tmp_path / "fifo")), timeout_seconds=1),
            Command(("k3s", "--version")),
            Files((f"{tmp_path}/*.conf",), redact=True),
        ]
    )
    assert answers[0] == Output(0, b"Linux\n", b"")
    assert answers[1] == Unknown("timed-out")
    assert isinstance(answers[2], Output)
    assert answers[2].status == 127
    assert isinstance(answers[3], FilesFound)
    assert answers[3].files[0].text == "token: ***\nplain: text\n"


async def test_running(host: LocalHost) -> None:
    heard: list[str] = []

    async def hear(chunk: Chunk) -> None:
        heard.append(chunk.text)

    run = Run(
        ("sh", "-c", 'cat; echo "$A"; exit 3'),
        root=False,
        stdin=b"in\n",
        environment=(("A", "b c"),),
    )
    assert await host.run(run, hear) == 3
    assert "".join(heard) == "in\nb c\n"
    with pytest.raises(TimedOutError):
        await host.run(Run(("sleep", "60"), root=False, timeout_seconds=0.3), hear)


@pytest.mark.skipif(os.geteuid() != 0, reason="files are written as root")
async def test_writing(host: LocalHost, tmp_path: Path) -> None:
    file, data = tmp_path / "etc" / "file", bytes(range(256)) * 1000
    first = await host.put(str(file), data, 0o640, RUN_ID)
    assert (file.read_bytes(), file.stat().st_mode & 0o777) == (data, 0o640)
    assert not (await host.put(str(file), data, 0o640, RUN_ID)).changed
    second = await host.put(str(file), b"two", 0o600, RUN_ID)
    await host.restore(RestoreFile(str(file), second.backup, second.written_sha256))
    assert (file.read_bytes(), file.stat().st_mode & 0o777) == (data, 0o640)
    await host.restore(RestoreFile(str(file), "", first.written_sha256))
    assert list(file.parent.iterdir()) == []


async def test_many_at_once(host: LocalHost) -> None:
    """Nothing of one exchange gets into another."""
    asks = [[Command(("uname", "-s")), Command(("cat", "/etc/hostname"))] for _ in range(8)]
    answers = await asyncio.gather(*(host.ask(batch) for batch in asks))
    assert all(answer == answers[0] for answer in answers)
    assert await host.run(Run(("true",), root=False), hear_nothing) == 0
