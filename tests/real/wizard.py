"""The product as a user runs it: a subprocess with a home of its own and a setup file."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from .bed import SERVER, Bed
from .machine import Machine
from .places import REPOSITORY
from .rootfs import PASSWORD

Event = dict[str, Any]


@dataclass(frozen=True, repr=False)
class Run:
    """How a run ended. `events`: of `--json`, the version line left out."""

    status: int
    out: str
    err: str
    events: tuple[Event, ...] = ()

    def of(self, kind: str) -> list[Event]:
        """The events of one type."""
        return [event for event in self.events if event["type"] == kind]

    @property
    def finished(self) -> Event:
        """The run's last event."""
        return self.of("setup-finished")[-1]

    def assessments(self) -> dict[str, Event]:
        """Each stage's last assessment."""
        return {event["stage"]: event for event in self.of("stage-assessed")}

    def expect(self, status: int) -> None:
        """Raises: AssertionError: it ended otherwise; with the whole course."""
        if self.status != status:
            raise AssertionError(f"wanted exit {status}:\n{self!r}")

    def __repr__(self) -> str:
        """The course of the run, a line an event, and the end of what else it said."""
        course = [
            " ".join(str(part) for part in _told(event) if part)
            for event in self.events
            if event["type"] not in _QUIET
        ]
        plain = "" if self.events else self.out[-4000:]
        return "\n".join([f"exit {self.status}", *course, plain, self.err[-3000:]])


_QUIET = {"fact-read", "output-received", "survey-started", "plan-made"}


def _told(event: Event) -> tuple[object, ...]:
    assessment = event.get("assessment") or event
    step = event.get("step")
    return (
        event["at"][11:23],
        event.get("node"),
        event["type"],
        event.get("stage"),
        step["id"] if isinstance(step, dict) else step,
        assessment.get("state"),
        assessment.get("code"),
        event.get("outcome"),
        assessment.get("params") if assessment.get("state") in ("blocked", "unknown") else "",
        event.get("error"),
    )


@dataclass
class Wizard:
    """`user`: who logs in: `admin` needs no password for sudo, `ops` does."""

    bed: Bed
    home: Path
    user: str = "admin"
    environment: dict[str, str] = field(default_factory=dict)

    def write_setup(
        self,
        nodes: Sequence[Machine],
        *,
        stages: Mapping[str, Mapping[str, object]] | None = None,
        choices: Mapping[str, str] | None = None,
        cluster: Mapping[str, str] | None = None,
        control_plane: Machine | None = None,
    ) -> Path:
        """A setup file for these machines of the bed."""
        options = {"toolkit": {"fingerprint": self.bed.packages.fingerprint}, **(stages or {})}
        lines = [
            "version = 1",
            "[control_plane]",
            *self._host(control_plane or self.bed.machines[SERVER[0]]),
        ]
        lines += [
            "[cluster]",
            *(f"{key} = {_toml(value)}" for key, value in (cluster or {}).items()),
        ]
        for node in nodes:
            lines += ["[[nodes]]", f'name = "{node.name}"', *self._host(node)]
        for stage, values in options.items():
            lines += [
                f"[stages.{stage}]",
                *(f"{key} = {_toml(value)}" for key, value in values.items()),
            ]
        lines += [
            "[choices]",
            *(f"{_toml(key)} = {_toml(value)}" for key, value in (choices or {}).items()),
        ]
        file = self.home / "setup.toml"
        file.write_text("\n".join(lines) + "\n")
        return file

    def _host(self, machine: Machine) -> list[str]:
        known = self.home / "known_hosts"
        line = f"{machine.address} {machine.host_key}\n"
        if line not in (known.read_text() if known.exists() else ""):
            with known.open("a") as file:
                file.write(line)
        lines = [
            f'host = "{self.user}@{machine.address}"',
            f'identity_file = "{self.bed.supplies.private_key}"',
            f'known_hosts = "{known}"',
        ]
        if self.user == "ops":
            lines.append('sudo = {from = "env", name = "GPU_WIZARD_SUDO_PASSWORD"}')
        return lines

    def start(self, *arguments: str) -> subprocess.Popen[str]:
        """The product, running."""
        return subprocess.Popen(
            [sys.executable, "-m", "gpu_wizard", *arguments],
            cwd=REPOSITORY,
            env=self._environment(),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def _environment(self) -> dict[str, str]:
        return {
            "PATH": os.environ["PATH"],
            "HOME": str(self.home),
            "XDG_STATE_HOME": str(self.home / "state"),
            "XDG_CONFIG_HOME": str(self.home / "config"),
            **({"GPU_WIZARD_SUDO_PASSWORD": PASSWORD} if self.user == "ops" else {}),
            **self.environment,
        }

    def wait(self, process: subprocess.Popen[str], seconds: float = 300) -> Run:
        """How it ended; ended if it did not in time."""
        try:
            out, err = process.communicate(timeout=seconds)
        except subprocess.TimeoutExpired:
            process.kill()
            out, err = process.communicate()
            raise AssertionError(f"not within {seconds} s:\n{out[-6000:]}\n{err[-3000:]}") from None
        events = [json.loads(line) for line in out.splitlines() if line.startswith("{")]
        return Run(
            process.returncode,
            out,
            err,
            tuple(event for event in events if event["type"] != "version"),
        )

    def run(self, *arguments: str, seconds: float = 300) -> Run:
        """The product with these arguments."""
        return self.wait(self.start(*arguments), seconds)

    def auto(self, setup: Path, *arguments: str, seconds: float = 300) -> Run:
        """`--auto` on a setup file, events as JSON."""
        return self.run("--auto", str(setup), "--json", *arguments, seconds=seconds)


def run_and_strike(
    wizard: Wizard,
    setup: str,
    at: tuple[str, str],
    strike: Callable[[], object],
    *arguments: str,
) -> Run:
    """A run; when an event of that type and stage comes, something happens."""
    lines: list[str] = []
    struck = threading.Event()
    with wizard.start("--auto", setup, "--json", *arguments) as process:

        def read() -> None:
            assert process.stdout is not None
            for line in process.stdout:
                lines.append(line)
                event = json.loads(line)
                if not struck.is_set() and (event["type"], event.get("stage")) == at:
                    struck.set()
                    strike()

        reader = threading.Thread(target=read, daemon=True)
        reader.start()
        try:
            process.wait(240)
        finally:
            process.kill()
            reader.join(10)
        assert process.stderr is not None
        err = process.stderr.read()
    events = tuple(event for event in map(json.loads, lines) if event["type"] != "version")
    run = Run(process.returncode, "".join(lines), err, events)
    assert struck.is_set(), repr(run)
    return run


def _toml(value: object) -> str:
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{key} = {_toml(item)}" for key, item in value.items()) + "}"
    return json.dumps(value)
