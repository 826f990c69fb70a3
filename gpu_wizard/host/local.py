"""This machine without SSH: the same shell scripts, started here."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
from asyncio.subprocess import PIPE

from gpu_wizard.host.lines import Secrets
from gpu_wizard.host.process import CHUNK_BYTES, ROOM_BYTES, Process
from gpu_wizard.host.shell import ShellHost, ShellReader
from gpu_wizard.host.sudo import Sudo
from gpu_wizard.model.errors import UnreachableError, Where
from gpu_wizard.model.line import Stream
from gpu_wizard.model.secret import AskSecret, Secret

NAME = "local"
REAP_SECONDS = 1.0
"""For a killed shell to be gone; root's may not be killed by another user."""


class LocalProcess(Process):
    """A shell command started on this machine, in its own session. See `Process`."""

    def __init__(self, process: asyncio.subprocess.Process, room: int) -> None:
        super().__init__(room)
        self._process = process
        self._flows = asyncio.Event()
        self._flows.set()
        streams: tuple[tuple[Stream, asyncio.StreamReader | None], ...] = (
            ("out", process.stdout),
            ("err", process.stderr),
        )
        self._pumps = [asyncio.create_task(self._pump(*stream)) for stream in streams]

    @property
    def exit_status(self) -> int | None:
        """The exit status, once it is known."""
        code = self._process.returncode
        return None if code is None else code if code >= 0 else 128 - code

    async def write(self, data: bytes) -> None:
        """Send to standard input; a command that is gone takes nothing."""
        if self._process.stdin is None:
            return
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):
            self._process.stdin.write(data)
            await self._process.stdin.drain()

    def end_input(self) -> None:
        """Close standard input."""
        if self._process.stdin is not None:
            self._process.stdin.close()

    async def close(self) -> None:
        """Close its input and kill the shell that leads its session."""
        if self._process.returncode is None:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(self._process.pid, signal.SIGKILL)
        # asyncio has no public way to let go of pipes that a detached child may hold for ever.
        transport: asyncio.SubprocessTransport = self._process._transport  # type: ignore[attr-defined]  # as above
        transport.close()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(REAP_SECONDS):
                await self._process.wait()
        for pump in self._pumps:
            pump.cancel()
        await asyncio.gather(*self._pumps, return_exceptions=True)

    async def _pump(self, stream: Stream, reader: asyncio.StreamReader | None) -> None:
        while reader is not None and (data := await reader.read(CHUNK_BYTES)):
            self._said(stream, data)
            await self._flows.wait()
        self._ended(stream)

    async def _gone(self) -> None:
        await self._process.wait()

    def _wait(self) -> None:
        self._flows.clear()

    def _go_on(self) -> None:
        self._flows.set()


class LocalTransport:
    """Starts shell commands on this machine. There is no connection to lose."""

    name = NAME

    async def open(self, command: str, room: int = ROOM_BYTES) -> Process:
        """Start a command. Raises: UnreachableError: there is no `sh`."""
        try:
            process = await asyncio.create_subprocess_exec(
                "sh", "-c", command, stdin=PIPE, stdout=PIPE, stderr=PIPE, start_new_session=True
            )
        except OSError as error:
            message = "No shell could be started on this machine."
            raise UnreachableError(
                "no-shell", message, Where(host=NAME), params={"host": NAME}
            ) from error
        return LocalProcess(process, room)

    async def connect(self) -> None:
        """Nothing to do."""

    async def close(self) -> None:
        """Nothing to do."""


class LocalReader(ShellReader):
    """This machine, to ask alone."""


class LocalHost(LocalReader, ShellHost):
    """This machine, to ask and to change."""


def local_reader(
    sudo_password: Secret | None = None, ask_password: AskSecret | None = None
) -> LocalReader:
    """This machine, to ask alone. The password is for sudo; None: asked for where sudo wants one."""
    return LocalReader(*_parts(sudo_password, ask_password))


def local_host(
    sudo_password: Secret | None = None, ask_password: AskSecret | None = None
) -> LocalHost:
    """This machine, to ask and to change. Arguments as `local_reader`."""
    return LocalHost(*_parts(sudo_password, ask_password))


def _parts(password: Secret | None, ask: AskSecret | None) -> tuple[LocalTransport, Sudo, Secrets]:
    known = Secrets()
    if password is not None:
        known.add(password)
    return LocalTransport(), Sudo(NAME, known, password, ask), known
