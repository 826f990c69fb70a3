"""The read-only look as text: a row a node as it answers, then what is broken, first broken link first, and versions."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TextIO

from gpu_wizard.engine.fleet import NodeSeen
from gpu_wizard.faces import versions_table, wording
from gpu_wizard.faces.ranges import folded
from gpu_wizard.faces.status_words import error_next, glyphs, next_step, word
from gpu_wizard.facts.overview import Overview
from gpu_wizard.knowledge.texts import Language, sentence
from gpu_wizard.model.events import StageAssessed

WHOLE_AT_MOST = 20
"""Nodes that are shown whole; of the rest their row says enough."""
_WORST_FIRST = ("blocked", "needed", "waiting", "unknown", "done")
_INDENT = "     "


class StatusFace:
    """Prints nodes as they arrive, and at the end what they mean."""

    def __init__(
        self, stream: TextIO, language: Language, names: Sequence[str], setup: str = ""
    ) -> None:
        """`names`: of all nodes that are looked at. `setup`: the setup file's path, "" without one."""
        self._stream, self._language, self._setup = stream, language, setup
        self._glyphs = glyphs(stream.encoding)
        self._names = names
        self._width = max(map(len, (*names, self._word("node"))))

    def begin(self) -> None:
        """The head of the rows; a single node has none."""
        if len(self._names) > 1:
            state = self._word("state").ljust(11)
            node = self._word("node").ljust(self._width)
            self._say(f"  {node}  12345678 9  {state} GPU    {self._word('first-open')}")

    async def arrived(self, seen: NodeSeen) -> None:
        """One node was looked at."""
        if len(self._names) > 1:
            self._say(f"  {self._row(seen)}")

    def finish(self, seen: Sequence[NodeSeen]) -> None:
        """All nodes were looked at."""
        single = len(seen) == 1
        worst = sorted(seen, key=lambda each: _WORST_FIRST.index(each.state))
        whole = [each for each in worst if single or each.state != "done"]
        for each in whole[:WHOLE_AT_MOST]:
            self._say(*([] if single else [""]), *self._whole(each))
        if len(whole) > WHOLE_AT_MOST:
            self._say("", self._word("more", count=str(len(whole) - WHOLE_AT_MOST)))
        if not single:
            for line in self._owners_of_all(seen):
                self._say(line)
        self._versions(seen)
        self._say("", *self._summary(seen))

    def _row(self, seen: NodeSeen) -> str:
        chain = "".join(self._glyphs[each.assessment.state] for each in seen.stages)
        state = self._mark(seen.state).ljust(11)
        name = seen.node.ljust(self._width)
        link = self._link(seen.first_open) if seen.first_open else ""
        return f"{name}  {chain[:-1]} {chain[-1]}  {state} {_gpus(seen.overview):6} {link}".rstrip()

    def _link(self, event: StageAssessed) -> str:
        said = wording.assessed(event.assessment, self._language)
        return f"{self._title(event.stage)}: {said}"

    def _whole(self, seen: NodeSeen) -> Iterator[str]:
        """A node: where its chain breaks and what to do, then the chain, the evidence and the cards."""
        also = seen.kubernetes_node if seen.kubernetes_node != seen.node else ""
        yield f"{seen.node}{f' ({also})' if also else ''}  {self._mark(seen.state)}"
        if seen.error is not None:
            yield f"  {wording.error_text(seen.error, self._language)}"
            advice = error_next(seen.error, seen.stages[0].assessment, self._language)
            yield from (f"  → {line}" for line in advice.splitlines())
            return
        if seen.first_open is not None:
            yield from self._broken(seen.first_open)
            yield ""
        for event in seen.stages:
            yield f"  {self._glyphs[event.assessment.state]} {self._link(event)}"
            yield from (
                f"{_INDENT}! {note}" for note in wording.notes(event.assessment, self._language)
            )
        yield from self._rows(seen.stages[-1])
        yield from self._cards(seen.overview)
        yield from self._owners(seen.overview)

    def _broken(self, event: StageAssessed) -> Iterator[str]:
        yield f"  {self._glyphs[event.assessment.state]} {self._link(event)}"
        if event.stage != "proof":
            yield from self._rows(event)
        advice = next_step(event.assessment, self._setup, self._language)
        yield from (f"{_INDENT}→ {line}" for line in advice.splitlines())

    def _rows(self, event: StageAssessed) -> Iterator[str]:
        rows = [(wording.row(found, self._language), found.state) for found in event.found]
        width = max((len(label) for (label, _), _ in rows), default=0)
        for (label, value), state in rows:
            yield f"{_INDENT}{self._glyphs[state] if state else ' '} {label.ljust(width)}  {value}"

    def _cards(self, glance: Overview) -> Iterator[str]:
        for card in glance.cards:
            memory = f"  {card.memory_bytes / (1 << 30):.1f} GiB" if card.memory_bytes else ""
            yield f"{_INDENT}  {card.index}: {card.name}{memory}  {card.uuid}"

    def _owners(self, glance: Overview) -> Iterator[str]:
        if glance.owners:
            yield ""
            yield f"  {self._word('owners')}"
        for owner in glance.owners:
            name = sentence("owner", owner.id, {}, self._language)
            yield f"{_INDENT}{name}: {sentence('owns', owner.id, {'name': owner.name}, self._language)}"

    def _owners_of_all(self, seen: Sequence[NodeSeen]) -> Iterator[str]:
        names: dict[str, list[str]] = {}
        for each in seen:
            for owner in each.overview.owners:
                names.setdefault(owner.id, []).append(each.node)
        if names:
            yield ""
            yield self._word("owners")
        for owner_id, nodes in names.items():
            yield f"  {sentence('owner', owner_id, {}, self._language)}: {folded(nodes)}"

    def _versions(self, seen: Sequence[NodeSeen]) -> None:
        rows = [(each.node, each.overview.versions) for each in seen if each.overview.versions]
        if rows:
            lines = versions_table.table(rows, self._language)
            self._say("", self._word("versions"), *(f"  {line}" for line in lines))

    def _summary(self, seen: Sequence[NodeSeen]) -> Iterator[str]:
        counts = {state: sum(each.state == state for each in seen) for state in _WORST_FIRST}
        parts = [
            f"{count} {sentence('state', s, {}, self._language)}"
            for s, count in counts.items()
            if count
        ]
        if len(seen) > 1:
            answered = sum(each.error is None for each in seen)
            parts.append(self._word("answered", count=str(answered), all=str(len(seen))))
        yield "   ".join((*parts, self._word("read-only")))

    def _mark(self, state: str) -> str:
        return f"{self._glyphs[state]} {sentence('state', state, {}, self._language)}"

    def _title(self, stage: str) -> str:
        return sentence("stage", stage, {}, self._language)

    def _word(self, code: str, **params: str) -> str:
        return word(code, self._language, **params)

    def _say(self, *lines: str) -> None:
        for line in lines:
            self._stream.write(f"{wording.printable(line)}\n")
        self._stream.flush()


def _gpus(glance: Overview) -> str:
    """Offered of present cards, such as `0/2`; a question mark for what nobody could see."""
    if not glance.versions:
        return "?"
    return f"{sum(glance.allocatable.values())}/{len(glance.cards)}"
