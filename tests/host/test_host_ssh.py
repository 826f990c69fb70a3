"""Asking and running over a real OpenSSH server: streams, ends, losses."""

from __future__ import annotations

import asyncio
import gc
import os
import time
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from asyncssh import SSHClientConnection

from gpu_wizard.host.local import local_host
from gpu_wizard.host.shell import ShellHost
from gpu_wizard.host.ssh import SshHost, connect
from gpu_wizard.host.target import SshOptions
from gpu_wizard.model.action import Run
from gpu_wizard.model.errors import CommandError, TimedOutError, UnreachableError, WizardError
from gpu_wizard.model.fact import Unknown
from gpu_wizard.model.line import Chunk
from gpu_wizard.model.question import Command, Files, FilesFound, HostAsk, Output
from gpu_wizard.model.secret import Secret
from tests.host.conftest import MakeUser
from tests.host.openssh import Sshd, running_sshd

SOON = 20.0
"""Bounds every wait in here; nothing is expected to take that long."""


class Heard:
    """What a run said, and when the first of it came."""

    def __init__(self) -> None:
        self.chunks: list[Chunk] = []
        self.something = asyncio.Event()

    async def __call__(self, chunk: Chunk) -> None:
        self.chunks.append(chunk)
        self.something.set()

    def text(self, stream: str = "out") -> str:
        return "".join(chunk.text for chunk in self.chunks if chunk.stream == stream)


def shell(script: str, **fields: object) -> Run:
    return Run(("sh", "-c", script), **fields)  # type: ignore[arg-type]  # tests name fields by keyword


def alive(marker: str) -> bool:
    """Whether a process with this word among its arguments runs."""
    for entry in Path("/proc").iterdir():
        try:
            words = (entry / "cmdline").read_bytes().split(b"\0")
        except OSError:
            continue
        if marker.encode() in words:
            return True
    return False


async def gone(marker: str) -> bool:
    async with asyncio.timeout(SOON):
        while alive(marker):
            await asyncio.sleep(0.05)
    return True


@pytest.fixture(params=["ssh", "local"])
async def host(request: pytest.FixtureRequest) -> AsyncIterator[ShellHost]:
    """The same behaviour is asked of both."""
    made: ShellHost
    if request.param == "local":
        made = local_host()
    else:
        server: Sshd = request.getfixturevalue("sshd")
        made = await connect(server.target(), server.options())
    yield made
    await made.close()


async def test_questions_travel_together(host: ShellHost) -> None:
    asks: list[HostAsk] = [
        Command(("uname", "-s")),
        Command(("ls", "/nowhere"), root=True),
        Files(("/etc/host*",), root=True),
        Command(("k3s", "--version")),
        Command(("true",)),
        Command(("cat", "/etc/hostname", "/nowhere")),
        Command(("date", "+it's 'quoted' \"twice\" $HOME `id` \\ * \n;")),
    ]
    answers = await host.ask(asks)
    assert answers[0] == Output(0, b"Linux\n", b"")
    assert answers[1] == Output(
        2, b"", b"ls: cannot access '/nowhere': No such file or directory\n"
    )
    assert isinstance(answers[2], FilesFound)
    assert answers[2].at("/etc/hosts") is not None
    assert [getattr(answer, "status", None) for answer in answers[3:6]] == [127, 0, 1]
    assert answers[6] == Output(0, b"it's 'quoted' \"twice\" $HOME `id` \\ * \n;\n", b"")
    assert await host.ask([]) == []


async def test_any_bytes_come_whole(host: ShellHost, tmp_path: Path) -> None:
    data = bytes(range(256)) * 5000
    (tmp_path / "bytes").write_bytes(data)
    path = str(tmp_path / "bytes")
    answers = await host.ask([Command(("cat", path)), Files((path,), max_bytes=1 << 22)])
    assert answers[0] == Output(0, data, b"")
    assert isinstance(answers[1], FilesFound)
    assert answers[1].files[0].content == data


async def test_a_stuck_question_spoils_one_fact(host: ShellHost, tmp_path: Path) -> None:
    answers = await host.ask(
        [
            Command(("uname", "-s")),
            Command(("cat", _fifo(tmp_path)), timeout_seconds=1),
            Command(("cat", _fifo(tmp_path)), timeout_seconds=1, root=True),
            Command(("uname", "-s"), root=True),
        ]
    )
    assert [getattr(answer, "code", "") for answer in answers] == ["", "timed-out", "timed-out", ""]


def _fifo(folder: Path) -> str:
    path = folder / "fifo"
    if not path.exists():
        os.mkfifo(path)
    return str(path)


async def test_more_questions_than_one_command_holds(host: ShellHost) -> None:
    long = "x" * 3000
    asks = [Command(("ls", f"/{number}{long}")) for number in range(40)]
    answers = await host.ask(asks)
    assert all(isinstance(answer, Output) and answer.status == 2 for answer in answers)


async def test_run_gives_both_streams_input_and_environment(host: ShellHost) -> None:
    heard = Heard()
    script = 'cat; echo "$A"; echo err >&2; exit 5'
    run = shell(script, stdin=b"in\n", environment=(("A", "b 'c'"),))
    assert await host.run(run, heard) == 5
    assert heard.text() == "in\nb 'c'\n"
    assert heard.text("err") == "err\n"
    assert await host.run(Run(("no-such-program",), root=False), heard) == 127


async def test_output_comes_as_it_is_made(host: ShellHost, tmp_path: Path) -> None:
    """The first piece is heard while the command waits for us."""
    heard, go = Heard(), tmp_path / "go"
    script = f"printf ' 10%%\\r'; while [ ! -e {go} ]; do sleep 0.05; done; printf '100%%\\n'"
    running = asyncio.create_task(host.run(shell(script), heard))
    async with asyncio.timeout(SOON):
        await heard.something.wait()
    assert heard.text() == " 10%\r"
    go.touch()
    assert await running == 0
    assert heard.text() == " 10%\r100%\n"


async def test_hostile_bytes_are_made_safe(host: ShellHost) -> None:
    heard = Heard()
    script = r"printf '\377ok\033]0;title\007\033[31mred\033[0m\033[2J\303'; printf '\251\n'"
    assert await host.run(shell(script), heard) == 0
    assert heard.text() == "\ufffdok\x1b[31mred\x1b[0mé\n"


async def test_full_error_output_while_the_other_is_silent(host: ShellHost) -> None:
    heard = Heard()
    script = "head -c 3000000 /dev/zero | tr '\\0' x >&2; echo done"
    assert await host.run(shell(script), heard) == 0
    assert len(heard.text("err")) == 3_000_000
    assert heard.text() == "done\n"


async def test_two_million_lines(host: ShellHost) -> None:
    lines = 0

    async def count(chunk: Chunk) -> None:
        nonlocal lines
        lines += chunk.text.count("\n")

    assert await host.run(Run(("seq", "2000000")), count) == 0
    assert lines == 2_000_000


async def test_a_slow_listener_slows_the_writer(host: ShellHost, tmp_path: Path) -> None:
    """Memory is bounded: the writer can't be far ahead of who listens."""
    progress, hold = tmp_path / "progress", asyncio.Event()
    first = Heard()

    async def slow(chunk: Chunk) -> None:
        await first(chunk)
        await hold.wait()

    script = f"head -c 50000000 /dev/zero | tr '\\0' x; echo over >{progress}"
    running = asyncio.create_task(host.run(shell(script), slow))
    async with asyncio.timeout(SOON):
        await first.something.wait()
    await asyncio.sleep(0.5)
    assert not progress.exists()
    hold.set()
    assert await running == 0
    assert progress.exists()


async def test_cancelling_ends_the_whole_group(host: ShellHost) -> None:
    marker, heard = f"31{time.monotonic_ns() % 10**9}", Heard()
    script = f"echo up; sleep {marker} & sleep {marker}"
    running = asyncio.create_task(host.run(shell(script), heard))
    async with asyncio.timeout(SOON):
        await heard.something.wait()
        while not alive(marker):
            await asyncio.sleep(0.02)
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    assert not alive(marker)
    assert await host.run(Run(("true",)), heard) == 0


async def test_what_ignores_term_is_killed(
    host: ShellHost, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("gpu_wizard.host.running.KILL_AFTER_SECONDS", 1)
    marker, heard = f"32{time.monotonic_ns() % 10**9}", Heard()
    run = shell(f"trap '' TERM; echo up; sleep {marker}; sleep {marker}", timeout_seconds=0.5)
    with pytest.raises(TimedOutError) as caught:
        await host.run(run, heard)
    assert caught.value.code == "command-timed-out"
    assert await gone(marker)


async def test_a_command_whose_listener_fails_does_not_go_on_unheard(host: ShellHost) -> None:
    marker = f"34{time.monotonic_ns() % 10**9}"

    async def failing(_chunk: Chunk) -> None:
        raise BrokenPipeError("nobody takes it")

    with pytest.raises(BrokenPipeError):
        await host.run(shell(f"echo up; sleep {marker}"), failing)
    assert await gone(marker)


async def test_a_daemon_left_behind_is_not_waited_for(host: ShellHost) -> None:
    marker, heard = f"33{time.monotonic_ns() % 10**9}", Heard()
    async with asyncio.timeout(SOON):
        assert await host.run(shell(f"setsid sleep {marker} & echo started"), heard) == 0
    assert heard.text() == "started\n"
    assert alive(marker)
    await host.run(shell(f"pkill -f 'sleep {marker}'"), heard)


async def test_capture(host: ShellHost) -> None:
    heard = Heard()
    secret = await host.capture(shell("echo warming up; echo canary-Token-99"))
    assert secret.reveal() == b"canary-Token-99"
    await host.run(shell("printf 'my canary-Tok'; sleep 0.1; echo en-99"), heard)
    assert heard.text() == "my ***\n"
    with pytest.raises(CommandError) as caught:
        await host.capture(shell("echo canary-Half; echo no server >&2; exit 3"))
    assert caught.value.where.status == 3
    assert caught.value.lines == ("no server",)
    assert "canary" not in repr(caught.value.lines)
    with pytest.raises(CommandError) as caught:
        await host.capture(Run(("true",)))
    assert caught.value.code == "no-output"


async def test_one_connection_serves_all(sshd: Sshd) -> None:
    host = await connect(sshd.target(), sshd.options())
    before = set(sshd.children())
    for _ in range(3):
        await host.ask([Command(("true",)), Command(("true",), root=True)])
        await host.run(Run(("true",)), Heard())
    assert set(sshd.children()) == before
    await host.close()
    assert await host.ask([Command(("uname", "-s"))]) == [Output(0, b"Linux\n", b"")]
    await host.close()


async def test_new_session_keys(tmp_path: Path, login_key: Path) -> None:
    """After an hour, a gigabyte, or what the server likes, both sides change keys; the connection goes on."""
    long = tmp_path / "long"
    long.write_bytes(os.urandom(100_000))
    with running_sshd(tmp_path, login_key, "RekeyLimit 64K") as server:
        host = await connect(server.target(), server.options())
        before = server.children()
        for _ in range(4):
            (answer,) = await host.ask([Files((str(long),))])
            assert isinstance(answer, FilesFound)
            assert answer.files[0].content == long.read_bytes()
        assert server.children() == before
        await host.close()


async def test_a_closed_connection_is_no_garbage(sshd: Sshd) -> None:
    """Two hundred nodes are looked at: what is closed takes no memory until garbage is searched for."""
    gc.collect()
    gc.disable()
    try:
        host = await connect(sshd.target(), sshd.options())
        await host.ask([Command(("uname", "-s")), Command(("true",), root=True)])
        await host.close()
        there = [each for each in gc.get_objects() if isinstance(each, SSHClientConnection)]
        assert not [each for each in there if each.is_closed()]
    finally:
        gc.enable()


async def test_cut_while_running(own_sshd: Sshd) -> None:
    host, heard = await connect(own_sshd.target(), own_sshd.options()), Heard()
    running = asyncio.create_task(host.run(shell("echo up; sleep 60"), heard))
    async with asyncio.timeout(SOON):
        await heard.something.wait()
        own_sshd.cut()
        with pytest.raises(UnreachableError) as caught:
            await running
    assert caught.value.code == "connection-lost"
    assert caught.value.next_step
    assert await host.ask([Command(("uname", "-s"))]) == [Output(0, b"Linux\n", b"")]
    away = shell("echo up; sleep 60", expect_disconnect=True)
    running = asyncio.create_task(host.run(away, again := Heard()))
    async with asyncio.timeout(SOON):
        await again.something.wait()
        own_sshd.cut()
        assert await running == 0
    await host.close()


async def test_cut_while_asking(own_sshd: Sshd, tmp_path: Path) -> None:
    """A question is asked again on a new connection; nobody notices."""
    host = await connect(own_sshd.target(), own_sshd.options())
    fifo = _fifo(tmp_path)
    asking = asyncio.create_task(
        host.ask([Command(("cat", fifo), timeout_seconds=10), Command(("uname", "-s"), root=True)])
    )
    async with asyncio.timeout(SOON):
        while not alive(fifo):
            await asyncio.sleep(0.02)
        own_sshd.cut()
        await asyncio.sleep(0.2)
        Path(fifo).unlink()
        Path(fifo).write_text("here")
        answers = await asking
    assert [getattr(answer, "stdout", b"") for answer in answers][1] == b"Linux\n"
    await host.close()


async def test_a_host_that_is_gone(tmp_path: Path, login_key: Path) -> None:
    with running_sshd(tmp_path, login_key) as server:
        host = await connect(server.target(), server.options())
        port = server.port
    with pytest.raises(UnreachableError):
        await host.ask([Command(("true",))])
    with pytest.raises(UnreachableError):
        await host.run(Run(("true",), expect_disconnect=True), Heard())
    with pytest.raises(UnreachableError):
        await host.reconnect(0.5)
    reconnecting = asyncio.create_task(host.reconnect(SOON))
    await asyncio.sleep(0.3)
    with running_sshd(tmp_path, login_key, port=port) as server:
        await reconnecting
        assert await host.ask([Command(("uname", "-s"))]) == [Output(0, b"Linux\n", b"")]
        await host.close()


async def test_a_noisy_login(sshd: Sshd, make_user: MakeUser) -> None:
    user = make_user(rule="USER ALL=(ALL:ALL) NOPASSWD: ALL")
    home = Path(f"~{user}").expanduser()
    noise = "echo welcome; echo careful >&2; alias printf=false\n"
    (home / ".bashrc").write_text(noise + (home / ".bashrc").read_text())
    host, heard = await connect(sshd.target(user), sshd.options()), Heard()
    answers = await host.ask([Command(("id", "-un")), Command(("id", "-un"), root=True)])
    assert answers == [Output(0, f"{user}\n".encode(), b""), Output(0, b"root\n", b"")]
    for root, name in ((False, user), (True, "root")):
        assert await host.run(Run(("id", "-un"), root=root), heard) == 0
        assert heard.text() == f"{name}\n"
        heard.chunks.clear()
    await host.close()


async def test_a_script_that_dies_half_way(sshd: Sshd, make_user: MakeUser) -> None:
    """What was answered stays; the rest is not known, never absent."""
    user = make_user(rule="USER ALL=(ALL:ALL) NOPASSWD: ALL")
    bashrc = Path(f"~{user}").expanduser() / ".bashrc"
    bashrc.write_text("{ sleep 1; kill -9 $$; } >/dev/null 2>&1 &\n")
    stuck = bashrc.with_name("pipe")
    os.mkfifo(stuck)
    host = await connect(sshd.target(user), sshd.options())
    answers = await host.ask(
        [
            Command(("uname", "-s")),
            Command(("cat", str(stuck)), timeout_seconds=9),
            Files(("/etc/hostname",)),
            Command(("uname", "-s"), root=True),
        ]
    )
    await host.close()
    assert answers[0] == Output(0, b"Linux\n", b"")
    lost = [answer for answer in answers[1:] if isinstance(answer, Unknown)]
    assert {answer.code for answer in lost} <= {"no-answer", "sudo-no-answer"}
    assert len(lost) >= 2


async def test_no_shell(sshd: Sshd, make_user: MakeUser) -> None:
    host = await connect(sshd.target(make_user(shell="/usr/sbin/nologin")), sshd.options())
    answer = (await host.ask([Command(("true",))]))[0]
    assert isinstance(answer, Unknown)
    assert answer.code == "no-answer"
    assert "not available" in answer.detail
    with pytest.raises(WizardError) as caught:
        await host.run(Run(("true",), root=False), Heard())
    assert caught.value.code == "no-shell"
    await host.close()


async def test_a_tunnel(sshd: Sshd) -> None:
    async def shout(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write((await reader.read()).upper())
        await writer.drain()
        writer.close()
        done.set()

    done = asyncio.Event()
    host = await connect(sshd.target(), sshd.options())
    server = await asyncio.start_server(shout, "127.0.0.1", 0)
    async with server, asyncio.timeout(SOON):
        endpoint = await host.open_tunnel("127.0.0.1", server.sockets[0].getsockname()[1])
        for _ in range(2):
            reader, writer = await asyncio.open_connection(endpoint.host, endpoint.port)
            writer.write(b"hello" * 50000)
            writer.write_eof()
            assert await reader.read() == b"HELLO" * 50000
            writer.close()
            await writer.wait_closed()
        await done.wait()
    await host.close()
    with pytest.raises(OSError, match="Connect call failed"):
        await asyncio.open_connection(endpoint.host, endpoint.port)


async def test_known_secrets_are_hidden_from_the_start(sshd: Sshd) -> None:
    options = SshOptions(**{**vars(sshd.options()), "secrets": (Secret(b"canary-Given"),)})
    host, heard = await connect(sshd.target(), options), Heard()
    await host.run(shell("echo canary-Given"), heard)
    await host.close()
    assert heard.text() == "***\n"
    assert isinstance(host, SshHost)
