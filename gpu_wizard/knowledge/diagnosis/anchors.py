"""The anchors of a catalogue: which lines of a log are worth a closer look, and what each may tell."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache

from gpu_wizard.knowledge.diagnosis.catalogue import Catalogue, Recovery, Signature, catalogue
from gpu_wizard.knowledge.diagnosis.wording import Wording

KEPT_LINES = 20


@dataclass
class Hit:
    """A signature that a log tells of. `lines`: the first ones and the newest; `text`: the line, cleaned."""

    signature: Signature
    params: Mapping[str, str]
    text: str
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


@dataclass
class Shape:
    """A line, numbers apart. `leads`: what it may tell; `told`: what it told with these small numbers.

    `open`: what the next line may begin with so that an anchor, broken at the line's end, is whole.
    """

    leads: tuple[Target, ...] = ()
    open: tuple[tuple[bytes, tuple[Target, ...]], ...] = ()
    tries: int = 0
    told: dict[bytes, tuple[Hit, ...]] = field(default_factory=dict)


PLAIN = Shape()


class Index:
    """The anchors of a catalogue, made once."""

    def __init__(self, known: Catalogue) -> None:
        self.targets: dict[bytes, list[Target]] = {}
        for target in _targets(known):
            self.targets.setdefault(target.wording.anchor.encode(), []).append(target)
        self.any = re.compile(_trie(self.targets))
        self.harmless = known.harmless
        self.begun: dict[bytes, list[tuple[bytes, tuple[Target, ...]]]] = {}
        for anchor, targets in self.targets.items():
            words = anchor.split(b" ")
            for cut in range(1, len(words)):
                rest = b" ".join(words[cut:]), tuple(targets)
                self.begun.setdefault(b" ".join(words[:cut]), []).append(rest)
        self.longest = max(each.count(b" ") for each in self.begun) + 1

    def shape(self, key: bytes) -> Shape:
        """What a line may tell, given in lower case without digits, each run of blanks as one."""
        leads: tuple[Target, ...] = ()
        if self.any.search(key):
            hits = (targets for anchor, targets in self.targets.items() if anchor in key)
            leads = tuple(target for targets in hits for target in targets)
        words = key.rsplit(b" ", self.longest)[-self.longest :]
        ends = (b" ".join(words[-count:]) for count in range(1, len(words) + 1))
        begun = tuple(rest for end in ends for rest in self.begun.get(end, ()))
        return Shape(leads, begun) if leads or begun else PLAIN


@cache
def index() -> Index:
    """The index of the shipped catalogue."""
    return Index(catalogue())


def _targets(known: Catalogue) -> Iterator[Target]:
    for signature in known.signatures:
        for each in signature.wordings:
            yield Target(each, signature)
        for each in signature.broad:
            yield Target(each, signature, broad=True)
    for recovery in known.recoveries:
        yield Target(recovery.wording, recovery=recovery)


def _trie(words: Iterable[bytes]) -> bytes:
    """One regular expression for many literals, common beginnings shared."""
    root: dict[int, dict[int, object]] = {}
    for word in words:
        node: dict[int, object] = root  # type: ignore[assignment]  # a tree of itself
        for code in word:
            node = node.setdefault(code, {})  # type: ignore[assignment]  # as above
        node[-1] = {}
    return _branch(root)  # type: ignore[arg-type]  # as above


def _branch(node: dict[int, object]) -> bytes:
    if not node or -1 in node:
        return b""
    options = [
        re.escape(bytes([code])) + _branch(below)  # type: ignore[arg-type]  # a tree of itself
        for code, below in sorted(node.items())
    ]
    return options[0] if len(options) == 1 else b"(?:" + b"|".join(options) + b")"
