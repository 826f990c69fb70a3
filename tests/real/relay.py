"""Runs the bed's tests in a child process apart, and has their reports told by this pytest.

A network namespace cannot be left, and a bed must end with the process that made it: hence the child. One run, one
summary: the child's reports come back over a pipe, as they do between pytest-xdist's processes.
"""

from __future__ import annotations

import contextlib
import json
import os
import queue
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import pytest

from . import apart
from .places import REPOSITORY

FIRST_LANE = {
    "test_real_check_config",
    "test_real_driver",
    "test_real_join_failures",
    "test_real_journey",
    "test_real_proof",
    "test_real_runtime",
    "test_real_stand_in",
    "test_real_status",
}
"""Files whose tests take about half of the time."""
WIRE_VARIABLE = "GPU_WIZARD_BED_WIRE"
MOST_SECONDS = 900
"""A test that has not ended by then is ended, with the bed."""

Message = dict[str, Any]


def lane_of(item: pytest.Item) -> str:
    """The group of pytest-xdist, and the bed, in which a test runs: most of a test is waiting, so two beds at once
    take little longer than one.
    """
    return f"real-{1 if item.path.stem in FIRST_LANE else 2}"


def plain_id(item: pytest.Item) -> str:
    """As the child knows the test: pytest-xdist adds its group."""
    return item.nodeid.removesuffix(f"@{lane_of(item)}")


class Lanes:
    """The children, one a lane. `close` ends them; so does the end of this process."""

    def __init__(
        self, config: pytest.Config, items: Sequence[pytest.Item], tell: Callable[[str], None]
    ) -> None:
        self._config = config
        self._failure = _build(tell)
        self._items: dict[str, list[pytest.Item]] = {}
        for item in items:
            self._items.setdefault(lane_of(item), []).append(item)
        self._children: dict[str, Child] = {}
        # A process of pytest-xdist learns test by test which are its own.
        self._ahead = not hasattr(config, "workerinput")

    def run(self, item: pytest.Item, following: pytest.Item | None) -> Iterator[pytest.TestReport]:
        """The reports of one test; `following`: the run's next one."""
        if self._failure:
            yield failure(item, self._failure)
            return
        for lane in self._items if self._ahead else [lane_of(item)]:
            if lane not in self._children:
                self._children[lane] = self._start(lane)
        child = self._children[lane_of(item)]
        if not self._ahead:
            same = following is not None and lane_of(following) == lane_of(item)
            child.order(item, following if same else None)
        yield from child.reports(item)

    def _start(self, lane: str) -> Child:
        items = self._items[lane]
        child = Child(self._config, [plain_id(item) for item in items])
        if self._ahead:
            for item, following in zip(items, [*items[1:], None], strict=True):
                child.order(item, following)
        return child

    def close(self) -> None:
        """No more tests."""
        for child in self._children.values():
            child.close()


class Child:
    """The parent's end of one bed."""

    def __init__(self, config: pytest.Config, nodeids: Sequence[str]) -> None:
        self._config = config
        self._failure = ""
        self._ordered = 0
        commands_in, self._commands = os.pipe()
        reports, reports_out = os.pipe()
        self._log = tempfile.TemporaryFile("w+")  # noqa: SIM115  # lives as long as the child
        command = [
            *(sys.executable, "-m", "pytest", "-p", "no:cacheprovider"),
            *("--rootdir", str(config.rootpath), *nodeids),
        ]
        self._process = subprocess.Popen(
            apart.command(*command),
            stdin=subprocess.DEVNULL,
            stdout=self._log,
            stderr=self._log,
            cwd=config.rootpath,
            env={**os.environ, WIRE_VARIABLE: f"{commands_in},{reports_out}"},
            pass_fds=(commands_in, reports_out),
        )
        os.close(commands_in)
        os.close(reports_out)
        self._messages: queue.SimpleQueue[Message | None] = queue.SimpleQueue()
        self._reader = threading.Thread(target=self._read, args=(reports,), daemon=True)
        self._reader.start()

    def _read(self, descriptor: int) -> None:
        for line in _lines(descriptor):
            self._messages.put(json.loads(line))
        self._messages.put(None)
        os.close(descriptor)

    def order(self, item: pytest.Item, following: pytest.Item | None) -> None:
        """A test to run, and the one after it, for which fixtures are kept."""
        order = {"run": plain_id(item), "then": plain_id(following) if following else None}
        with contextlib.suppress(BrokenPipeError):
            os.write(self._commands, json.dumps(order).encode() + b"\n")
        self._ordered += 1

    def reports(self, item: pytest.Item) -> Iterator[pytest.TestReport]:
        """Of the next ordered test, as they come."""
        while not self._failure:
            try:
                message = self._messages.get(timeout=MOST_SECONDS)
            except queue.Empty:
                self._end(f"no test ended within {MOST_SECONDS} s")
                break
            if message is None:
                self._end("the bed's process ended")
                break
            if "done" in message:
                self._ordered -= 1
                return
            report = self._config.hook.pytest_report_from_serializable(
                config=self._config, data=message["report"]
            )
            report.nodeid = item.nodeid
            yield report
        yield failure(item, self._failure)

    def _end(self, why: str) -> None:
        self._process.kill()
        self._process.wait()
        self._log.seek(0)
        self._failure = f"{why}; the end of its output:\n{self._log.read()[-4000:]}"

    def close(self) -> None:
        """The child takes the bed down and ends; at once if it still had tests to run."""
        os.close(self._commands)
        if not self._ordered:
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._process.wait(60)
        self._process.kill()
        self._process.wait()
        self._reader.join(10)
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
    """Lines as they come."""
    pending = b""
    while chunk := os.read(descriptor, 1 << 16):
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
