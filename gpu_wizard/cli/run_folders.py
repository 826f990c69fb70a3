"""Where runs keep what they did."""

from __future__ import annotations

import re
import shutil
import time
from itertools import islice
from pathlib import Path

from gpu_wizard.cli.tui_files import SETUP_NAME

KEPT_RUNS = 50
"""The newest ones, however old."""
KEPT_SECONDS = 30 * 86400.0
"""However many."""
_RUN = re.compile(r"\d{8}-\d{6}-[0-9a-f]{4}")


def runs_folder() -> Path:
    """The folder of all runs; each has one of its own below, named so that they sort by time."""
    from platformdirs import user_state_path

    return user_state_path("gpu-wizard") / "runs"


def newest_run(runs: Path) -> Path | None:
    """The folder of the newest run that did something, else of the newest look; None where there is neither."""
    folders = sorted(runs.glob("*/"), reverse=True)
    return next(filter(_has_acted, folders), next(iter(folders), None))


def _has_acted(folder: Path) -> bool:
    """Whether anything stands in its journal behind the head that each run writes."""
    try:
        with (folder / "journal.jsonl").open("rb") as file:
            file.readline()
            return bool(file.readline())
    except OSError:
        return False


def prune(runs: Path, now: float | None = None) -> None:
    """Remove what old runs left, but of the newest, the young, and each that a person may yet go on with.

    `now`: seconds since 1970, None for the clock's. What can't be removed stays.
    """
    latest = (time.time() if now is None else now) - KEPT_SECONDS
    names = (path for path in sorted(runs.glob("*/"), reverse=True) if _RUN.fullmatch(path.name))
    for folder in islice(names, KEPT_RUNS, None):
        if not folder.is_symlink() and _is_over(folder, latest):
            shutil.rmtree(folder, ignore_errors=True)


def _is_over(folder: Path, latest: float) -> bool:
    """Whether nothing was written there since `latest`, and the run has ended well or was only a look."""
    try:
        times = [path.stat().st_mtime for path in (folder, *folder.iterdir())]
        return max(times) < latest and not (folder / SETUP_NAME).exists()
    except OSError:
        return False
