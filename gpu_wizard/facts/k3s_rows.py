"""What was found of a host's membership, as a person reads it."""

from __future__ import annotations

from gpu_wizard.facts.k3s_situation import Situation
from gpu_wizard.model.fact import Absent, Known, value_or
from gpu_wizard.model.stage import Found, State


def found_rows(now: Situation) -> tuple[Found, ...]:
    """Unit, version, server, its port, the Node, the clocks."""
    unit, node = now.unit, value_or(now.facts.node, None)
    rows = [Found("join.unit", now.unit_words, "done" if unit.running else None)]
    rows.append(Found("join.version", str(value_or(now.facts.version, ""))))
    if now.server or now.configured_server:
        rows.append(Found("join.server", now.configured_server or now.server))
    if isinstance(now.port, Known):
        good: State = "done" if now.port.value.state == "k3s" else "blocked"
        rows.append(Found("join.port", now.port.value.state, good))
    if node:
        same = now.is_same_machine(node)
        ready: State = "done" if node.ready == "True" and same else "blocked"
        rows.append(Found("join.node", f"{node.name}, Ready {node.ready}", ready))
    elif isinstance(now.facts.node, Absent):
        rows.append(Found("join.node", ""))
    if now.clock_skew is not None:
        rows.append(Found("join.clock", f"{now.clock_skew:+d} s"))
    return tuple(rows)
