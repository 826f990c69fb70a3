"""Cards as JSON lines, and as a table for people.

The first line is `{"type": "version", "version": "1.0", "program": …}`. Every other is a `sample`: `at` (UTC, RFC
3339), `node` ("" where the cluster was not asked), `source` (`nvml` or `nvidia-smi`), `fallback`, `cannot_tell`,
`driver_version`, `failure`, `gpus` with the fields of `model/sample.py`, `warnings` (`code`, `level`, `card`, the text
in English) and `pods` (`pod`, `verdict`, `asked`, `cards`). null is "not supported" or "not told". A minor version
adds, a major one breaks; readers ignore what they don't know.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, TextIO

from gpu_wizard.engine.gpu_watch import Watched
from gpu_wizard.faces.jsonlines import as_json
from gpu_wizard.faces.printable import printable
from gpu_wizard.facts.attribution import HOST, processes_of
from gpu_wizard.facts.gpu_warnings import Warn
from gpu_wizard.knowledge.texts import Language, next_step, sentence
from gpu_wizard.model.sample import GpuProcess, GpuSample, MigInstance

SCHEMA_VERSION = "1.0"
_INTERNAL = ("cgroup", "container_log")
_GIB = 1 << 30


class GpuJson:
    """Writes samples to a stream, one object a line."""

    def __init__(self, stream: TextIO, program_version: str) -> None:
        """Writes the version line at once."""
        self._stream = stream
        self._write({"type": "version", "version": SCHEMA_VERSION, "program": program_version})

    def show(self, watched: Watched) -> None:
        """Write one sample."""
        sample = watched.sample
        fields = {name: value for name, value in as_json(sample).items() if name != "at"}
        self._write(
            {
                "type": "sample",
                "at": as_json(datetime.fromtimestamp(sample.at, UTC)),
                "node": watched.node,
                **_without_internals(fields),
                "warnings": [
                    {**as_json(warn), "text": _text(warn, "en")} for warn in watched.warnings
                ],
                "pods": as_json(watched.uses),
            }
        )

    def _write(self, record: Mapping[str, Any]) -> None:
        self._stream.write(json.dumps(record, ensure_ascii=True) + "\n")
        self._stream.flush()


def _without_internals(value: Any) -> Any:
    if isinstance(value, dict):
        return {k: _without_internals(v) for k, v in value.items() if k not in _INTERNAL}
    return [_without_internals(item) for item in value] if isinstance(value, list) else value


class GpuTable:
    """Writes samples to a stream as a table, its processes and its warnings."""

    def __init__(self, stream: TextIO, language: Language) -> None:
        self._stream = stream
        self._language = language
        self._source_told = False

    def show(self, watched: Watched) -> None:
        """Write one sample."""
        sample = watched.sample
        clock = datetime.fromtimestamp(sample.at).astimezone().strftime("%H:%M:%S")
        driver = (
            f" · {self._word('driver')} {sample.driver_version}" if sample.driver_version else ""
        )
        lines = [f"{clock} · {sample.source}{driver}", *self._source(watched)]
        if sample.gpus:
            lines += _aligned([self._heads(), *self._rows(sample.gpus)])
        elif not sample.failure:
            lines.append(self._word("no-cards"))
        lines += self._processes(sample.gpus)
        lines += [f"! {_where(warn)}{_text(warn, self._language)}" for warn in watched.warnings]
        self._stream.write(printable("\n".join(lines)) + "\n\n")
        self._stream.flush()

    def _source(self, watched: Watched) -> Iterable[str]:
        """Why it is not NVML and what is not told, once."""
        sample = watched.sample
        if not sample.cannot_tell or self._source_told:
            return
        self._source_told = True
        missing = ", ".join(self._word(name) for name in sample.cannot_tell)
        why = sentence("note", f"gpu.{sample.fallback}", {}, self._language)
        yield f"{why} {self._word('cannot-tell')}: {missing}." if sample.fallback else missing

    def _heads(self) -> list[str]:
        heads = ("card", "use", "memory", "temperature", "power", "clock", "fan", "ecc")
        return ["#", *(self._word(head) for head in heads)]

    def _rows(self, gpus: Sequence[GpuSample]) -> Iterable[list[str]]:
        for gpu in gpus:
            who = [str(gpu.index), gpu.name]
            if gpu.failure:
                yield [*who, sentence("note", f"gpu.{gpu.failure}", _xid(gpu), self._language)]
                continue
            yield [
                *who,
                self._value(gpu.utilisation_percent, "%"),
                self._memory(gpu.memory_used_bytes, gpu.memory_total_bytes),
                self._value(gpu.temperature_celsius, "°C"),
                self._power(gpu),
                self._value(gpu.sm_clock_mhz, self._word("mhz")),
                self._value(gpu.fan_percent, "%"),
                self._value(gpu.ecc_errors, ""),
            ]
            yield from (self._instance(instance) for instance in gpu.mig_instances)

    def _instance(self, instance: MigInstance) -> list[str]:
        used, total = instance.memory_used_bytes, instance.memory_total_bytes
        return ["", f"  MIG {instance.profile}", "", self._memory(used, total)]

    def _processes(self, gpus: Sequence[GpuSample]) -> list[str]:
        rows = [
            [
                str(gpu.index),
                str(process.pid),
                process.name,
                self._used(process),
                self._pod(process),
            ]
            for gpu in gpus
            for process in processes_of(gpu)
        ]
        heads = ["#", "pid", *(self._word(head) for head in ("process", "memory", "pod"))]
        return _aligned([heads, *rows]) if rows else []

    def _pod(self, process: GpuProcess) -> str:
        known = {HOST: self._word("host"), "": self._word("unknown")}
        return known.get(process.pod, process.pod)

    def _used(self, process: GpuProcess) -> str:
        used = process.memory_bytes
        return self._word("not-told") if used is None else f"{_gib(used)} {self._word('gib')}"

    def _memory(self, used: int | None, total: int | None) -> str:
        if used is None or total is None:
            return self._word("not-supported")
        return f"{_gib(used)} / {_gib(total)} {self._word('gib')}"

    def _power(self, gpu: GpuSample) -> str:
        if gpu.power_watts is None:
            return self._word("not-supported")
        limit = f" / {gpu.power_limit_watts:.0f}" if gpu.power_limit_watts is not None else ""
        return f"{gpu.power_watts:.0f}{limit} {self._word('watt')}"

    def _value(self, value: int | None, unit: str) -> str:
        return self._word("not-supported") if value is None else f"{value} {unit}".strip()

    def _word(self, name: str) -> str:
        return sentence("word", f"gpu-{name}", {}, self._language)


def _gib(size: int) -> str:
    return f"{size / _GIB:.1f}"


def _xid(gpu: GpuSample) -> dict[str, str]:
    return {"xid": "" if gpu.xid is None else f" (Xid {gpu.xid})"}


def _where(warn: Warn) -> str:
    return "" if warn.card is None else f"{warn.card}: "


def _text(warn: Warn, language: Language) -> str:
    parts = (part("note", warn.code, warn.params, language) for part in (sentence, next_step))
    return " ".join(filter(None, parts))


def _aligned(rows: Sequence[Sequence[str]]) -> list[str]:
    """Columns as wide as they need to be; a row that is shorter ends in one text of any length."""
    full = [row for row in rows if len(row) == len(rows[0])]
    widths = [max(len(row[at]) for row in full) for at in range(len(rows[0]))]
    return [
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=False)).rstrip()
        for row in rows
    ]
