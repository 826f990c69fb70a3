"""Small programs that tell about the machine: timedatectl, df, free, uptime and others."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from typing import TYPE_CHECKING

from gpu_wizard.lab.ports import Call, Program

if TYPE_CHECKING:
    from gpu_wizard.lab.machine import Machine


def _text(render: Callable[[Machine, Call], str]) -> Callable[[Machine], Program]:
    """A program that prints one text and exits 0."""

    def make(machine: Machine) -> Program:
        async def run(call: Call) -> int:
            await call.out(render(machine, call).encode())
            return 0

        return run

    return make


def _timedatectl(machine: Machine, call: Call) -> str:
    now = machine.now()
    synchronized = "no" if machine.clock_offset else "yes"
    if "show" in call.argv:
        values = {
            "Timezone": "Etc/UTC",
            "LocalRTC": "no",
            "CanNTP": "yes",
            "NTP": synchronized,
            "NTPSynchronized": synchronized,
            "TimeUSec": f"{now:%a %Y-%m-%d %H:%M:%S} UTC",
        }
        words = [word.removeprefix("--property=").removeprefix("-p") for word in call.argv[2:]]
        wanted = [name for word in words for name in word.split(",") if name in values]
        only = "--value" in call.argv
        chosen = {name: values[name] for name in values if not wanted or name in wanted}
        return "".join(f"{value}\n" if only else f"{n}={value}\n" for n, value in chosen.items())
    return (
        f"               Local time: {now:%a %Y-%m-%d %H:%M:%S} UTC\n"
        f"           Universal time: {now:%a %Y-%m-%d %H:%M:%S} UTC\n"
        "                Time zone: Etc/UTC (UTC, +0000)\n"
        f"System clock synchronized: {synchronized}\n"
        "              NTP service: active\n"
    )


def _df(_machine: Machine, call: Call) -> str:
    human = any(word.startswith("-") and "h" in word for word in call.argv[1:])
    size, used, free = ("98G", "11G", "83G") if human else ("102687672", "11245880", "86179524")
    return (
        f"Filesystem     {'Size' if human else '1K-blocks':>10} {'Used':>10} {'Available':>10} "
        f"Use% Mounted on\n/dev/vda1      {size:>10} {used:>10} {free:>10}  12% /\n"
    )


def _mount(_machine: Machine, _call: Call) -> str:
    return (
        "/dev/vda1 on / type ext4 (rw,relatime)\n"
        "cgroup2 on /sys/fs/cgroup type cgroup2 (rw,nosuid,nodev,noexec,relatime)\n"
    )


def _free(_machine: Machine, _call: Call) -> str:
    return (
        "               total        used        free      shared  buff/cache   available\n"
        "Mem:        32826856     1908440    28442312        1204     2476104    30918416\n"
        "Swap:              0           0           0\n"
    )


def _uptime(machine: Machine, call: Call) -> str:
    if "-s" in call.argv:
        return f"{machine.booted:%Y-%m-%d %H:%M:%S}\n"
    minutes = int((machine.now() - machine.booted).total_seconds() // 60)
    return f" {machine.now():%H:%M:%S} up {minutes} min,  1 user,  load average: 0.08, 0.05, 0.01\n"


def _hostnamectl(machine: Machine, _call: Call) -> str:
    return (
        f" Static hostname: {machine.hostname}\n      Machine ID: {machine.machine_id}\n"
        f"         Boot ID: {machine.boot_id.replace('-', '')}\n"
        f"  Virtualization: {machine.virtualization}\n"
        f"Operating System: {machine.system.pretty_name}\n"
        f"          Kernel: Linux {machine.system.kernel}\n    Architecture: x86-64\n"
    )


def _openssl(machine: Machine) -> Program:
    async def run(call: Call) -> int:
        words = list(call.argv[1:])
        if words[:1] == ["version"]:
            await call.out(b"OpenSSL 3.5.1 1 Jul 2025 (Library: OpenSSL 3.5.1 1 Jul 2025)\n")
            return 0
        if words[:1] in (["dgst"], ["sha256"]):
            path = words[-1]
            plain = words[-1].startswith("-") or words[-1] == "sha256"
            data = await call.read() if plain else machine.files.read(path)
            name = "stdin" if plain else path
            await call.out(f"SHA2-256({name})= {hashlib.sha256(data).hexdigest()}\n".encode())
            return 0
        await call.err(f"Invalid command '{words[0] if words else ''}'; type \"help\".\n".encode())
        return 1

    return run


PROGRAMS: dict[str, Callable[[Machine], Program]] = {
    "timedatectl": _text(_timedatectl),
    "df": _text(_df),
    "mount": _text(_mount),
    "free": _text(_free),
    "uptime": _text(_uptime),
    "hostnamectl": _text(_hostnamectl),
    "loginctl": _text(lambda _machine, _call: "No sessions.\n"),
    "openssl": _openssl,
}
