"""Kernel modules, the PCI bus, Secure Boot and NVIDIA's small helpers."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from gpu_wizard.lab import units
from gpu_wizard.lab.ports import Call, Program

if TYPE_CHECKING:
    from gpu_wizard.lab.machine import Machine

_PERSISTENCED = "/usr/lib/systemd/system/nvidia-persistenced.service"


def _modprobe(machine: Machine) -> Program:
    async def run(call: Call) -> int:
        words = [word for word in call.argv[1:] if not word.startswith("-")]
        if call.user.uid:
            await call.err(
                f"modprobe: ERROR: could not insert '{words[0] if words else ''}': "
                "Operation not permitted\n".encode()
            )
            return 1
        status = 0
        for word in words[:1] if "-a" not in call.argv else words:
            module = word.replace("-", "_")
            if "-r" in call.argv:
                if not machine.driver.unload(module):
                    await call.err(f"modprobe: FATAL: Module {module} is in use.\n".encode())
                    status = 1
                continue
            fault = machine.driver.load(module)
            if fault:
                await call.err(f"modprobe: {fault}\n".encode())
                status = 1
            elif module.startswith("nvidia"):
                machine.driver.create_nodes(uvm=False)
        return status

    return run


def _nvidia_modprobe(machine: Machine) -> Program:
    async def run(call: Call) -> int:
        uvm = any(word.startswith("-u") or word == "--unified-memory" for word in call.argv)
        fault = machine.driver.load("nvidia")
        if not fault and uvm:
            fault = machine.driver.load("nvidia_uvm")
        if fault:
            return 1
        machine.driver.create_nodes(uvm=uvm)
        return 0

    return run


def _lsmod(machine: Machine) -> Program:
    async def run(call: Call) -> int:
        await call.out(b"Module                  Size  Used by\n")
        for line in machine.files.read("/proc/modules").decode().splitlines():
            name, size, used, *_ = line.split()
            await call.out(f"{name:20} {size:>8}  {used}\n".encode())
        return 0

    return run


def _modinfo(machine: Machine) -> Program:
    async def run(call: Call) -> int:
        words = [word for word in call.argv[1:] if not word.startswith("-")]
        module = words[-1] if words else ""
        version = machine.driver.installed(machine.driver.module_path)
        if module != "nvidia" or not version:
            await call.err(f"modinfo: ERROR: Module {module} not found.\n".encode())
            return 1
        if "-F" in call.argv:
            await call.out(f"{version}\n".encode())
        else:
            path = machine.driver.module_path
            await call.out(
                f"filename:       {path}\nversion:        {version}\nlicense:        Dual MIT/GPL\n"
                "".encode()
            )
        return 0

    return run


def _lspci(machine: Machine) -> Program:
    async def run(call: Call) -> int:
        numeric = any(word.startswith("-") and "nn" in word for word in call.argv[1:])
        only_numbers = "-n" in call.argv[1:]
        lines = ["00:02.0 Ethernet controller: Red Hat, Inc. Virtio network device"]
        for at, card in enumerate(machine.driver.cards, start=1):
            model = card.name.removeprefix("NVIDIA ")
            ids = " [10de:2230]" if numeric else ""
            kind = "VGA compatible controller" + (" [0300]" if numeric else "")
            line = f"{at:02x}:00.0 {kind}: NVIDIA Corporation GA102GL [{model}]{ids} (rev a1)"
            if only_numbers:
                line = f"{at:02x}:00.0 0300: 10de:2230 (rev a1)"
            lines.append(line)
            if any(word.startswith("-") and "k" in word for word in call.argv[1:]):
                modules = machine.driver.modules
                bound = next((name for name in ("nvidia", "nouveau") if name in modules), "")
                lines += [f"\tKernel driver in use: {bound}"] if bound else []
                lines.append("\tKernel modules: nouveau, nvidia_drm, nvidia")
        vendor = call.argv[call.argv.index("-d") + 1] if "-d" in call.argv else ""
        if vendor:
            lines = lines[1:] if vendor.startswith("10de") else lines[:1]
        await call.out("".join(f"{line}\n" for line in lines).encode())
        return 0

    return run


def _mokutil(machine: Machine) -> Program:
    async def run(call: Call) -> int:
        if "--sb-state" not in call.argv:
            await call.err(b"Usage:\n  mokutil OPTIONS [ARGS...]\n")
            return 1
        state = "enabled" if machine.driver.secure_boot else "disabled"
        await call.out(f"SecureBoot {state}\n".encode())
        return 0

    return run


def _persistenced(machine: Machine) -> Program:
    async def run(call: Call) -> int:
        if call.user.uid or machine.driver.answer().status:
            await call.err(b"nvidia-persistenced failed to initialize. Check syslog.\n")
            return 1
        machine.driver.persistence = True
        return 0

    return run


def persistence_unit(machine: Machine) -> None:
    """Lay out the unit that driver packages bring."""
    text = (
        "[Unit]\nDescription=NVIDIA Persistence Daemon\n\n[Service]\nType=notify\n"
        "ExecStart=/usr/bin/nvidia-persistenced --user nvpd\n\n[Install]\nWantedBy=multi-user.target\n"
    )
    if units.load(machine.files, "nvidia-persistenced.service") is None:
        machine.files.write(_PERSISTENCED, text.encode())


PROGRAMS: dict[str, Callable[[Machine], Program]] = {
    "modprobe": _modprobe,
    "nvidia-modprobe": _nvidia_modprobe,
    "lsmod": _lsmod,
    "modinfo": _modinfo,
    "lspci": _lspci,
    "mokutil": _mokutil,
    "nvidia-persistenced": _persistenced,
}
