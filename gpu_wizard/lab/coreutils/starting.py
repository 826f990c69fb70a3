"""Programs that start another one: env, nohup, setsid, timeout, nice, flock, su."""

from __future__ import annotations

import asyncio
import getopt
import signal
from collections.abc import Sequence

from gpu_wizard.lab.coreutils.names import account
from gpu_wizard.lab.kernel import Run
from gpu_wizard.lab.signals import number_of

_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400}
_FLOCK_OPTIONS = [
    "nonblock",
    "shared",
    "exclusive",
    "wait=",
    "timeout=",
    "conflict-exit-code=",
    "close",
    "unlock",
]
_USAGE = 125
"""What these programs end with when they themselves fail."""


def seconds(text: str) -> float:
    """A duration with an optional unit, as sleep and timeout take it. Raises: ValueError."""
    unit = _UNITS.get(text[-1:])
    value = float(text[:-1] if unit else text) * (unit or 1)
    if value < 0:
        raise ValueError(text)
    return value


async def env(run: Run) -> int:
    """`env [-i] [-u NAME] [-C DIR] [NAME=VALUE]... [PROGRAM ARGUMENT...]`."""
    try:
        options, words = getopt.getopt(
            list(run.argv[1:]), "i0u:C:S:", ["ignore-environment", "null", "unset=", "chdir="]
        )
    except getopt.GetoptError as problem:
        return await run.fail(str(problem), _USAGE)
    names = {name for name, _ in options}
    environment = {} if names & {"-i", "--ignore-environment"} else dict(run.environment)
    for name, value in options:
        if name in ("-u", "--unset"):
            environment.pop(value, None)
    if words[:1] == ["-"]:
        words, environment = words[1:], {}
    while words and "=" in words[0]:
        key, _, value = words.pop(0).partition("=")
        environment[key] = value
    if words:
        directory = next(
            (run.path(value) for name, value in options if name in ("-C", "--chdir")), None
        )
        return await run.start(tuple(words), environment=environment, directory=directory)
    end = "\0" if names & {"-0", "--null"} else "\n"
    await run.out("".join(f"{key}={value}{end}" for key, value in environment.items()).encode())
    return 0


async def nohup(run: Run) -> int:
    """`nohup PROGRAM ARGUMENT...`."""
    if len(run.argv) < 2:
        return await run.fail("missing operand", _USAGE)
    return await run.start(run.argv[1:], ignored=frozenset({signal.SIGHUP.value}))


async def setsid(run: Run) -> int:
    """`setsid [-cfw] PROGRAM ARGUMENT...`.

    With `-f`, and where it leads a process group, it forks, and its status tells nothing. The
    streams of a command in the interpreter end with it, so it waits for its child even then.
    """
    try:
        options, words = getopt.getopt(list(run.argv[1:]), "cfw", ["ctty", "fork", "wait"])
    except getopt.GetoptError as problem:
        return await run.fail(str(problem))
    if not words:
        return await run.fail("no command specified")
    names = {name for name, _ in options}
    leads = run.process.group == run.process.pid
    if leads or names & {"-f", "--fork"}:
        status = await run.start(tuple(words), own_session=True)
        return status if names & {"-w", "--wait"} else 0
    run.process.session = run.process.group = run.process.pid
    return await run.become(tuple(words))


async def timeout(run: Run) -> int:
    """`timeout [-s SIGNAL] [-k DURATION] [--foreground] DURATION PROGRAM ARGUMENT...`."""
    try:
        options, words = getopt.getopt(
            list(run.argv[1:]),
            "s:k:v",
            ["signal=", "kill-after=", "preserve-status", "foreground", "verbose"],
        )
        given = dict(options)
        limit = seconds(words[0])
        number = number_of(given.get("-s", given.get("--signal", "TERM")))
        grace = given.get("-k", given.get("--kill-after"))
        after = None if grace is None else seconds(grace)
        if number is None:
            raise ValueError("invalid signal")
    except (getopt.GetoptError, ValueError, IndexError) as problem:
        return await run.fail(f"{problem}\nTry 'timeout --help' for more information.", _USAGE)
    if len(words) < 2:
        return await run.fail("missing operand", _USAGE)
    if "--foreground" not in given:
        run.process.group = run.process.pid
    work = asyncio.create_task(run.start(tuple(words[1:])))
    return await _bounded(run, work, limit, number, after, "--preserve-status" in given)


async def _bounded(
    run: Run, work: asyncio.Task[int], limit: float, number: int, after: float | None, keep: bool
) -> int:
    try:
        done, _ = await asyncio.wait({work}, timeout=limit or None)
        if done:
            return work.result()
        _signal_children(run, number)
        done, _ = await asyncio.wait({work}, timeout=after)
        if not done:
            _signal_children(run, signal.SIGKILL)
        status = await work
    finally:
        work.cancel()
    killed = number == signal.SIGKILL or not done
    return status if keep or killed else 124


def _signal_children(run: Run, number: int) -> None:
    """Signal what a process started, and what those started."""
    family = {run.process.pid}
    for process in run.kernel.table:  # in the order of ids: a child comes after its parent
        if process.parent in family and process is not run.process:
            family.add(process.pid)
            run.kernel.table.deliver(process, number)


async def nice(run: Run) -> int:
    """`nice`, `ionice`, `chrt`, `stdbuf`: all run the program as it is."""
    try:
        _, words = getopt.getopt(list(run.argv[1:]), "n:c:p:i:o:e:t", ["adjustment="])
    except getopt.GetoptError as problem:
        return await run.fail(str(problem), _USAGE)
    return await run.start(tuple(words)) if words else 0


async def flock(run: Run) -> int:
    """`flock [-nsxeu] [-w SECONDS] [-E STATUS] FILE PROGRAM...`, or FILE `-c` SCRIPT.

    A lock by descriptor number (`flock 9`) is granted at once: the shell does not tell which file
    a descriptor has open.
    """
    try:
        options, words = getopt.getopt(
            list(run.argv[1:]),
            "nsxeuow:E:F",
            _FLOCK_OPTIONS,
        )
        given = dict(options)
        waits = next(
            (float(given[name]) for name in ("-w", "--wait", "--timeout") if name in given), None
        )
        conflict = int(given.get("-E", given.get("--conflict-exit-code", "1")))
    except (getopt.GetoptError, ValueError) as problem:
        return await run.fail(str(problem), 64)
    if len(words) < 2:
        return 0 if words and words[0].isdigit() else await run.fail("bad usage", 64)
    argv = ("sh", "-c", words[2]) if words[1] == "-c" and len(words) > 2 else tuple(words[1:])
    path = run.path(words[0])
    try:
        if not run.view.exists(path):
            run.view.write(path, b"")
    except OSError as problem:
        return await run.fail(f"cannot open lock file {words[0]}: {problem.strerror}", 66)
    if given.keys() & {"-s", "--shared"}:
        return await run.start(argv)
    return await _locked(
        run, argv, path, 0.0 if given.keys() & {"-n", "--nonblock"} else waits, conflict
    )


async def _locked(
    run: Run, argv: Sequence[str], path: str, waits: float | None, conflict: int
) -> int:
    lock = run.kernel.lock(path)
    if waits == 0 and lock.locked():
        return conflict
    try:
        await asyncio.wait_for(lock.acquire(), waits or None)
    except TimeoutError:
        return conflict
    try:
        return await run.start(tuple(argv))
    finally:
        lock.release()


async def sleep(run: Run) -> int:
    """`sleep DURATION...`, in real time."""
    try:
        total = sum(seconds(word) for word in run.argv[1:])
    except ValueError as problem:
        return await run.fail(f"invalid time interval ‘{problem}’")
    if len(run.argv) < 2:
        return await run.fail("missing operand")
    await asyncio.sleep(total)
    return 0


async def su(run: Run) -> int:
    """`su [-] [USER] [-c SCRIPT]`, for root: others are asked for a password on a terminal."""
    try:
        options, words = getopt.gnu_getopt(
            list(run.argv[1:]), "lc:s:", ["login", "command=", "shell="]
        )
    except getopt.GetoptError as problem:
        return await run.fail(str(problem))
    given = dict(options)
    words = [word for word in words if word != "-"]
    user = account(run, words[0] if words else "root")
    if run.user.uid != 0:
        return await run.fail("Authentication failure")
    if user is None:
        return await run.fail(
            f"user {words[0]} does not exist or the user entry does not contain all the required fields"
        )
    script = given.get("-c", given.get("--command"))
    argv = ("bash",) if script is None else ("bash", "-c", script)
    environment = run.kernel.login_environment(user)
    return await run.start(argv, user=user, environment=environment)
