"""Keys under a flood: how long a key waits while a node prints without end, and what memory that takes.

`python .bench/tui_flood.py`; figures are of this machine, under its load of the moment.
"""

from __future__ import annotations

import asyncio
import resource
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from gpu_wizard.model.events import OutputReceived
from gpu_wizard.model.line import Chunk
from tests.faces.tui.bench import recorded_app
from tests.faces.tui.stage_states import running

LINES = 2_000_000
CHUNK = "".join(
    f"line {n} of a flood that goes on and on, 62 bytes of it each\n" for n in range(1050)
)


async def main() -> None:
    app = recorded_app(running())
    waits: list[float] = []
    async with app.run_test(size=(80, 24)) as pilot:
        await pilot.press("o")
        await pilot.pause(0.5)
        idle = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        done = 0
        started = time.perf_counter()

        async def flood() -> None:
            nonlocal done
            last = time.perf_counter()
            while done < LINES:
                await app.ui.control.show(
                    OutputReceived(
                        node="gpu1",
                        stage="toolkit",
                        step="toolkit.install",
                        chunk=Chunk("out", CHUNK),
                    )
                )
                done += 1050
                if time.perf_counter() - last > 0.008:
                    await asyncio.sleep(0)
                    last = time.perf_counter()

        task = asyncio.create_task(flood())
        while not task.done():
            began = time.perf_counter()
            seen = asyncio.Event()
            app.call_later(seen.set)
            await seen.wait()
            waits.append(time.perf_counter() - began)
            await asyncio.sleep(0.02)
        took = time.perf_counter() - started
        memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - idle
    waits.sort()
    print(
        f"{done / took:,.0f} lines/s; a key waits p50 {waits[len(waits) // 2] * 1000:.1f} ms, "
        f"p99 {waits[int(len(waits) * 0.99)] * 1000:.1f} ms, worst {waits[-1] * 1000:.1f} ms; "
        f"memory +{memory / 1024:.0f} MB after {done:,} lines"
    )


asyncio.run(main())
