"""The rail: the eight stages and the proof with their states, and the four facts that matter on every stage."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Final

from rich.cells import cell_len

from gpu_wizard.engine.progress import NodeProgress
from gpu_wizard.faces.tui.look import BODY, CHOSEN, MUTED, STRONG, STYLES, Line, Look
from gpu_wizard.faces.tui.order import ORDER, number_of, shown_state
from gpu_wizard.faces.words import Words
from gpu_wizard.facts.k3s import K3S_VERSION
from gpu_wizard.facts.nvidia_smi import SMI_QUERY, SmiReport
from gpu_wizard.facts.objects import NODE_PODS, gpu_pods
from gpu_wizard.model.fact import Fact, Known

GAP_AT: Final = len(ORDER) - 1
"""A blank row stands before the proof."""


def rail(
    node: NodeProgress, chosen: str, skipped: Collection[str], look: Look, words: Words, width: int
) -> list[Line]:
    """The rows of the rail, with a blank one before the proof."""
    lines: list[Line] = []
    for index, stage in enumerate(ORDER):
        if index == GAP_AT:
            lines.append(look.line(""))
        lines.append(_row(node, stage, chosen == stage, skipped, look, words, width))
    return lines


def row_at(y: int) -> str | None:
    """The stage in a row of the rail; None for the blank one and below."""
    index = y if y < GAP_AT else y - 1
    return ORDER[index] if y != GAP_AT and 0 <= index < len(ORDER) else None


def _row(
    node: NodeProgress,
    stage: str,
    is_chosen: bool,
    skipped: Collection[str],
    look: Look,
    words: Words,
    width: int,
) -> Line:
    state = shown_state(node, stage, skipped)
    style = STYLES[state]
    name = f"{number_of(stage)} {words(f'name.{stage}')}"
    left = (
        (CHOSEN if is_chosen else " ", STYLES["needed"]),
        (look.glyph(state), style),
        (f" {name}", STRONG if is_chosen else BODY),
    )
    return look.ends(width - 1, left, [(words.state(state), style)])


def side(node: NodeProgress, look: Look, words: Words, width: int) -> list[Line]:
    """K3s, driver, card, GPU pods: what a person wants in sight on every stage."""
    rows = {
        "k3s": _text(node.facts, K3S_VERSION.id, words),
        "driver": _driver(node.facts, words),
        "card": _card(node.facts, words),
        "gpu-pods": _pods(node.facts, words),
    }
    labels = {key: words(f"side.{key}") for key in rows}
    column = max(cell_len(label) for label in labels.values()) + 2
    lines = []
    for key, value in rows.items():
        label = labels[key].ljust(column)
        lines.append(look.ends(width - 1, [("  ", MUTED), (label, MUTED), (value, BODY)], []))
    return lines


def _text(facts: Mapping[str, Fact[object]], probe: str, words: Words) -> str:
    match facts.get(probe):
        case Known(value):
            return str(value)
        case None:
            return words("plan.unread")
        case _:
            return words("plan.none")


def _report(facts: Mapping[str, Fact[object]]) -> SmiReport | None:
    fact = facts.get(SMI_QUERY.id)
    return fact.value if isinstance(fact, Known) and isinstance(fact.value, SmiReport) else None


def _driver(facts: Mapping[str, Fact[object]], words: Words) -> str:
    report = _report(facts)
    if report is None or not report.gpus:
        return words("plan.unread" if SMI_QUERY.id not in facts else "plan.none")
    return report.gpus[0].driver_version


def _card(facts: Mapping[str, Fact[object]], words: Words) -> str:
    report = _report(facts)
    if report is None or not report.gpus:
        return words("plan.unread" if SMI_QUERY.id not in facts else "plan.none")
    names = [gpu.name.removeprefix("NVIDIA ").removeprefix("GeForce ") for gpu in report.gpus]
    return names[0] if len(names) == 1 else f"{len(names)} × {names[0]}"


def _pods(facts: Mapping[str, Fact[object]], words: Words) -> str:
    match facts.get(NODE_PODS.id):
        case Known(pods) if isinstance(pods, tuple):
            count = len(gpu_pods(pods))
            return str(count) if count else words("side.none-here")
        case None:
            return words("plan.unread")
        case _:
            return words("side.unknown")
