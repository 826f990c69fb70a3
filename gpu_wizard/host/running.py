"""Commands in their own process group: streamed, bounded in time, ended when asked.

Closing a channel neither ends a silent command nor returns before it ends, so the group is ended by `kill` on a
second channel with the same privilege. Source: OpenSSH 9.2, architecture §9.
"""

from __future__ import annotations

import asyncio
import contextlib
import re
import shlex
from collections.abc import Awaitable, Callable, Coroutine

from gpu_wizard.host.entry import enter, sending
from gpu_wizard.host.lines import Cleaner, Secrets, clean_lines
from gpu_wizard.host.process import CHUNK_BYTES, STREAMS, Process, Transport
from gpu_wizard.host.script import Token
from gpu_wizard.host.sudo import Sudo
from gpu_wizard.model.action import Run
from gpu_wizard.model.errors import (
    CommandError,
    TimedOutError,
    UnreachableError,
    Where,
    WizardError,
)
from gpu_wizard.model.line import Stream
from gpu_wizard.model.ports import Heard
from gpu_wizard.model.secret import Secret

KILL_AFTER_SECONDS = 10
QUIET_SECONDS = 1.0
"""A command that has ended is not waited for longer than this where a child of it still holds its output."""

_END_SECONDS = 30.0
_START_SECONDS = 5.0
_CAPTURED_BYTES = 1 << 20

Take = Callable[[Stream, bytes], Awaitable[None]]


class Running:
    """Runs commands on one host."""

    def __init__(self, transport: Transport, sudo: Sudo, known: Secrets) -> None:
        self._transport = transport
        self._sudo = sudo
        self._secrets = known

    async def run(self, run: Run, heard: Heard) -> int:
        """See `Host.run`."""
        cleaners = {stream: Cleaner(stream, self._secrets) for stream in STREAMS}

        async def take(stream: Stream, data: bytes) -> None:
            chunk = cleaners[stream].feed(data) if data else cleaners[stream].end()
            if chunk is not None:
                await heard(chunk)

        return await self._perform(run, take)

    async def capture(self, run: Run) -> Secret:
        """See `Host.capture`."""
        kept = {stream: bytearray() for stream in STREAMS}

        async def take(stream: Stream, data: bytes) -> None:
            kept[stream] += data
            del kept[stream][:-_CAPTURED_BYTES]

        status = await self._perform(run, take)
        lines = bytes(kept["out"]).splitlines()
        if status in run.ok and lines:
            secret = Secret(lines[-1])
            self._secrets.add(secret)
            return secret
        said = clean_lines(bytes(kept["err"]), self._secrets)
        what = "printed nothing" if status in run.ok else "failed"
        code = "command-failed" if status not in run.ok else "no-output"
        where, params = self._where(run, status), {"command": run.argv[0], "status": str(status)}
        raise CommandError(code, f"{run.argv[0]} {what}.", where, lines=said, params=params)

    async def _perform(self, run: Run, take: Take) -> int:
        """The exit status; `take` gets each stream's bytes, at its end an empty piece."""
        process = await enter(self._transport, self._sudo, root=run.root)
        group = _Group(process)
        try:
            async with asyncio.timeout(run.timeout_seconds) as limit:
                await self._send(run, group)
                await _stream(process, take)
                return await self._status(run, process)
        except UnreachableError:
            if run.expect_disconnect:
                return 0
            raise
        except BaseException as error:
            # Also where whoever hears the output fails: nothing goes on unheard.
            await _surely(self._end(run, group))
            if isinstance(error, TimeoutError) and limit.expired():
                raise self._timed_out(run) from error
            raise
        finally:
            await process.close()

    async def _send(self, run: Run, group: _Group) -> None:
        process = group.process
        await process.write(_script(run, group.token).encode())
        process.end_input()
        await group.found()

    async def _status(self, run: Run, process: Process) -> int:
        status = await process.status()
        if status is None:
            message = f"{self._transport.name} did not tell how {run.argv[0]} ended."
            where, params = self._where(run, None), {"command": run.argv[0]}
            raise UnreachableError("no-status", message, where, params=params)
        return status

    async def _end(self, run: Run, group: _Group) -> None:
        """TERM, then KILL, on a second channel; a host that can't be reached any more is left."""
        with contextlib.suppress(WizardError, TimeoutError):
            async with asyncio.timeout(_END_SECONDS):
                number = await group.found(_START_SECONDS)
                draining = asyncio.create_task(_stream(group.process, _forget))
                try:
                    await self._kill(run, number)
                finally:
                    draining.cancel()
                    await asyncio.gather(draining, return_exceptions=True)

    async def _kill(self, run: Run, number: int | None) -> None:
        if number is None:
            return
        process = await enter(self._transport, self._sudo, root=run.root)
        try:
            await process.write(_kill_script(number).encode())
            process.end_input()
            await _stream(process, _forget)
        finally:
            await process.close()

    def _timed_out(self, run: Run) -> TimedOutError:
        return TimedOutError(
            "command-timed-out",
            f"{run.argv[0]} was ended after {run.timeout_seconds:g} s.",
            self._where(run, None),
            params={"command": run.argv[0], "seconds": f"{run.timeout_seconds:g}"},
        )

    def _where(self, run: Run, status: int | None) -> Where:
        command = self._secrets.hide(shlex.join(run.argv))
        return Where(host=self._transport.name, command=command, status=status)


class _Group:
    """The process group of a started command, once it has told its number."""

    def __init__(self, process: Process) -> None:
        self.process = process
        self.token = Token()
        self._mark = re.compile(re.escape(self.token.word.encode()) + rb" (\d+) 0\n")
        self._number: int | None = None

    async def found(self, seconds: float | None = None) -> int | None:
        """The number; None where the command ended, or the time ran out, before it was told."""
        while self._number is None:
            ended = self.process.ended
            found = self._mark.search(self.process.held["out"])
            if found is not None:
                self._number, end = int(found[1]), found.end()
                self.process.take("out", end)
            elif ended or not await self.process.more(seconds):
                return None
        return self._number


async def _stream(process: Process, take: Take) -> None:
    """Give what comes until both streams end, or the command has ended and stays quiet."""
    while True:
        ended = process.ended
        for stream in STREAMS:
            if data := process.take(stream, CHUNK_BYTES):
                await take(stream, data)
        await asyncio.sleep(0)
        if any(process.held.values()):
            continue
        if ended:
            break
        news = await process.more(QUIET_SECONDS)
        if not news and process.exit_status is not None:
            break
    for stream in STREAMS:
        await take(stream, b"")
    if process.lost is not None:
        raise process.lost


async def _forget(_stream: Stream, _data: bytes) -> None:
    return


async def _surely(work: Coroutine[None, None, None]) -> None:
    """Finish bounded work though cancelled again meanwhile; then the cancellation goes on."""
    task = asyncio.ensure_future(work)
    cancelled = False
    while not task.done():
        try:
            await asyncio.shield(task)
        except asyncio.CancelledError:
            cancelled = True
    if cancelled:
        raise asyncio.CancelledError
    task.result()


def _script(run: Run, token: Token) -> str:
    """The command behind a mark with the number of its own process group.

    The shell that reads this leads a session already, and a leader's `setsid` would fork and not wait: so it is
    never the last command here.
    """
    names = dict(run.environment)
    settings = [f"{name}={value}" for name, value in {"LC_ALL": "C", **names}.items()]
    first = 'printf \'%s %s 0\\n\' "$1" "$$"; shift; exec "$@"'
    command = shlex.join(("sh", "-c", first, "sh", token.word, "env", *settings, *run.argv))
    feed = "{ " + "; ".join((*sending(run.stdin), ":")) + "; } |" if run.stdin else ""
    rest = "" if run.stdin else " </dev/null"
    group = "s=setsid; command -v setsid >/dev/null 2>&1 || s="
    return f"{group}\n{feed} $s {command}{rest}\nexit $?\n"


def _kill_script(number: int) -> str:
    waits = KILL_AFTER_SECONDS * 5
    return f"""\
kill -s TERM -- -{number} 2>/dev/null || kill -s TERM {number} 2>/dev/null || exit 0
i=0
while [ "$i" -lt {waits} ]; do
kill -s 0 -- -{number} 2>/dev/null || kill -s 0 {number} 2>/dev/null || exit 0
sleep 0.2 2>/dev/null || sleep 1
i=$((i + 1))
done
kill -s KILL -- -{number} 2>/dev/null || kill -s KILL {number} 2>/dev/null
exit 0
"""
