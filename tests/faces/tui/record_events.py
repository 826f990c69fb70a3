"""`python -m tests.faces.tui.record_events [SCENARIO …]`: records runs on the practice lab as event lists for tests."""

from __future__ import annotations

import asyncio
import re
import sys
import tempfile
from pathlib import Path

from gpu_wizard.lab.serve import Lab
from gpu_wizard.model.events import Event
from tests.engine.lab_runs import Watcher, run_on
from tests.faces.tui import recorded_events

SCENARIOS = (
    "fresh",
    "done",
    "wrong-token",
    "no-internet",
    "custom-template",
    "two-gpus",
    "no-driver",
    "old-toolkit",
)
SPEED = 5.0


async def record(scenario: str, *, plan: bool) -> list[Event]:
    """The events of one run."""
    with tempfile.TemporaryDirectory(prefix="gpu-wizard-record-") as name:
        folder = Path(name)
        async with Lab(scenario, folder / "lab", speed=SPEED) as lab:
            face = Watcher()
            await run_on(lab.directory / "setup.toml", folder / "runs", face=face, plan=plan)
        return face.events


def main() -> None:
    """Record the scenarios named, or all."""
    for scenario in sys.argv[1:] or SCENARIOS:
        for plan in (True, False):
            events = asyncio.run(record(scenario, plan=plan))
            name = f"{scenario}-{'plan' if plan else 'run'}"
            recorded_events.save(name, events)
            text = (recorded_events.FOLDER / f"{name}.jsonl").read_text()
            cleaned = re.sub(r"/tmp/gpu-wizard-record-\w+", "/tmp/lab", text)
            (recorded_events.FOLDER / f"{name}.jsonl").write_text(cleaned)
            print(f"{name}: {len(events)} events")


if __name__ == "__main__":
    main()
