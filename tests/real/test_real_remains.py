"""What a bed that is killed leaves is found and removed; what belongs to a living one is not touched."""

from __future__ import annotations

import subprocess
import sys

from . import cgroups
from .places import REPOSITORY

_CLAIM = """
import time
from tests.real import cgroups
with cgroups.claimed() as name:
    for place in cgroups.make(name, "machine"):
        (place / "below").mkdir()
    print(name, flush=True)
    time.sleep(600)
"""


def test_groups_of_a_killed_bed_go_and_those_of_a_living_one_stay() -> None:
    command = [sys.executable, "-c", _CLAIM]
    with subprocess.Popen(command, cwd=REPOSITORY, stdout=subprocess.PIPE, text=True) as other:
        assert other.stdout is not None
        name = other.stdout.readline().strip()
        places = [root / name for root in cgroups.hierarchies()]

        cgroups.remove_orphans()
        assert all((place / "machine" / "below").is_dir() for place in places)

        other.kill()
        other.wait()
        cgroups.remove_orphans()
        assert not any(place.exists() for place in places)
