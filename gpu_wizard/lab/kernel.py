"""The running side of a lab machine: which program a name starts, as whom, and with what."""

from __future__ import annotations

import asyncio
import posixpath
import signal
import uuid
from collections.abc import Awaitable, Callable, Coroutine, Mapping
from dataclasses import dataclass, field, replace

from gpu_wizard.lab.ports import Computer, User
from gpu_wizard.lab.process import Process, ProcessTable
from gpu_wizard.lab.streams import Streams, everything
from gpu_wizard.lab.tickets import Tickets
from gpu_wizard.lab.tree import EXECUTE, ROOT, Credentials, Tree
from gpu_wizard.lab.view import FileView

PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
"""Where programs are looked for when nobody says otherwise."""
_USER_PATH = "/usr/local/bin:/usr/bin:/bin:/usr/local/games:/usr/games"
"""Debian's PATH for a user who logs in over SSH."""
STUB = b"#!/bin/sh\n# performed by the practice lab\n"
"""What the files of programs that the lab performs start with."""
SUDO_GROUP = 27
"""Debian's number for the group whose members may use sudo."""


STDIN = frozenset({"/dev/stdin", "/dev/fd/0", "/proc/self/fd/0"})
"""Paths of standard input."""


def stub(name: str) -> bytes:
    """The file of a program that the lab performs; an interpreter that opens it starts `name`."""
    return STUB + f'exec {name} "$@"\n'.encode()


@dataclass
class Run:
    """One run of a program: the `Call` that the machine's programs get, and more for the lab's own."""

    kernel: Kernel
    process: Process
    argv: tuple[str, ...]
    environment: Mapping[str, str]
    directory: str
    streams: Streams
    inherits: Callable[[], Awaitable[bool]] | None = None
    """Tells whether its input is that of the shell's own; None: it is not."""

    @property
    def user(self) -> User:
        """Who runs it; root after sudo."""
        return self.process.user

    @property
    def view(self) -> FileView:
        """The machine's files with this process's rights."""
        return self.process.view

    @property
    def interactive(self) -> bool:
        """True where the channel has a terminal."""
        return self.process.terminal != "?"

    def path(self, name: str) -> str:
        """A path from the command line as an absolute one."""
        joined = posixpath.join(self.directory, name)
        kept = "/" if name.endswith("/") and joined != "/" else ""
        return posixpath.normpath(joined).replace("//", "/", 1) + kept

    async def read(self) -> bytes:
        """The whole of standard input."""
        return await everything(self.streams.input)

    async def content(self, name: str) -> bytes:
        """What a file named on the command line holds; `/dev/stdin` is standard input.

        Raises: OSError as reading it does.
        """
        if name in STDIN:
            return await self.read()
        return self.view.read(self.path(name))

    async def out(self, data: bytes) -> None:
        """Write to standard output, delivered at once."""
        await self.streams.out(data)

    async def err(self, data: bytes) -> None:
        """Write to standard error, delivered at once."""
        await self.streams.err(data)

    async def say(self, text: str) -> None:
        """Write a line to standard output."""
        await self.out(text.encode("utf-8", "surrogateescape") + b"\n")

    async def fail(self, text: str, status: int = 1) -> int:
        """Write `NAME: text` to standard error, and give the status."""
        name = posixpath.basename(self.argv[0])
        await self.err(f"{name}: {text}\n".encode("utf-8", "surrogateescape"))
        return status

    async def shell(self, script: str, *, user: User | None = None, stdin: bytes = b"") -> int:
        """Run a script on the same machine, into the same outputs, and give its exit status."""
        return await self.start(
            ("sh", "-c", script), user=user, streams=self.streams.reading(stdin)
        )

    async def start(
        self,
        argv: tuple[str, ...],
        *,
        user: User | None = None,
        environment: Mapping[str, str] | None = None,
        directory: str | None = None,
        streams: Streams | None = None,
        own_session: bool = False,
        ignored: frozenset[int] = frozenset(),
    ) -> int:
        """Run another program as a child and wait for it: its exit status, 126 or 127."""
        child = replace(
            self,
            argv=argv,
            process=self.kernel.fork(self.process, argv, user),
            environment=self.environment if environment is None else environment,
            directory=directory or self.directory,
            streams=streams or self.streams,
            inherits=None,
        )
        child.process.ignored |= ignored
        if own_session:
            child.process.group = child.process.session = child.process.pid
        return await self.kernel.table.live(child.process, self.kernel.perform(child))

    async def become(self, argv: tuple[str, ...]) -> int:
        """Run another program in this same process, as exec(2) does."""
        self.process.argv = argv
        return await self.kernel.perform(replace(self, argv=argv, inherits=None))


Utility = Callable[[Run], Awaitable[int]]
"""A program of the lab's own, which may ask for more than a `Program` of ports.py."""


@dataclass
class Kernel:
    """What runs on one computer. `tree` is the computer's own file tree."""

    computer: Computer
    tree: Tree
    utilities: Mapping[str, Utility]
    """The lab's own programs by bare name: shells, core utilities, sudo."""
    perform_other: Callable[[Run], Coroutine[None, None, int]]
    """Runs a program that only the shell's interpreter has, or a script file."""
    table: ProcessTable = field(default_factory=ProcessTable)
    mark: bytes = field(default_factory=lambda: f"stdin-{uuid.uuid4().hex}\n".encode())
    """Stands in an interpreter for input that is the process's own; see shell.py."""
    tickets: Tickets = field(default_factory=Tickets)
    """What sudo remembers; a reboot forgets it."""
    _root: FileView = field(init=False)
    _locks: dict[str, asyncio.Lock] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._root = FileView(self.tree, ROOT)

    def view(self, user: User, umask: int = 0o022) -> FileView:
        """The file tree with a user's rights."""
        return FileView(self.tree, Credentials(user.uid, user.gid, self.groups(user)), umask)

    @staticmethod
    def groups(user: User) -> frozenset[int]:
        """Supplementary groups: sudoers are in Debian's group `sudo`."""
        return frozenset() if user.sudo == "none" or user.uid == 0 else frozenset({SUDO_GROUP})

    def power_off(self) -> None:
        """End every process, and forget what a reboot forgets."""
        for process in self.table:
            self.table.deliver(process, signal.SIGKILL)
        self.tickets.granted.clear()

    def lock(self, path: str) -> asyncio.Lock:
        """The advisory lock of a file."""
        return self._locks.setdefault(path, asyncio.Lock())

    @staticmethod
    def login_environment(user: User) -> dict[str, str]:
        """The environment that a login starts with."""
        return {
            "HOME": user.home,
            "LANG": "C.UTF-8",
            "LOGNAME": user.name,
            "PATH": PATH if user.uid == 0 else _USER_PATH,
            "SHELL": "/bin/bash",
            "USER": user.name,
        }

    def fork(self, parent: Process | None, argv: tuple[str, ...], user: User | None) -> Process:
        """A new process, of the parent's user and umask unless another user is given."""
        who = user or (parent.user if parent else self.computer.users["root"])
        umask = parent.view.umask if parent else 0o022
        return self.table.start(parent, who, argv, self.view(who, umask))

    def program(self, name: str) -> Utility | None:
        """The Python program behind a bare name or an absolute path, the machine's own first.

        One of the lab's own is there as long as its file in /usr/bin is.
        """
        found = self.computer.program(name)
        if found is not None:
            return found
        directory, _, bare = name.rpartition("/")
        if directory and directory not in PATH.split(":"):
            return None
        there = self._executable(f"/usr/bin/{bare}", self._root)
        return self.utilities.get(bare) if there else None

    def where(self, name: str, path: str, view: FileView) -> str | None:
        """The file that a name starts, as `command -v` tells it; None: command not found."""
        if "/" in name:
            known = self.program(name) is not None or view.allows(name, EXECUTE)
            return name if known else None
        known_paths = set(self.computer.programs())
        for directory in path.split(":"):
            candidate = f"{directory or '.'}/{name}"
            if candidate in known_paths or self._executable(candidate, view):
                return candidate
        return f"/usr/bin/{name}" if self.computer.program(name) else None

    @staticmethod
    def _executable(path: str, view: FileView) -> bool:
        try:
            node = view.look(path)
        except OSError:
            return False
        return node.children is None and node.allows(view.who, EXECUTE)

    async def perform(self, run: Run) -> int:
        """What a process does: its program, found by name or path."""
        name = run.argv[0]
        program = self.program(name)
        if program is not None:
            return await program(run)
        return await self.perform_other(run)
