"""One pass over a log of any size in bounded memory: which signatures it tells of, and where.

Most lines of a long log say what an earlier one said, numbers apart. So each is first compared, lower-cased and
without digits, with those already found to hold nothing; only a new one is searched for any anchor, by one regular
expression of them all; and only where an anchor stands are the wordings behind it tried.
"""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache

from gpu_wizard.knowledge.diagnosis.catalogue import Catalogue, Recovery, Signature, catalogue
from gpu_wizard.knowledge.diagnosis.text import collapsed, plain, shown
from gpu_wizard.knowledge.diagnosis.wording import Wording

LONGEST_LINE = 8192
"""Longer ones are read in pieces, which keep the line's number."""
KEPT_LINES = 20
_REMEMBERED = 200_000
_BLOCK = 1 << 18
_WINDOW = 3
_DIGITS = b"0123456789"
_SMALL = re.compile(rb"(?<![\d:.\-])\d{1,3}(?![\d:.\-])")
"""Numbers that tell causes apart, such as an Xid or a status: not those of times, addresses and versions."""
_ENOUGH = 64


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


@dataclass(frozen=True)
class _Target:
    """What an anchor leads to."""

    wording: Wording
    signature: Signature | None = None
    recovery: Recovery | None = None
    broad: bool = False


@dataclass
class _Shape:
    """A line, numbers apart. `leads`: what it may tell; `told`: what it told with these small numbers.

    `open`: what the next line may begin with so that an anchor, broken at the line's end, is whole.
    """

    leads: tuple[_Target, ...] = ()
    open: tuple[tuple[bytes, tuple[_Target, ...]], ...] = ()
    tries: int = 0
    told: dict[bytes, tuple[Hit, ...]] = field(default_factory=dict)


_PLAIN = _Shape()


class Index:
    """The anchors of a catalogue, made once."""

    def __init__(self, known: Catalogue) -> None:
        self.targets: dict[bytes, list[_Target]] = {}
        for target in _targets(known):
            self.targets.setdefault(target.wording.anchor.encode(), []).append(target)
        self.any = re.compile(_trie(self.targets))
        self.harmless = known.harmless
        self.begun: dict[bytes, list[tuple[bytes, tuple[_Target, ...]]]] = {}
        for anchor, targets in self.targets.items():
            words = anchor.split(b" ")
            for cut in range(1, len(words)):
                rest = b" ".join(words[cut:]), tuple(targets)
                self.begun.setdefault(b" ".join(words[:cut]), []).append(rest)
        self.longest = max(each.count(b" ") for each in self.begun) + 1

    def shape(self, key: bytes) -> _Shape:
        """What a line may tell, given in lower case without digits, each run of blanks as one."""
        leads: tuple[_Target, ...] = ()
        if self.any.search(key):
            hits = (targets for anchor, targets in self.targets.items() if anchor in key)
            leads = tuple(target for targets in hits for target in targets)
        words = key.rsplit(b" ", self.longest)[-self.longest :]
        ends = (b" ".join(words[-count:]) for count in range(1, len(words) + 1))
        begun = tuple(rest for end in ends for rest in self.begun.get(end, ()))
        return _Shape(leads, begun) if leads or begun else _PLAIN


@cache
def index() -> Index:
    """The index of the shipped catalogue."""
    return Index(catalogue())


def _targets(known: Catalogue) -> Iterator[_Target]:
    for signature in known.signatures:
        for each in signature.wordings:
            yield _Target(each, signature)
        for each in signature.broad:
            yield _Target(each, signature, broad=True)
    for recovery in known.recoveries:
        yield _Target(recovery.wording, recovery=recovery)


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


class Scanner:
    """Reads a log piece by piece. `stage`: where the text comes from, for wordings that are too broad elsewhere."""

    def __init__(self, stage: str = "", known: Index | None = None) -> None:
        self._index = known or index()
        self._stage = stage
        self.hits: dict[str, Hit] = {}
        self.line = 0
        self._rest = b""
        self._in_line = False
        self._shapes: dict[int, _Shape] = {}
        self._last = _PLAIN
        self._missed = False
        self._window: deque[bytes] = deque([b""] * _WINDOW, maxlen=_WINDOW)
        self._order = 0
        self._fresh: list[Hit] = []

    def feed(self, data: bytes) -> list[Hit]:
        """Read more; the hits on signatures that were not told of before."""
        self._fresh = []
        for start in range(0, len(data), _BLOCK):
            self._take(self._rest + data[start : start + _BLOCK])
        return [each for each in self._fresh if each.signature.id in self.hits]

    def end(self) -> list[Hit]:
        """Read the last line, which may lack its end."""
        self._fresh = []
        if self._rest:
            self._block(self._rest)
            self._rest = b""
        self._window.extend([b""] * _WINDOW)
        self._last, self._missed = _PLAIN, False
        return self._fresh

    def _take(self, data: bytes) -> None:
        cut = data.rfind(b"\n") + 1
        if not cut and len(data) < _BLOCK:
            self._rest = data
            return
        if not cut:
            # A line without end: read in pieces, and the next piece is still this line.
            self._rest = b""
            self._block(data)
            self._in_line = True
            self.line -= 1
            return
        self._rest = data[cut:]
        self._block(data[: cut - 1])

    def _block(self, data: bytes) -> None:
        text = plain(data)
        lines = text.split(b"\n")
        keys = text.lower().translate(None, _DIGITS).split(b"\n")
        shapes, window = self._shapes, self._window
        for line, key in zip(lines, keys, strict=True):
            self.line += 1
            window.append(line)
            mark = hash(key)
            shape = shapes.get(mark)
            if shape is None:
                shape = shapes[mark] = self._shape(line, key)
            if shape.leads or self._last is not _PLAIN:
                self._look(shape, line, key)
            self._last = shape
        if len(shapes) > _REMEMBERED:
            shapes.clear()

    def _shape(self, line: bytes, key: bytes) -> _Shape:
        if len(line) > LONGEST_LINE:
            self._pieces(line)
            return _PLAIN
        return self._index.shape(b" ".join(key.split()))

    def _look(self, shape: _Shape, line: bytes, key: bytes) -> None:
        """Try what the line may tell, by itself and as the rest of the line before it."""
        before = self._last
        if before.open:
            start = b" ".join(key[:LONGEST_LINE].split())
            wrapped = (targets for rest, targets in before.open if start.startswith(rest))
            self._tried(tuple(target for targets in wrapped for target in targets))
        if before.leads and self._missed:
            self._tried(before.leads)
        self._missed = bool(shape.leads) and not self._told(shape, line)

    def _told(self, shape: _Shape, line: bytes) -> bool:
        """Whether the line by itself tells anything."""
        small = b" ".join(_SMALL.findall(line))
        known = shape.told.get(small)
        if known is not None and shape.tries > _ENOUGH:
            for hit in known:
                self._again(hit)
            return bool(known)
        shape.tries += 1
        found = self._tried(shape.leads)
        if len(shape.told) < _ENOUGH:
            shape.told[small] = found
        if shape.tries > _ENOUGH and not any(shape.told.values()):
            shape.leads = ()
        return bool(found)

    def _pieces(self, line: bytes) -> None:
        """A very long line, its pieces overlapping."""
        step = LONGEST_LINE - 512
        for start in range(0, len(line), step):
            piece = line[start : start + LONGEST_LINE]
            self._window.append(piece)
            self._tried(
                self._index.shape(b" ".join(piece.lower().translate(None, _DIGITS).split())).leads
            )

    def _tried(self, leads: tuple[_Target, ...]) -> tuple[Hit, ...]:
        """The hits of this line: matches that reach into it."""
        if not leads:
            return ()
        parts = [collapsed(each[-LONGEST_LINE:]) for each in self._window]
        window = "\n".join(parts)
        begin = len(window) - len(parts[-1])
        if any(each.pattern.search(parts[-1]) for each in self._index.harmless):
            return ()
        found: dict[str, Hit] = {}
        for target in leads:
            match = _reaching(target.wording.pattern, window, begin)
            if match is None:
                continue
            if target.recovery is not None:
                self._clear(target.recovery)
            elif target.signature is not None and self._counts(
                target, window[window.rfind("\n", 0, match.start()) + 1 :]
            ):
                hit = self._record(target.signature, match, parts[-1])
                found[hit.signature.id] = hit
        return tuple(found.values())

    def _counts(self, target: _Target, text: str) -> bool:
        signature = target.signature
        if signature is None or (target.broad and signature.stage != self._stage):
            return False
        return not any(each.pattern.search(text) for each in signature.unless)

    def _record(self, signature: Signature, match: re.Match[str], line: str) -> Hit:
        params = {key: shown(value) for key, value in match.groupdict().items() if value}
        hit = self.hits.get(signature.id)
        if hit is None:
            self._order += 1
            hit = Hit(signature, params, shown(line), order=self._order)
            self.hits[signature.id] = hit
            self._fresh.append(hit)
        elif params and (not hit.params or params != hit.params):
            hit.params = merged(hit.params, params)
        hit.add(self.line)
        return hit

    def _again(self, hit: Hit) -> None:
        """The same line once more; a recovery may have cleared it meanwhile."""
        if hit.signature.id not in self.hits:
            self._order += 1
            hit.lines, hit.order = [], self._order
            self.hits[hit.signature.id] = hit
            self._fresh.append(hit)
        self.hits[hit.signature.id].add(self.line)

    def _clear(self, recovery: Recovery) -> None:
        for name in recovery.clears & self.hits.keys():
            del self.hits[name]


def merged(old: Mapping[str, str], new: Mapping[str, str]) -> dict[str, str]:
    """Parameters of several places: different values side by side, at most a handful."""
    result = dict(old)
    for key, value in new.items():
        values = result.get(key, "").split(", ") if result.get(key) else []
        if value not in values and len(values) < 6:
            result[key] = ", ".join([*values, value])
    return result


def _reaching(pattern: re.Pattern[str], window: str, begin: int) -> re.Match[str] | None:
    """The first match that ends in the last line; those before it were counted with their own lines."""
    at = 0
    while True:
        match = pattern.search(window, at)
        if match is None or match.end() > begin:
            return match
        at = max(match.end(), at + 1)
