"""reboot and systemd-detect-virt."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from gpu_wizard.lab.ports import Call, Program

if TYPE_CHECKING:
    from gpu_wizard.lab.machine import Machine


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
    "systemd-detect-virt": _detect_virt,
    "reboot": _reboot_program,
    "shutdown": _reboot_program,
}
