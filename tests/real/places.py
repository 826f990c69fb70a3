"""Where the bed keeps what it builds, and how it says what it is doing."""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import os
import shutil
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

HERE = Path(__file__).parent
SOURCES = HERE / "bed"
REPOSITORY = HERE.parent.parent
CACHE_VARIABLE = "GPU_WIZARD_BED_CACHE"
_KEPT_SECONDS = 3 * 86400


def cache() -> Path:
    """The folder of everything built; made if it is not there."""
    named = os.environ.get(CACHE_VARIABLE)
    place = Path(named) if named else Path.home() / ".cache" / "gpu-wizard-bed"
    place.mkdir(parents=True, exist_ok=True)
    return place


def say(text: str) -> None:
    """One line of progress, with the time of day."""
    sys.stderr.write(f"{time.strftime('%H:%M:%S')} bed: {text}\n")


def digest(inputs: Iterable[Path], *words: str) -> str:
    """A name for what is built from these files and words."""
    state = hashlib.sha256("\0".join(words).encode())
    for path in sorted(inputs):
        state.update(str(path.relative_to(HERE)).encode())
        state.update(path.read_bytes())
    return state.hexdigest()[:16]


def files_below(folder: Path) -> list[Path]:
    """Every file of a folder, at any depth."""
    return sorted(path for path in folder.rglob("*") if path.is_file())


@contextlib.contextmanager
def alone(name: str) -> Iterator[None]:
    """One process of this machine at a time."""
    with (cache() / f"{name}.lock").open("w") as lock:
        fcntl.lockf(lock, fcntl.LOCK_EX)
        yield


def _used(place: Path) -> bool:
    """Whether it is there; if so, its time is that of its last use."""
    with contextlib.suppress(FileNotFoundError):
        os.utime(place)
        return True
    return False


def built(kind: str, key: str, build: Callable[[Path], None]) -> Path:
    """The cached result `kind`-`key`; built into `.part` and renamed, so that a half is never taken for a whole.

    Results of the same kind that nobody asked for in the last days are removed: a bed may stand on an older one.
    """
    place = cache() / f"{kind}-{key}"
    if _used(place):
        return place
    with alone(kind):
        if _used(place):
            return place
        part = place.with_suffix(".part")
        shutil.rmtree(part, ignore_errors=True)
        part.mkdir()
        begun = time.monotonic()
        say(f"building {kind} (kept in {place})")
        build(part)
        for old in cache().glob(f"{kind}-*"):
            if old != part and time.time() - old.stat().st_mtime > _KEPT_SECONDS:
                shutil.rmtree(old, ignore_errors=True)
        part.rename(place)
        say(f"{kind} built in {time.monotonic() - begun:.0f} s")
    return place
