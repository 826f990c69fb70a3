"""The GPU panels: values, bars, and graphs with a fixed scale."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta

from rich.cells import cell_len

from gpu_wizard.faces.tui.drawing.gpu_graph import graph
from gpu_wizard.faces.tui.drawing.gpu_notes import pod_lines, source_lines, warn_lines
from gpu_wizard.faces.tui.drawing.gpu_values import (
    celsius,
    gib,
    memory,
    model,
    percent,
    power,
    rounded,
    short,
    short_memory,
    unit,
)
from gpu_wizard.faces.tui.drawing.pen import Pen
from gpu_wizard.faces.tui.look import (
    BODY,
    CHOSEN,
    ERROR,
    HEADING,
    MUTED,
    RISK,
    STRONG,
    STYLES,
    Line,
    Part,
)
from gpu_wizard.faces.tui.telemetry_view import STALE, History
from gpu_wizard.faces.words import elapsed
from gpu_wizard.facts.gpu_warnings import warnings
from gpu_wizard.knowledge.texts import next_step
from gpu_wizard.model.sample import GpuSample, MigInstance, Sample

_GRAPH_ROWS = 2


@dataclass(frozen=True)
class Panel:
    """What is shown: which card, how long a history, whether MIG instances are listed; how often samples come."""

    history: History
    chosen: int = 0
    minutes: int = 1
    mig: bool = True
    every_seconds: float = 1.0


def panel_lines(panel: Panel, pen: Pen, rows: int) -> list[Line]:
    """The whole panel. `rows`: how many there is room for."""
    words, look, latest = pen.words, pen.look, panel.history.latest
    if panel.history.failure:
        return look.wrapped(panel.history.failure, pen.width, ERROR)
    if latest is None:
        return [look.line((words("gpu.waiting"), MUTED))]
    if latest.failure:
        return _failed(latest.failure, pen)
    if not latest.gpus:
        return [look.line((words("gpu.no-cards"), MUTED))]
    if len(latest.gpus) <= 2:
        blocks = [line for gpu in latest.gpus for line in [*_card(gpu, panel, pen), look.line("")]]
    else:
        blocks = _table(latest.gpus, panel, pen)
    blocks += pod_lines(panel.history.pods, pen)
    source = source_lines(latest, pen)
    return [
        *blocks,
        *_processes(latest.gpus, panel, pen, rows - len(blocks) - len(source)),
        *source,
    ]


def _failed(failure: str, pen: Pen) -> list[Line]:
    """The driver itself does not answer: why, and what to do."""
    code = f"gpu.{failure}"
    following = next_step("note", code, {}, pen.words.language)
    return [
        *pen.look.wrapped(pen.words.of("note", code), pen.width, ERROR),
        *pen.look.wrapped(following, pen.width, BODY),
    ]


def is_stale(panel: Panel, pen: Pen) -> bool:
    """Whether the newest sample is too old to be called live."""
    return panel.history.age(pen.now) > STALE


def _card(gpu: GpuSample, panel: Panel, pen: Pen) -> list[Line]:
    """One or two cards: value and graph in a row, no bar."""
    look = pen.look
    head: list[Part] = [(f"{gpu.index} {gpu.name}", HEADING), (f"  {short(gpu.uuid)}", MUTED)]
    lines = [look.line(*head), *_warned(gpu, pen)]
    if gpu.failure:
        return lines
    muted = is_stale(panel, pen)
    lines.append(look.line(""))
    for name, label, value, top in _graphed(gpu, pen):
        lines += _graph_row(gpu, name, (label, value, top), panel, pen, muted=muted)
        lines.append(look.line(""))
    return [*lines, *_small_values(gpu, pen), *_mig(gpu, panel, pen)]


def _graphed(gpu: GpuSample, pen: Pen) -> list[tuple[str, str, str, float]]:
    """Field, label, value, the top of its scale."""
    words = pen.words
    used, total = gpu.memory_used_bytes, gpu.memory_total_bytes
    return [
        ("utilisation_percent", words("gpu.use"), percent(gpu.utilisation_percent, pen), 100.0),
        ("memory_used_bytes", words("gpu.memory"), memory(used, total, pen), float(total or 1)),
        (
            "power_watts",
            words("gpu.power"),
            power(gpu, pen),
            float(gpu.power_limit_watts or 1),
        ),
    ]


def _graph_row(
    gpu: GpuSample,
    name: str,
    shown: tuple[str, str, float],
    panel: Panel,
    pen: Pen,
    *,
    muted: bool,
) -> list[Line]:
    label, value, top = shown
    left = 32
    width = max(10, pen.width - left)
    window = timedelta(minutes=panel.minutes)
    series = panel.history.series(gpu.uuid, name, window, width, pen.now)
    rows = graph(series, top, _GRAPH_ROWS)
    style = MUTED if muted else STRONG
    head = pen.look.ends(left, [(f"  {label:<10}", MUTED), (value, style)], [])
    lines = [head + pen.look.line((rows[0], STYLES["running"]))]
    more = (pen.look.line(" " * left, (row, STYLES["running"])) for row in rows[1:])
    return [*lines, *more]


def _warned(gpu: GpuSample, pen: Pen) -> list[Line]:
    """What is worth a word about a card, a line each."""
    shown = Sample(0.0, "", None, (gpu,))
    lines: list[Line] = []
    for warn in warnings(shown):
        lines += warn_lines(warn, pen)
    return lines


def _small_values(gpu: GpuSample, pen: Pen) -> list[Line]:
    words = pen.words
    none = words("gpu.not-supported")
    ecc = str(gpu.ecc_errors) if gpu.ecc_errors is not None else none
    values = (
        (words("gpu.temp"), celsius(gpu.temperature_celsius, pen)),
        (words("gpu.clock"), unit(gpu.sm_clock_mhz, words("unit.mhz"), pen)),
        (words("gpu.fan"), percent(gpu.fan_percent, pen)),
        (words("gpu.ecc"), ecc),
    )
    parts: list[Part] = []
    for label, value in values:
        parts += [(f"  {label} ", MUTED), (f"{value} ", BODY)]
    return [pen.look.line(*parts)]


def _table(gpus: Sequence[GpuSample], panel: Panel, pen: Pen) -> list[Line]:
    """Three cards or more: a row each, and the graph of the chosen one."""
    words, look = pen.words, pen.look
    bar_cells = 11 if pen.width < 100 else 20
    heads = (
        f"    {words('gpu.card'):<11}{words('gpu.use'):<{bar_cells + 9}}"
        f"{words('gpu.memory'):<{bar_cells + 15}}{words('gpu.temp'):>6}  {words('gpu.power'):>6}"
    )
    lines = [look.line((heads, MUTED))]
    for number, gpu in enumerate(gpus):
        lines.append(_table_row(gpu, number == panel.chosen, bar_cells, pen))
        lines += _mig(gpu, panel, pen) if panel.mig else []
    chosen = gpus[min(panel.chosen, len(gpus) - 1)]
    title = words("gpu.history", card=f"{chosen.index} {model(chosen)}", n=panel.minutes)
    lines += [look.line(""), look.line((title, MUTED)), *_warned(chosen, pen)]
    window = timedelta(minutes=panel.minutes)
    names = [("utilisation_percent", words("gpu.use"), 100.0)]
    if pen.width >= 140:
        names.append(
            ("memory_used_bytes", words("gpu.memory"), float(chosen.memory_total_bytes or 1))
        )
        names.append(("power_watts", words("gpu.power"), float(chosen.power_limit_watts or 1)))
    each = (pen.width - 2) // len(names) - 2
    graphs = [
        graph(panel.history.series(chosen.uuid, name, window, each, pen.now), top, 4)
        for name, _, top in names
    ]
    if len(names) > 1:
        lines.append(look.line(("  " + "  ".join(f"{n[1]:<{each}}" for n in names), MUTED)))
    for row in zip(*graphs, strict=True):
        lines.append(look.line("  ", ("  ".join(row), STYLES["running"])))
    return lines


def _table_row(gpu: GpuSample, is_chosen: bool, cells: int, pen: Pen) -> Line:
    look, words = pen.look, pen.words
    mark: Part = (CHOSEN if is_chosen else " ", STYLES["needed"])
    name: Part = (f"  {gpu.index} {model(gpu):<10}", STRONG if is_chosen else BODY)
    if gpu.failure:
        xid = f" (Xid {gpu.xid})" if gpu.xid else ""
        text = words.of("note", f"gpu.{gpu.failure}", {"xid": xid})
        return look.line(mark, name, (f"{look.glyph('failed')} {text}", ERROR))
    used, total = gpu.memory_used_bytes, gpu.memory_total_bytes
    parts: list[Part] = [
        mark,
        name,
        *_bar(gpu.utilisation_percent, 100, cells, pen),
        (f" {percent(gpu.utilisation_percent, pen):>6}  ", BODY),
        *_bar(used, total, cells, pen),
        (f" {short_memory(used, total, pen):>12}  ", BODY),
        (f"{celsius(gpu.temperature_celsius, pen):>6} ", BODY),
        (f"{unit(rounded(gpu.power_watts), words('unit.watt'), pen):>7}", BODY),
    ]
    return look.line(*parts)


def _bar(value: float | None, top: float | None, cells: int, pen: Pen) -> list[Part]:
    if value is None or not top:
        return [(" " * cells, MUTED)]
    full = round(cells * min(1.0, value / top))
    return [("━" * full, STYLES["needed"]), ("─" * (cells - full), MUTED)]


def _mig(gpu: GpuSample, panel: Panel, pen: Pen) -> list[Line]:
    if not gpu.mig_instances or not panel.mig:
        return []
    last = len(gpu.mig_instances) - 1
    return [_mig_row(one, number == last, pen) for number, one in enumerate(gpu.mig_instances)]


def _mig_row(one: MigInstance, is_last: bool, pen: Pen) -> Line:
    words = pen.words
    use = words("gpu.use-not-supported")
    users = ", ".join(process.pod or process.name for process in one.processes)
    return pen.look.line(
        (f"      {'└' if is_last else '├'} {one.profile:<9} ", BODY),
        (f"{use}  ", MUTED),
        *_bar(one.memory_used_bytes, one.memory_total_bytes, 11, pen),
        (f" {short_memory(one.memory_used_bytes, one.memory_total_bytes, pen)}  ", BODY),
        (users or words("gpu.free"), BODY if users else MUTED),
    )


def _processes(gpus: Sequence[GpuSample], panel: Panel, pen: Pen, room: int) -> list[Line]:
    words, look = pen.words, pen.look
    shown = gpus if len(gpus) <= 2 else gpus[panel.chosen : panel.chosen + 1]
    processes = [process for gpu in shown for process in gpu.processes or ()]
    if not processes or room < 3:
        return []
    lines = [
        look.line(
            (f"  {words('gpu.process'):<28}{words('gpu.memory'):>12}   {words('gpu.pod')}", MUTED)
        )
    ]
    for process in processes[: room - 2]:
        used = process.memory_bytes
        size = gib(used, pen) if used is not None else words("gpu.not-told")
        pod = (
            words("gpu.host") if process.pod == "host" else process.pod or words("gpu.unknown-pod")
        )
        name = process.name if cell_len(process.name) <= 27 else f"{process.name[:26]}…"
        lines.append(look.line((f"  {name:<28}{size:>12}   {pod}", BODY)))
    return [look.line(""), *lines]


def age_text(panel: Panel, pen: Pen) -> tuple[str, str]:
    """`live · 1 s`, or how old the newest sample is."""
    words = pen.words
    if not panel.history.samples:
        return words("gpu.connecting"), MUTED
    if is_stale(panel, pen):
        age = elapsed(panel.history.age(pen.now).total_seconds())
        return words("gpu.stale", age=age), RISK
    return words("gpu.live", every=f"{panel.every_seconds:g}"), MUTED
