"""systemctl, systemd-detect-virt, reboot and their like."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import TYPE_CHECKING

from gpu_wizard.lab import units
from gpu_wizard.lab.ports import Call, Program
from gpu_wizard.lab.programs.options import Options, UsageError, split
from gpu_wizard.lab.systemd import UnitState

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
            "is-active": self._is_active,
            "is-failed": self._is_failed,
            "is-enabled": self._is_enabled,
            "is-system-running": self._is_system_running,
            "show": self._show,
            "status": self._status,
            "cat": self._cat,
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
            "list-units": self._list_units,
            "list-unit-files": self._list_unit_files,
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
        return await act(call, options, [units.full_name(word) for word in options.words[1:]])

    async def _refuse(self, call: Call, verb: str) -> int:
        what = "Failed to reload daemon" if verb == "daemon-reload" else f"Failed to {verb}"
        target = f" {units.full_name(call.argv[-1])}" if verb != "daemon-reload" else ""
        await call.err(f"{what}{target}: Interactive authentication required.\n".encode())
        return 1

    async def _is_active(self, call: Call, options: Options, names: list[str]) -> int:
        states = [self._systemd.state(name).active for name in names]
        if not options.has("-q", "--quiet"):
            await call.out("".join(f"{state}\n" for state in states).encode())
        return 0 if "active" in states else self._absence(names)

    def _absence(self, names: list[str]) -> int:
        known = any(units.load(self._machine.files, name) for name in names)
        return 3 if known else 4

    async def _is_failed(self, call: Call, options: Options, names: list[str]) -> int:
        states = [self._systemd.state(name).active for name in names]
        if not options.has("-q", "--quiet"):
            await call.out("".join(f"{state}\n" for state in states).encode())
        return 0 if "failed" in states else 1

    async def _is_enabled(self, call: Call, options: Options, names: list[str]) -> int:
        states = [self._systemd.enabled(name) for name in names]
        if not options.has("-q", "--quiet"):
            await call.out("".join(f"{state or 'not-found'}\n" for state in states).encode())
        if any(state in ("enabled", "static") for state in states):
            return 0
        return 1 if any(states) else 4

    async def _is_system_running(self, call: Call, _options: Options, _names: list[str]) -> int:
        failed = any(state.active == "failed" for state in self._systemd.states())
        await call.out(b"degraded\n" if failed else b"running\n")
        return 1 if failed else 0

    async def _show(self, call: Call, options: Options, names: list[str]) -> int:
        wanted = [
            name for value in options.every("-p", "--property", "-P") for name in value.split(",")
        ]
        values_only = options.has("--value", "-P")
        blocks = []
        for name in names or [""]:
            known = properties(self._machine, name)
            chosen = [key for key in known if key in wanted] if wanted else list(known)
            lines = (known[key] if values_only else f"{key}={known[key]}" for key in chosen)
            blocks.append("".join(f"{line}\n" for line in lines))
        await call.out("\n".join(blocks).encode())
        return 0

    async def _status(self, call: Call, options: Options, names: list[str]) -> int:
        status = 0
        for name in names:
            unit = units.load(self._machine.files, name)
            if unit is None:
                await call.err(f"Unit {name} could not be found.\n".encode())
                status = 4
                continue
            state = self._systemd.state(name)
            await call.out(_status_text(self._machine, unit, state).encode())
            status = status or (0 if state.active in ("active", "activating") else 3)
            lines = int(options.last("-n", "--lines", default="10"))
            for entry in [e for e in self._machine.journal.entries if e.unit == name][-lines:]:
                stamp = entry.at.strftime("%b %d %H:%M:%S")
                where = f"{self._machine.hostname} {entry.identifier}[{entry.pid}]"
                await call.out(f"{stamp} {where}: {entry.message}\n".encode())
        return status

    async def _cat(self, call: Call, _options: Options, names: list[str]) -> int:
        for name in names:
            unit = units.load(self._machine.files, name)
            if unit is None:
                await call.err(f"No files found for {name}.\n".encode())
                return 1
            await call.out(f"# {unit.path}\n{unit.text}".encode())
        return 0

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
            for link, target in self._systemd.enable(name):
                quote = "'" if self._machine.system.quotes_links else ""
                arrow = f"{quote}{link}{quote} → {quote}{target}{quote}"
                await call.err(f"Created symlink {arrow}.\n".encode())
        return await self._start(call, options, names) if options.has("--now") else 0

    async def _disable(self, call: Call, options: Options, names: list[str]) -> int:
        for name in names:
            if units.load(self._machine.files, name) is None:
                await call.err(f"Failed to disable unit: Unit {name} does not exist\n".encode())
                return 1
            for link in self._systemd.disable(name):
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

    async def _list_units(self, call: Call, options: Options, _names: list[str]) -> int:
        for name in units.names(self._machine.files):
            state = self._systemd.state(name)
            unit = units.load(self._machine.files, name)
            wanted = options.last("--state")
            failed_only = options.has("--failed")
            if state.active == "inactive" or (failed_only and state.active != "failed"):
                continue
            if unit and wanted in ("", state.active, state.sub):
                line = f"{name} loaded {state.active} {state.sub} {unit.description}\n"
                await call.out(line.encode())
        return 0

    async def _list_unit_files(self, call: Call, options: Options, patterns: list[str]) -> int:
        names = units.names(self._machine.files)
        chosen = [
            name
            for name in names
            if not patterns or any(name.startswith(p.split("*")[0]) for p in patterns)
        ]
        if not options.has("--no-legend"):
            await call.out(b"UNIT FILE STATE PRESET\n")
        for name in chosen:
            await call.out(f"{name} {self._systemd.enabled(name)} enabled\n".encode())
        if not options.has("--no-legend"):
            await call.out(f"\n{len(chosen)} unit files listed.\n".encode())
        return 0 if chosen else 1

    async def _nothing(self, _call: Call, _options: Options, _names: list[str]) -> int:
        return 0

    async def _reboot(self, _call: Call, _options: Options, _names: list[str]) -> int:
        self._machine.reboot()
        return 0


def _stamp(at: datetime | None) -> str:
    return at.strftime("%a %Y-%m-%d %H:%M:%S UTC") if at else ""


def properties(machine: Machine, name: str) -> dict[str, str]:
    """What `systemctl show` prints of a unit, in systemd's order."""
    unit = units.load(machine.files, name)
    state = machine.systemd.state(name)
    return {
        "Type": unit.first("Type", "simple") if unit else "",
        "Restart": unit.first("Restart", "no") if unit else "no",
        "MainPID": str(state.pid),
        "StatusText": "",
        "Result": state.result,
        "NRestarts": str(state.restarts),
        "ExecMainStartTimestamp": _stamp(state.started),
        "ExecMainStatus": str(state.exit_status),
        "MemoryCurrent": "[not set]",
        "Id": name,
        "Names": name,
        "Description": unit.description if unit else name,
        "LoadState": "loaded" if unit else "not-found",
        "ActiveState": state.active,
        "SubState": state.sub,
        "FragmentPath": unit.path if unit else "",
        "UnitFileState": machine.systemd.enabled(name),
        "ActiveEnterTimestamp": _stamp(state.entered) if state.active == "active" else "",
        "InvocationID": state.invocation,
        "ExecStart": _exec_start(unit),
    }


def _exec_start(unit: units.UnitFile | None) -> str:
    if unit is None or not unit.argv:
        return ""
    return f"{{ path={unit.argv[0]} ; argv[]={' '.join(unit.argv)} ; ignore_errors=no }}"


def _status_text(machine: Machine, unit: units.UnitFile, state: UnitState) -> str:
    mark = {"active": "●", "failed": "×", "activating": "●"}.get(state.active, "○")
    enabled = machine.systemd.enabled(unit.name)
    since = f" since {_stamp(state.entered)}" if state.entered else ""
    active = f"{state.active} ({state.sub}){since}"
    text = (
        f"{mark} {unit.name} - {unit.description}\n"
        f"     Loaded: loaded ({unit.path}; {enabled}; preset: enabled)\n     Active: {active}\n"
    )
    if state.pid:
        program = unit.argv[0].rsplit("/", 1)[-1]
        text += f"   Main PID: {state.pid} ({program})\n"
    return f"{text}\n"


def _reboot_program(machine: Machine) -> Program:
    async def run(call: Call) -> int:
        if call.user.uid:
            await call.err(b"Failed to set wall message, ignoring: Access denied\n")
            await call.err(b"Call to Reboot failed: Interactive authentication required.\n")
            return 1
        machine.reboot()
        return 0

    return run


def _detect_virt(machine: Machine) -> Program:
    async def run(call: Call) -> int:
        container = "--container" in call.argv or "-c" in call.argv
        kind = "none" if container else machine.virtualization
        if "-q" not in call.argv and "--quiet" not in call.argv:
            await call.out(f"{kind}\n".encode())
        return 1 if kind == "none" else 0

    return run


PROGRAMS: dict[str, Callable[[Machine], Program]] = {
    "systemctl": Systemctl,
    "systemd-detect-virt": _detect_virt,
    "reboot": _reboot_program,
    "shutdown": _reboot_program,
}
