"""A sampler's mapping, perhaps from another machine, as a Sample: nothing in it is taken on trust."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from gpu_wizard.model.sample import GpuProcess, GpuSample, MigInstance, Sample

_INTEGERS = (
    *("xid", "utilisation_percent", "memory_utilisation_percent", "memory_used_bytes"),
    *("memory_total_bytes", "temperature_celsius", "temperature_limit_celsius", "sm_clock_mhz"),
    *("memory_clock_mhz", "fan_percent", "ecc_errors"),
)
_TEXT_LENGTH = 1000
_LARGEST = 1e15
_END_OF_CALENDAR = 253_370_764_800
"""The year 9999, in seconds since 1970."""


def sample_of_line(line: bytes) -> Sample | None:
    """The sample in a line; None where it holds none, such as a login message."""
    try:
        data = json.loads(line)
    except (ValueError, RecursionError):
        return None
    return sample_of(data) if isinstance(data, Mapping) and "source" in data else None


def sample_of(data: Mapping[str, Any]) -> Sample:
    """The sample in a mapping. What is missing or of a wrong kind is "not told"."""
    return Sample(
        at=_time(data.get("at")),
        source=_text(data.get("source")),
        driver_version=_text(data.get("driver_version")) or None,
        gpus=tuple(_gpu(item) for item in _mappings(data.get("gpus"))),
        failure=_text(data.get("failure")),
    )


def _gpu(data: Mapping[str, Any]) -> GpuSample:
    processes, reasons, mig = (
        data.get(k) for k in ("processes", "throttle_reasons", "mig_enabled")
    )
    return GpuSample(
        index=_integer(data.get("index")) or 0,
        uuid=_text(data.get("uuid")),
        name=_text(data.get("name")),
        failure=_text(data.get("failure")),
        power_watts=_float(data.get("power_watts")),
        power_limit_watts=_float(data.get("power_limit_watts")),
        throttle_reasons=tuple(map(_text, reasons)) if isinstance(reasons, list) else None,
        mig_enabled=mig if isinstance(mig, bool) else None,
        mig_instances=tuple(_instance(item) for item in _mappings(data.get("mig_instances"))),
        processes=_processes(processes) if isinstance(processes, list) else None,
        **{name: _integer(data.get(name)) for name in _INTEGERS},
    )


def _instance(data: Mapping[str, Any]) -> MigInstance:
    return MigInstance(
        uuid=_text(data.get("uuid")),
        profile=_text(data.get("profile")),
        memory_used_bytes=_integer(data.get("memory_used_bytes")),
        memory_total_bytes=_integer(data.get("memory_total_bytes")),
        processes=_processes(data.get("processes")),
    )


def _processes(items: Any) -> tuple[GpuProcess, ...]:
    return tuple(
        GpuProcess(
            pid=_integer(item.get("pid")) or 0,
            name=_text(item.get("name")),
            memory_bytes=_integer(item.get("memory_bytes")),
            cgroup=_text(item.get("cgroup")),
            container_log=_text(item.get("container_log")),
        )
        for item in _mappings(items)
    )


def _mappings(value: Any) -> Sequence[Mapping[str, Any]]:
    return [item for item in value if isinstance(item, Mapping)] if isinstance(value, list) else []


def _text(value: Any) -> str:
    """Text that can be shown: no control and no bidirectional characters."""
    if not isinstance(value, str):
        return ""
    text = value[:_TEXT_LENGTH]
    return text if text.isprintable() else "".join(filter(str.isprintable, text))


def _integer(value: Any) -> int | None:
    """A number that a counter of 64 bits can hold."""
    is_number = isinstance(value, int) and not isinstance(value, bool)
    return value if is_number and abs(value) < 1 << 64 else None


def _time(value: Any) -> float:
    """A time that a calendar can show; 0 for none."""
    at = _float(value)
    return at if at is not None and 0 <= at < _END_OF_CALENDAR else 0.0


def _float(value: Any) -> float | None:
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    return float(value) if is_number and abs(value) < _LARGEST else None
