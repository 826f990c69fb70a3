"""Which nodes a pod may run on: selectors, affinity, taints, resources."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from fractions import Fraction
from typing import Any

from gpu_wizard.lab.api import quantity, selectors
from gpu_wizard.lab.ports import JsonObject

_MISMATCH = "node(s) didn't match Pod's node affinity/selector"


def selected(spec: Mapping[str, Any], node: JsonObject) -> bool:
    """Whether a pod's nodeSelector and required node affinity mean this node."""
    labels = node["metadata"].get("labels", {})
    wanted = spec.get("nodeSelector") or {}
    if any(labels.get(key) != value for key, value in wanted.items()):
        return False
    affinity = (spec.get("affinity") or {}).get("nodeAffinity") or {}
    required = affinity.get("requiredDuringSchedulingIgnoredDuringExecution")
    if not required:
        return True
    return any(_term(term, node, labels) for term in required.get("nodeSelectorTerms", ()))


def _term(term: Mapping[str, Any], node: JsonObject, labels: Mapping[str, str]) -> bool:
    fields = {"metadata.name": node["metadata"]["name"]}
    by_label = term.get("matchExpressions") or []
    by_field = term.get("matchFields") or []
    if not by_label and not by_field:
        return False
    return all(selectors.expression(each, labels) for each in by_label) and all(
        selectors.expression(each, fields) for each in by_field
    )


def repelling(
    spec: Mapping[str, Any], node: JsonObject, effects: Iterable[str]
) -> JsonObject | None:
    """The first taint of these effects that a pod does not tolerate."""
    tolerations = spec.get("tolerations") or ()
    for taint in node["spec"].get("taints") or ():
        if taint["effect"] in effects and not any(_tolerates(t, taint) for t in tolerations):
            found: JsonObject = taint
            return found
    return None


def _tolerates(toleration: Mapping[str, Any], taint: Mapping[str, Any]) -> bool:
    if toleration.get("effect") not in (None, "", taint["effect"]):
        return False
    if toleration.get("key") not in (None, "", taint["key"]):
        return False
    if toleration.get("operator", "Equal") == "Exists":
        return True
    return bool(toleration.get("key")) and toleration.get("value", "") == taint.get("value", "")


def requests(spec: Mapping[str, Any]) -> dict[str, Fraction]:
    """What a pod asks for, over all its containers."""
    total: dict[str, Fraction] = {}
    for container in spec.get("containers", ()):
        for name, text in (container.get("resources", {}).get("requests") or {}).items():
            total[name] = total.get(name, Fraction(0)) + quantity.amount(text)
    return total


def obstacle(
    pod: JsonObject, node: JsonObject, neighbours: Iterable[JsonObject], *, names_taint: bool
) -> str:
    """Why the scheduler does not put a pod on a node; "" if it may.

    `names_taint`: older schedulers name the taint (before 1.35).
    """
    spec = pod["spec"]
    tolerated = repelling(spec, node, ("NoSchedule", "NoExecute"))
    if node["spec"].get("unschedulable") and (tolerated or {}).get("key") in (
        None,
        "node.kubernetes.io/unschedulable",
    ):
        taint = {"key": "node.kubernetes.io/unschedulable", "effect": "NoSchedule"}
        if not any(_tolerates(each, taint) for each in spec.get("tolerations") or ()):
            return "node(s) were unschedulable"
    if tolerated is not None:
        shown = f" {{{tolerated['key']}: {tolerated.get('value', '')}}}" if names_taint else "(s)"
        return f"node(s) had untolerated taint{shown}"
    if not selected(spec, node):
        return _MISMATCH
    return _shortage(pod, node, neighbours)


def _shortage(pod: JsonObject, node: JsonObject, neighbours: Iterable[JsonObject]) -> str:
    allocatable = node["status"].get("allocatable", {})
    taken: dict[str, Fraction] = {}
    count = 0
    for neighbour in neighbours:
        count += 1
        for name, amount in requests(neighbour["spec"]).items():
            taken[name] = taken.get(name, Fraction(0)) + amount
    if count >= quantity.amount(allocatable.get("pods", "110")):
        return "Too many pods"
    for name, amount in sorted(requests(pod["spec"]).items()):
        available = quantity.amount(allocatable.get(name, "0"))
        if amount and taken.get(name, Fraction(0)) + amount > available:
            return f"Insufficient {name}"
    return ""


def could_ever_fit(pod: JsonObject, node: JsonObject) -> bool:
    """Whether an empty node of this kind would have room, so that preemption might help."""
    allocatable = node["status"].get("allocatable", {})
    return all(
        amount <= quantity.amount(allocatable.get(name, "0"))
        for name, amount in requests(pod["spec"]).items()
    )
