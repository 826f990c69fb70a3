"""Many nodes looked at together: so many at once, each under its own deadline, results as they come."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from gpu_wizard.engine.survey import Survey, filled, judge, look
from gpu_wizard.facts.cluster_events import (
    OF_NODES,
    OF_PODS,
    ClusterEvent,
    concerning,
    parse_events,
)
from gpu_wizard.facts.objects import NODE_PODS
from gpu_wizard.facts.overview import Overview, OverviewFacts, overview
from gpu_wizard.model.errors import TimedOutError, Where, WizardError
from gpu_wizard.model.events import StageAssessed
from gpu_wizard.model.fact import KINDS, Fact, Unknown, value_or
from gpu_wizard.model.ports import ReadNode
from gpu_wizard.model.question import AnyProbe, ObjectsFound
from gpu_wizard.model.spec import Spec
from gpu_wizard.model.stage import AnyStage, Assessment, State

AT_ONCE = 64
"""Connections that are opened at a time. Source: engineering-notes, "Many nodes"."""
DEADLINE_SECONDS = 90.0
"""For one node, from connecting to its last answer: nvidia-smi alone may take some seconds a card and call."""


@dataclass(frozen=True)
class Berth:
    """One node to look at. `connect` gives what can be asked, and the Spec with what only a connection tells.

    It raises WizardError where the node's own host can't be reached; anything else that can't be reached answers
    `Unknown`. What it returns is closed by whoever looks.
    """

    spec: Spec
    connect: Callable[[], Awaitable[tuple[Spec, ReadNode]]]


@dataclass(frozen=True)
class NodeSeen:
    """What a look at one node came to.

    `stages`: one entry for every stage, in chain order, whatever happened. `error`: why the node's host could not
    be asked; then all of them are unknown for that reason. `kubernetes_node` "": not known. `events`: the cluster's
    about it, the newest first, where they were asked for; `events_unknown`: why not all of them are to be had.
    """

    node: str
    kubernetes_node: str
    stages: tuple[StageAssessed, ...]
    overview: Overview = field(default_factory=Overview)
    error: WizardError | None = None
    seconds: float = 0.0
    events: tuple[ClusterEvent, ...] = ()
    events_unknown: Unknown | None = None

    @property
    def first_open(self) -> StageAssessed | None:
        """The first broken link of the chain; None where all is done."""
        return next((each for each in self.stages if each.assessment.state != "done"), None)

    @property
    def state(self) -> State:
        """That of the first stage which is not done."""
        return self.first_open.assessment.state if self.first_open else "done"


Arrived = Callable[[NodeSeen], Awaitable[None]]


class Fleet:
    """Nodes that are looked at, once or again and again.

    `keep_open`: connections are held between two looks; without it each is closed when its node was looked at.
    """

    def __init__(
        self,
        berths: Sequence[Berth],
        stages: Sequence[AnyStage],
        *,
        at_once: int = AT_ONCE,
        deadline_seconds: float = DEADLINE_SECONDS,
        keep_open: bool = False,
        with_events: bool = False,
    ) -> None:
        """`with_events`: the cluster's are asked for too."""
        heard = _Heard() if with_events else None
        readings = _Readings()
        self._members = [
            _Member(berth, stages, deadline_seconds, readings, heard) for berth in berths
        ]
        self._at_once, self._keep_open = at_once, keep_open
        self._in_hand: set[_Member] = set()

    async def look(self, arrived: Arrived) -> tuple[NodeSeen, ...]:
        """Look at all; in the order of the berths. `arrived` hears of each as soon as it is known.

        A node that an earlier look still waits for is left to that one: it does not keep the others waiting.
        """
        turns = asyncio.Semaphore(self._at_once)
        members = [member for member in self._members if member not in self._in_hand]
        self._in_hand.update(members)

        async def one(member: _Member) -> NodeSeen:
            try:
                async with turns:
                    seen = await member.look(keep_open=self._keep_open)
                    if not self._keep_open:
                        await member.close()
            finally:
                self._in_hand.discard(member)
            await arrived(seen)
            return seen

        try:
            async with asyncio.TaskGroup() as group:
                tasks = [group.create_task(one(member)) for member in members]
        except BaseExceptionGroup as errors:
            # Who listens has gone (a closed pipe), or a bug: what came first says it.
            raise errors.exceptions[0] from errors
        finally:
            self._in_hand.difference_update(members)
        return tuple(task.result() for task in tasks)

    async def close(self) -> None:
        """Close every connection that is held."""
        await asyncio.gather(*(member.close() for member in self._members))


class _Readings:
    """The last answers to each question with the facts in them: what many nodes are told alike is parsed once."""

    def __init__(self) -> None:
        self._last: dict[str, tuple[tuple[object, Fact[Any]], ...]] = {}

    def read(self, probe: AnyProbe, answer: object) -> Fact[Any]:
        """The fact in an answer."""
        last = self._last.get(probe.id, ())
        for at, (told, known) in enumerate(last):
            if told is answer or told == answer:
                fact, others = known, (*last[:at], *last[at + 1 :])
                break
        else:
            fact, others = probe.read(answer), last
        # The answer itself is kept, also where it equals an older one: a list is compared once, not for each node.
        self._last[probe.id] = ((answer, fact), *others)[:KINDS]
        return fact


Told: TypeAlias = tuple[tuple[ClusterEvent, ...], Unknown | None]


class _Heard:
    """The cluster's events, asked for by each node; the same answer is read once."""

    def __init__(self) -> None:
        self._last: list[tuple[ObjectsFound, tuple[ClusterEvent, ...]]] = []

    async def about(self, node: ReadNode, seen: Survey) -> Told:
        """Those of a node, the newest first, and why some are not to be had."""
        if node.cluster is None:
            return (), Unknown("no-cluster")
        answers = await node.cluster.ask((OF_NODES, OF_PODS))
        pods = value_or(seen.facts[NODE_PODS.id], ())
        events = [
            event
            for answer in answers
            if isinstance(answer, ObjectsFound)
            for event in concerning(self._read(answer), seen.spec.kubernetes_node, pods)
        ]
        why = next((answer for answer in answers if isinstance(answer, Unknown)), None)
        return tuple(sorted(events, key=lambda event: event.at, reverse=True)), why

    def _read(self, answer: ObjectsFound) -> tuple[ClusterEvent, ...]:
        known = next((events for told, events in self._last if told is answer), None)
        if known is None:
            known = parse_events(answer)
            self._last = [*self._last[-1:], (answer, known)]
        return known


class _Member:
    """One node, and its connection while it is held."""

    def __init__(
        self,
        berth: Berth,
        stages: Sequence[AnyStage],
        deadline: float,
        readings: _Readings,
        heard: _Heard | None,
    ) -> None:
        self._berth, self._stages, self._deadline = berth, stages, deadline
        self._readings, self._heard = readings, heard
        self._open: tuple[Spec, ReadNode] | None = None

    async def look(self, *, keep_open: bool) -> NodeSeen:
        """What is seen; a node that can't be reached or hangs is seen as that.

        A host whose connection is not kept is let go as soon as it has answered: it does not wait for the cluster.
        """
        began, name = time.monotonic(), self._berth.spec.node
        try:
            async with asyncio.timeout(self._deadline):
                return await self._look(began, keep_open=keep_open)
        except TimeoutError:
            await self.close()
            seconds = f"{self._deadline:g}"
            message = f"{name} did not finish answering within {seconds} s."
            params = {"host": name, "seconds": seconds}
            late = TimedOutError("node-timed-out", message, Where(host=name), params=params)
            return self._unseen(late, began)
        except WizardError as error:
            await self.close()
            return self._unseen(error, began)

    async def close(self) -> None:
        """Close the connection, if one is held."""
        opened, self._open = self._open, None
        if opened is None:
            return
        _, node = opened
        for port in (node.cluster, node.control_plane, node.host):
            if port is not None:
                await port.close()

    async def _look(self, began: float, *, keep_open: bool) -> NodeSeen:
        if self._open is None:
            self._open = await self._berth.connect()
        spec, node = self._open
        then = None if keep_open else node.host.close
        seen = await look(
            node, self._stages, spec, None, (OverviewFacts,), self._readings.read, then
        )
        events = tuple(judge(stage, seen.facts, seen.spec) for stage in self._stages)
        told, unknown = await self._heard.about(node, seen) if self._heard else ((), None)
        return NodeSeen(
            node=spec.node,
            kubernetes_node=seen.spec.kubernetes_node,
            stages=events,
            overview=overview(filled(OverviewFacts, seen.facts)),
            seconds=time.monotonic() - began,
            events=told,
            events_unknown=unknown,
        )

    def _unseen(self, error: WizardError, began: float) -> NodeSeen:
        spec = self._berth.spec
        params = {"host": spec.node, "detail": error.message, **error.params}
        why = Assessment("unknown", error.code, params)
        stages = tuple(
            StageAssessed(node=spec.node, stage=s.id, assessment=why) for s in self._stages
        )
        return NodeSeen(
            node=spec.node,
            kubernetes_node=spec.options.join.node_name.lower(),
            stages=stages,
            error=error,
            seconds=time.monotonic() - began,
        )
