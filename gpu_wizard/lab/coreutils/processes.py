"""Processes as they are listed and found: ps, pgrep, pkill."""

from __future__ import annotations

import getopt
import re
import signal
import time
from collections.abc import Callable

from gpu_wizard.lab.kernel import Run
from gpu_wizard.lab.process import Process
from gpu_wizard.lab.signals import killing, number_of


def _elapsed(process: Process) -> str:
    total = int(time.time() - process.started)
    hours, rest = divmod(total, 3600)
    clock = f"{rest // 60:02}:{rest % 60:02}"
    return f"{hours:02}:{clock}" if hours else clock


def _command(process: Process) -> str:
    return process.argv[0].rpartition("/")[2][:15]


_FACTS: dict[str, tuple[str, bool, Callable[[Process], str]]] = {
    "pid": ("PID", True, lambda process: str(process.pid)),
    "ppid": ("PPID", True, lambda process: str(process.parent)),
    "pgid": ("PGID", True, lambda process: str(process.group)),
    "sid": ("SID", True, lambda process: str(process.session)),
    "uid": ("UID", True, lambda process: str(process.user.uid)),
    "user": ("USER", False, lambda process: process.user.name),
    "comm": ("COMMAND", False, _command),
    "args": ("COMMAND", False, lambda process: " ".join(process.argv)),
    "stat": ("STAT", False, lambda process: "Ss" if process.session == process.pid else "S"),
    "tty": ("TT", False, lambda process: process.terminal),
    "etime": ("ELAPSED", True, _elapsed),
    "etimes": ("ELAPSED", True, lambda process: str(int(time.time() - process.started))),
    "time": ("TIME", True, lambda process: "00:00:00"),
    "ni": ("NI", True, lambda process: "0"),
    "rss": ("RSS", True, lambda process: "3072"),
    "pcpu": ("%CPU", True, lambda process: "0.0"),
    "pmem": ("%MEM", True, lambda process: "0.0"),
}
"""Of each format specifier of `ps -o`: title, whether it stands right, and value."""
_OTHER_NAMES = {
    "pgrp": "pgid",
    "sess": "sid",
    "session": "sid",
    "cmd": "args",
    "command": "args",
    "ucmd": "comm",
    "euser": "user",
    "ruser": "user",
    "uname": "user",
    "euid": "uid",
    "ruid": "uid",
    "s": "stat",
    "state": "stat",
    "tt": "tty",
    "tname": "tty",
    "%cpu": "pcpu",
    "%mem": "pmem",
}
_PLAIN = "pid tty time comm"
_FULL = "user pid ppid pcpu tty time args"


def _columns(spec: str) -> list[tuple[str, str]]:
    """Specifier and title of each column. Raises: ValueError for an unknown one."""
    columns: list[tuple[str, str]] = []
    for word in re.split(
        r"[,\s]+",
        spec.partition("=")[0] if spec.count("=") == 1 and not spec.endswith("=") else spec.strip(),
    ):
        name, equals, title = word.partition("=")
        name = _OTHER_NAMES.get(name, name)
        if name not in _FACTS:
            raise ValueError(f'unknown user-defined format specifier "{word}"')
        columns.append((name, title if equals else _FACTS[name][0]))
    return columns


async def ps(run: Run) -> int:
    """`ps [-eAfx] [-o FORMAT] [-p PIDS] [-g SESSIONS] [--ppid PIDS] [-u USERS] [-C NAMES]`, `ps aux`."""
    words = list(run.argv[1:])
    every = False
    form = _PLAIN
    if words and not words[0].startswith("-"):
        every, form = (
            "a" in words[0] or "x" in words[0],
            "user pid pcpu pmem rss tty stat time args",
        )
        words[0] = "-A" if every else "-x"
    try:
        options, _ = getopt.gnu_getopt(
            words,
            "eAafFlxwHT" + "o:p:g:s:u:U:C:t:q:",
            ["no-headers", "no-heading", "ppid=", "pid=", "sort=", "sid=", "headers"],
        )
        chosen = _chosen(run, options, every)
        specs = [value for name, value in options if name == "-o"]
        if any(name in ("-f", "-F") for name, _ in options):
            form = _FULL
        columns = [column for spec in specs or [form] for column in _columns(spec)]
    except (getopt.GetoptError, ValueError) as problem:
        return await run.fail(f"error: {problem}")
    titles = not any(name in ("--no-headers", "--no-heading") for name, _ in options)
    await _table(run, columns, chosen, titles and any(title for _, title in columns))
    return 0 if chosen else 1


def _chosen(run: Run, options: list[tuple[str, str]], every: bool) -> list[Process]:
    tests: dict[str, Callable[[Process], str]] = {
        "-p": lambda process: str(process.pid),
        "-q": lambda process: str(process.pid),
        "--pid": lambda process: str(process.pid),
        "--ppid": lambda process: str(process.parent),
        "-g": lambda process: str(process.session),
        "-s": lambda process: str(process.session),
        "--sid": lambda process: str(process.session),
        "-C": _command,
        "-u": lambda process: process.user.name,
        "-U": lambda process: process.user.name,
    }
    processes = list(run.kernel.table)
    wanted = [(tests[name], re.split(r"[,\s]+", value)) for name, value in options if name in tests]
    if wanted:
        return [
            process
            for process in processes
            if any(test(process) in values for test, values in wanted)
        ]
    if every or any(name in ("-e", "-A") for name, _ in options):
        return processes
    return [process for process in processes if process.session == run.process.session]


async def _table(
    run: Run, columns: list[tuple[str, str]], rows: list[Process], titles: bool
) -> None:
    cells = [[_FACTS[name][2](process) for name, _ in columns] for process in rows]
    if titles:
        cells.insert(0, [title for _, title in columns])
    widths = [
        max([len(_FACTS[name][0]), *(len(row[at]) for row in cells)])
        for at, (name, _) in enumerate(columns)
    ]
    for row in cells:
        shown = [
            cell.rjust(width) if _FACTS[name][1] else cell.ljust(width)
            for cell, width, (name, _) in zip(row, widths, columns, strict=True)
        ]
        await run.say(" ".join(shown).rstrip())


async def kill(run: Run) -> int:
    """`kill [-SIGNAL | -s SIGNAL] [--] PID...`, a negative one being a group; `kill -l [NUMBER]`."""
    words = list(run.argv[1:])
    if words[:1] in (["-l"], ["-L"]):
        chosen = [number_of(word) for word in words[1:]] or [
            entry.value for entry in signal.Signals
        ]
        names = [signal.Signals(number).name[3:] for number in chosen if number]
        await run.say("\n".join(names) if words[1:] else " ".join(names))
        return 0
    try:
        asked = killing(words)
        targets = [int(word) for word in asked.targets]
    except ValueError as problem:
        return await run.fail(str(problem))
    status = 0
    for target in targets:
        try:
            run.kernel.table.kill(run.user, target, asked.number)
        except ProcessLookupError:
            status = await run.fail(f"({target}): No such process")
        except PermissionError:
            status = await run.fail(f"({target}): Operation not permitted")
    return status


def _matching(run: Run, options: list[tuple[str, str]], pattern: str) -> list[Process]:
    given = dict(options)
    exact, full = "-x" in given, "-f" in given
    expression = re.compile(f"^(?:{pattern})$" if exact else pattern)
    found = []
    for process in run.kernel.table:
        text = " ".join(process.argv) if full else _command(process)
        owner = given.get("-u")
        if process is run.process or not expression.search(text):
            continue
        if owner in (None, process.user.name, str(process.user.uid)) and given.get("-P") in (
            None,
            str(process.parent),
        ):
            found.append(process)
    return found


async def pgrep(run: Run) -> int:
    """`pgrep [-flxac] [-u USER] [-P PARENT] PATTERN`."""
    try:
        options, words = getopt.gnu_getopt(list(run.argv[1:]), "flxacu:P:")
        found = _matching(run, options, words[0] if words else "")
    except (getopt.GetoptError, re.error) as problem:
        return await run.fail(str(problem), 2)
    names = {name for name, _ in options}
    if "-c" in names:
        await run.say(str(len(found)))
    for process in found if "-c" not in names else []:
        tail = (
            f" {' '.join(process.argv)}"
            if "-a" in names
            else f" {_command(process)}"
            if "-l" in names
            else ""
        )
        await run.say(f"{process.pid}{tail}")
    return 0 if found else 1


async def pkill(run: Run) -> int:
    """`pkill [-SIGNAL] [-fx] [-u USER] [-P PARENT] PATTERN`."""
    words = list(run.argv[1:])
    number = signal.SIGTERM.value
    for word in [
        word for word in words if word.startswith("-") and number_of(word[1:]) is not None
    ]:
        number = number_of(word[1:]) or 0
        words.remove(word)
    try:
        options, words = getopt.gnu_getopt(words, "fxeu:P:")
        found = _matching(run, options, words[0] if words else "")
    except (getopt.GetoptError, re.error) as problem:
        return await run.fail(str(problem), 2)
    status = 1
    for process in found:
        try:
            run.kernel.table.kill(run.user, process.pid, number)
            status = 0
        except PermissionError:
            await run.fail(f"killing pid {process.pid} failed: Operation not permitted")
    return status
