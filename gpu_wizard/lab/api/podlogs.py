"""Logs of containers: what is kept of them, and what a request for one gets.

Source: recorded f06-f10, f18, h01-h10, h13-h26, j02, l09 with kube-apiserver v1.36.2.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field
from typing import Protocol

from gpu_wizard.lab.api import errors, times
from gpu_wizard.lab.ports import JsonObject


@dataclass(frozen=True)
class Line:
    """A line that a container wrote, without its end, and when (UNIX time)."""

    at: float
    text: str


@dataclass
class Log:
    """What one run of a container wrote; it grows until it is closed."""

    lines: list[Line] = field(default_factory=list)
    closed: bool = False
    _more: asyncio.Event = field(default_factory=asyncio.Event)

    def write(self, text: str) -> None:
        """Add text; the last line may have no end yet, and then counts as one of its own."""
        self.lines += [Line(time.time(), line) for line in text.splitlines()]
        self._wake()

    def close(self) -> None:
        self.closed = True
        self._wake()

    def _wake(self) -> None:
        self._more.set()
        self._more = asyncio.Event()

    async def follow(self, start: int) -> AsyncIterator[Line]:
        """The lines from an index on, as they come, until the log is closed."""
        position = start
        while True:
            while position < len(self.lines):
                yield self.lines[position]
                position += 1
            if self.closed:
                return
            await self._more.wait()


class LogSource(Protocol):
    """Who has the logs: the kubelets."""

    def log(self, pod: JsonObject, container: str, *, previous: bool) -> Log:
        """The log of a container's newest run, or of the one before.

        Raises:
            ApiError: the kubelet's refusal.
        """


@dataclass(frozen=True)
class LogOptions:
    """The query of a request for a log."""

    container: str = ""
    follow: bool = False
    previous: bool = False
    timestamps: bool = False
    tail: int | None = None
    limit_bytes: int | None = None
    since: float | None = None
    """UNIX time before which lines are left out."""

    @classmethod
    def read(cls, pod: str, query: Mapping[str, str]) -> LogOptions:
        """Read a query.

        Raises:
            ApiError: 422, a number below zero; 400, no number.
        """
        tail, limit, seconds = (
            _number(pod, query, name) for name in ("tailLines", "limitBytes", "sinceSeconds")
        )
        since = time.time() - seconds if seconds is not None else None
        if "sinceTime" in query:
            since = times.parse(query["sinceTime"])
        follow, previous, timestamps = (
            query.get(name) in ("true", "1") for name in ("follow", "previous", "timestamps")
        )
        container = query.get("container", "")
        return cls(container, follow, previous, timestamps, tail, limit, since)


def _number(pod: str, query: Mapping[str, str], name: str) -> int | None:
    if name not in query:
        return None
    try:
        value = int(query[name])
    except ValueError as error:
        text = f'strconv.ParseInt: parsing "{query[name]}": invalid syntax'
        raise errors.bad_request(text) from error
    least = 0 if name == "tailLines" else 1
    if value < least:
        text = "must be greater than or equal to 0" if least == 0 else "must be greater than 0"
        cause = errors.wrong(name, str(value), text)
        raise errors.invalid("PodLogOptions", pod, "", "PodLogOptions", [cause])
    return value


def container_of(pod: JsonObject, asked: str) -> str:
    """Which container a request means.

    Raises:
        ApiError: 400.
    """
    name = pod["metadata"]["name"]
    known = [each["name"] for each in pod["spec"]["containers"]]
    if not asked and len(known) > 1:
        listed = " ".join(known)
        raise errors.bad_request(
            f"a container name must be specified for pod {name}, choose one of: [{listed}]"
        )
    if asked and asked not in known:
        raise errors.bad_request(f"container {asked} is not valid for pod {name}")
    return asked or known[0]


async def chunks(log: Log, options: LogOptions) -> AsyncIterator[bytes]:
    """The bytes that answer a request: each line as it comes where it is followed, else all in one piece.

    Source: kube-apiserver, registry/core/pod/rest/log.go: `Flush: logOpts.Follow`; the rest gathers in Go's server.
    """
    pieces = _pieces(log, options)
    if options.follow:
        async for piece in pieces:
            yield piece
    elif whole := b"".join([piece async for piece in pieces]):
        yield whole


async def _pieces(log: Log, options: LogOptions) -> AsyncIterator[bytes]:
    left = options.limit_bytes
    async for line in _lines(log, options):
        stamp = f"{_precise(line.at)} " if options.timestamps else ""
        data = f"{stamp}{line.text}\n".encode()
        if left is not None:
            data, left = data[:left], left - len(data)
        yield data
        if left is not None and left <= 0:
            return


async def _lines(log: Log, options: LogOptions) -> AsyncIterator[Line]:
    lines = log.lines
    start = 0
    if options.since is not None:
        start = sum(1 for line in lines if line.at < options.since)
    if options.tail is not None:
        start = max(start, len(lines) - options.tail)
    if options.follow:
        async for line in log.follow(start):
            yield line
        return
    for line in list(lines)[start:]:
        yield line


def _precise(at: float) -> str:
    whole = int(at)
    return f"{times.at(whole)[:-1]}.{int((at - whole) * 1e9):09d}Z"
