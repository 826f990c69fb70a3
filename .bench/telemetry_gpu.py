"""On a machine with cards and PyTorch: do all telemetry paths agree under load, and what do they cost?

    python3 .bench/telemetry_gpu.py OUT_FOLDER [--cost]

Prints figures, and writes what came (UUIDs replaced) as recordings. The SSH path goes through a server in this
process. It changes no setting of a card.
"""

from __future__ import annotations

import asyncio
import json
import os
import re
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import aclosing
from dataclasses import asdict
from itertools import pairwise
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1]))

from gpu_wizard.host.ssh import SshTransport
from gpu_wizard.model.sample import Sample
from gpu_wizard.telemetry.local import LocalTelemetry
from gpu_wizard.telemetry.remote import RemoteTelemetry
from gpu_wizard.telemetry.smi import SmiTelemetry
from tests.telemetry.ssh_server import machine

EVERY = 0.2
FIELDS = (
    *("utilisation_percent", "memory_used_bytes", "temperature_celsius", "power_watts"),
    "sm_clock_mhz",
)
SMI = (
    "index,utilization.gpu,memory.used,temperature.gpu,power.draw,clocks.sm,enforced.power.limit,"
    "ecc.errors.uncorrected.volatile.total,clocks_event_reasons.active"
)
BURN = """
import sys, time, torch
torch.cuda.set_device(int(sys.argv[1]))
a = torch.randn(8192, 8192, device="cuda", dtype=torch.bfloat16)
end = time.time() + float(sys.argv[2])
while time.time() < end:
    for _ in range(20): b = a @ a
    torch.cuda.synchronize()
"""
Series = list[tuple[float, Sample]]
Source = LocalTelemetry | RemoteTelemetry | SmiTelemetry


def anonymous(text: str) -> str:
    """The text with made-up UUIDs."""
    seen: dict[str, str] = {}

    def made_up(found: re.Match[str]) -> str:
        number = seen.setdefault(found[0], str(len(seen) + 1))
        return f"GPU-a000000{number}-1111-2222-3333-00000000000{number}"

    return re.sub(r"GPU-[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}", made_up, text)


async def gather(source: Source, into: Series, until: float) -> None:
    """Keep samples until a time, each with when it came."""
    async with aclosing(source.samples(EVERY)) as samples:
        async for sample in samples:
            into.append((time.time(), sample))
            if time.time() > until:
                return


async def ask_plainly(into: list[tuple[float, str]], until: float) -> None:
    """Keep what a plain nvidia-smi says twice a second."""
    argv = ("nvidia-smi", f"--query-gpu={SMI}", "--format=csv,noheader,nounits")
    while time.time() < until:
        child = await asyncio.create_subprocess_exec(*argv, stdout=asyncio.subprocess.PIPE)
        into.append((time.time(), (await child.communicate())[0].decode()))
        await asyncio.sleep(0.5)


def compare(name: str, series: Series, reference: Series) -> None:
    """Print how far apart two sources are within 0.15 s."""
    for field in FIELDS:
        gaps = []
        for at, sample in series:
            near = min(reference, key=lambda one: abs(one[0] - at))
            if abs(near[0] - at) > 0.15:
                continue
            for mine, other in zip(sample.gpus, near[1].gpus, strict=True):
                a, b = getattr(mine, field), getattr(other, field)
                if a is not None and b is not None:
                    gaps.append(abs(a - b))
        if gaps:
            middle, most = statistics.median(gaps), max(gaps)
            print(f"  {name:6} {field:20} n={len(gaps):4} median={middle:.6g} max={most:.6g}")


def burn(seconds: int) -> list[subprocess.Popen[bytes]]:
    """Load every card with a matrix product."""
    listed = subprocess.run(["nvidia-smi", "-L"], capture_output=True, text=True, check=True)
    cards = range(listed.stdout.count("UUID: GPU"))
    return [subprocess.Popen([sys.executable, "-c", BURN, str(i), str(seconds)]) for i in cards]


async def agreement(transport: SshTransport, out: Path) -> None:
    """All sources at once: four seconds idle, nine under load, the rest idle."""
    began = time.time()
    until = began + 24
    sources: dict[str, Source] = {
        "local": LocalTelemetry(),
        "sent": RemoteTelemetry(transport.open),
        "smi": SmiTelemetry(transport.open),
    }
    series: dict[str, Series] = {name: [] for name in sources}
    plain: list[tuple[float, str]] = []
    async with asyncio.TaskGroup() as group:
        for name, source in sources.items():
            group.create_task(gather(source, series[name], until))
        group.create_task(ask_plainly(plain, until))
        await asyncio.sleep(4)
        burning = burn(9)
    for one in burning:
        await asyncio.to_thread(one.wait)
    loaded = {n: [one for one in v if 12 < one[0] - began < 15.5] for n, v in series.items()}
    for title, chosen in (("whole run", series), ("loaded middle", loaded)):
        print(f"== {title}, against local NVML")
        for name in ("sent", "smi"):
            compare(name, chosen[name], chosen["local"])
    report(series, plain)
    for name, many in series.items():
        lines = "".join(json.dumps(asdict(sample)) + "\n" for _, sample in many)
        (out / f"{name}.jsonl").write_text(anonymous(lines))


def report(series: dict[str, Series], plain: list[tuple[float, str]]) -> None:
    """Print each source's beat and highest load, and a plain nvidia-smi beside NVML."""
    for name, many in series.items():
        beats = [
            after - before for (_, a), (_, b) in pairwise(many) for before, after in [(a.at, b.at)]
        ]
        top = max((sample.gpus[0] for _, sample in many), key=lambda gpu: gpu.power_watts or 0)
        print(name, len(many), "samples, beat", statistics.median(beats), max(beats), asdict(top))
    for at, said in plain[len(plain) // 2 : len(plain) // 2 + 2]:
        near = min(series["local"], key=lambda one: abs(one[0] - at))[1]
        print(said.strip(), "|", [[getattr(gpu, field) for field in FIELDS] for gpu in near.gpus])


async def first_samples(name: str, make: Callable[[], Source]) -> None:
    """Print how long the first sample takes, in milliseconds, seven times."""
    times = []
    for _ in range(7):
        start = time.perf_counter()
        async with aclosing(make().samples(1.0)) as samples:
            await anext(samples)
            times.append(round(1000 * (time.perf_counter() - start)))
        await asyncio.sleep(0.5)
    print(name, "first sample, ms:", times)


def spent_seconds(pid: int) -> float:
    """The CPU time of a process."""
    return int(Path(f"/proc/{pid}/schedstat").read_text().split()[0]) / 1e9


async def cost(name: str, source: Source, every: float, pids: list[int]) -> None:
    """Print what ten seconds of sampling cost the sampling process."""
    async with aclosing(source.samples(every)) as samples:
        for _ in range(3):
            await anext(samples)
        pid, start, number = pids[-1], time.time(), 0
        before = spent_seconds(pid)
        while time.time() - start < 10:
            await anext(samples)
            number += 1
        spent = spent_seconds(pid) - before
        share = 100 * spent / (time.time() - start)
        print(f"{name}: {share:.3f} % of a core, {1000 * spent / number:.3f} ms a sample")


def is_there(pid: int) -> bool:
    """Whether a process is there."""
    return Path(f"/proc/{pid}").exists()


async def main() -> None:
    """Everything, or with `--cost` the costs alone."""
    pids: list[int] = []
    async with machine(Path(tempfile.mkdtemp()), os.environ, pids) as transport:
        if "--cost" not in sys.argv:
            await agreement(transport, Path(sys.argv[1]))
        makers: dict[str, Callable[[], Any]] = {
            "sent": lambda: RemoteTelemetry(transport.open),
            "smi": lambda: SmiTelemetry(transport.open),
        }
        for name, make in makers.items():
            await first_samples(name, make)
            for every in (0.1, 1.0):
                await cost(f"{name} each {every} s", make(), every, pids)
        await asyncio.sleep(0.5)
    print("left behind:", [pid for pid in pids if is_there(pid)])


asyncio.run(main())
