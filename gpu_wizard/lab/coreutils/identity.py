"""Who and where: id, whoami, groups, hostname, uname, nproc and the like."""

from __future__ import annotations

import getopt

from gpu_wizard.lab.coreutils.names import account, group_name
from gpu_wizard.lab.kernel import Run
from gpu_wizard.lab.ports import User

_KERNEL = "6.12.48+deb13-amd64"
"""Debian 13's kernel, where the machine's /proc does not say which."""


def _ids(run: Run, user: User) -> list[int]:
    return [user.gid, *sorted(run.kernel.groups(user) - {user.gid})]


async def id_(run: Run) -> int:
    """`id [-ugGnr] [USER]`."""
    try:
        options, operands = getopt.gnu_getopt(
            list(run.argv[1:]), "ugGnrza", ["user", "group", "groups", "name", "real"]
        )
    except getopt.GetoptError as problem:
        return await run.fail(str(problem))
    letters = {name.lstrip("-")[:1] if name != "--groups" else "G" for name, _ in options}
    user = account(run, operands[0]) if operands else run.user
    if user is None:
        return await run.fail(f"‘{operands[0]}’: no such user")
    named = "n" in letters
    if "u" in letters:
        await run.say(user.name if named else str(user.uid))
    elif "g" in letters or "G" in letters:
        gids = _ids(run, user) if "G" in letters else [user.gid]
        await run.say(" ".join(group_name(run, gid) if named else str(gid) for gid in gids))
    else:
        shown = ",".join(f"{gid}({group_name(run, gid)})" for gid in _ids(run, user))
        group = f"{user.gid}({group_name(run, user.gid)})"
        await run.say(f"uid={user.uid}({user.name}) gid={group} groups={shown}")
    return 0


async def whoami(run: Run) -> int:
    """`whoami`."""
    await run.say(run.user.name)
    return 0


async def groups(run: Run) -> int:
    """`groups [USER]`."""
    user = account(run, run.argv[1]) if len(run.argv) > 1 else run.user
    if user is None:
        return await run.fail(f"‘{run.argv[1]}’: no such user")
    shown = " ".join(group_name(run, gid) for gid in _ids(run, user))
    await run.say(f"{user.name} : {shown}" if len(run.argv) > 1 else shown)
    return 0


async def hostname(run: Run) -> int:
    """`hostname [-s|-f]`."""
    full = run.kernel.computer.hostname
    await run.say(full.split(".")[0] if "-s" in run.argv[1:] else full)
    return 0


def _release(run: Run) -> str:
    try:
        return run.kernel.computer.files.read("/proc/sys/kernel/osrelease").decode().strip()
    except OSError:
        return _KERNEL


async def uname(run: Run) -> int:
    """`uname [-asnrvmpio]`."""
    letters = "".join(word.lstrip("-") for word in run.argv[1:]) or "s"
    release = _release(run)
    facts = {
        "s": "Linux",
        "n": run.kernel.computer.hostname,
        "r": release,
        "v": f"#1 SMP PREEMPT_DYNAMIC Debian {release.split('+')[0]}-1 (2025-09-20)",
        "m": "x86_64",
        "o": "GNU/Linux",
    }
    wanted = facts if "a" in letters else [letter for letter in facts if letter in letters]
    if "p" in letters or "i" in letters:
        await run.say("unknown")
        return 0
    await run.say(" ".join(facts[letter] for letter in wanted))
    return 0


async def arch(run: Run) -> int:
    """`arch`."""
    await run.say("x86_64")
    return 0


async def nproc(run: Run) -> int:
    """`nproc`: as many as /proc/cpuinfo lists, 8 where there is none."""
    try:
        content = run.kernel.computer.files.read("/proc/cpuinfo")
    except OSError:
        content = b""
    await run.say(str(content.count(b"processor\t") or 8))
    return 0


async def tty(run: Run) -> int:
    """`tty`."""
    if run.interactive:
        await run.say("/dev/" + run.process.terminal)
        return 0
    await run.say("not a tty")
    return 1


async def nothing(_run: Run) -> int:
    """`sync` and others that succeed and are not seen to do anything."""
    return 0
