"""What a user may do with others' files and processes: the same in the lab and on a real Debian."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.lab.plain_computer import fresh, outcome, start

SCENE = """
umask 022
mkdir box && cd box
echo secret > secret; chmod 600 secret
echo shared > shared; chmod 644 shared
mkdir locked; echo in > locked/in; chmod 700 locked
mkdir listed; echo in > listed/in; chmod 755 listed
mkdir passage; echo in > passage/in; chmod 711 passage
mkdir sticky; echo root > sticky/theirs; chmod 1777 sticky
printf '#!/bin/sh\\necho ran\\n' > tool; chmod 700 tool
printf '#!/bin/sh\\necho ran\\n' > both; chmod 755 both
echo grouped > grouped; chmod 640 grouped; chgrp 1000 grouped
mkdir mine; chown 1000:1000 mine
chmod 755 .
"""
"""Made by root; the scripts run as user 1000 of group 1000, in `box`."""
SCRIPTS = {
    "read-secret": "cat secret 2>/dev/null; echo $?",
    "read-shared": "cat shared; echo $?",
    "read-grouped": "cat grouped; { echo no >> grouped; } 2>/dev/null || echo refused",
    "write-shared": "{ echo x > shared; } 2>/dev/null || echo refused; cat shared",
    "append-shared": "{ echo x >> shared; } 2>/dev/null || echo refused; cat shared",
    "create": "{ echo > new; } 2>/dev/null || echo refused; cd mine; : > new; ls",
    "test-rights": "for o in r w x; do for f in secret shared grouped locked tool both mine; do "
    "[ -$o $f ] && echo $o $f; done; done",
    "test-owner": "[ -O mine ] && echo mine; [ -O shared ] || echo theirs; [ -G grouped ]; echo $?",
    "enter-locked": "cd locked 2>/dev/null || echo refused; ls locked 2>/dev/null; echo $?; cat locked/in 2>/dev/null; echo $?",
    "passage": "ls passage 2>/dev/null; echo $?; cat passage/in; cd passage; echo *",
    "listed": "ls listed; { echo > listed/new; } 2>/dev/null || echo refused; rm -f listed/in 2>/dev/null; echo $?",
    "sticky": "cd sticky; echo me > mine; rm -f theirs 2>/dev/null; echo $?; mv theirs x 2>/dev/null; echo $?; "
    "mv -f mine theirs 2>/dev/null; echo $?; cat theirs; rm mine; ls",
    "run": "./tool 2>/dev/null; echo $?; ./both; sh tool 2>/dev/null; [ $? -ne 0 ] && echo refused",
    "chmod": "chmod 777 shared 2>/dev/null; echo $?; stat -c %a shared; cd mine; : > f; chmod 604 f; stat -c %a f",
    "chown": "cd mine; : > f; chown 0 f 2>/dev/null; echo $?; chgrp 0 f 2>/dev/null; echo $?; chgrp 1000 f; echo $?; stat -c '%u %g' f",
    "copy": "cp shared mine/s; stat -c '%u %g %a' mine/s; cp secret mine/t 2>/dev/null; echo $?; ls mine; cp mine/s new 2>/dev/null; echo $?",
    "keep": "cp -p both mine/b; stat -c '%u %a' mine/b; mv mine/b mine/c; stat -c '%u %a' mine/c; mv mine/c . 2>/dev/null; echo $?",
    "remove": "rm -f secret 2>/dev/null; echo $?; ls secret; rmdir mine 2>/dev/null; echo $?; mkdir mine/d; rmdir mine/d; echo $?",
    "install": "install -m 600 shared mine/i; stat -c '%u %a' mine/i; install -o 0 shared mine/j 2>/dev/null; echo $?",
    "touch": "touch shared 2>/dev/null; echo $?; touch mine/n; stat -c %u mine/n; touch locked/n 2>/dev/null; echo $?",
    "globs": "echo *; echo locked/*; echo listed/*; find . -name in 2>/dev/null | sort",
    "here-and-descriptor": "(exec 3> shared) 2>/dev/null || echo refused; exec 4< shared; read -r x <&4; echo $x",
    "mktemp": "cd mine; f=$(mktemp ./x.XXXXXX); stat -c '%u %a' $f; mktemp ../x.XXXXXX 2>/dev/null; echo $?",
    "kill-root": "kill -0 1 2>/dev/null; echo $?",
    "ids": "id -u; id -g; umask 077; : > mine/f; stat -c '%u:%g %a' mine/f",
    "tee": "echo x | tee shared >/dev/null 2>&1; echo $?; echo y | tee mine/t; cat mine/t",
    "sed": "sed -i s/a/b/ shared 2>/dev/null; [ $? -ne 0 ] && echo refused; cat shared; cp shared mine/s; sed -i s/shared/seen/ mine/s; cat mine/s",
    "links": "ln -s ../secret mine/l; cat mine/l 2>/dev/null; echo $?; readlink mine/l; ln -s x l 2>/dev/null; echo $?",
    "source": "(. ./secret) 2>/dev/null || echo refused",
}


def real(script: str, place: Path) -> tuple[int, bytes]:
    """Run a script in a scene in `place`, as user 1000."""
    subprocess.run(["dash", "-ec", SCENE], cwd=place, check=True, timeout=30)
    for directory in (place, *place.parents[:3]):
        directory.chmod(0o755)
    result = subprocess.run(
        ["setpriv", "--reuid=1000", "--regid=1000", "--clear-groups", "dash", "-c", script],
        cwd=place / "box",
        env={"PATH": "/usr/bin:/bin", "LC_ALL": "C.UTF-8", "HOME": "/"},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        timeout=30,
        check=False,
    )
    return result.returncode, result.stdout


@pytest.mark.skipif(
    os.getuid() != 0 or not shutil.which("setpriv") or not shutil.which("dash"),
    reason="only root can run a script as another user, with setpriv and dash",
)
@pytest.mark.parametrize("name", SCRIPTS)
async def test_another_user_may_do_as_much_as_on_a_debian(name: str, tmp_path: Path) -> None:
    kernel = fresh()
    scene = await outcome(kernel, f"cd /tmp; {SCENE}")
    assert (scene.status, scene.err) == (0, b"")
    result = await outcome(kernel, f"cd /tmp/box; {SCRIPTS[name]}", "anna")
    status, out = real(SCRIPTS[name], tmp_path)
    assert result.out.decode() == out.decode()
    assert result.status == status


async def test_a_process_of_another_user_is_not_killed() -> None:
    kernel = fresh()
    theirs = start(kernel, "echo $$; sleep 20")
    await theirs.until(b"\n")
    pid = theirs.out.decode().strip()
    refused = await outcome(kernel, f"kill {pid}; echo $?; kill -0 {pid}; echo $?", "anna")
    assert refused.out == b"1\n1\n"
    assert b"Operation not permitted" in refused.err
    killed = await outcome(kernel, f"sudo -n kill {pid}; echo $?", "ops")
    assert killed.out == b"0\n"
    assert (await theirs.end()).status == 143


async def test_a_group_ends_from_another_channel_by_the_id_it_told() -> None:
    kernel = fresh()
    first = start(
        kernel, "setsid -w sh -c 'echo $$; sleep 20 | cat; echo no'; echo status $?", "anna"
    )
    await first.until(b"\n")
    group = first.out.decode().strip()
    second = await outcome(kernel, f"kill -s TERM -- -{group}; echo $?", "anna")
    assert second.out == b"0\n"
    ended = await first.end()
    assert ended.out.decode().splitlines() == [group, "status 143"]
    gone = await outcome(kernel, f"kill -s 0 -- -{group}; echo $?", "anna")
    assert gone.out == b"1\n"


async def test_a_signal_from_outside_runs_the_trap_and_ends_the_shell() -> None:
    kernel = fresh()
    first = start(kernel, "trap 'echo cleaned up; exit 7' TERM; echo $$; sleep 20; echo no")
    await first.until(b"\n")
    pid = first.out.decode().strip()
    assert (await outcome(kernel, f"kill {pid}")).status == 0
    ended = await first.end()
    assert (ended.status, ended.out.decode()) == (7, f"{pid}\ncleaned up\n")


async def test_a_process_that_ignores_a_signal_lives_until_it_is_killed() -> None:
    kernel = fresh()
    first = start(kernel, "trap '' TERM; echo $$; sleep 20; echo no")
    await first.until(b"\n")
    pid = first.out.decode().strip()
    assert (await outcome(kernel, f"kill {pid}; kill -0 {pid}")).status == 0
    assert (await outcome(kernel, f"kill -KILL {pid}")).status == 0
    assert (await first.end()).status == 137
