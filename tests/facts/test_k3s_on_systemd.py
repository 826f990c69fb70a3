"""Units and journal as a real systemd 252 gave them for a unit of K3s's shape, whose program said K3s's lines.

The files were taken on Debian 12 in a booted container: a start that blocks, one that fails and restarts, one
that ends after READY, a good one, stops between them. Journals are cut to their last 24 lines.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from gpu_wizard.facts.k3s_journal import K3sJournal, parse_journal
from gpu_wizard.facts.systemd import UnitState, parse_units
from gpu_wizard.model.fact import Absent, Known
from gpu_wizard.model.question import Output

RECORDED = Path(__file__).parent.parent / "recorded" / "systemd"
NAMES = sorted(path.name.removesuffix(".units.txt") for path in RECORDED.glob("*.units.txt"))


def unit(name: str) -> UnitState:
    fact = parse_units(Output(0, (RECORDED / f"{name}.units.txt").read_bytes(), b""))
    assert isinstance(fact, Known)
    return fact.value.current


def journal(name: str) -> K3sJournal:
    fact = parse_journal(Output(0, (RECORDED / f"{name}.journal.txt").read_bytes(), b""))
    assert not isinstance(fact, Absent)
    assert isinstance(fact, Known)
    return fact.value


@pytest.mark.parametrize(
    ("name", "state"),
    [
        ("not-started", "inactive dead disabled idle"),
        ("start-just-asked-for", "inactive dead disabled starting"),
        ("start-that-blocks", "activating start disabled starting"),
        ("start-that-fails", "activating auto-restart disabled starting"),
        ("restarted-after-its-end", "active running disabled running"),
        ("running", "active running disabled running"),
        ("stopped", "inactive dead disabled idle"),
    ],
)
def test_unit(name: str, state: str) -> None:
    seen = unit(f"252-{name}")
    life = "running" if seen.running else "starting" if seen.starting else "idle"
    assert f"{seen.active} {seen.sub} {seen.enabled} {life}" == state
    assert seen.loaded


@pytest.mark.parametrize(
    ("name", "up", "containerd", "cause", "stopped"),
    [
        ("start-that-blocks", False, False, "token-rejected", False),
        ("start-that-fails", False, False, "flag-unknown", False),
        ("restarted-after-its-end", True, False, "containerd-exited", False),
        ("running", True, True, "", False),
        ("stopped", False, False, "", True),
        ("disabled", False, False, "flag-unknown", True),
    ],
)
def test_journal(name: str, up: bool, containerd: bool, cause: str, stopped: bool) -> None:
    seen = journal(f"252-{name}")
    code = seen.cause.code if seen.cause else ""
    assert (seen.up, seen.containerd, code, seen.stopped) == (up, containerd, cause, stopped)


def test_every_file_is_used() -> None:
    assert len(NAMES) == 8
