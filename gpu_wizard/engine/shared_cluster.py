"""One API behind many nodes: what they ask of themselves is cut out of lists that are asked for once."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

from gpu_wizard.engine.shared import BOUND_SECONDS, Once, Opening
from gpu_wizard.engine.wholes import Cuts, Part, part_of
from gpu_wizard.model.fact import Unknown
from gpu_wizard.model.ports import ClusterReader
from gpu_wizard.model.question import (
    ClusterAnswer,
    ClusterAsk,
    LogsFound,
    Objects,
    ObjectsFound,
    PodLogs,
)

NODES = Objects("Node")
FORBIDDEN = "api-forbidden"
FRESH_SECONDS = 60.0
"""How old an answer of the API may be within one look at all nodes; no clock is among them."""
Answers = dict[ClusterAsk, ClusterAnswer]


class SharedCluster:
    """An API that many nodes ask, much of it the same. As `SharedHost`; see `ClusterReader`.

    A list of everything is asked for where several nodes ask, at least half of the cluster; where that fails, or the
    account may not list, each asks for its own part.
    """

    def __init__(
        self, cluster: Opening[ClusterReader], bound_seconds: float = BOUND_SECONDS, nodes: int = 1
    ) -> None:
        """`bound_seconds`: of one exchange. `nodes`: how many ask."""
        self._once = Once[ClusterAsk, ClusterAnswer](cluster, bound_seconds, FRESH_SECONDS)
        self._nodes, self._cuts = nodes, Cuts()

    async def ask(self, asks: Sequence[ClusterAsk]) -> list[ClusterAnswer]:
        """Answers that are no older than `renew`, or a minute."""
        logs = [each for each in asks if isinstance(each, PodLogs) and each.containers is None]
        # The pods whose logs are wanted are mostly asked for too.
        plain = dict.fromkeys((*(each for each in asks if each not in logs), *map(_pods, logs)))
        parts = {each: part for each in plain if (part := part_of(each)) is not None}
        common = [each for each in plain if each not in parts]
        answers = await self._told([*common, NODES] if parts else common)
        answers |= await self._cut(parts, answers)
        answers |= await self._told([each for each in plain if each not in answers])
        answers |= await self._logs(logs, answers)
        return [answers[each] for each in asks]

    def renew(self) -> None:
        """Another look begins: what was told before is asked anew."""
        self._once.forget()
        self._cuts = Cuts()

    async def close(self) -> None:
        """Nothing: the connections are not one node's alone."""

    async def _told(self, asks: Sequence[ClusterAsk]) -> Answers:
        return dict(zip(asks, await self._once.ask(asks), strict=True)) if asks else {}

    async def _cut(self, parts: dict[ClusterAsk, Part], answers: Answers) -> Answers:
        """The parts of lists that are to be had; a list that can't be asked for at all says why for each."""
        if not parts:
            return {}
        nodes = answers[NODES]
        lists: Answers = {NODES: nodes}
        if isinstance(nodes, ObjectsFound) and self._are_most_of(nodes):
            wholes = dict.fromkeys(part.whole for part in parts.values() if part.whole != NODES)
            lists |= await self._told(list(wholes))
        elif isinstance(nodes, Unknown) and nodes.code != FORBIDDEN:
            return dict.fromkeys(parts, nodes)
        # What could not be listed, forbidden or too much of it, each asks for by itself.
        return {
            each: self._cuts.part(part, whole)
            for each, part in parts.items()
            if isinstance(whole := lists.get(part.whole), ObjectsFound)
        }

    def _are_most_of(self, nodes: ObjectsFound) -> bool:
        return self._nodes > 1 and len(nodes.objects) <= 2 * self._nodes

    async def _logs(self, asks: Iterable[PodLogs], answers: Answers) -> Answers:
        """Logs of pods that are known; nothing is asked about nodes without any."""
        known: Answers = {}
        wanted: dict[PodLogs, PodLogs] = {}
        for each in asks:
            pods = answers[each.pods]
            if not isinstance(pods, ObjectsFound):
                known[each] = pods
            elif containers := each.among(pods):
                wanted[each] = replace(each, containers=containers)
            else:
                known[each] = LogsFound(())
        told = await self._told(list(wanted.values()))
        return known | {each: told[exact] for each, exact in wanted.items()}


def _pods(logs: PodLogs) -> Objects:
    return logs.pods
