"""This machine's cards, sampled in a thread of their own."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import AsyncGenerator, Callable
from importlib import import_module

from gpu_wizard.model.sample import Sample
from gpu_wizard.telemetry.newest import Newest
from gpu_wizard.telemetry.reading import sample_of

END_SECONDS = 5.0
HandOver = Callable[[Sample | Exception], None]


class LocalTelemetry:
    """Samples of this machine over NVML. See `TelemetrySource`."""

    async def samples(self, every_seconds: float) -> AsyncGenerator[Sample, None]:
        """Samples on a monotonic schedule until closed; the thread ends with it."""
        await asyncio.to_thread(import_module, "gpu_wizard.telemetry.sampler")
        loop, samples, stop = (
            asyncio.get_running_loop(),
            Newest[Sample | Exception](),
            threading.Event(),
        )

        def hand_over(sample: Sample | Exception) -> None:
            loop.call_soon_threadsafe(samples.put, sample)

        arguments = (every_seconds, stop, hand_over)
        # A daemon, for a driver that hangs must not keep the program from ending.
        thread = threading.Thread(target=_sample, args=arguments, name="gpu-samples", daemon=True)
        thread.start()
        try:
            while True:
                sample = await samples.take()
                if isinstance(sample, Exception):
                    raise sample
                yield sample
        finally:
            stop.set()
            await asyncio.to_thread(thread.join, END_SECONDS)


def _sample(every: float, stop: threading.Event, hand_over: HandOver) -> None:
    from gpu_wizard.telemetry.sampler import Sampler, next_due

    sampler, due = Sampler(), time.monotonic()
    try:
        while not stop.is_set():
            hand_over(sample_of(sampler.take()))
            due = next_due(due, every, time.monotonic())
            stop.wait(max(0.0, due - time.monotonic()))
    except Exception as error:  # noqa: BLE001 - it is raised again where the samples are read
        if not stop.is_set():
            hand_over(error)
    finally:
        sampler.close()
