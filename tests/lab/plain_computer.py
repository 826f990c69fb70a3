"""A lab machine with accounts and files and no world behind it, and a way to run scripts on it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from gpu_wizard.lab.boot import boot
from gpu_wizard.lab.files import FileTree
from gpu_wizard.lab.kernel import Kernel, Run
from gpu_wizard.lab.ports import Files, Program, User
from gpu_wizard.lab.streams import Feed, Streams

ACCOUNTS = {
    "root": User("root", 0, 0, "/root"),
    "anna": User("anna", 1000, 1000, "/home/anna", "correct horse", "password"),
    "ops": User("ops", 1001, 1001, "/home/ops", None, "nopasswd"),
    "guest": User("guest", 1002, 1002, "/home/guest", "guest", "none"),
}


@dataclass
class PlainComputer:
    """A `Computer` of Debian's core utilities alone; `known` adds programs by name or path."""

    hostname: str = "node1"
    users: Mapping[str, User] = field(default_factory=lambda: dict(ACCOUNTS))
    files: Files = field(init=False)
    boot_id: str = "0f6c5a3e-1f2b-4c1d-9a55-8c1f0e7d2b64"
    known: dict[str, Program] = field(default_factory=dict)
    told: list[Callable[[], None]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.files = FileTree(self.users)

    def program(self, name: str) -> Program | None:
        return self.known.get(name)

    def programs(self) -> Sequence[str]:
        return tuple(self.known)

    def on_reboot(self, told: Callable[[], None]) -> None:
        self.told.append(told)


@dataclass(frozen=True)
class Outcome:
    """What a script did."""

    status: int
    out: bytes
    err: bytes


@dataclass
class Running:
    """A script that runs: what it wrote so far, and the sending end of its input."""

    feed: Feed
    out: bytearray = field(default_factory=bytearray)
    err: bytearray = field(default_factory=bytearray)
    seen: asyncio.Event = field(default_factory=asyncio.Event)
    task: asyncio.Task[int] = field(init=False)

    async def until(self, text: bytes) -> None:
        """Wait until either stream has this text."""
        async with asyncio.timeout(60):
            while text not in self.out + self.err:
                self.seen.clear()
                await self.seen.wait()

    async def end(self) -> Outcome:
        """End its input and wait for it."""
        self.feed.end()
        status = await asyncio.wait_for(self.task, 60)
        return Outcome(status, bytes(self.out), bytes(self.err))


def start(kernel: Kernel, script: str, user: str = "root", shell: str = "sh") -> Running:
    """Run `shell -c script` as a user in their home, in a session of its own."""
    running = Running(Feed())
    who = kernel.computer.users[user]

    async def out(data: bytes) -> None:
        running.out.extend(data)
        running.seen.set()

    async def err(data: bytes) -> None:
        running.err.extend(data)
        running.seen.set()

    argv = (shell, "-c", script)
    process = kernel.fork(None, argv, who)
    streams = Streams(running.feed.input, out, err)
    run = Run(kernel, process, argv, kernel.login_environment(who), who.home, streams)
    work = kernel.table.live(process, kernel.perform(run))
    running.task = asyncio.create_task(work)
    return running


async def outcome(
    kernel: Kernel, script: str, user: str = "root", stdin: bytes = b"", shell: str = "sh"
) -> Outcome:
    """Run a script with these bytes as its input, to its end."""
    running = start(kernel, script, user, shell)
    running.feed.send(stdin)
    return await running.end()


def fresh() -> Kernel:
    """A machine that has just booted."""
    return boot(PlainComputer())
