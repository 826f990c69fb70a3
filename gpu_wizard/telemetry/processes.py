"""The processes on a machine's cards, and what /proc says of them. Sent to other machines: see `nvml.py`."""

from __future__ import annotations

import os
import re
from typing import Any

import pynvml as nv

from gpu_wizard.telemetry.nvml import text, told

_CONTAINER = re.compile(r"[0-9a-f]{64}")
_LOGS = "/var/log/containers"
"""The kubelet links each container's log there as POD_NAMESPACE_CONTAINER-ID.log.

Source: K3s v1.36.2 as recorded: 06-restart-and-uninstall/e.
"""
_NAME_LENGTH = 80


class Processes:
    """Who is on the cards. What /proc says of a process is kept while it stays."""

    def __init__(self) -> None:
        self._known: dict[int, dict[str, str]] = {}
        self._seen: dict[int, dict[str, str]] = {}

    def begin(self) -> None:
        """A new round: who was not seen in the last one is forgotten."""
        self._known, self._seen = self._seen, {}

    def of(self, handle: Any) -> list[dict[str, Any]] | None:
        """Who computes or draws on a card or MIG instance; None where NVML does not tell."""
        compute = told(nv.nvmlDeviceGetComputeRunningProcesses, handle)
        if compute is None:
            # Source: nvml.h: branches before 510 have version 2 alone.
            compute = told(nv.nvmlDeviceGetComputeRunningProcesses_v2, handle)
        graphics = told(nv.nvmlDeviceGetGraphicsRunningProcesses, handle)
        if compute is None and graphics is None:
            return None
        used = {one.pid: one.usedGpuMemory for one in (*(graphics or ()), *(compute or ()))}
        return [dict(self._about(pid), pid=pid, memory_bytes=used[pid]) for pid in sorted(used)]

    def _about(self, pid: int) -> dict[str, str]:
        about = self._seen.get(pid) or self._known.get(pid) or _ask(pid)
        self._seen[pid] = about
        return about


def _ask(pid: int) -> dict[str, str]:
    folder = f"/proc/{pid}/"
    cgroup = kubernetes_path(_read(folder + "cgroup"))
    ids = _CONTAINER.findall(cgroup)
    name = program_name(_read(folder + "cmdline").split("\0")) or _read(folder + "comm").strip()
    return {
        "name": name or text(told(nv.nvmlSystemGetProcessName, pid)).rsplit("/", 1)[-1],
        "cgroup": cgroup,
        "container_log": _log_of(ids[-1]) if ids else "",
    }


def program_name(words: list[str]) -> str:
    """A command line as far as it may be shown: the program, and the script that a Python runs; never arguments."""
    name = words[0].rsplit("/", 1)[-1][:_NAME_LENGTH] if words else ""
    if not re.match(r"python[\d.]*$", name):
        return name
    for at, word in enumerate(words[1:], 1):
        if word == "-m":
            return " ".join([name, *words[at : at + 2]])[:_NAME_LENGTH]
        if word.endswith(".py"):
            return f"{name} {word.rsplit('/', 1)[-1]}"[:_NAME_LENGTH]
        if not word.startswith("-") or word == "-c":
            break
    return name


def kubernetes_path(cgroups: str) -> str:
    """The path in /proc/PID/cgroup that tells the most: one of kubepods, else the longest.

    Source: cgroups(7): `ID:CONTROLLERS:PATH` a line; version 2 has the one line `0::PATH`.
    """
    lines = [line.split(":", 2) for line in cgroups.splitlines()]
    paths = [parts[2] for parts in lines if len(parts) == 3]
    of_pods = [path for path in paths if "kubepods" in path]
    return max(of_pods or paths, key=len) if paths else ""


def _log_of(container: str) -> str:
    try:
        names = os.listdir(_LOGS)  # noqa: PTH208 - names alone are wanted, and pathlib makes an object of each
    except OSError:
        return ""
    return next((name for name in names if name.endswith(f"-{container}.log")), "")


def _read(path: str) -> str:
    try:
        with open(path, "rb") as file:  # noqa: PTH123 - pathlib costs as much as the read, each second and process
            return file.read(16384).decode(errors="replace")
    except OSError:
        return ""
