"""Values of a card as a person reads them."""

from __future__ import annotations

from gpu_wizard.faces.tui.drawing.pen import Pen
from gpu_wizard.faces.words import NO_BREAK
from gpu_wizard.model.sample import GpuSample

_GIB = 1 << 30


def short(uuid: str) -> str:
    """`GPU-3f1c…a07e`."""
    return f"{uuid[:8]}…{uuid[-4:]}" if len(uuid) > 14 else uuid


def model(gpu: GpuSample) -> str:
    return gpu.name.removeprefix("NVIDIA ").removeprefix("GeForce ")[:10]


def rounded(value: float | None) -> int | None:
    return None if value is None else round(value)


def unit(value: int | None, unit: str, pen: Pen) -> str:
    return pen.words("gpu.not-supported") if value is None else f"{value}{NO_BREAK}{unit}"


def percent(value: int | None, pen: Pen) -> str:
    """`98 %`."""
    return unit(value, "%", pen)


def celsius(value: int | None, pen: Pen) -> str:
    """`52 °C`."""
    return unit(value, "°C", pen)


def power(gpu: GpuSample, pen: Pen) -> str:
    """`690 / 700 W`."""
    if gpu.power_watts is None:
        return pen.words("gpu.not-supported")
    limit = f" / {gpu.power_limit_watts:.0f}" if gpu.power_limit_watts else ""
    return f"{gpu.power_watts:.0f}{limit}{NO_BREAK}{pen.words('unit.watt')}"


def gib(size: int, pen: Pen) -> str:
    """`61.8 GiB`."""
    number = f"{size / _GIB:.1f}"
    number = number.replace(".", ",") if pen.words.language == "ru" else number
    return f"{number}{NO_BREAK}{pen.words('unit.gib')}"


def memory(used: int | None, total: int | None, pen: Pen) -> str:
    """`61.8 / 140.4 GiB`."""
    if used is None or total is None:
        return pen.words("gpu.not-supported")
    return f"{gib(used, pen).split(NO_BREAK)[0]} / {gib(total, pen)}"


def short_memory(used: int | None, total: int | None, pen: Pen) -> str:
    if used is None or total is None:
        return pen.words("gpu.not-told")
    return f"{used / _GIB:.0f}/{total / _GIB:.0f}{NO_BREAK}{pen.words('unit.gib')}"
