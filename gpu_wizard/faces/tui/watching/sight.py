"""What is known of all nodes: the last look at each, what changed, and the order in which they are shown."""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from gpu_wizard.engine.fleet import NodeSeen
from gpu_wizard.faces.ranges import natural
from gpu_wizard.facts.cluster_events import ClusterEvent

WORST_FIRST: Final = ("blocked", "needed", "waiting", "unknown", "looking", "done")
FOLD_ABOVE: Final = 30
"""Above so many nodes those that are done become ranges of names."""
FOLD: Final = ""
"""Stands among the names for the nodes that are folded."""
CHANGES_KEPT: Final = 200


@dataclass(frozen=True)
class Change:
    """A stage that reads otherwise than before. `stage` "": the node's host answers again, or no more."""

    at: datetime
    node: str
    stage: str
    before: str
    after: str


@dataclass(frozen=True)
class Told:
    """What the cluster says of a node or a pod on it. `node` "": of a pod that is on none."""

    at: datetime
    node: str
    event: ClusterEvent


@dataclass(frozen=True)
class Rows:
    """Nodes with a row of their own, in order, and those that are folded into ranges."""

    whole: tuple[str, ...]
    folded: tuple[str, ...] = ()

    @property
    def choices(self) -> tuple[str, ...]:
        """What the cursor can stand on."""
        return (*self.whole, *((FOLD,) if self.folded else ()))


class Sight:
    """All nodes. The order changes in `sort` alone."""

    def __init__(self, names: Sequence[str], matches: Callable[[NodeSeen, str], bool]) -> None:
        """`names`: of all nodes; `matches`: whether a node has to do with what was typed to filter."""
        self.names = tuple(names)
        self.order = self.names
        self.seen: dict[str, NodeSeen] = {}
        self.changes: deque[Change] = deque(maxlen=CHANGES_KEPT)
        self.began_at: datetime | None = None
        self.looked_at: datetime | None = None
        self.query = ""
        self.is_unfinished_only = False
        self.is_unfolded = False
        self._matches = matches

    def arrived(self, seen: NodeSeen, now: datetime) -> None:
        """One node was looked at: what differs from the look before is noted."""
        self.began_at = self.began_at or now
        before = self.seen.get(seen.node)
        self.seen[seen.node] = seen
        if before is not None:
            self.changes.extend(_changes(before, seen, now))

    def finished(self, now: datetime) -> None:
        """All nodes were looked at."""
        self.looked_at = now

    def events(self, most: int, node: str | None = None) -> list[Change | Told]:
        """What changed between looks and what the cluster tells, the newest first. `node`: of one alone."""
        names = self.seen if node is None else {node} & self.seen.keys()
        changes = [change for change in self.changes if node in (None, change.node)]
        told = {
            event.uid: Told(event.at, "" if event.is_homeless else name, event)
            for name in names
            for event in self.seen[name].events[:most]
        }
        # Of what happened at the same time the change noted last stands first: it is the cause.
        merged: list[Change | Told] = [*reversed(changes), *told.values()]
        return sorted(merged, key=lambda item: item.at, reverse=True)[:most]

    def sort(self) -> None:
        """Broken nodes first."""
        self.order = tuple(
            sorted(self.names, key=lambda n: (WORST_FIRST.index(self.state(n)), natural(n)))
        )

    def state(self, name: str) -> str:
        """A node's state; `looking` before the first look has ended."""
        seen = self.seen.get(name)
        return "looking" if seen is None else seen.state

    def counts(self) -> Mapping[str, int]:
        """State → how many nodes."""
        return Counter(self.state(name) for name in self.names)

    @property
    def answered(self) -> int:
        """How many nodes could be asked."""
        return sum(seen.error is None for seen in self.seen.values())

    def rows(self) -> Rows:
        """What is shown with filter and folding as they are."""
        names = [name for name in self.order if self._is_shown(name)]
        folds = len(self.names) > FOLD_ABOVE and not self.query and not self.is_unfolded
        if not folds:
            return Rows(tuple(names))
        done = [name for name in names if self.state(name) == "done"]
        return Rows(tuple(n for n in names if self.state(n) != "done"), tuple(done))

    def _is_shown(self, name: str) -> bool:
        if self.is_unfinished_only and self.state(name) == "done":
            return False
        seen = self.seen.get(name)
        if seen is None:
            return self.query.lower() in name.lower()
        return not self.query or self._matches(seen, self.query)


def _changes(before: NodeSeen, after: NodeSeen, now: datetime) -> Iterable[Change]:
    """The earliest stage last: read from the newest, the cause stands before what follows from it."""
    if (before.error is None) != (after.error is None):
        states = ("answered", "silent") if after.error else ("silent", "answered")
        yield Change(now, after.node, "", *states)
        return
    if after.error is not None:
        return
    for old, new in reversed(list(zip(before.stages, after.stages, strict=True))):
        if old.assessment.state != new.assessment.state:
            states = (old.assessment.state, new.assessment.state)
            yield Change(now, after.node, new.stage, *states)
