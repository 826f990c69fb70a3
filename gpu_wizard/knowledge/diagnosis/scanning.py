"""One pass over a log of any size in bounded memory: which signatures it tells of, and where.

Most lines of a long log say what an earlier one said, numbers apart. So each is first compared, lower-cased and
without digits, with those already found to hold nothing; only a new one is searched for anchors, for all of them at
once; and only where an anchor stands are the wordings behind it tried.
"""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Mapping

from gpu_wizard.knowledge.diagnosis.anchors import PLAIN, Hit, Index, Shape, Target, index
from gpu_wizard.knowledge.diagnosis.bare import reports_failure
from gpu_wizard.knowledge.diagnosis.catalogue import Signature
from gpu_wizard.knowledge.diagnosis.found import Found, beside
from gpu_wizard.knowledge.diagnosis.languages import in_english
from gpu_wizard.knowledge.diagnosis.text import collapsed, plain, shown
from gpu_wizard.knowledge.diagnosis.wording import Wording
from gpu_wizard.knowledge.diagnosis.wrapping import TERMINAL, unbroken

LONGEST_LINE = 8192
"""Longer ones are read in pieces, which keep the line's number."""
_OVERLAP = 512
_LONGEST_MESSAGE = 1024
_REMEMBERED = 200_000
_BLOCK = 1 << 18
_WINDOW = 3
_BROKEN = 8
"""So many lines, at most, are taken for one that was broken."""
_DIGITS = b"0123456789"
_SMALL = re.compile(rb"\b[0-9a-f]{8,}(?:-[0-9a-z]{4,12})*|(?<![\d:.\-])(\d{1,3})(?![\d:.\-])")
"""Numbers that tell causes apart, such as an Xid or a status: not those of times, addresses, versions and ids."""
_ENOUGH = 64
_IN_VAIN = 12
"""So often, without a finding, is a line read as the rest of the one before."""
_ALL_IN_VAIN = 20_000
"""So often in all: what looks broken and never tells anything costs only so much time."""


class Scanner:
    """Reads a log piece by piece. `stage`: where the text comes from, for wordings that are too broad elsewhere."""

    def __init__(self, stage: str = "", known: Index | None = None) -> None:
        self._index = known or index()
        self._stage = stage
        self._found = Found()
        self.line = 0
        self._rest = b""
        self._shapes: dict[int, Shape] = {}
        self._last = PLAIN
        self._missed = False
        self._window: deque[bytes] = deque([b""] * _WINDOW, maxlen=_WINDOW)
        self._near: deque[bytes] = deque(maxlen=_BROKEN)
        self._vain = 0
        self._own = 0, ""

    @property
    def hits(self) -> Mapping[str, Hit]:
        """What was told so far, by the ids of the signatures."""
        return self._found.hits

    def feed(self, data: bytes) -> list[Hit]:
        """Read more; the hits on signatures that were not told of before."""
        for start in range(0, len(data), _BLOCK):
            self._take(self._rest + data[start : start + _BLOCK])
        return self._found.told()

    def end(self) -> list[Hit]:
        """Read the last line, which may lack its end."""
        if self._rest:
            self._block(self._rest)
            self._rest = b""
        self._window.extend([b""] * _WINDOW)
        self._near.clear()
        self._last, self._missed = PLAIN, False
        return self._found.told()

    def _take(self, data: bytes) -> None:
        cut = data.rfind(b"\n") + 1
        if not cut and len(data) < _BLOCK:
            self._rest = data
            return
        if not cut:
            # A line without end: read in overlapping pieces, and the next piece is still this line.
            self._rest = data[-_OVERLAP:]
            self._block(data)
            self.line -= 1
            return
        self._rest = data[cut:]
        self._block(data[: cut - 1])

    def _block(self, data: bytes) -> None:
        text = plain(data)
        lines = text.split(b"\n")
        keys = text.lower().translate(None, _DIGITS).split(b"\n")
        shapes, window, near = self._shapes, self._window, self._near
        length = len(near[-1]) if near else 0
        for line, key in zip(lines, keys, strict=True):
            self.line += 1
            window.append(line)
            mark = hash(key)
            shape = shapes.get(mark)
            if shape is None:
                shape = shapes[mark] = self._shape(line, key)
            if shape.foreign:
                line, key, shape = self._in_english(line, shape)
            near.append(line)
            if shape.leads or self._last is not PLAIN or length == TERMINAL:
                self._look(shape, line, key)
            if self._found.bare_at:
                self._found.goes_on(line, self.line)
            self._last = shape
            length = len(line)
        if len(shapes) > _REMEMBERED:
            shapes.clear()

    def _shape(self, line: bytes, key: bytes) -> Shape:
        if len(line) > LONGEST_LINE:
            self._pieces(line)
            return PLAIN
        return self._index.shape(b" ".join(key.split()))

    def _in_english(self, line: bytes, shape: Shape) -> tuple[bytes, bytes, Shape]:
        """A line that speaks another language, as the English one; the finding quotes it as it was."""
        own = collapsed(line)
        self._own = self.line, own
        told = in_english(own, shape.foreign).encode()
        self._window[-1] = told
        key = told.lower().translate(None, _DIGITS)
        return told, key, self._shapes.setdefault(hash(key), self._shape(told, key))

    def _look(self, shape: Shape, line: bytes, key: bytes) -> None:
        """Try what the line may tell, by itself and as the rest of the line before it."""
        before = self._last
        if before.rests:
            start = b" ".join(key[:LONGEST_LINE].split())
            self._tried(self._index.wrapped(before, start))
        if before.leads and self._missed:
            self._tried(before.leads)
        self._missed = bool(shape.leads) and not self._told(shape, line)
        whose = before if shape is PLAIN else shape
        if whose.joins < _IN_VAIN and self._vain < _ALL_IN_VAIN:
            self._whole(whose)

    def _whole(self, shape: Shape) -> None:
        """Try what the line tells as the end of one that was broken in several."""
        count, texts = unbroken(self._near)
        told = [self._read_as(each, self.line - count + 1) for each in texts if count > 1]
        found = any(told)
        self._vain += count > 1 and not found
        if shape is not PLAIN:
            shape.joins = 0 if found else shape.joins + 1

    def _read_as(self, text: bytes, first: int) -> bool:
        """Whether lines, from the first to this one, tell anything as one text."""
        whole, last = collapsed(text), collapsed(self._near[-1])
        key = b" ".join(text.lower().translate(None, _DIGITS).split())
        self._found.void(whole, first)
        return bool(self._matched(self._index.shape(key).leads, whole, len(whole) - len(last)))

    def _told(self, shape: Shape, line: bytes) -> bool:
        """Whether the line by itself tells anything."""
        small = b" ".join(_SMALL.findall(line))
        known = shape.told.get(small)
        if known is not None and shape.tries > _ENOUGH:
            for hit in known:
                self._found.again(hit, self.line)
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
        step = LONGEST_LINE - _OVERLAP
        for start in range(0, len(line), step):
            piece = line[start : start + LONGEST_LINE]
            self._window.append(piece)
            self._tried(
                self._index.shape(b" ".join(piece.lower().translate(None, _DIGITS).split())).leads
            )

    def _tried(self, leads: tuple[Target, ...]) -> tuple[Hit, ...]:
        """The hits of this line: matches that reach into it."""
        if not leads:
            return ()
        parts = [collapsed(each[-LONGEST_LINE:]) for each in self._window]
        window = "\n".join(parts)
        return self._matched(leads, window, len(window) - len(parts[-1]))

    def _matched(self, leads: tuple[Target, ...], window: str, begin: int) -> tuple[Hit, ...]:
        """The hits of a text: matches that reach into what stands from `begin` on."""
        lower = window.lower().replace("\n", " ")
        maybe = (each for each in leads if each.wording.may_stand_in(lower))
        tried = ((each, _reaching(each.wording, window, begin)) for each in maybe)
        matched = [(target, match) for target, match in tried if match is not None]
        matched.sort(key=lambda each: (_bareness(each[0]), each[0].loose))
        if not matched or self._index.is_harmless(window[begin:]):
            return ()
        found: dict[str, Hit] = {}
        for target, match in matched:
            if target.recovery is not None:
                self._found.clear(target.recovery)
            elif target.loose and any(map(_near, found.values())):
                continue
            elif found and _bareness(target):
                break
            elif target.signature is not None and self._counts(
                target, window[window.rfind("\n", 0, match.start()) + 1 :]
            ):
                hit = self._record(target.signature, match, window[begin:], loose=target.loose)
                found[hit.signature.id] = hit
        return tuple(found.values())

    def _counts(self, target: Target, text: str) -> bool:
        signature = target.signature
        if signature is None or (target.broad and signature.stage != self._stage):
            return False
        if signature.bare and not reports_failure(text.strip().partition("\n")[0]):
            return False
        return beside(signature, text, loose=target.loose)

    def _record(self, signature: Signature, match: re.Match[str], line: str, *, loose: bool) -> Hit:
        params = {key: shown(value) for key, value in match.groupdict().items() if value}
        number, own = self._own
        text = shown(own if number == self.line else line)
        message = match.string[match.start() : match.end() + _LONGEST_MESSAGE].partition("\n")[0]
        told = Hit(signature, params, text, loose, message)
        return self._found.record(told, self.line)


def _near(hit: Hit) -> bool:
    """Whether a sentence that is known tells a cause: then its words, taken by themselves, add none."""
    return not (hit.loose or hit.signature.symptom or hit.signature.general)


def _bareness(target: Target) -> int:
    """0 where it is no bare error, else its rank: a line that tells anything has none, and one that has, only the nearest."""
    signature = target.signature
    return signature.rank if signature is not None and signature.bare else 0


def _reaching(wording: Wording, window: str, begin: int) -> re.Match[str] | None:
    """The first match that ends in the last line; those before it were counted with their own lines."""
    at = 0
    while True:
        match = wording.search(window, at)
        if match is None or match.end() > begin:
            return match
        at = max(match.end(), at + 1)
