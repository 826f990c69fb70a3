"""A control group for each machine, in every hierarchy of the host (v1) or in the only one (v2)."""

from __future__ import annotations

import contextlib
import os
import signal
import time
from pathlib import Path

ROOT = Path("/sys/fs/cgroup")


def unified() -> bool:
    """The host has cgroup v2 alone."""
    return (ROOT / "cgroup.controllers").exists()


def hierarchies() -> list[Path]:
    """The root of each mounted hierarchy."""
    if unified():
        return [ROOT]
    return sorted(
        path
        for path in ROOT.iterdir()
        if (path / "cgroup.procs").exists() and not path.is_symlink()
    )


def _name(owner: int) -> str:
    return f"gpu-wizard-bed-{owner}"


def make(owner: int, machine: str) -> list[Path]:
    """The machine's groups; a process joins by writing 0 into each `cgroup.procs`."""
    made = []
    for root in hierarchies():
        place = root
        for step in (_name(owner), machine):
            if unified():
                _delegate(place)
            place = place / step
            place.mkdir(exist_ok=True)
            _copy_cpuset(place)
        made.append(place)
    return made


def _delegate(place: Path) -> None:
    for controller in (place / "cgroup.controllers").read_text().split():
        with contextlib.suppress(OSError):
            (place / "cgroup.subtree_control").write_text(f"+{controller}")


def _copy_cpuset(place: Path) -> None:
    for file in ("cpuset.cpus", "cpuset.mems"):
        if not unified() and (place / file).exists():
            (place / file).write_text((place.parent / file).read_text())


def kill(owner: int, machine: str) -> None:
    """Ends every process of the machine, and returns when none is left (at most 10 s)."""
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline:
        pids = {pid for root in hierarchies() for pid in _processes(root / _name(owner) / machine)}
        if not pids:
            return
        for pid in pids:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        time.sleep(0.02)


def _processes(place: Path) -> set[int]:
    found: set[int] = set()
    for file in place.rglob("cgroup.procs"):
        with contextlib.suppress(OSError):
            found.update(int(pid) for pid in file.read_text().split() if pid != "0")
    return found


def clear(owner: int, machine: str) -> None:
    """Removes the machine's groups below its own: a kubelet waits 3 s for each old one that it finds."""
    for root in hierarchies():
        _remove_below(root / _name(owner) / machine)


def remove(owner: int) -> None:
    """Removes every group of a bed; those with living processes stay."""
    for root in hierarchies():
        top = root / _name(owner)
        _remove_below(top)
        with contextlib.suppress(OSError):
            top.rmdir()


def tops() -> list[Path]:
    """The top groups of all beds, living or not."""
    return [place for root in hierarchies() for place in root.glob("gpu-wizard-bed-*")]


def _remove_below(place: Path) -> None:
    for folder, _, _ in os.walk(place, topdown=False):
        if folder != str(place):
            with contextlib.suppress(OSError):
                Path(folder).rmdir()
