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
_SUFFIX = 96
_DIGITS = b"0123456789"


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


class Index:
    """The anchors of a catalogue, made once."""

    def __init__(self, known: Catalogue) -> None:
        self.targets: dict[bytes, list[_Target]] = {}
        for target in _targets(known):
            self.targets.setdefault(target.wording.anchor.encode(), []).append(target)
        self.any = re.compile(_trie(self.targets))
        self.harmless = known.harmless

    def lead(self, window: bytes) -> tuple[_Target, ...]:
        """Everything whose anchor stands in a window without digits."""
        if not self.any.search(window):
            return ()
        hits = (targets for anchor, targets in self.targets.items() if anchor in window)
        return tuple(target for targets in hits for target in targets)


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
        self._seen: set[int] = set()
        self._repeats: dict[tuple[int, bytes], tuple[Hit, ...]] = {}
        self._window: deque[bytes] = deque([b""] * _WINDOW, maxlen=_WINDOW)
        self._last_key, self._last_new = b"", False
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
        seen = self._seen
        for line, key in zip(lines, keys, strict=True):
            self.line += 1
            mark = hash(key)
            new = mark not in seen
            if new or self._last_new:
                self._look(line, key, mark, new)
            else:
                self._window.append(line)
            self._last_key, self._last_new = key, new
        if len(seen) > _REMEMBERED:
            seen.clear()
        if len(self._repeats) > _REMEMBERED:
            self._repeats.clear()

    def _look(self, line: bytes, key: bytes, mark: int, new: bool) -> None:
        if len(line) > LONGEST_LINE:
            self._pieces(line)
            return
        self._window.append(line)
        suffix = (mark, line[-_SUFFIX:])
        known = self._repeats.get(suffix)
        if known:
            for hit in known:
                self._again(hit)
            return
        leads = self._index.lead(b" ".join((self._last_key + b" " + key).split()))
        found = self._tried(leads) if leads else ()
        if found:
            self._repeats[suffix] = found
        if new and (not leads or not self._leads(key)):
            self._seen.add(mark)

    def _leads(self, key: bytes) -> bool:
        """Whether the line by itself holds an anchor."""
        return self._index.any.search(b" ".join(key.split())) is not None

    def _pieces(self, line: bytes) -> None:
        """A very long line, its pieces overlapping."""
        step = LONGEST_LINE - 512
        for start in range(0, len(line), step):
            piece = line[start : start + LONGEST_LINE]
            self._window.append(piece)
            key = b" ".join(piece.lower().translate(None, _DIGITS).split())
            leads = self._index.lead(key)
            if leads:
                self._tried(leads)

    def _tried(self, leads: Iterable[_Target]) -> tuple[Hit, ...]:
        """The hits of this line: matches that reach into it."""
        parts = [collapsed(each) for each in self._window]
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
            elif target.signature is not None and self._counts(target, window[window.rfind("\n", 0, match.start()) + 1 :]):
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
