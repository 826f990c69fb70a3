"""Runs the bed's tests in a child process apart, and has their reports told by this pytest.

A network namespace cannot be left, and a bed must end with the process that made it: hence the child. One run, one
summary: the child's reports come back over a pipe, as they do between pytest-xdist's processes.
"""

from __future__ import annotations

import contextlib
import json
import os
import selectors
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import pytest

from . import apart
from .places import REPOSITORY

GROUP = "real"
WIRE_VARIABLE = "GPU_WIZARD_BED_WIRE"
MOST_SECONDS = 900
"""A test that has not ended by then is ended, with the bed."""

Message = dict[str, Any]


def plain_id(item: pytest.Item) -> str:
    """As the child knows the test: pytest-xdist adds its group."""
    return item.nodeid.removesuffix(f"@{GROUP}")


class Child:
    """The parent's end. Started by the first test; ended by `close` or with this process."""

    def __init__(
        self, config: pytest.Config, nodeids: Sequence[str], tell: Callable[[str], None]
    ) -> None:
        self._config = config
        self._failure = _build(tell)
        if not self._failure:
            self._start(nodeids)

    def _start(self, nodeids: Sequence[str]) -> None:
        commands_in, self._commands = os.pipe()
        self._reports, reports_out = os.pipe()
        self._log = tempfile.TemporaryFile("w+")  # noqa: SIM115  # lives as long as the child
        command = [
            *(sys.executable, "-m", "pytest", "-p", "no:cacheprovider"),
            *("--rootdir", str(self._config.rootpath), *nodeids),
        ]
        self._process = subprocess.Popen(
            apart.command(*command),
            stdin=subprocess.DEVNULL,
            stdout=self._log,
            stderr=self._log,
            cwd=self._config.rootpath,
            env={**os.environ, WIRE_VARIABLE: f"{commands_in},{reports_out}"},
            pass_fds=(commands_in, reports_out),
        )
        os.close(commands_in)
        os.close(reports_out)
        self._lines = _lines(self._reports)

    def run(self, item: pytest.Item, following: pytest.Item | None) -> Iterator[pytest.TestReport]:
        """The reports of one test; `following`: the next one of the bed, None when the bed is done with."""
        if self._failure:
            yield failure(item, self._failure)
            return
        order = {"run": plain_id(item), "then": plain_id(following) if following else None}
        try:
            os.write(self._commands, json.dumps(order).encode() + b"\n")
            for line in self._lines:
                message: Message = json.loads(line)
                if "done" in message:
                    return
                report = self._config.hook.pytest_report_from_serializable(
                    config=self._config, data=message["report"]
                )
                report.nodeid = item.nodeid
                yield report
        except (BrokenPipeError, TimeoutError) as error:
            yield failure(item, self._end(f"{type(error).__name__}: {error}"))
            return
        yield failure(item, self._end("the bed's process ended"))

    def _end(self, why: str) -> str:
        self._process.kill()
        self._process.wait()
        self._log.seek(0)
        self._failure = f"{why}; the end of its output:\n{self._log.read()[-4000:]}"
        return self._failure

    def close(self) -> None:
        """No more tests: the child takes the bed down and ends."""
        if self._failure:
            return
        os.close(self._commands)
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(60)
        self._process.kill()
        self._process.wait()
        os.close(self._reports)
        self._log.close()


def _build(tell: Callable[[str], None]) -> str:
    """Everything that needs the outside network; why it failed, or ""."""
    with subprocess.Popen(
        [sys.executable, "-m", "tests.real", "build"],
        cwd=REPOSITORY,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    ) as build:
        assert build.stdout is not None
        said = []
        for line in build.stdout:
            said.append(line)
            tell(line.rstrip())
        status = build.wait()
    return f"building the bed failed:\n{''.join(said[-60:])}" if status else ""


def _lines(descriptor: int) -> Iterator[bytes]:
    """Lines as they come.

    Raises:
        TimeoutError: nothing came for `MOST_SECONDS`.
    """
    pending = b""
    with selectors.DefaultSelector() as ready:
        ready.register(descriptor, selectors.EVENT_READ)
        while True:
            if not ready.select(MOST_SECONDS):
                raise TimeoutError(f"no test ended within {MOST_SECONDS} s")
            chunk = os.read(descriptor, 1 << 16)
            if not chunk:
                return
            *whole, pending = (pending + chunk).split(b"\n")
            yield from whole


def failure(item: pytest.Item, why: str) -> pytest.TestReport:
    """A test that failed before it began."""
    return pytest.TestReport(item.nodeid, item.location, {}, "failed", why, "setup")


class Wire:
    """The child's end: tests by order, reports as they come."""

    def __init__(self) -> None:
        commands, reports = map(int, os.environ[WIRE_VARIABLE].split(","))
        self._orders = _lines(commands)
        self._reports = reports

    def orders(self) -> Iterator[tuple[str, str | None]]:
        """Which test to run, and which comes then."""
        for line in self._orders:
            order = json.loads(line)
            yield order["run"], order["then"]

    def send(self, message: Message) -> None:
        """One message to the parent, whole."""
        data = json.dumps(message).encode() + b"\n"
        while data:
            data = data[os.write(self._reports, data) :]
