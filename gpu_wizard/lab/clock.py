"""Simulated time: recorded delays, all divided by one factor."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime


class ScaledClock:
    """A `Clock` over the event loop: order and ratio of recorded delays stay, the length shrinks."""

    def __init__(self, factor: float = 5.0) -> None:
        if factor <= 0:
            raise ValueError(f"a clock's factor must be above 0, not {factor}")
        self.factor = factor

    async def sleep(self, recorded_seconds: float) -> None:
        """Wait for a recorded time divided by the factor."""
        await asyncio.sleep(recorded_seconds / self.factor)

    def now(self) -> float:
        """The event loop's own time, in seconds."""
        return asyncio.get_running_loop().time()


def wall() -> datetime:
    """The time that the lab's machines show: the real one, in UTC."""
    return datetime.now(UTC)
