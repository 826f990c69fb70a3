"""Standard input and output of the lab's shell: streamed, binary, and whose turn it is to read."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path

import pytest

from gpu_wizard.lab.boot import boot
from gpu_wizard.lab.kernel import stub
from gpu_wizard.lab.ports import Call
from tests.lab.plain_computer import PlainComputer, fresh, outcome, start

READS = {
    "the payload of a file": ("cat > f; wc -c < f; cat f", b"a\0\xff\n", b"4\na\0\xff\n"),
    "a program before it reads nothing": ("cat /etc/hostname; cat", b"rest", b"node1\nrest"),
    "read takes one line": ("read -r a; cat; echo $a", b"1\n2\n3\n", b"2\n3\n1\n"),
    "a loop": ('while read -r l; do echo "<$l>"; done', b"a\n b\nc", b"<a>\n<b>\n"),
    "IFS and read": ("IFS=: read -r a b; echo $b; read c; echo $c", b"x:y\nz\n", b"y\nz\n"),
    "a child shell": ("sh -c 'read x; echo $x'; cat", b"1\n2\n", b"1\n2\n"),
    "a script on the input": ("sh -s one", b"echo $1\nexit 4\necho no\n", b"one\n"),
    "a whole script at once": ("sh", b"if true; then\n echo yes\nfi\ncat <<E\nx\nE\n", b"yes\nx\n"),
    "a function": ("f() { cat; }; f", b"in", b"in"),
    "a pipeline's head": ("cat | tr a-z A-Z", b"up", b"UP"),
    "a substitution": ('x=$(cat); echo "[$x]"', b"in\n", b"[in]\n"),
    "a subshell": ("(read a; echo $a); read b; echo $b", b"1\n2\n", b"1\n2\n"),
    "env and timeout": ("env A=1 timeout 5 nohup sh -c cat", b"through", b"through"),
    "xargs": ("xargs -n1 echo", b"a b\n", b"a\nb\n"),
    "the device": ("cat /dev/stdin; install -m 600 /dev/stdin f; wc -c < f", b"in", b"in0\n"),
    "filters": ("sort -r | head -n 2", b"a\nc\nb\n", b"c\nb\n"),
    "nobody": ("echo a", b"unread", b"a\n"),
    "sed of a file": ("sed -n 1p /etc/hostname; sed s/a/b/", b"aa\n", b"node1\nba\n"),
}


@pytest.mark.parametrize("name", READS)
async def test_input_reaches_who_reads_it(name: str) -> None:
    script, stdin, expected = READS[name]
    assert (await outcome(fresh(), script, stdin=stdin)).out == expected


async def test_a_held_shell_answers_each_command_as_it_comes() -> None:
    running = start(fresh(), "exec sh")
    running.feed.send(b"cd /etc; x=kept; echo one\n")
    await running.until(b"one\n")
    running.feed.send(b"if true\nthen\n")
    await asyncio.sleep(0.01)
    running.feed.send(b"pwd; echo $x; (exit 3)\nfi\n")
    await running.until(b"kept\n")
    running.feed.send(b"echo status $?; cat <<E\n")
    running.feed.send(b"here $x\nE\n")
    await running.until(b"here kept\n")
    running.feed.send(b"trap 'echo bye' EXIT\nexit 6\necho no\n")
    ended = await running.end()
    assert ended.status == 6
    assert ended.out == b"one\n/etc\nkept\nstatus 3\nhere kept\nbye\n"


async def test_output_comes_while_the_program_runs_and_byte_for_byte() -> None:
    told = asyncio.Event()

    async def progress(call: Call) -> int:
        for part in (b"\r 10%", b"\r100%\xff\0"):
            await call.out(part)
            await call.err(b"!")
            await told.wait()
        return 5

    computer = PlainComputer(known={"progress": progress})
    running = start(boot(computer), "progress; echo $?")
    await running.until(b"\r 10%")
    assert not running.task.done()
    told.set()
    ended = await running.end()
    assert (ended.out, ended.err) == (b"\r 10%\r100%\xff\x005\n", b"!!")


async def test_programs_come_and_go_with_the_world() -> None:
    computer = PlainComputer()

    async def appear(call: Call) -> int:
        computer.known["late"] = late
        return 0

    async def late(call: Call) -> int:
        await call.out(" ".join(call.argv).encode() + b"\n")
        del computer.known["late"]
        return 0

    computer.known |= {"appear": appear, "/opt/x/tool": late}
    script = "late 1; appear; command -v late; late 2; late 3; command -v late; /opt/x/tool a; type appear"
    result = await outcome(boot(computer), f"({script}) 2>/dev/null")
    assert result.out == b"/usr/bin/late\nlate 2\n/opt/x/tool a\nappear is /usr/bin/appear\n"


async def test_a_program_sees_what_it_was_given() -> None:
    async def show(call: Call) -> int:
        text = await call.read()
        seen = (
            call.user.name,
            call.directory,
            call.environment.get("A"),
            list(call.argv[1:]),
            text,
        )
        await call.out(repr(seen).encode())
        return await call.shell("id -un; cat; exit 3", user=computer.users["anna"], stdin=b"given")

    computer = PlainComputer(known={"show": show})
    result = await outcome(boot(computer), "cd /etc; echo in | A=1 show 'a b' ''")
    assert result.out == b"('root', '/etc', '1', ['a b', ''], b'in\\n')anna\ngiven"
    assert result.status == 3


async def test_much_output_and_input_pass_whole() -> None:
    kernel = fresh()
    data = os.urandom(300_000)
    result = await outcome(kernel, "cat > f; cat f f | cat", stdin=data)
    assert result.out == data + data
    lines = await outcome(
        kernel, "seq 1 30000 | tail -n 1; i=0; while [ $i -lt 3000 ]; do i=$((i+1)); done; echo $i"
    )
    assert lines.out == b"30000\n3000\n"


async def test_nothing_of_the_host_is_reached(tmp_path: Path) -> None:
    secret = tmp_path / "host-file"
    secret.write_text("of the host")
    script = f"""
    cat {secret}; ls {tmp_path}; echo overwritten > {secret}
    cat /etc/passwd /proc/self/environ /proc/self/cmdline /proc/1/environ /proc/cpuinfo
    python3 -c 'print(1)'; perl -e 1; curl http://127.0.0.1; wget http://127.0.0.1; ssh localhost true
    git clone http://127.0.0.1; : > /dev/tcp/127.0.0.1/22; exec 3<>/dev/tcp/127.0.0.1/22
    env; hostname
    """
    os.environ["HOST_CANARY"] = "canary-of-the-host"
    try:
        result = await outcome(fresh(), script)
    finally:
        del os.environ["HOST_CANARY"]
    assert secret.read_text() == "of the host"
    shown = result.out + result.err
    for trace in (b"of the host", b"canary-of-the-host", str(Path.cwd()).encode(), b"\n1\n"):
        assert trace not in shown
    assert result.out.endswith(b"node1\n")


@pytest.mark.parametrize(
    ("script", "stdin", "status", "out", "err"),
    [
        ("sudo -n id -u", b"", 1, b"", b"sudo: a password is required\n"),
        ("sudo id -u", b"", 1, b"", b"a terminal is required to read the password"),
        ("sudo -S -p 'P: ' id -un", b"correct horse\n", 0, b"root\n", b"P: "),
        ("sudo -k -S -p P sh -c 'cat; id -u'", b"correct horse\nrest\n", 0, b"rest\n0\n", b"P"),
        (
            "sudo -S -p P id",
            b"a\nb\nc\n",
            1,
            b"",
            b"PSorry, try again.\nPSorry, try again.\nPsudo: 3 incorrect password attempts\n",
        ),
        ("sudo -S -p P id", b"a\n", 1, b"", b"sudo: 1 incorrect password attempt"),
        ("sudo -S -p P id", b"", 1, b"", b"sudo: no password was provided"),
        ("sudo -S -p P -v; sudo -n id -u", b"correct horse\n", 0, b"0\n", b"P"),
        (
            "sudo -S -p P -v; sudo -k; sudo -n id -u",
            b"correct horse\n",
            1,
            b"",
            b"Psudo: a password is required\n",
        ),
        (
            "sudo -S -p P -v; sudo -k -n id -u",
            b"correct horse\n",
            1,
            b"",
            b"Psudo: a password is required\n",
        ),
        (
            "sudo -S -p P A=1 sh -c 'echo $A$B $USER $SUDO_USER $HOME $PATH'",
            b"correct horse\n",
            0,
            b"1 root anna /root /usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin\n",
            b"P",
        ),
        ("B=2; export B; sudo -S -p P -E sh -c 'echo $B'", b"correct horse\n", 0, b"2\n", b"P"),
        ("sudo -S -p P -u ops -- id -un", b"correct horse\n", 0, b"ops\n", b"P"),
        (
            "sudo -S -p P -u nobody-here id",
            b"correct horse\n",
            1,
            b"",
            b"sudo: unknown user nobody-here\n",
        ),
        (
            "sudo -S -p P no-such-program",
            b"correct horse\n",
            1,
            b"",
            b"Psudo: no-such-program: command not found\n",
        ),
        ("sudo -S -p P sh -c 'exit 9'", b"correct horse\n", 9, b"", b"P"),
        ("sudo -S true", b"correct horse\n", 0, b"", b"[sudo] password for anna: "),
        ("sudo -S -p '%u@%h %% ' true", b"correct horse\n", 0, b"", b"anna@node1 % "),
    ],
)
async def test_sudo_with_a_password(
    script: str, stdin: bytes, status: int, out: bytes, err: bytes
) -> None:
    result = await outcome(fresh(), script, "anna", stdin)
    assert (result.status, result.out) == (status, out)
    assert err in result.err


async def test_sudo_asks_before_it_takes_and_takes_one_line() -> None:
    running = start(fresh(), "sudo -k -S -p ask: sh -c 'echo started; cat'", "anna")
    await running.until(b"ask:")
    running.feed.send(b"correct horse\n")
    await running.until(b"started\n")
    running.feed.send(b"payload")
    ended = await running.end()
    assert ended.out == b"started\npayload"
    assert ended.err.startswith(b"\nWe trust you have received the usual lecture")
    assert ended.err.endswith(b"will not be visible.\n\nask:")


@pytest.mark.parametrize(
    ("user", "script", "stdin", "status", "text"),
    [
        ("ops", "sudo -n sh -c 'id -u; cat /root/x; umask'", b"", 0, b"0\nkept\n0022\n"),
        ("ops", "cat /root/x", b"", 1, b"Permission denied"),
        ("root", "sudo -n id -un; sudo -u anna id -un", b"", 0, b"root\nanna\n"),
        ("guest", "sudo -S -p P id", b"guest\n", 1, b"guest is not in the sudoers file."),
        ("guest", "sudo -n id", b"", 1, b"sudo: a password is required"),
    ],
)
async def test_sudo_of_others(
    user: str, script: str, stdin: bytes, status: int, text: bytes
) -> None:
    kernel = fresh()
    kernel.computer.files.write("/root/x", b"kept\n", mode=0o600)
    result = await outcome(kernel, script, user, stdin)
    assert result.status == status
    assert text in result.out + result.err


async def test_a_machine_without_sudo() -> None:
    kernel = boot(PlainComputer(), without={"sudo"})
    result = await outcome(
        kernel, "command -v sudo; sudo -n true; echo $?; ls /usr/bin/sudo", "ops"
    )
    assert result.out == b"127\n"
    kernel.computer.files.write("/usr/bin/sudo", stub("sudo"), mode=0o4755)
    result = await outcome(kernel, "command -v sudo; sudo -n id -u", "ops")
    assert result.out == b"/usr/bin/sudo\n0\n"
