"""The processes of a lab machine: their ids, groups, owners, and the signals that end them."""

from __future__ import annotations

import asyncio
import signal
import time
from collections.abc import Callable, Coroutine, Iterator
from dataclasses import dataclass, field

from gpu_wizard.lab.ports import User
from gpu_wizard.lab.streams import Input
from gpu_wizard.lab.view import FileView

FIRST_PID = 20_011
"""Ids below belong to what a machine starts at boot, and to jobs inside an interpreter."""
_HARMLESS = frozenset({0, signal.SIGCHLD, signal.SIGCONT, signal.SIGWINCH, signal.SIGURG})


@dataclass(eq=False)
class Process:
    """A running program. Ended by a signal, its task is cancelled and `killed` says by which."""

    pid: int
    parent: int
    group: int
    session: int
    user: User
    argv: tuple[str, ...]
    view: FileView
    """The file tree with this process's rights and umask."""
    terminal: str = "?"
    echo: Callable[[bool], None] | None = None
    """Switches what its terminal shows of the keys on and off; None: it has no terminal."""
    keys: Input | None = None
    """What is typed on its terminal, whatever its standard input is; None: it has no terminal."""
    started: float = field(default_factory=time.time)
    task: asyncio.Task[int] | None = None
    killed: int | None = None
    stop: Callable[[], None] | None = None
    """Of a shell: keeps its interpreter, which has threads of its own, from the next command."""
    traps: dict[str, str] = field(default_factory=dict)
    """Of a shell: what it does on a signal, by the signal's name without SIG."""
    ignored: set[int] = field(default_factory=set)
    """Signals that it and those it starts do not take, as under nohup."""


class ProcessTable:
    """All processes of one machine."""

    def __init__(self) -> None:
        self._processes: dict[int, Process] = {}
        self._next = FIRST_PID

    def boot(self, root: User, view: FileView) -> None:
        """Start the first process, which nothing ends."""
        self._processes[1] = Process(1, 0, 1, 1, root, ("systemd",), view)

    def __iter__(self) -> Iterator[Process]:
        return iter(sorted(self._processes.values(), key=lambda process: process.pid))

    def get(self, pid: int) -> Process | None:
        """The process with that id, or None."""
        return self._processes.get(pid)

    def start(
        self, parent: Process | None, user: User, argv: tuple[str, ...], view: FileView
    ) -> Process:
        """A child of `parent` in its group and session; None: it leads a new session."""
        pid, self._next = self._next, self._next + 1
        process = Process(
            pid=pid,
            parent=parent.pid if parent else 1,
            group=parent.group if parent else pid,
            session=parent.session if parent else pid,
            user=user,
            argv=argv,
            view=view,
            terminal=parent.terminal if parent else "?",
            echo=parent.echo if parent else None,
            keys=parent.keys if parent else None,
            ignored=set(parent.ignored) if parent else set(),
        )
        self._processes[pid] = process
        return process

    async def live(self, process: Process, work: Coroutine[None, None, int]) -> int:
        """Run a process to its end: its exit status, 128 + N when signal N ended it.

        Cancelled itself, it ends the process as a hang-up does.
        """
        process.task = asyncio.create_task(work, name=f"{process.pid} {process.argv[0]}")
        if process.killed is not None:
            process.task.cancel()
        try:
            status = await process.task
            return status if process.killed is None else 128 + process.killed
        except asyncio.CancelledError:
            waiting = asyncio.current_task()
            if process.killed is None or (waiting is not None and waiting.cancelling()):
                raise
            return 128 + process.killed
        finally:
            self._processes.pop(process.pid, None)

    def named(self, target: int) -> list[Process]:
        """The processes that kill(2) means: one by its id, a group by its negative id.

        Raises: ProcessLookupError when there are none.
        """
        if target > 0:
            found = [process for process in self if process.pid == target]
        elif target == -1:
            found = list(self)
        else:
            found = [process for process in self if process.group == -target]
        if not found:
            raise ProcessLookupError(target)
        return found

    def kill(self, sender: User, target: int, number: int) -> None:
        """Send a signal (0: only ask) to a process or, with a negative target, to a group.

        Raises: ProcessLookupError (none there), PermissionError (all are someone else's).
        """
        found = self.named(target)
        allowed = [process for process in found if sender.uid in (0, process.user.uid)]
        if not allowed:
            raise PermissionError(target)
        for process in allowed:
            self.deliver(process, number)

    @staticmethod
    def deliver(process: Process, number: int) -> None:
        """End a process by a signal, unless the signal is harmless or ignored."""
        if number in _HARMLESS or process.pid == 1:
            return
        if number in process.ignored and number != signal.SIGKILL:
            return
        if process.traps.get(signal.Signals(number).name.removeprefix("SIG")) == "":
            return
        process.killed = number
        if process.stop is not None:
            process.stop()
        if process.task is not None:
            process.task.cancel()
