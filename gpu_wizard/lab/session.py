"""One SSH channel of a lab machine: a command, or a login shell with or without a terminal."""

from __future__ import annotations

import asyncio
import contextlib
import signal
from typing import Any

import asyncssh

from gpu_wizard.lab.coreutils.shells import interpret
from gpu_wizard.lab.kernel import Kernel, Run
from gpu_wizard.lab.ports import User
from gpu_wizard.lab.private import Reading
from gpu_wizard.lab.process import Process
from gpu_wizard.lab.shell import Shell
from gpu_wizard.lab.streams import Feed, Streams

_ACCEPTED = ("LANG", "LC_", "COLORTERM", "NO_COLOR")
"""Variables that a client may send, by their start. Source: Debian's sshd_config, AcceptEnv."""


class Session(asyncssh.SSHServerSession[Any]):
    """A session channel. The process in it is a login shell of the user, as under OpenSSH."""

    def __init__(self, kernel: Kernel, user: User) -> None:
        self.kernel, self.user = kernel, user
        self.command: str | None = None
        self.feed = Feed()
        self.task: asyncio.Task[None] | None = None
        self._channel: Any = None
        self._writable = asyncio.Event()
        self._writable.set()
        self._closed = False
        self._process: Process | None = None

    def connection_made(self, chan: Any) -> None:
        self._channel = chan

    def pty_requested(self, term_type: str, term_size: object, term_modes: object) -> bool:
        self._channel.set_encoding("utf-8", "replace")  # the line editor works on text only
        return True

    def shell_requested(self) -> bool:
        return True

    def exec_requested(self, command: str) -> bool:
        self.command = command
        return True

    def session_started(self) -> None:
        self.task = asyncio.create_task(self._serve())

    def data_received(self, data: Any, datatype: object) -> None:
        self.feed.send(data.encode() if isinstance(data, str) else data)

    def soft_eof_received(self) -> None:
        """Control-D on an empty line of a terminal: ends the input of what runs, or the shell."""
        self.feed.end_here()

    def eof_received(self) -> bool:
        self.feed.end()
        return True  # the command may still write

    def signal_received(self, signal: str) -> None:
        """Nothing: OpenSSH passes no signal on to a session that root's daemon started."""

    def break_received(self, msec: int) -> bool:
        """Control-C on a terminal: ends what the shell runs, not the shell."""
        for process in self.kernel.table:
            shell = self._process
            if shell is not None and process.session == shell.session and process is not shell:
                self.kernel.table.deliver(process, signal.SIGINT)
        return True

    def pause_writing(self) -> None:
        self._writable.clear()

    def resume_writing(self) -> None:
        self._writable.set()

    def connection_lost(self, exc: Exception | None) -> None:
        self._closed = True
        self._writable.set()
        self.feed.end()

    async def _write(self, data: bytes, kind: int | None) -> None:
        await self._writable.wait()
        if self._closed:
            raise BrokenPipeError
        if self.terminal is None:
            self._channel.write(data, kind)
        else:  # a terminal has one stream
            self._channel.write(data.decode("utf-8", "replace"))
        await asyncio.sleep(0)

    async def _out(self, data: bytes) -> None:
        await self._write(data, None)

    async def _err(self, data: bytes) -> None:
        await self._write(data, asyncssh.EXTENDED_DATA_STDERR)

    @property
    def terminal(self) -> str | None:
        """The terminal's type, or None without one."""
        kind: str | None = self._channel.get_terminal_type()
        return kind

    async def _serve(self) -> None:
        kernel, user = self.kernel, self.user
        argv = ("bash",) if self.command is None else ("bash", "-c", self.command)
        process = self._process = kernel.fork(None, argv, user)
        environment = kernel.login_environment(user) | self._sent()
        if self.terminal is not None:
            process.terminal = f"pts/{process.pid % 10}"
            process.echo = self._channel.set_echo
            process.keys = self.feed.input
            environment["TERM"] = self.terminal
        environment["SSH_CONNECTION"] = "127.0.0.1 50000 127.0.0.1 22"
        streams = Streams(self.feed.input, self._out, self._err)
        home = user.home if kernel.computer.files.exists(user.home) else "/"
        run = Run(kernel, process, argv, environment, home, streams)
        try:
            status = await kernel.table.live(process, self._login_shell(run))
        except BrokenPipeError:
            status = 141
        self._finish(status, process.killed)

    async def _login_shell(self, run: Run) -> int:
        if self.command is None and self.terminal is not None:
            return await self._interactive(run)
        options = ""
        startup = f"{self.user.home}/.bashrc"
        if run.view.exists(startup):  # bash reads it when sshd starts it
            options = ". ~/.bashrc;"
        return await interpret(run, self.command, "bash", (), options)

    async def _interactive(self, run: Run) -> int:
        async def prompt(at: Run, continued: bool) -> None:
            home, place = self.user.home, at.directory
            if place == home or place.startswith(home + "/"):
                place = "~" + place[len(home) :]
            sign = "#" if self.user.uid == 0 else "$"
            name = f"{self.user.name}@{self.kernel.computer.hostname}"
            await at.out(b"> " if continued else f"{name}:{place}{sign} ".encode())

        shell = Shell(run, posix=False, name="bash")
        with contextlib.closing(shell):
            status = await shell.held(Reading(self.feed.input, prompt))
        await self._out(b"logout\n")
        return status

    def _sent(self) -> dict[str, str]:
        sent = self._channel.get_environment()
        return {key: value for key, value in sent.items() if key.startswith(_ACCEPTED)}

    def _finish(self, status: int, killed: int | None) -> None:
        if self._closed:
            return
        if killed is None:
            self._channel.exit(status)
        else:
            self._channel.exit_with_signal(signal.Signals(killed).name.removeprefix("SIG"))
