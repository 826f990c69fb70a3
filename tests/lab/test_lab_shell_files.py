"""A lab machine's files: owners and modes beside the content, a full disk, kernel-made files."""

from __future__ import annotations

import errno
import re
from pathlib import Path

import pytest

from gpu_wizard.lab.boot import boot
from gpu_wizard.lab.dollar import rewritten, unfinished
from gpu_wizard.lab.files import FileTree
from gpu_wizard.lab.modes import changed_mode
from tests.lab.plain_computer import ACCOUNTS, PlainComputer, fresh, outcome


def test_what_is_written_is_there_with_owner_and_mode() -> None:
    files = FileTree(ACCOUNTS)
    files.write("/a/b/c", b"x", mode=0o640, owner="anna")
    assert files.read("/a/b/c") == b"x"
    assert (files.mode("/a/b/c"), files.node("/a/b/c").uid) == (0o640, 1000)
    assert (files.mode("/a/b"), files.node("/a/b").uid) == (0o755, 0)
    files.link("b/c", "/a/l")
    files.link("gone", "/a/l2")
    assert files.read("/a/l") == b"x"
    assert not files.exists("/a/l2")
    assert files.list("/a") == ("b", "l", "l2")
    files.remove("/a/b")
    files.remove("/a/b")
    assert files.list("/a/b") == ()


@pytest.mark.parametrize(
    ("path", "error"),
    [("/none", FileNotFoundError), ("/dev", IsADirectoryError), ("/f/x", NotADirectoryError)],
)
def test_reading_fails_as_a_system_call_does(path: str, error: type[OSError]) -> None:
    files = FileTree(ACCOUNTS)
    files.write("/f", b"")
    with pytest.raises(error):
        files.read(path)


def test_links_in_a_circle_end() -> None:
    files = FileTree(ACCOUNTS)
    files.link("/b", "/a")
    files.link("/a", "/b")
    with pytest.raises(OSError, match="symbolic links") as caught:
        files.read("/a")
    assert caught.value.errno == errno.ELOOP


async def test_a_full_disk_stops_writers_until_there_is_room() -> None:
    files = FileTree(ACCOUNTS)
    computer = PlainComputer()
    computer.files = files
    kernel = boot(computer)
    files.limit(100)
    with pytest.raises(OSError, match="No space left") as caught:
        files.write("/big", b"x" * 200)
    assert caught.value.errno == errno.ENOSPC
    script = """
    head -c 50 /dev/zero > a; echo $?
    { head -c 500 /dev/zero > b; } 2>/dev/null; echo $?
    cp /etc/hostname c; echo $?
    dd if=/dev/zero of=d bs=400 count=1 2>/dev/null; echo $?
    rm a b c d
    head -c 90 /dev/zero > e; echo $?
    """
    result = await outcome(kernel, script)
    assert result.out == b"0\n1\n0\n1\n0\n"
    files.limit(None)
    assert (await outcome(kernel, "head -c 9000 /dev/zero > e; wc -c < e")).out == b"9000\n"


async def test_a_kernel_made_file_is_made_at_each_read() -> None:
    files = FileTree(ACCOUNTS)
    computer = PlainComputer()
    computer.files = files
    kernel = boot(computer)
    count = iter(range(9))
    written: list[bytes] = []
    files.made("/sys/counter", lambda: b"%d\n" % next(count))
    files.made("/sys/knob", lambda: b"on\n", mode=0o644, sink=written.append)
    script = "cat /sys/counter; read x < /sys/counter; echo $x; echo off > /sys/knob; echo 1 > /sys/counter"
    result = await outcome(kernel, f"{script}; echo $?; stat -c '%s %a' /sys/knob; ls -l /dev/null")
    assert result.out.startswith(b"0\n1\n1\n0 644\ncrw-rw-rw- 1 root root 1, 3 ")
    assert written == [b"off\n"]


async def test_the_world_and_the_shell_share_one_tree() -> None:
    kernel = fresh()
    kernel.computer.files.write("/etc/a b", b"1\n")
    result = await outcome(kernel, "cat '/etc/a b'; mkdir -p /x/y; echo 2 > /x/y/z; rm '/etc/a b'")
    assert result.out == b"1\n"
    assert kernel.computer.files.read("/x/y/z") == b"2\n"
    assert not kernel.computer.files.exists("/etc/a b")


@pytest.mark.parametrize(
    ("spec", "before", "after"),
    [
        ("600", 0o777, 0o600),
        ("u+s,g-w,o=", 0o664, 0o4640),
        ("a+X", 0o600, 0o600),
        ("a+X", 0o700, 0o711),
        ("+t", 0o755, 0o1755),
        ("go=u", 0o640, 0o666),
        ("0", 0o777, 0),
    ],
)
def test_modes_change_as_chmod_says(spec: str, before: int, after: int) -> None:
    assert changed_mode(spec, before, directory=False, umask=0o022) == after


@pytest.mark.parametrize("spec", ["9", "u+q", "x", "u", "a-x,"])
def test_no_mode_is_refused(spec: str) -> None:
    with pytest.raises(ValueError, match=re.escape(spec)):
        changed_mode(spec, 0o644, directory=False, umask=0)


def test_a_group_behind_a_pipe_takes_the_whole_input_first() -> None:
    script = (
        "a | while read x; do b; done | (c) | {\n d; } || { e; } | f | if g; then :; fi; x='| { '"
    )
    take = " let 1; "
    expected = (
        f"a | while{take} read x; do b; done | ({take}c) | {{{take}\n d; }} || {{ e; }} | f "
        f"| if{take} g; then :; fi; x='| {{ '"
    )
    assert rewritten(script) == expected


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("echo $$", "echo ${__pid}"),
        ('echo "$$ $0"', 'echo "${__pid} ${__name}"'),
        ("echo '$$ $0'", "echo '$$ $0'"),
        (r"echo \$$ \$0", r"echo \$$ \$0"),
        ("echo ${0##*/} ${$} $1$0", "echo ${__name##*/} ${__pid} $1${__name}"),
        ("trap 'kill $$' EXIT; echo '$$'", "trap 'kill ${__pid}' EXIT; echo '$$'"),
        ("eval 'x=$$'", "eval 'x=${__pid}'"),
        ("cat <<E\n$$\nE\necho '$$'", "cat <<E\n${__pid}\nE\necho '$$'"),
        ("cat <<'E'\n$$ \"\nE\necho $$", "cat <<'E'\n$$ \"\nE\necho ${__pid}"),
        ("cat <<-\tE\n\t$$\n\tE\necho $$", "cat <<-\tE\n\t${__pid}\n\tE\necho ${__pid}"),
        ("x=\"$(echo '$$' $$)\"", "x=\"$(echo '$$' ${__pid})\""),
        ("echo $((1<<2)) $$ # it's $$", "echo $((1<<2)) ${__pid} # it's $$"),
        ("echo a#b'$$' `echo $$`", "echo a#b'$$' `echo ${__pid}`"),
        ("sh -c 'echo $$' x; $00", "sh -c 'echo $$' x; ${__name}0"),
    ],
)
def test_the_process_id_is_put_in_where_the_shell_would(before: str, after: str) -> None:
    assert rewritten(before) == after


@pytest.mark.parametrize(
    ("script", "open_"),
    [
        ("echo 'a", True),
        ('echo "a', True),
        ("echo a\\\n", True),
        ("cat <<E\nx\n", True),
        ("cat <<E\nx\nE\n", False),
        ("echo a\n", False),
        ("echo \"$(echo ')')\"\n", False),
        ("# don't\n", False),
        ("x=`a", True),
    ],
)
def test_an_unfinished_command_is_known(script: str, open_: bool) -> None:
    assert unfinished(script) is open_


def test_the_lab_takes_nothing_from_the_product() -> None:
    folder = Path(__file__).parents[2] / "gpu_wizard" / "lab"
    for path in folder.rglob("*.py"):
        for line in path.read_text().splitlines():
            if line.startswith(("from gpu_wizard.", "import gpu_wizard.")):
                assert line.split()[1].startswith("gpu_wizard.lab"), f"{path}: {line}"
