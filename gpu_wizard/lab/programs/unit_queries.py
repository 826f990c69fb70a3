"""What systemctl tells about units, changing none."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

from gpu_wizard.lab import units
from gpu_wizard.lab.ports import Call
from gpu_wizard.lab.programs.options import Options
from gpu_wizard.lab.systemd import UnitState

if TYPE_CHECKING:
    from gpu_wizard.lab.machine import Machine


class UnitQueries:
    """The read-only verbs of one machine's systemctl."""

    def __init__(self, machine: Machine) -> None:
        self._machine = machine
        self._systemd = machine.systemd
        self.verbs = {
            "is-active": self._is_active,
            "is-failed": self._is_failed,
            "is-enabled": self._is_enabled,
            "is-system-running": self._is_system_running,
            "show": self._show,
            "status": self._status,
            "cat": self._cat,
            "list-units": self._list_units,
            "list-unit-files": self._list_unit_files,
        }

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
        states = [units.enabled(self._machine.files, name) for name in names]
        if not options.has("-q", "--quiet"):
            await call.out("".join(f"{state or 'not-found'}\n" for state in states).encode())
        if any(state in ("enabled", "static") for state in states):
            return 0
        return 1 if any(states) else 4

    async def _is_system_running(self, call: Call, _options: Options, _names: list[str]) -> int:
        if self._machine.stopping:
            await call.out(b"stopping\n")
            return 1
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
            await call.out(f"{name} {units.enabled(self._machine.files, name)} enabled\n".encode())
        if not options.has("--no-legend"):
            await call.out(f"\n{len(chosen)} unit files listed.\n".encode())
        return 0 if chosen else 1


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
        "UnitFileState": units.enabled(machine.files, name),
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
    enabled = units.enabled(machine.files, unit.name)
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
