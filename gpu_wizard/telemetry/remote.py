"""Another machine's cards: by our sampler, sent there, or by nvidia-smi where there is no Python for it.

Nothing is installed and nothing stays behind: what was started ends when its channel closes, and by itself when it
hears nothing from here for 90 s.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncGenerator
from contextlib import aclosing

from gpu_wizard.model.errors import UnreachableError
from gpu_wizard.model.sample import Sample
from gpu_wizard.telemetry.held import Held, Open
from gpu_wizard.telemetry.parcel import TOO_OLD, parcel
from gpu_wizard.telemetry.reading import sample_of_line
from gpu_wizard.telemetry.smi import SmiTelemetry

RETRY_SECONDS = 2.0
FIRST_SECONDS = 30.0
"""For the first sample: without persistence mode the driver starts every card anew, some seconds each."""
_NO_SUCH_PROGRAM = 127


class NoSamplerError(Exception):
    """Our sampler can't run there; the argument is the code of the reason."""


class RemoteTelemetry:
    """Samples of a machine that shell commands can be started on. See `TelemetrySource`."""

    def __init__(self, open_: Open) -> None:
        self._open = open_

    async def samples(self, every_seconds: float) -> AsyncGenerator[Sample, None]:
        """Samples until closed. A connection that is lost is a sample with that failure, and is opened anew.

        Raises: UnreachableError: before the first sample. TrustError, AccessError, UnsupportedError.
        """
        began, why = False, ""
        while True:
            way = self._by_smi(every_seconds, why) if why else self._sent(every_seconds)
            try:
                async with aclosing(way):
                    async for sample in way:
                        began = True
                        yield sample
            except NoSamplerError as reason:
                why = str(reason)
                continue
            except UnreachableError as error:
                if not began:
                    raise
                yield Sample(time.time(), "nvml", None, (), failure=error.code)
            await asyncio.sleep(RETRY_SECONDS)

    def _by_smi(self, every: float, why: str) -> AsyncGenerator[Sample, None]:
        return SmiTelemetry(self._open, fallback=why).samples(every)

    async def _sent(self, every: float) -> AsyncGenerator[Sample, None]:
        """Samples of one sampler until it ends. Raises: NoSamplerError, UnreachableError."""
        sent = parcel(every)
        held = Held(await self._open(sent.command))
        try:
            await held.send(sent.content)
            yield await _first(held)
            while (line := await held.line()) is not None:
                if sample := sample_of_line(line):
                    yield sample
        finally:
            await held.close()


async def _first(held: Held) -> Sample:
    try:
        async with asyncio.timeout(FIRST_SECONDS):
            while (line := await held.line()) is not None:
                if sample := sample_of_line(line):
                    return sample
    except TimeoutError as error:
        raise NoSamplerError("python-silent") from error
    status = await held.status()
    codes = {_NO_SUCH_PROGRAM: "no-python3", TOO_OLD: "python-too-old"}
    raise NoSamplerError(codes.get(status or 0, "python-failed"))
