"""The anchors of a catalogue: which lines of a log are worth a closer look, and what each may tell."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import Any

from gpu_wizard.knowledge.diagnosis.catalogue import Catalogue, Recovery, Signature, catalogue
from gpu_wizard.knowledge.diagnosis.languages import Saying, sayings
from gpu_wizard.knowledge.diagnosis.places import Places, made, ready
from gpu_wizard.knowledge.diagnosis.wording import Wording, without_digits

KEPT_LINES = 20


@dataclass
class Hit:
    """A signature that a log tells of. `lines`: the first ones and the newest; `text`: the line, cleaned.

    `message`: from where it is told to the end of its line, of several the one that wraps most errors.

    `loose`: only a few words told it, in a sentence that nobody knows.
    """

    signature: Signature
    params: Mapping[str, str]
    text: str
    loose: bool = False
    message: str = ""
    lines: list[int] = field(default_factory=list)
    last: int = 0
    count: int = 0
    order: int = 0

    def add(self, line: int) -> None:
        """Another place."""
        self.count += 1
        self.last = max(self.last, line)
        if line in self.lines:
            return
        if len(self.lines) >= KEPT_LINES:
            self.lines[-1] = line
        else:
            self.lines.append(line)


def deeper(old: str, new: str) -> str:
    """The one of two messages that wraps more errors; the old one where they are alike."""
    return new if new.count(": ") > old.count(": ") else old


def merged(old: Mapping[str, str], new: Mapping[str, str]) -> dict[str, str]:
    """Parameters of several places: different values side by side, at most a handful."""
    result = dict(old)
    for key, value in new.items():
        values = result.get(key, "").split(", ") if result.get(key) else []
        if value not in values and len(values) < 6:
            result[key] = ", ".join([*values, value])
    return result


@dataclass(frozen=True)
class Target:
    """What an anchor leads to."""

    wording: Wording
    signature: Signature | None = None
    recovery: Recovery | None = None
    broad: bool = False
    loose: bool = False


@dataclass
class Shape:
    """A line, numbers apart. `leads`: what it may tell; `told`: what it told with these small numbers.

    `rests`: what the next line may begin with so that an anchor, broken at the line's end, is whole; `broken`: the
    numbers of these anchors. `joins`: how often, in vain, it was read as a part of a broken line. `foreign`: what it
    says in another language than English.
    """

    leads: tuple[Target, ...] = ()
    rests: tuple[bytes, ...] = ()
    broken: tuple[int, ...] = ()
    foreign: tuple[Saying, ...] = ()
    tries: int = 0
    joins: int = 0
    told: dict[bytes, tuple[Hit, ...]] = field(default_factory=dict)


PLAIN = Shape()


class Index:
    """The anchors of a catalogue, made once."""

    def __init__(self, known: Catalogue, content: Mapping[str, Any] | None = None) -> None:
        """`content`: what was made of this catalogue before, see `places.made`."""
        self._places = Places(content or made(known))
        self._signatures = known.signatures
        self._recoveries = known.recoveries
        self._first_saying = len(known.signatures) + len(known.recoveries)
        self._targets: dict[int, tuple[Target, ...]] = {}
        self._harmless = known.harmless

    def is_harmless(self, line: str) -> bool:
        """Whether a line looks bad and is not."""
        plainly = without_digits(line)
        met = (each for each in self._harmless if each.anchor in plainly)
        return any(each.pattern.search(line) for each in met)

    def shape(self, key: bytes) -> Shape:
        """What a line may tell, given in lower case without digits, each run of blanks as one."""
        numbers = self._places.standing_in(key)
        leads = tuple(target for number in numbers for target in self.targets(number))
        foreign = tuple(saying for number in numbers for saying in self._foreign(number))
        begun = self._places.begun_by(key)
        if not leads and not begun and not foreign:
            return PLAIN
        rests, broken = tuple(rest for rest, _ in begun), tuple(number for _, number in begun)
        return Shape(leads, rests, broken, foreign)

    def wrapped(self, shape: Shape, key: bytes) -> tuple[Target, ...]:
        """What the anchors lead to that a line began and the next one, given as to `shape`, ends."""
        if not key.startswith(shape.rests):
            return ()
        pairs = zip(shape.rests, shape.broken, strict=True)
        ended = (number for rest, number in pairs if key.startswith(rest))
        return tuple(target for number in ended for target in self.targets(number))

    def targets(self, number: int) -> tuple[Target, ...]:
        """Where an anchor leads."""
        found = self._targets.get(number)
        if found is None:
            leads = (each for each in self._places.leads(number) if each[0] < self._first_saying)
            found = self._targets[number] = tuple(self._target(*each) for each in leads)
        return found

    def _foreign(self, number: int) -> list[Saying]:
        """What an anchor says in another language."""
        whose = (owner - self._first_saying for owner, _ in self._places.leads(number))
        return [sayings()[which] for which in whose if which >= 0]

    def _target(self, whose: int, which: int) -> Target:
        if whose >= len(self._signatures):
            recovery = self._recoveries[whose - len(self._signatures)]
            return Target(recovery.wording, recovery=recovery)
        signature = self._signatures[whose]
        near, broad = len(signature.wordings), len(signature.broad)
        if which < near:
            return Target(signature.wordings[which], signature)
        if which < near + broad:
            return Target(signature.broad[which - near], signature, broad=True)
        return Target(signature.loose[which - near - broad], signature, loose=True)


@cache
def index() -> Index:
    """The index of the shipped catalogue."""
    return Index(catalogue(), ready())
