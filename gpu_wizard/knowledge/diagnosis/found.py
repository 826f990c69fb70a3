"""What a log told so far."""

from __future__ import annotations

from gpu_wizard.knowledge.diagnosis.anchors import Hit, deeper, merged
from gpu_wizard.knowledge.diagnosis.bare import CALM, goes_on
from gpu_wizard.knowledge.diagnosis.catalogue import Recovery, Signature
from gpu_wizard.knowledge.diagnosis.wording import without_digits


class Found:
    """The hits by the ids of their signatures. `fresh`: those not told before, until `told` takes them.

    `bare_at`: the line of the last bare error, 0 for none: it stands only where the program did not go on.
    """

    def __init__(self) -> None:
        self.hits: dict[str, Hit] = {}
        self.fresh: list[Hit] = []
        self.bare_at = 0
        self._calm = 0
        self._order = 0

    def told(self) -> list[Hit]:
        """The fresh ones that still hold, once."""
        fresh, self.fresh = self.fresh, []
        return [each for each in fresh if each.signature.id in self.hits]

    def record(self, told: Hit, line: int) -> Hit:
        """A line tells of a signature."""
        hit, params = self.hits.get(told.signature.id), told.params
        if hit is None:
            hit = self._new(told)
        elif params and (not hit.params or params != hit.params):
            hit.params = merged(hit.params, params)
        hit.message = deeper(hit.message, told.message)
        hit.loose = hit.loose and told.loose
        self._add(hit, line)
        return hit

    def again(self, hit: Hit, line: int) -> None:
        """The same line once more; a recovery may have cleared it meanwhile."""
        if hit.signature.id not in self.hits:
            hit.lines = []
            self._new(hit)
        self._add(self.hits[hit.signature.id], line)

    def goes_on(self, line: bytes, number: int) -> None:
        """A line that stands after a bare error; after some that report no failure it is forgotten."""
        if number == self.bare_at or not line.strip():
            return
        self._calm += goes_on(line.decode(errors="replace"))
        if self._calm > CALM:
            self.hits = {key: hit for key, hit in self.hits.items() if not hit.signature.bare}
            self.bare_at = 0

    def clear(self, recovery: Recovery) -> None:
        """Something came right after all."""
        for name in recovery.clears & self.hits.keys():
            del self.hits[name]

    def void(self, whole: str, first: int) -> None:
        """Take back what a part of a broken line told, where the rest of it says that it is something else."""
        for hit in list(self.hits.values()):
            if hit.lines[0] >= first and not beside(hit.signature, whole, loose=hit.loose):
                del self.hits[hit.signature.id]

    def _add(self, hit: Hit, line: int) -> None:
        hit.add(line)
        if hit.signature.bare:
            self.bare_at, self._calm = line, 0

    def _new(self, hit: Hit) -> Hit:
        self._order += 1
        hit.order = self._order
        self.hits[hit.signature.id] = hit
        self.fresh.append(hit)
        return hit


def beside(signature: Signature, text: str, *, loose: bool = False) -> bool:
    """Whether what stands beside a match leaves it what it is."""
    others = (*signature.unless, *signature.loose_unless) if loose else signature.unless
    if not (others or signature.only):
        return True
    plainly = without_digits(text)
    if any(each.stands_in(text, plainly) for each in others):
        return False
    return not signature.only or any(each.stands_in(text, plainly) for each in signature.only)
