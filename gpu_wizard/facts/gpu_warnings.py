"""What in a sample is worth a warning, and since when a pod leaves its cards unused."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Literal

from gpu_wizard.facts.attribution import PodUse
from gpu_wizard.model.sample import GpuSample, Sample

HOT_MARGIN_CELSIUS = 5
HOT_CELSIUS = 85
"""For a card that does not tell its limit."""
FULL_PERCENT = 97
UNUSED_SECONDS = 60.0
"""A pod that loads its model is no waste yet."""

_THERMAL = ("sw-thermal-slowdown", "hw-thermal-slowdown", "hw-slowdown")
_APPLICATION_XIDS = frozenset({13, 31, 43, 45, 68, 94})
"""Source: error-corpus, gpu-xid-other: mostly the fault of a program, not of the card."""


_WASTE = ("unused", "idle")
Level = Literal["error", "warning", "notice"]


@dataclass(frozen=True)
class Warn:
    """`level`: `error` (the card or driver does not serve), `warning`, or `notice` (it holds the card back by design).

    `card`: its index, None for the whole machine. `code` is a knowledge id.
    """

    code: str
    level: Level
    card: int | None = None
    params: Mapping[str, str] = field(default_factory=dict)


def warnings(sample: Sample) -> tuple[Warn, ...]:
    """Everything in one sample that a person should see, the worst of each card first."""
    if sample.failure:
        return (Warn(f"gpu.{sample.failure}", "error"),)
    return tuple(warn for gpu in sample.gpus for warn in _of_card(gpu))


def _of_card(gpu: GpuSample) -> Iterable[Warn]:
    if gpu.failure:
        xid = "" if gpu.xid is None else f" (Xid {gpu.xid})"
        yield Warn(f"gpu.{gpu.failure}", "error", gpu.index, {"xid": xid})
        return
    if gpu.ecc_errors:
        yield Warn("gpu.ecc-errors", "warning", gpu.index, {"count": str(gpu.ecc_errors)})
    if gpu.xid is not None:
        code = "gpu.xid-application" if gpu.xid in _APPLICATION_XIDS else "gpu.xid"
        yield Warn(code, "warning", gpu.index, {"xid": str(gpu.xid)})
    yield from _temperature(gpu)
    yield from _throttling(gpu)
    yield from _memory(gpu)


def _temperature(gpu: GpuSample) -> Iterable[Warn]:
    degrees, limit = gpu.temperature_celsius, gpu.temperature_limit_celsius
    bound = HOT_CELSIUS if limit is None else limit - HOT_MARGIN_CELSIUS
    if degrees is not None and degrees >= bound:
        code = "gpu.hot-no-limit" if limit is None else "gpu.hot"
        yield Warn(code, "warning", gpu.index, {"degrees": str(degrees), "limit": str(limit)})


def _throttling(gpu: GpuSample) -> Iterable[Warn]:
    reasons = gpu.throttle_reasons or ()
    if any(reason in _THERMAL for reason in reasons):
        yield Warn("gpu.thermal", "warning", gpu.index)
    if "hw-power-brake" in reasons:
        yield Warn("gpu.power-brake", "warning", gpu.index)
    if "sw-power-cap" in reasons:
        yield Warn("gpu.power-cap", "notice", gpu.index)


def _memory(gpu: GpuSample) -> Iterable[Warn]:
    used, total = gpu.memory_used_bytes, gpu.memory_total_bytes
    if used is not None and total and 100 * used >= FULL_PERCENT * total:
        yield Warn("gpu.memory-full", "warning", gpu.index, {"percent": str(100 * used // total)})


@dataclass(frozen=True)
class UseHistory:
    """Since when each pod has had its verdict; made anew by each sample."""

    since: Mapping[tuple[str, str], float] = field(default_factory=dict)

    def fold(self, at: float, uses: Iterable[PodUse]) -> UseHistory:
        """The history with what one sample says. A verdict that changes begins anew."""
        return UseHistory(
            {(u.pod, u.verdict): self.since.get((u.pod, u.verdict), at) for u in uses}
        )

    def warnings(self, at: float, uses: Iterable[PodUse]) -> tuple[Warn, ...]:
        """What is to be said of pods: waste once it has lasted UNUSED_SECONDS, cards not asked for at once."""
        return tuple(_of_pod(use) for use in uses if self._is_told(at, use))

    def _is_told(self, at: float, use: PodUse) -> bool:
        if use.verdict in _WASTE:
            return at - self.since.get((use.pod, use.verdict), at) >= UNUSED_SECONDS
        return use.verdict != "used"


def _of_pod(use: PodUse) -> Warn:
    cards = ", ".join(map(str, use.cards))
    sees = "" if use.sees is None else str(use.sees)
    params = {"pod": use.pod, "asked": str(use.asked), "cards": cards, "sees": sees}
    level: Level = "notice" if use.verdict == "class-alone" else "warning"
    return Warn(f"gpu.pod-{use.verdict}", level, params=params)
