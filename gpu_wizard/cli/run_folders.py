"""Where runs keep what they did."""

from __future__ import annotations

from pathlib import Path


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
