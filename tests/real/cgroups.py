"""A control group for each machine, in every hierarchy of the host (v1) or in the only one (v2)."""

from __future__ import annotations

import contextlib
import fcntl
import os
import secrets
import signal
import time
from collections.abc import Iterator
from pathlib import Path

ROOT = Path("/sys/fs/cgroup")
_PREFIX = "gpu-wizard-bed-"


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


@contextlib.contextmanager
def claimed() -> Iterator[str]:
    """The name of a new bed's groups: there are some of that name until the end, and then there are none.

    Each is locked meanwhile. A lock ends with its process, whatever ended that, and means the same in every process
    namespace; a process's number is soon another's.
    """
    name = f"{_PREFIX}{secrets.token_hex(4)}"
    locks = [_locked(root / name) for root in hierarchies()]
    home = _move_into(name) if unified() else None
    try:
        yield name
    finally:
        if home:
            for pid in _processes(ROOT / name / "bed"):  # connections of ssh among them
                with contextlib.suppress(OSError):
                    (home / "cgroup.procs").write_text(str(pid))
        for root in hierarchies():
            _remove(root / name)
        for lock in locks:
            os.close(lock)


def _move_into(bed: str) -> Path:
    """Moves this process, the first of its process namespace; returns where it was.

    nspawn gives a machine those controllers that it sees at process 1.
    """
    home = ROOT / Path("/proc/self/cgroup").read_text().strip().removeprefix("0::/")
    (place,) = make(bed, "bed")
    (place / "cgroup.procs").write_text("0")
    return home


def _locked(place: Path) -> int:
    """A descriptor of the group's lock. Somebody may take a group that is not locked yet for an orphan."""
    while True:
        place.mkdir(exist_ok=True)
        with contextlib.suppress(FileNotFoundError):
            lock = os.open(place, os.O_RDONLY | os.O_DIRECTORY)
            fcntl.flock(lock, fcntl.LOCK_EX)
            if place.stat().st_ino == os.fstat(lock).st_ino:
                return lock
            os.close(lock)


def remove_orphans() -> None:
    """What a `kill -9` of a bed leaves: empty groups that nobody holds."""
    for place in [place for root in hierarchies() for place in root.glob(f"{_PREFIX}*")]:
        with contextlib.suppress(OSError):
            lock = os.open(place, os.O_RDONLY | os.O_DIRECTORY)
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                _remove(place)
            finally:
                os.close(lock)


def _remove(top: Path) -> None:
    """Groups with living processes stay."""
    _remove_below(top)
    with contextlib.suppress(OSError):
        top.rmdir()


def make(bed: str, machine: str) -> list[Path]:
    """The machine's groups; a process joins by writing 0 into each `cgroup.procs`."""
    made = []
    for root in hierarchies():
        place = root
        for step in (bed, machine):
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


def kill(bed: str, machine: str) -> None:
    """Ends every process of the machine, and returns when none is left (at most 10 s)."""
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline:
        pids = {pid for root in hierarchies() for pid in _processes(root / bed / machine)}
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


def clear(bed: str, machine: str) -> None:
    """Removes the machine's groups below its own: a kubelet waits 3 s for each old one that it finds."""
    for root in hierarchies():
        _remove_below(root / bed / machine)


def _remove_below(place: Path) -> None:
    for folder, _, _ in os.walk(place, topdown=False):
        if folder != str(place):
            with contextlib.suppress(OSError):
                Path(folder).rmdir()
