"""A log to its causes: pure, streaming, of any size.

    diagnose(lines, facts).findings      # best first

Source: the signatures of `signatures/*.toml`, each with its own.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING

from gpu_wizard.knowledge.diagnosis.anchors import Hit
from gpu_wizard.knowledge.diagnosis.catalogue import catalogue
from gpu_wizard.knowledge.diagnosis.ranking import Finding, findings
from gpu_wizard.knowledge.diagnosis.scanning import Scanner

if TYPE_CHECKING:
    from gpu_wizard.knowledge.diagnosis.conditions import Facts
    from gpu_wizard.knowledge.diagnosis.layers import Layer

__all__ = ["Diagnoser", "Diagnosis", "Finding", "LiveDiagnosis", "diagnose"]

_NOTHING: Facts = {}
_SAMPLED = 1 << 16
_LINES_AT_ONCE = 2000
_FAULTS = ("blocker", "warning")


def _conditions(facts: Facts) -> frozenset[str]:
    """What holds; of nothing known, nothing, and then none of the modules is loaded that read facts."""
    if not facts:
        return frozenset()
    from gpu_wizard.knowledge.diagnosis.conditions import conditions_of

    return conditions_of(facts)


def _layer(sample: Iterable[bytes]) -> Layer:
    """Where a text comes from that no signature knows."""
    from gpu_wizard.knowledge.diagnosis.layers import LayerGuess

    guess = LayerGuess()
    for data in sample:
        guess.feed(data.decode(errors="replace").splitlines())
    return guess.layer()


@dataclass(frozen=True)
class Diagnosis:
    """What was found, best first. `unknown`: where nothing was, the layer that the text comes from."""

    findings: tuple[Finding, ...]
    lines: int
    unknown: Layer | None = None


class Diagnoser:
    """Takes a log in pieces of any size. Memory is bounded, whatever the pieces hold."""

    def __init__(self, facts: Facts = _NOTHING, stage: str = "") -> None:
        """`facts`: probe id → answer. `stage`: where the text comes from, as the error corpus names it."""
        self._conditions = _conditions(facts)
        self._scanner = Scanner(stage)
        self._sample: list[bytes] = []
        self._sampled = 0

    def feed(self, data: bytes) -> None:
        """Read some more."""
        self._scanner.feed(data)
        if self._sampled < _SAMPLED:
            self._sample.append(data[:_SAMPLED])
            self._sampled += len(data)

    @property
    def lines(self) -> int:
        """How many whole lines were read."""
        return self._scanner.line

    def end_of_part(self) -> None:
        """One input ends here: its last line is whole, and nothing wraps into the next."""
        self._scanner.end()

    def end(self) -> Diagnosis:
        """The verdict on all that was read."""
        self._scanner.end()
        found = findings(self._scanner.hits.values(), self._conditions, catalogue())
        known = any(each.severity in _FAULTS for each in found)
        unknown = None if known else _layer(self._sample)
        return Diagnosis(found, self._scanner.line, unknown)


def diagnose(lines: Iterable[str], facts: Facts = _NOTHING, stage: str = "") -> Diagnosis:
    """The causes that these lines tell of, judged by what is known of the host and its cluster."""
    diagnoser, several = Diagnoser(facts, stage), iter(lines)
    while block := list(islice(several, _LINES_AT_ONCE)):
        text = "".join(line if line.endswith("\n") else f"{line}\n" for line in block)
        diagnoser.feed(text.encode(errors="replace"))
    return diagnoser.end()


class LiveDiagnosis:
    """Watches the output of one stage while it runs; cheap enough for every chunk."""

    def __init__(self, stage: str, facts: Facts = _NOTHING) -> None:
        """`stage`: the wizard's stage id; `facts` as the survey told them, probe id → answer."""
        self._scanner = Scanner(STAGES.get(stage, stage))
        self._conditions = _conditions(facts)
        self._told: set[str] = set()

    def feed(self, text: str) -> list[Finding]:
        """Findings that this text adds, best first; what was told before is not told again.

        Bare errors only stand at the end: a program that goes on meets many.
        """
        return self._new(self._scanner.feed(text.encode(errors="replace")))

    def end(self) -> list[Finding]:
        """What the last line adds, which may lack its end."""
        return self._new(self._scanner.end())

    def standing(self) -> tuple[Finding, ...]:
        """All that still holds, best first: what came right by itself is gone."""
        return findings(self._scanner.hits.values(), self._conditions, catalogue())

    def _new(self, hits: list[Hit]) -> list[Finding]:
        if not hits:
            return []
        ids = {hit.signature.id for hit in hits} - self._told
        self._told |= ids
        return [each for each in self.standing() if each.id in ids and not each.signature.bare]


STAGES: Mapping[str, str] = {
    "join": "join",
    "driver": "driver",
    "toolkit": "apt",
    "runtime": "containerd",
    "device-plugin": "plugin",
    "runtime-class": "runtimeclass",
    "plugin-runtime": "patch",
    "labels": "label",
    "proof": "verify",
}
"""The wizard's stages as the error corpus names them."""
