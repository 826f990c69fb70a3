"""One connection to a real OpenSSH server: asking, running, losing it."""

from __future__ import annotations

from gpu_wizard.host.ssh import connect
from gpu_wizard.model.action import Run
from gpu_wizard.model.line import Chunk
from gpu_wizard.model.question import Command, Files, FilesFound, Output
from tests.host.openssh import Sshd


async def test_questions_and_files(sshd: Sshd) -> None:
    host = await connect(sshd.target(), sshd.options())
    answers = await host.ask(
        [
            Command(("uname", "-s")),
            Command(("ls", "/nowhere"), root=True),
            Files(("/etc/host*",), root=True),
            Command(("k3s", "--version")),
        ]
    )
    await host.close()
    assert answers[0] == Output(0, b"Linux\n", b"")
    assert isinstance(answers[1], Output)
    assert answers[1].status == 2
    assert b"/nowhere" in answers[1].stderr
    assert isinstance(answers[2], FilesFound)
    assert answers[2].at("/etc/hosts") is not None
    assert isinstance(answers[3], Output)
    assert answers[3].status == 127


async def test_run_streams_both_channels(sshd: Sshd) -> None:
    host = await connect(sshd.target(), sshd.options())
    heard: list[Chunk] = []

    async def hear(chunk: Chunk) -> None:
        heard.append(chunk)

    status = await host.run(Run(("sh", "-c", "cat; echo err >&2; exit 5"), stdin=b"in\n"), hear)
    await host.close()
    assert status == 5
    assert Chunk("out", "in\n") in heard
    assert Chunk("err", "err\n") in heard
