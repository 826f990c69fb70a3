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
from contextlib import aclosing
from dataclasses import asdict
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from gpu_wizard.telemetry.local import LocalTelemetry
from gpu_wizard.telemetry.remote import RemoteTelemetry
from gpu_wizard.telemetry.smi import SmiTelemetry
from tests.telemetry.ssh_server import machine

OUT = Path(sys.argv[1])
EVERY = 0.2
SMI = "index,utilization.gpu,memory.used,temperature.gpu,power.draw,clocks.sm,clocks.mem,enforced.power.limit,ecc.errors.uncorrected.volatile.total,clocks_event_reasons.active"
BURN = """
import sys, time, torch
torch.cuda.set_device(int(sys.argv[1]))
a = torch.randn(8192, 8192, device="cuda", dtype=torch.bfloat16)
end = time.time() + float(sys.argv[2])
while time.time() < end:
    for _ in range(20): b = a @ a
    torch.cuda.synchronize()
"""


def anonymous(text: str) -> str:
    seen: dict[str, str] = {}

    def made_up(found: re.Match[str]) -> str:
        number = seen.setdefault(found[0], str(len(seen) + 1))
        return f"GPU-a000000{number}-1111-2222-3333-00000000000{number}"

    return re.sub(r"GPU-[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}", made_up, text)


async def gather(source, into, until):
    async with aclosing(source.samples(EVERY)) as samples:
        async for sample in samples:
            into.append((time.time(), sample))
            if time.time() > until:
                return


async def plain(into, until):
    while time.time() < until:
        child = await asyncio.create_subprocess_exec(
            "nvidia-smi", f"--query-gpu={SMI}", "--format=csv,noheader,nounits", stdout=-1
        )
        out = (await child.communicate())[0].decode()
        into.append((time.time(), out))
        await asyncio.sleep(0.5)


def cpu(pid):
    fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def precise(pid):
    text = Path(f"/proc/{pid}/schedstat").read_text().split()
    return int(text[0]) / 1e9


def compare(name, series, reference):
    for field in (
        "utilisation_percent",
        "memory_used_bytes",
        "temperature_celsius",
        "power_watts",
        "sm_clock_mhz",
    ):
        gaps = []
        for at, sample in series:
            near = min(reference, key=lambda one: abs(one[0] - at), default=None)
            if near is None or abs(near[0] - at) > 0.15:
                continue
            for mine, other in zip(sample.gpus, near[1].gpus):
                a, b = getattr(mine, field), getattr(other, field)
                if a is not None and b is not None:
                    gaps.append(abs(a - b))
        if gaps:
            print(
                f"  {name:12} {field:22} n={len(gaps):4} median={statistics.median(gaps):.6g} max={max(gaps):.6g}"
            )


async def main():
    folder = Path(tempfile.mkdtemp())
    pids: list[int] = []
    print(
        subprocess.run(["nvidia-smi", "-L"], capture_output=True, text=True).stdout.count("GPU "),
        "cards",
    )
    count = subprocess.run(["nvidia-smi", "-L"], capture_output=True, text=True).stdout.count(
        "UUID: GPU"
    )
    async with machine(folder, os.environ, pids) as transport:
        if "--cost" not in sys.argv:
            await agreement(transport, count)
        await cost(transport, pids)


async def agreement(transport, count):
    folder = Path(tempfile.mkdtemp())
    began = time.time()
    until = began + 24
    series = {"local": [], "sent": [], "smi": []}
    shots = []
    tasks = [
        asyncio.create_task(gather(LocalTelemetry(), series["local"], until)),
        asyncio.create_task(gather(RemoteTelemetry(transport.open), series["sent"], until)),
        asyncio.create_task(gather(SmiTelemetry(transport.open), series["smi"], until)),
        asyncio.create_task(plain(shots, until)),
    ]
    await asyncio.sleep(4)
    burn = folder / "burn.py"
    burn.write_text(BURN)
    burns = [subprocess.Popen([sys.executable, str(burn), str(i), "9"]) for i in range(count)]
    await asyncio.gather(*tasks)
    for one in burns:
        one.wait()
    print("== agreement, each against the local NVML within 0.15 s")
    for name in ("sent", "smi"):
        compare(name, series[name], series["local"])
    print("== agreement in the loaded middle only")
    middle = {n: [(a, s) for a, s in v if began + 12 < a < began + 15.5] for n, v in series.items()}
    for name in ("sent", "smi"):
        compare(name, middle[name], middle["local"])
    for name, many in series.items():
        ats = [s.at for _, s in many]
        beats = [b - a for a, b in zip(ats, ats[1:])]
        top = max(many, key=lambda one: one[1].gpus[0].power_watts or 0)[1].gpus[0]
        print(
            name,
            "samples",
            len(many),
            "beat median",
            round(statistics.median(beats), 4),
            "max",
            round(max(beats), 3),
            "hottest",
            top.power_watts,
            top.utilisation_percent,
            top.throttle_reasons,
            top.memory_used_bytes,
            [asdict(p) for p in top.processes or ()],
        )
    print("== plain nvidia-smi beside it")
    for at, out in shots[len(shots) // 2 : len(shots) // 2 + 2]:
        near = min(series["local"], key=lambda one: abs(one[0] - at))[1]
        print(
            out.strip(),
            "| local",
            [
                (
                    g.utilisation_percent,
                    (g.memory_used_bytes or 0) >> 20,
                    g.temperature_celsius,
                    g.power_watts,
                    g.sm_clock_mhz,
                    g.memory_clock_mhz,
                    g.power_limit_watts,
                    g.ecc_errors,
                    g.throttle_reasons,
                )
                for g in near.gpus
            ],
        )
    for name, many in series.items():
        lines = [json.dumps(asdict(s)) for _, s in many]
        (OUT / f"{name}.jsonl").write_text(anonymous("\n".join(lines) + "\n"))
    (OUT / "plain.txt").write_text(anonymous("".join(f"{a:.3f}\n{o}" for a, o in shots)))


async def cost(transport, pids):
    print("== first sample, ms after the channel is asked for (connection stands)")
    for name, source in (
        ("sent", RemoteTelemetry(transport.open)),
        ("smi", SmiTelemetry(transport.open)),
    ):
        times = []
        for _ in range(7):
            start = time.perf_counter()
            async with aclosing(source.samples(1.0)) as samples:
                await anext(samples)
                times.append(1000 * (time.perf_counter() - start))
            await asyncio.sleep(0.5)
        print(name, [round(t) for t in times])
    for name, source, every in (
        ("sent 10 Hz", RemoteTelemetry(transport.open), 0.1),
        ("smi 10 Hz", SmiTelemetry(transport.open), 0.1),
        ("sent 1 Hz", RemoteTelemetry(transport.open), 1.0),
    ):
        async with aclosing(source.samples(every)) as samples:
            for _ in range(3):
                await anext(samples)
            pid, wall = pids[-1], time.time()
            before = cpu(pid), precise(pid)
            number = 0
            while time.time() - wall < 10:
                await anext(samples)
                number += 1
            spent = time.time() - wall
            print(
                f"{name}: {number} samples, CPU {100 * (cpu(pid) - before[0]) / spent:.2f} % of a core, by schedstat {100 * (precise(pid) - before[1]) / spent:.3f} %, {1000 * (precise(pid) - before[1]) / number:.3f} ms a sample; rss {Path(f'/proc/{pid}/status').read_text().split('VmRSS:')[1].split(chr(10))[0].strip()}"
            )
    await asyncio.sleep(0.5)
    print("left behind:", [p for p in pids if Path(f"/proc/{p}").exists()])


asyncio.run(main())
