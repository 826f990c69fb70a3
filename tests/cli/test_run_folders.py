"""What is kept of earlier runs."""

from __future__ import annotations

import os
from pathlib import Path

from gpu_wizard.cli.run_folders import KEPT_RUNS, KEPT_SECONDS, prune
from gpu_wizard.cli.tui_files import SETUP_NAME

NOW = 1_800_000_000.0
DAY = 86400.0


def run(runs: Path, number: int, age_seconds: float, *more: str) -> Path:
    folder = runs / f"20250101-{number:06}-00ff"
    folder.mkdir(parents=True)
    for name in ("journal.jsonl", *more):
        (folder / name).touch()
    for path in (*folder.iterdir(), folder):
        os.utime(path, (NOW - age_seconds, NOW - age_seconds))
    return folder


def test_old_runs_go_but_for_the_newest_the_young_and_the_unfinished(tmp_path: Path) -> None:
    runs = tmp_path / "runs"
    old = KEPT_SECONDS + DAY
    gone = [run(runs, number, old) for number in (1, 2)]
    unfinished = run(runs, 3, old, SETUP_NAME)
    young = run(runs, 4, KEPT_SECONDS - DAY)
    newest = [run(runs, 100 + number, old) for number in range(KEPT_RUNS)]
    foreign = runs / "0-notes"
    foreign.mkdir()
    elsewhere = run(tmp_path / "elsewhere", 5, old)
    link = runs / elsewhere.name
    link.symlink_to(elsewhere)
    prune(runs, NOW)
    assert not any(folder.exists() for folder in gone)
    assert all(folder.exists() for folder in (unfinished, young, foreign, link, *newest))
    assert (elsewhere / "journal.jsonl").exists()


def test_no_runs_yet_is_nothing_to_do(tmp_path: Path) -> None:
    prune(tmp_path / "runs", NOW)
    assert not (tmp_path / "runs").exists()
