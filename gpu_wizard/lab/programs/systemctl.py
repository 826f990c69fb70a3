"""systemctl."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING

from gpu_wizard.lab import units
from gpu_wizard.lab.ports import Call, Program
from gpu_wizard.lab.programs.options import Options, UsageError, split
from gpu_wizard.lab.programs.unit_queries import UnitQueries

if TYPE_CHECKING:
    from gpu_wizard.lab.machine import Machine

_LONG = (
    *("no-block", "now", "quiet", "no-pager", "full", "all", "value", "property=", "type="),
    *("state=", "no-legend", "plain", "lines=", "output=", "force", "system", "no-ask-password"),
    *("failed", "no-reload", "runtime", "user", "help", "version", "wait"),
)
_VERBS_FOR_ROOT = frozenset(
    [
        "start",
        "stop",
        "restart",
        "try-restart",
        "reload",
        "enable",
        "disable",
        "mask",
        "unmask",
        "reset-failed",
        "reboot",
        "poweroff",
        "daemon-reload",
    ]
)
_STARTING = ("start", "restart")
_FAILED = {
    "exit-code": "the control process exited with error code",
    "protocol": "the service did not take the steps required by its unit configuration",
    "timeout": "a timeout was exceeded",
}


class Systemctl:
    """One machine's systemctl."""

    def __init__(self, machine: Machine) -> None:
        self._machine = machine
        self._systemd = machine.systemd
        self._verbs: dict[str, Callable[[Call, Options, list[str]], Awaitable[int]]] = {
            **UnitQueries(machine).verbs,
            "start": self._start,
            "stop": self._stop,
            "restart": self._restart,
            "try-restart": self._restart,
            "enable": self._enable,
            "disable": self._disable,
            "daemon-reload": self._nothing,
            "mask": self._nothing,
            "unmask": self._nothing,
            "reset-failed": self._reset_failed,
            "reboot": self._reboot,
            "poweroff": self._reboot,
        }

    async def __call__(self, call: Call) -> int:
        """Run one command line."""
        try:
            options = split(call.argv[1:], "qlap:t:Pn:o:fH:M:", _LONG)
        except UsageError as wrong:
            await call.err(f"systemctl: unrecognized {wrong}\n".encode())
            return 1
        if options.has("--version"):
            await call.out(b"systemd 257 (257.8-1~deb13u2)\n")
            return 0
        verb = options.words[0] if options.words else "list-units"
        act = self._verbs.get(verb)
        if act is None:
            await call.err(f"Unknown command verb '{verb}'.\n".encode())
            return 1
        if verb in _VERBS_FOR_ROOT and call.user.uid:
            return await self._refuse(call, verb)
        if self._machine.stopping and verb in _STARTING:
            return await self._refuse_to_start(call, verb, units.full_name(options.words[-1]))
        return await act(call, options, [units.full_name(word) for word in options.words[1:]])

    async def _refuse(self, call: Call, verb: str) -> int:
        what = "Failed to reload daemon" if verb == "daemon-reload" else f"Failed to {verb}"
        target = f" {units.full_name(call.argv[-1])}" if verb != "daemon-reload" else ""
        await call.err(f"{what}{target}: Interactive authentication required.\n".encode())
        return 1

    async def _refuse_to_start(self, call: Call, verb: str, name: str) -> int:
        """Source: systemd 252, asked on a machine that was shutting down."""
        await call.err(
            f"Failed to {verb} {name}: Transaction for {name}/{verb} is destructive (local-fs-pre.target "
            "has 'stop' job queued, but 'start' is included in transaction).\n"
            f"See system logs and 'systemctl status {name}' for details.\n".encode()
        )
        return 4

    async def _start(self, call: Call, options: Options, names: list[str]) -> int:
        status = 0
        for name in names:
            status = await self._begin(call, options, name) or status
        return status

    async def _begin(self, call: Call, options: Options, name: str) -> int:
        if units.load(self._machine.files, name) is None:
            await call.err(
                f"Failed to {options.words[0]} {name}: Unit {name} not found.\n".encode()
            )
            return 5
        job = self._systemd.begin(name)
        if options.has("--no-block"):
            return 0
        outcome = await self._systemd.wait(job)
        if outcome == "done":
            return 0
        if outcome == "canceled":
            await call.err(f"Job for {name} canceled.\n".encode())
            return 1
        await call.err(
            f"Job for {name} failed because {_FAILED.get(outcome, outcome)}.\n"
            f'See "systemctl status {name}" and "journalctl -xeu {name}" for details.\n'.encode()
        )
        return 1

    async def _stop(self, call: Call, options: Options, names: list[str]) -> int:
        for name in names:
            if units.load(self._machine.files, name) is None and not self._systemd.state(name).task:
                await call.err(f"Failed to stop {name}: Unit {name} not loaded.\n".encode())
                return 5
            await self._systemd.stop(name)
        return 0

    async def _restart(self, call: Call, options: Options, names: list[str]) -> int:
        for name in names:
            if units.load(self._machine.files, name):
                await self._systemd.stop(name)
        return await self._start(call, options, names)

    async def _enable(self, call: Call, options: Options, names: list[str]) -> int:
        for name in names:
            if units.load(self._machine.files, name) is None:
                await call.err(f"Failed to enable unit: Unit {name} does not exist\n".encode())
                return 1
            for link, target in units.enable(self._machine.files, name):
                quote = "'" if self._machine.system.quotes_links else ""
                arrow = f"{quote}{link}{quote} → {quote}{target}{quote}"
                await call.err(f"Created symlink {arrow}.\n".encode())
        return await self._start(call, options, names) if options.has("--now") else 0

    async def _disable(self, call: Call, options: Options, names: list[str]) -> int:
        for name in names:
            if units.load(self._machine.files, name) is None:
                await call.err(f"Failed to disable unit: Unit {name} does not exist\n".encode())
                return 1
            for link in units.disable(self._machine.files, name):
                quote = "'" if self._machine.system.quotes_links else '"'
                await call.err(f"Removed {quote}{link}{quote}.\n".encode())
        return await self._stop(call, options, names) if options.has("--now") else 0

    async def _reset_failed(self, call: Call, _options: Options, names: list[str]) -> int:
        for name in names or [state.name for state in self._systemd.states()]:
            if names and units.load(self._machine.files, name) is None:
                text = f"Failed to reset failed state of unit {name}: Unit {name} not loaded.\n"
                await call.err(text.encode())
                return 1
            self._systemd.reset_failed(name)
        return 0

    async def _nothing(self, _call: Call, _options: Options, _names: list[str]) -> int:
        return 0

    async def _reboot(self, _call: Call, _options: Options, _names: list[str]) -> int:
        self._machine.reboot()
        return 0


PROGRAMS: dict[str, Callable[[Machine], Program]] = {"systemctl": Systemctl}
