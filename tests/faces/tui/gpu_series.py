"""Histories of cards: the recorded H200, eight of them with one lost, and one cut into MIG instances."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from gpu_wizard.engine.gpu_watch import Watched
from gpu_wizard.faces.tui.telemetry_view import History
from gpu_wizard.model.sample import GpuProcess, GpuSample, MigInstance, Sample

_RECORDED = Path(__file__).parent / "recorded" / "h200.jsonl"
"""NVML samples of a real H200, ten a second; a matrix product loads it from the seventh to the thirteenth second."""
_GIB = 1 << 30


def _number(value: object) -> Any:
    return value if isinstance(value, int | float) else None


def _card(record: dict[str, Any]) -> GpuSample:
    """NVML's names as ours; `ERR …` is what the card does not support."""
    return GpuSample(
        index=0,
        uuid=record["uuid"],
        name=record["name"],
        utilisation_percent=record["util"]["gpu"],
        memory_used_bytes=record["mem"]["used"],
        memory_total_bytes=record["mem"]["total"],
        temperature_celsius=record["temp"],
        temperature_limit_celsius=87,
        power_watts=record["power"] / 1000,
        power_limit_watts=record["plim"] / 1000,
        sm_clock_mhz=record["sm"],
        fan_percent=_number(record["fan"]),
        ecc_errors=0,
        throttle_reasons=("sw-power-cap",) if record["thr"] & 4 else (),
        processes=(),
    )


def recorded() -> list[Sample]:
    """The series."""
    records = [json.loads(line) for line in _RECORDED.read_text(encoding="utf-8").splitlines()]
    return [Sample(r["t"], "nvml", "580.159.04", (_card(r),)) for r in records]


def _history(samples: list[Sample]) -> tuple[History, datetime]:
    history = History()
    for sample in samples:
        history.add(Watched(sample, ()), datetime.fromtimestamp(sample.at, UTC))
    return history, datetime.fromtimestamp(samples[-1].at, UTC)


def one() -> tuple[History, datetime]:
    """The recorded card, with processes."""
    processes = (
        GpuProcess(4121, "python train.py", 48 * _GIB, "ml/trainer-7c9f-x2l"),
        GpuProcess(4180, "python serve.py", 13 * _GIB, "ml/serve-0"),
        GpuProcess(901, "Xorg", None, "host"),
    )
    samples = [
        replace(s, gpus=tuple(replace(g, processes=processes) for g in s.gpus)) for s in recorded()
    ]
    return _history(samples[:130])


def stale() -> tuple[History, datetime]:
    """Nothing came for seven seconds."""
    history, now = one()
    return history, datetime.fromtimestamp(now.timestamp() + 7, UTC)


def eight() -> tuple[History, datetime]:
    """Eight cards, the last one fallen off the bus."""
    samples = []
    for sample in recorded()[:130]:
        card = sample.gpus[0]
        cards = tuple(replace(card, index=n, uuid=f"{card.uuid[:-1]}{n}") for n in range(7))
        lost = GpuSample(7, f"{card.uuid[:-1]}7", card.name, failure="fell-off-the-bus", xid=79)
        samples.append(replace(sample, gpus=(*cards, lost)))
    return _history(samples)


def mig() -> tuple[History, datetime]:
    """One card in three instances, which tell no use."""
    instances = (
        MigInstance(
            "MIG-1", "1g.18gb", 4 * _GIB, 18 * _GIB, (GpuProcess(1, "serve", None, "ml/serve-0"),)
        ),
        MigInstance("MIG-2", "1g.18gb", 0, 18 * _GIB),
        MigInstance(
            "MIG-3", "3g.71gb", 57 * _GIB, 71 * _GIB, (GpuProcess(2, "t", None, "ml/trainer-7c9f"),)
        ),
    )
    samples = [
        replace(
            s,
            gpus=tuple(
                replace(g, mig_enabled=True, mig_instances=instances, utilisation_percent=None)
                for g in s.gpus
            ),
        )
        for s in recorded()[:60]
    ]
    return _history(samples)


def no_driver() -> tuple[History, datetime]:
    """The driver is not loaded."""
    first = recorded()[0]
    return _history([Sample(first.at, "nvml", None, (), failure="driver-not-loaded")])


SERIES: dict[str, Callable[[], tuple[History, datetime]]] = {
    "one": one,
    "stale": stale,
    "eight": eight,
    "mig": mig,
    "no-driver": no_driver,
}
