"""Cards through `nvidia-smi --query-gpu … -lms` on a held channel, where our sampler can't run.

It tells neither processes nor MIG instances nor Xids. Source: recorded on two real H100, driver 580.159.04.
"""

from __future__ import annotations

import asyncio
import re
import shlex
import time
from collections.abc import AsyncGenerator, Mapping
from dataclasses import dataclass, field

from gpu_wizard.model.sample import GpuSample, Sample
from gpu_wizard.telemetry.held import BEAT, Held, Open
from gpu_wizard.telemetry.nvml_codes import DRIVER_FAILURES, reasons_of
from gpu_wizard.telemetry.parcel import PATH_SETTING

CANNOT_TELL = ("processes", "mig-instances", "xid", "temperature-limit")
RETRY_SECONDS = 2.0

FIELDS = (
    *("count", "index", "uuid", "driver_version", "utilization.gpu", "utilization.memory"),
    *("memory.used", "memory.total", "temperature.gpu", "power.draw", "enforced.power.limit"),
    *("clocks.sm", "clocks.mem", "fan.speed", "ecc.errors.uncorrected.volatile.total"),
    *("clocks_event_reasons.active", "mig.mode.current", "name"),
)
"""The name stands last: it alone might hold a comma."""
OLDER_NAMES = {
    "clocks_event_reasons.active": "clocks_throttle_reasons.active",
    "enforced.power.limit": "power.limit",
}
"""Source: nvidia-smi --help-query-gpu of branches before 535; `power.limit` is known to all."""

_REFUSED = re.compile(r'Field "([^"]*)" is not a valid field to query')
_FAILURES = {**DRIVER_FAILURES, 15: "gpu-lost", 127: "no-nvidia-smi"}
"""Source: nvidia-smi(1), "Return value"; 17 and 18 are NVML's codes, observed; 127 is the shell's."""
_NO_CARDS = 6
_LOST = "GPU is lost"


@dataclass
class _Rows:
    """Rows of cards, gathered into samples: one is whole when all cards are told, or the first comes again."""

    fields: tuple[str, ...]
    _gpus: dict[int, GpuSample] = field(default_factory=dict)
    _driver: str = ""

    def add(self, line: str) -> Sample | None:
        """The sample that this row makes whole."""
        cells = _cells(line, self.fields)
        index = _integer(cells.get("index", ""))
        if index is None:
            return None
        whole = self._whole() if index in self._gpus else None
        self._gpus[index] = _gpu(index, cells)
        self._driver = _told(cells.get("driver_version", "")) or self._driver
        if len(self._gpus) == _integer(cells.get("count", "")):
            return self._whole()
        return whole

    def _whole(self) -> Sample:
        gpus, self._gpus = self._gpus, {}
        return _sample(tuple(gpus[index] for index in sorted(gpus)), self._driver)


class SmiTelemetry:
    """Samples of a machine through its nvidia-smi. `fallback`: why it is not NVML. See `TelemetrySource`."""

    def __init__(self, open_: Open, fallback: str = "") -> None:
        self._open = open_
        self._fallback = fallback
        self._fields: tuple[str, ...] = FIELDS

    async def samples(self, every_seconds: float) -> AsyncGenerator[Sample, None]:
        """Samples until closed; where nvidia-smi fails it is started again.

        Raises: UnreachableError, TrustError, AccessError.
        """
        while True:
            held = Held(await self._open(_command(self._fields, every_seconds)))
            rows, said = _Rows(self._fields), ""
            try:
                await held.send(BEAT)
                while (line := await held.line()) is not None:
                    text = line.decode(errors="replace")
                    if sample := rows.add(text):
                        yield self._marked(sample)
                    else:
                        said = (said + text + "\n")[-2000:]
                status = await held.status()
            finally:
                await held.close()
            if self._learned(said + held.errors):
                continue
            yield self._marked(_failed(status))
            await asyncio.sleep(max(RETRY_SECONDS, every_seconds))

    def _marked(self, sample: Sample) -> Sample:
        return Sample(
            sample.at,
            sample.source,
            sample.driver_version,
            sample.gpus,
            failure=sample.failure,
            cannot_tell=CANNOT_TELL,
            fallback=self._fallback,
        )

    def _learned(self, said: str) -> bool:
        """Whether a field was refused; an older name takes its place, or it is left out."""
        refused = _REFUSED.search(said)
        if refused is None or refused[1] not in self._fields:
            return False
        name = refused[1]
        names = (OLDER_NAMES.get(one, "") if one == name else one for one in self._fields)
        self._fields = tuple(filter(None, names))
        return True


def _command(fields: tuple[str, ...], every: float) -> str:
    """nvidia-smi, and beside it a watcher that ends it when standard input closes or nothing comes for 90 s.

    By itself it would go on until its next write, or for ever where the connection hangs; it only reads, and to TERM
    it answers up to a second later (recorded on a real H100, driver 580.159.04). A shell whose background
    jobs can't read (it hears no first line) does without.
    """
    query = f"--query-gpu={','.join(fields)} --format=csv,noheader,nounits -lms {max(1, round(every * 1000))}"
    script = (
        f"{PATH_SETTING}command -v nvidia-smi >/dev/null || exit 127\n"
        'command -v timeout >/dev/null || timeout() { shift; "$@"; }\n'
        'hear() { [ -n "$(timeout 90 head -n 1 <&3 2>/dev/null)" ]; }\n'
        'exec 3<&0\n{ hear && { while hear; do :; done; kill -s KILL "$$"; }; } >/dev/null 2>&1 &\n'
        f"exec nvidia-smi {query} </dev/null 3<&-"
    )
    return f"exec sh -c {shlex.quote(script)}"


def _failed(status: int | None) -> Sample:
    failure = "" if status == _NO_CARDS else _FAILURES.get(status or 0, "nvidia-smi-failed")
    return _sample((), "", failure)


def _sample(gpus: tuple[GpuSample, ...], driver: str, failure: str = "") -> Sample:
    return Sample(time.time(), "nvidia-smi", driver or None, gpus, failure)


def _cells(line: str, fields: tuple[str, ...]) -> Mapping[str, str]:
    cells = [cell.strip() for cell in line.split(",", len(fields) - 1)]
    return dict(zip(fields, cells, strict=True)) if len(cells) == len(fields) else {}


def _gpu(index: int, cells: Mapping[str, str]) -> GpuSample:
    def integer(name: str) -> int | None:
        return _integer(cells.get(name, ""))

    def mebibytes(name: str) -> int | None:
        value = integer(name)
        return None if value is None else value << 20

    mig = {"Enabled": True, "Disabled": False}
    return GpuSample(
        index=index,
        uuid=_told(cells.get("uuid", "")),
        name=_told(cells.get("name", "")),
        failure="fell-off-the-bus" if any(_LOST in cell for cell in cells.values()) else "",
        utilisation_percent=integer("utilization.gpu"),
        memory_utilisation_percent=integer("utilization.memory"),
        memory_used_bytes=mebibytes("memory.used"),
        memory_total_bytes=mebibytes("memory.total"),
        temperature_celsius=integer("temperature.gpu"),
        power_watts=_float(cells.get("power.draw", "")),
        power_limit_watts=_float(cells.get("enforced.power.limit", cells.get("power.limit", ""))),
        sm_clock_mhz=integer("clocks.sm"),
        memory_clock_mhz=integer("clocks.mem"),
        fan_percent=integer("fan.speed"),
        ecc_errors=integer("ecc.errors.uncorrected.volatile.total"),
        throttle_reasons=_reasons(cells),
        mig_enabled=mig.get(cells.get("mig.mode.current", "")),
    )


def _reasons(cells: Mapping[str, str]) -> tuple[str, ...] | None:
    names = ("clocks_event_reasons.active", "clocks_throttle_reasons.active")
    text = next((cells[name] for name in names if name in cells), "")
    if not re.fullmatch(r"0x[0-9A-Fa-f]{1,16}", text):
        return None
    return tuple(reasons_of(int(text, 16)) or ())


def _told(cell: str) -> str:
    """A cell's text; "" for `[N/A]`, `[Not Supported]`, `[GPU is lost]`."""
    text = "".join(filter(str.isprintable, cell))[:200]
    return "" if text.startswith("[") else text


def _integer(cell: str) -> int | None:
    return int(cell) if re.fullmatch(r"[0-9]{1,15}", cell) else None


def _float(cell: str) -> float | None:
    return float(cell) if re.fullmatch(r"[0-9]{1,9}(\.[0-9]{1,9})?", cell) else None
