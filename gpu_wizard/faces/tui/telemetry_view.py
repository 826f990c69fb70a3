"""Samples kept for the panels: the last hour, each with when it came here."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final

from gpu_wizard.engine.gpu_watch import Watched
from gpu_wizard.facts.gpu_warnings import Warn
from gpu_wizard.model.sample import GpuSample, Sample

KEPT: Final = timedelta(minutes=60)
STALE: Final = timedelta(seconds=3)
BRIDGED_SECONDS: Final = 2.0
WINDOWS: Final = (1, 10, 60)
"""Minutes of history that the graphs show."""


@dataclass
class History:
    """What came so far. `failure`: why nothing comes, for a person; "" while it does.

    `pods`: what is to be said of pods, as of the newest sample.
    """

    samples: deque[tuple[datetime, Sample]] = field(default_factory=deque)
    failure: str = ""
    pods: tuple[Warn, ...] = ()

    def add(self, watched: Watched, now: datetime) -> None:
        """Keep one more; those older than an hour go."""
        self.failure = ""
        self.pods = tuple(warn for warn in watched.warnings if "pod" in warn.params)
        self.samples.append((now, watched.sample))
        while now - self.samples[0][0] > KEPT:
            self.samples.popleft()

    @property
    def latest(self) -> Sample | None:
        """The newest; None before the first."""
        return self.samples[-1][1] if self.samples else None

    def age(self, now: datetime) -> timedelta:
        """How old the newest is."""
        return now - self.samples[-1][0] if self.samples else timedelta()

    def series(
        self, uuid: str, name: str, window: timedelta, columns: int, now: datetime
    ) -> list[float | None]:
        """A card's values over a window as this many columns, the newest on the right; None where none came."""
        sums = [0.0] * columns
        counts = [0] * columns
        width = window.total_seconds() / max(1, columns)
        for at, sample in reversed(self.samples):
            column = columns - 1 - int((now - at).total_seconds() / width)
            if column < 0:
                break
            card = _card(sample, uuid) if column < columns else None
            value = getattr(card, name) if card is not None else None
            if value is not None:
                sums[column] += float(value)
                counts[column] += 1
        means = [total / n if n else None for total, n in zip(sums, counts, strict=True)]
        return _bridged(means, int(BRIDGED_SECONDS / width))


def _bridged(series: list[float | None], most: int) -> list[float | None]:
    """A value holds until the next one, over as many columns as samples are apart where all is well."""
    last, left = None, 0
    filled: list[float | None] = []
    for value in series:
        if value is not None:
            last, left = value, most
        elif left > 0:
            left -= 1
        else:
            last = None
        filled.append(last)
    return filled


def _card(sample: Sample, uuid: str) -> GpuSample | None:
    return next((gpu for gpu in sample.gpus if gpu.uuid == uuid), None)
