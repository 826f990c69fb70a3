"""The lab's SSH server, asked by asyncssh's client."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import asyncssh
import pytest

from gpu_wizard.lab.sshd import SshServer, serve
from tests.lab.plain_computer import PlainComputer


@asynccontextmanager
async def served(
    computer: PlainComputer | None = None, forwards: dict[tuple[str, int], int] | None = None
) -> AsyncIterator[tuple[SshServer, PlainComputer]]:
    """A machine with its SSH server up."""
    computer = computer or PlainComputer()
    server = await serve(computer, forwards=forwards)
    try:
        yield server, computer
    finally:
        await server.close()


def trusting(server: SshServer) -> asyncssh.SSHKnownHosts:
    """Known hosts with this server's key alone."""
    return asyncssh.import_known_hosts(f"[127.0.0.1]:{server.port} {server.host_public_key}\n")


async def connect(
    server: SshServer,
    user: str = "anna",
    password: str | None = "correct horse",
    key: asyncssh.SSHKey | None = None,
) -> asyncssh.SSHClientConnection:
    """A connection that takes nothing from this host's own SSH settings."""
    return await asyncssh.connect(
        "127.0.0.1",
        server.port,
        username=user,
        password=password,
        known_hosts=trusting(server),
        config=None,
        agent_path=None,
        client_keys=None if key is None else [key],
    )


@asynccontextmanager
async def logged_in(
    server: SshServer, user: str = "anna", key: asyncssh.SSHKey | None = None
) -> AsyncIterator[asyncssh.SSHClientConnection]:
    """A connection for the length of a block."""
    connection = await connect(server, user, key=key)
    async with connection:
        yield connection


async def run(
    connection: asyncssh.SSHClientConnection, command: str, stdin: bytes | None = None
) -> tuple[int | None, bytes, bytes]:
    """Run a command to its end: status, output, errors."""
    async with asyncio.timeout(20):
        done = await connection.run(command, input=stdin, encoding=None)
    out, err = done.stdout, done.stderr
    assert isinstance(out, bytes)
    assert isinstance(err, bytes)
    return done.exit_status, out, err


async def test_a_password_logs_in_and_a_wrong_one_does_not() -> None:
    async with served() as (server, _):
        async with logged_in(server) as connection:
            assert await run(connection, "id -un; pwd; echo $0; echo err >&2; exit 3") == (
                3,
                b"anna\n/home/anna\nbash\n",
                b"err\n",
            )
        for user, password in (("anna", "wrong"), ("ops", ""), ("nobody-here", "x"), ("root", "")):
            with pytest.raises(asyncssh.PermissionDenied):
                await connect(server, user, password)


async def test_a_key_in_authorized_keys_logs_in_also_as_root() -> None:
    key = asyncssh.generate_private_key("ssh-ed25519")
    other = asyncssh.generate_private_key("ssh-ed25519")
    async with served() as (server, computer):
        line = b"# keys\n" + key.export_public_key().strip() + b" someone@somewhere\n"
        computer.files.write("/root/.ssh/authorized_keys", line, mode=0o600)
        async with logged_in(server, "root", key) as connection:
            assert (await run(connection, "id -u"))[1] == b"0\n"
        with pytest.raises(asyncssh.PermissionDenied):
            await connect(server, "root", None, other)


async def test_each_server_has_a_host_key_of_its_own() -> None:
    async with served() as (one, _), served() as (two, _):
        assert one.host_public_key != two.host_public_key
        assert one.host_public_key.startswith("ssh-ed25519 ")
        swapped = f"[127.0.0.1]:{one.port} {two.host_public_key}\n"
        with pytest.raises(asyncssh.HostKeyNotVerifiable):
            await asyncssh.connect(
                "127.0.0.1",
                one.port,
                username="anna",
                known_hosts=asyncssh.import_known_hosts(swapped),
                config=None,
            )


async def test_bytes_pass_both_ways_and_many_channels_at_once() -> None:
    data = bytes(range(256)) * 2000
    async with served() as (server, _), logged_in(server) as connection:
        assert await run(connection, "cat", data) == (0, data, b"")
        answers = await asyncio.gather(
            *(run(connection, f"sleep 0.05; echo {number}") for number in range(10))
        )
        assert [out for _, out, _ in answers] == [b"%d\n" % number for number in range(10)]


async def test_a_held_shell_streams() -> None:
    async with served() as (server, _), logged_in(server) as connection:
        process = await connection.create_process("exec sh", encoding=None)
        process.stdin.write(b"x=1\necho a\n")
        assert await process.stdout.read(100) == b"a\n"
        process.stdin.write(b"echo $x; exit 5\n")
        assert await process.stdout.read() == b"1\n"
        assert (await process.wait()).exit_status == 5


async def test_an_idle_command_outlives_its_channel_and_ends_by_its_group() -> None:
    async with served() as (server, _), logged_in(server) as connection:
        process = await connection.create_process(
            "setsid -w sh -c 'echo $$; sleep 30'", encoding=None
        )
        group = int(await process.stdout.readline())
        process.close()
        await asyncio.sleep(0.05)
        assert any(one.group == group for one in server.processes)
        status, _, _ = await run(connection, f"kill -TERM -- -{group}")
        assert status == 0
        async with asyncio.timeout(5):
            while any(one.group == group for one in server.processes):
                await asyncio.sleep(0.01)


async def test_setsid_that_leads_a_group_forks_and_tells_no_status() -> None:
    async with served() as (server, _), logged_in(server) as connection:
        # the login shell becomes setsid, which leads a group and so has to fork
        assert await run(connection, "setsid sh -c 'echo late; exit 3'") == (0, b"late\n", b"")
        assert await run(connection, "setsid -w sh -c 'exit 3'") == (3, b"", b"")
        assert await run(connection, "true; setsid sh -c 'exit 3'") == (3, b"", b"")


async def test_a_command_ended_by_a_signal_says_so() -> None:
    async with served() as (server, _), logged_in(server) as connection:
        done = await connection.run("kill -TERM $$; sleep 5")
        assert done.exit_signal is not None
        assert done.exit_signal[0] == "TERM"


async def test_a_terminal_has_a_prompt_and_an_echo() -> None:
    async with served() as (server, _), logged_in(server) as connection:
        process = await connection.create_process(term_type="xterm", term_size=(80, 24))
        process.stdin.write("cd /tmp\ntty && echo $TERM\nif true\nthen echo both\nfi\nexit 4\n")
        shown = await asyncio.wait_for(process.stdout.read(), 20)
        assert "anna@node1:~$ " in shown
        assert "anna@node1:/tmp$ " in shown
        assert "/dev/pts/" in shown
        assert "xterm\r\n" in shown
        assert "> > both\r\nanna@node1:/tmp$ " in shown
        assert (await process.wait()).exit_status == 4


async def test_control_c_ends_what_the_shell_runs() -> None:
    async with served() as (server, _), logged_in(server) as connection:
        process = await connection.create_process(term_type="xterm")
        process.stdin.write("echo ready; sleep 30\n")
        await asyncio.wait_for(process.stdout.readuntil("ready\r\n"), 20)
        while not any("sleep" in one.argv[0] for one in server.processes):
            await asyncio.sleep(0.01)
        process.stdin.write("\x03")
        process.stdin.write("echo status $?; exit\n")
        shown = await asyncio.wait_for(process.stdout.read(), 20)
        assert "status 130" in shown


async def test_control_d_ends_what_reads_and_then_the_shell() -> None:
    async with served() as (server, computer), logged_in(server) as connection:
        process = await connection.create_process(term_type="xterm")
        process.stdin.write("cat > note; echo kept\nfirst\nsecond\n")
        while not any("cat" in one.argv[0] for one in server.processes):
            await asyncio.sleep(0.01)
        process.stdin.write("\x04")
        await asyncio.wait_for(process.stdout.readuntil("kept\r\n"), 20)
        process.stdin.write("\x04")
        shown = await asyncio.wait_for(process.stdout.read(), 20)
        assert shown.endswith("logout\r\n")
        assert computer.files.read("/home/anna/note") == b"first\nsecond\n"


async def test_a_password_typed_for_sudo_is_not_seen() -> None:
    async with served() as (server, _), logged_in(server) as connection:
        process = await connection.create_process(term_type="xterm")
        process.stdin.write("sudo id -un\n")
        await asyncio.wait_for(process.stdout.readuntil("password for anna: "), 20)
        process.stdin.write("correct horse\n")
        answer = await asyncio.wait_for(process.stdout.readuntil("$ "), 20)
        assert answer == "\r\nroot\r\nanna@node1:~$ "
        process.stdin.write("echo seen; exit\n")
        assert "echo seen" in await asyncio.wait_for(process.stdout.read(), 20)


async def test_sudo_asks_on_the_terminal_though_its_input_is_something_else() -> None:
    async with served() as (server, computer), logged_in(server) as connection:
        process = await connection.create_process(term_type="xterm")
        process.stdin.write("sudo tee /tmp/a > /dev/null <<'EOF'\nfirst\nsecond\nEOF\n")
        await asyncio.wait_for(process.stdout.readuntil("password for anna: "), 20)
        process.stdin.write("correct horse\n")
        await asyncio.wait_for(process.stdout.readuntil("$ "), 20)
        process.stdin.write("echo third | sudo -k tee /tmp/b > /dev/null\n")
        await asyncio.wait_for(process.stdout.readuntil("password for anna: "), 20)
        process.stdin.write("correct horse\nexit\n")
        await asyncio.wait_for(process.stdout.read(), 20)
        assert computer.files.read("/tmp/a") == b"first\nsecond\n"
        assert computer.files.read("/tmp/b") == b"third\n"


async def test_the_bashrc_is_read_first_and_what_it_prints_is_seen() -> None:
    async with served() as (server, computer), logged_in(server) as connection:
        computer.files.write("/home/anna/.bashrc", b"echo from bashrc\nX=set\n", owner="anna")
        assert await run(connection, "echo $X") == (0, b"from bashrc\nset\n", b"")


async def test_only_ports_that_the_lab_serves_are_forwarded() -> None:
    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"hello " + await reader.readline())
        await writer.drain()
        writer.close()

    listener = await asyncio.start_server(answer, "127.0.0.1", 0)
    port = listener.sockets[0].getsockname()[1]
    forwards = {("127.0.0.1", 6443): port}
    async with listener, served(forwards=forwards) as (server, _), logged_in(server) as connection:
        for host in ("127.0.0.1", "localhost"):
            reader, writer = await connection.open_connection(host, 6443)
            writer.write(b"there\n")
            assert await reader.read() == b"hello there\n"
        for refused in (("127.0.0.1", port), ("127.0.0.1", 22), ("10.0.0.1", 6443)):
            with pytest.raises(asyncssh.ChannelOpenError):
                await connection.open_connection(*refused)
        forwards["127.0.0.1", 22] = port
        reader, writer = await connection.open_connection("127.0.0.1", 22)
        writer.write(b"later\n")
        assert await reader.read() == b"hello later\n"


async def test_a_reboot_cuts_all_and_the_machine_can_be_away() -> None:
    async with served() as (server, computer):
        connection = await connect(server)
        process = await connection.create_process("echo up; sleep 30", encoding=None)
        await process.stdout.readline()
        for told in computer.told:
            told()
        await asyncio.wait_for(connection.wait_closed(), 5)
        port = server.port
        await server.stop()
        with pytest.raises(ConnectionRefusedError):
            await connect(server)
        computer.boot_id = "7d444840-9dc0-41d1-b245-5ffdce74fad2"
        await server.start()
        assert server.port == port
        async with logged_in(server) as again:
            status, out, _ = await run(again, "cat /proc/sys/kernel/random/boot_id; ps -e | wc -l")
            assert (status, out) == (0, f"{computer.boot_id}\n5\n".encode())


async def test_sftp_is_not_offered() -> None:
    async with served() as (server, _), logged_in(server) as connection:
        with pytest.raises(asyncssh.Error):
            await connection.start_sftp_client()


async def test_close_leaves_nothing_running(tmp_path: Path) -> None:
    computer = PlainComputer()
    server = await serve(computer)
    connection = await connect(server)
    await connection.create_process("sleep 30 & sleep 30", encoding=None)
    await asyncio.sleep(0.1)
    await asyncio.wait_for(server.close(), 5)
    assert [one.pid for one in server.processes] == [1]
    await asyncio.wait_for(connection.wait_closed(), 5)
