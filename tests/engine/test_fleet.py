"""Many nodes at once: results as they come, one exchange and one sudo a node, and one that hangs delays nobody."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import ClassVar

import pytest

from gpu_wizard.cli.edges import READERS, Edges
from gpu_wizard.cli.reach import Reach
from gpu_wizard.engine.fleet import Berth, Fleet, NodeSeen
from gpu_wizard.engine.shared import Opening, SharedHost
from gpu_wizard.host.ssh import connect_reader
from gpu_wizard.host.target import SshOptions, SshTarget
from gpu_wizard.journal.recording import read_setup
from gpu_wizard.lab.serve import Lab
from gpu_wizard.model.action import Plan
from gpu_wizard.model.errors import UnreachableError
from gpu_wizard.model.fact import Fact, Known, Unknown
from gpu_wizard.model.ports import ClusterReader, HostReader, ReadNode
from gpu_wizard.model.question import (
    ClusterAnswer,
    ClusterAsk,
    Command,
    HostAnswer,
    HostAsk,
    Output,
    Probe,
    asks,
    facts,
)
from gpu_wizard.model.spec import Spec
from gpu_wizard.model.stage import Assessment, Found, Stage
from gpu_wizard.stages import LOOKED_AT
from tests.engine.doors import Doors

HOSTNAME, CLOCK = Command(("hostname",)), Command(("date", "+%s"))


class Arrivals:
    """Who arrived, in order; `all_but_one`: set when one is still missing."""

    def __init__(self, expected: int) -> None:
        self.seen: list[NodeSeen] = []
        self.expected, self.all_but_one = expected, asyncio.Event()

    async def arrived(self, seen: NodeSeen) -> None:
        self.seen.append(seen)
        if len(self.seen) == self.expected - 1:
            self.all_but_one.set()


class Exchanges:
    """Counts what is asked of each host, by its port."""

    def __init__(self) -> None:
        self.count: Counter[int] = Counter()

    def edges(self) -> Edges[HostReader, ClusterReader]:
        async def connect(target: SshTarget, options: SshOptions) -> HostReader:
            reader = await connect_reader(target, options)
            ask = reader.ask

            async def asked(asks: Sequence[HostAsk]) -> list[HostAnswer]:
                self.count[target.port or 22] += 1
                return list(await ask(asks))

            reader.ask = asked  # type: ignore[method-assign]  # counts, and asks all the same
            return reader

        return replace(READERS, remote=connect)


async def test_two_hundred_nodes_one_of_them_hanging(tmp_path: Path) -> None:
    names = [f"node-{number:03}" for number in range(200)]
    (tmp_path / "lab").mkdir()
    async with Lab("done", tmp_path / "lab", speed=25.0) as lab:
        assert lab.api is not None
        head = (lab.directory / "setup.toml").read_text().partition("[[nodes]]")[0]
        key = lab.directory / "id_ed25519"
        async with Doors(
            names, lab.ssh["gpu1"].port, key, tmp_path, hanging={"node-044"}, head=head
        ) as doors:
            setup, exchanges = read_setup(tmp_path / "setup.toml"), Exchanges()
            reach = Reach(setup, exchanges.edges(), {})
            fleet = Fleet([reach.berth(n) for n in setup.nodes], LOOKED_AT, deadline_seconds=600)
            arrivals, before = Arrivals(len(names)), len(lab.api.requests)
            work = asyncio.create_task(fleet.look(arrivals.arrived))
            await asyncio.wait_for(arrivals.all_but_one.wait(), 300)
            assert not work.done()
            doors.cut("node-044")
            seen = await asyncio.wait_for(work, 60)
            await reach.close()
            requests = lab.api.requests[before:]
    assert [each.node for each in seen] == names
    assert arrivals.seen[-1].node == "node-044"
    hung = seen[44]
    assert (hung.state, len(hung.stages)) == ("unknown", 9)
    assert isinstance(hung.error, UnreachableError)
    for each in (*seen[:44], *seen[45:]):
        states = {event.stage: event.assessment.state for event in each.stages}
        assert (states["driver"], states["toolkit"], each.error) == ("done", "done", None)
        assert each.kubernetes_node == each.node
    answering = [door for door in doors.doors.values() if door.name != "node-044"]
    assert {(d.connections, d.exchanges, d.roots) for d in answering} == {(1, 1, 1)}
    assert {exchanges.count[door.port] for door in answering} == {1}
    # What is the same for all is asked a handful of times: once, and again when it is some seconds old.
    paths = Counter(request.path.partition("?")[0] for request in requests)
    assert {request.method for request in requests} == {"GET"}
    lists = ("nodes", "pods", "namespaces/kube-system/secrets")
    assert paths["/version"] < 20
    assert paths["/apis/apps/v1/daemonsets"] < 20
    assert all(0 < paths[f"/api/v1/{name}"] < 20 for name in lists)
    assert not [path for path in paths if path.startswith("/api/v1/nodes/")]
    assert sum(exchanges.count.values()) < len(names) + 40


async def test_a_node_that_hangs_is_given_up_at_its_own_deadline_and_let_go(
    tmp_path: Path,
) -> None:
    key = tmp_path / "key"
    async with Doors(
        ["node-1"],
        1,
        key,
        tmp_path,
        hanging={"node-1"},
        head='version = 1\n[cluster]\nkubeconfig = "no"\n',
    ) as doors:
        setup = read_setup(tmp_path / "setup.toml")
        reach = Reach(replace(setup, cluster=replace(setup.cluster, kubeconfig="")), READERS, {})
        fleet = Fleet([reach.berth(n) for n in setup.nodes], LOOKED_AT, deadline_seconds=2)
        arrivals = Arrivals(1)
        (seen,) = await fleet.look(arrivals.arrived)
        await reach.close()
        assert doors.doors["node-1"].exchanges == 1
        assert doors.doors["node-1"].connections == 1
        await asyncio.wait_for(doors.all_gone(), 10)
    assert seen.error is not None
    assert (seen.state, seen.error.code) == ("unknown", "node-timed-out")
    assert {event.assessment.code for event in seen.stages} == {"node-timed-out"}


class Machine:
    """A host that answers when it is told to."""

    name = "control"

    def __init__(self) -> None:
        self.asked: list[Sequence[HostAsk]] = []
        self.closed = 0
        self.answer = asyncio.Event()

    async def ask(self, asks: Sequence[HostAsk]) -> list[HostAnswer]:
        self.asked.append(asks)
        await self.answer.wait()
        return [Output(0, f"{len(self.asked)}".encode(), b"")] * len(asks)

    async def close(self) -> None:
        self.closed += 1


class Mute(Machine):
    """A host that answers, and knows nothing."""

    async def ask(self, asks: Sequence[HostAsk]) -> list[HostAnswer]:
        self.asked.append(asks)
        return [Unknown("no-answer")] * len(asks)


def opening(
    machine: Machine, failures: list[UnreachableError] | None = None
) -> Opening[HostReader]:
    async def connect() -> HostReader:
        if failures:
            raise failures.pop()
        return machine

    return Opening("control", connect)


async def test_what_several_ask_is_asked_once_and_one_that_gives_up_takes_nothing_away() -> None:
    machine = Machine()
    shared = SharedHost(opening(machine))
    first = asyncio.create_task(shared.ask([HOSTNAME, CLOCK]))
    second = asyncio.create_task(shared.ask([CLOCK]))
    await asyncio.sleep(0)
    first.cancel()
    await asyncio.gather(first, return_exceptions=True)
    machine.answer.set()
    assert await second == [Output(0, b"1", b"")]
    assert await shared.ask([CLOCK, HOSTNAME]) == [Output(0, b"1", b""), Output(0, b"2", b"")]
    assert machine.asked == [[HOSTNAME, CLOCK], [HOSTNAME]]


async def test_a_silent_control_plane_is_bounded_and_a_failed_one_says_why() -> None:
    silent = SharedHost(opening(Machine()), bound_seconds=0.05)
    assert await silent.ask([CLOCK]) == [Unknown("timed-out")]
    away = SharedHost(opening(Machine(), [UnreachableError("connection-refused", "No.")]))
    (answer,) = await away.ask([CLOCK])
    assert isinstance(answer, Unknown)
    assert answer.code == "connection-refused"


async def test_a_listener_that_has_gone_ends_the_look_by_its_own_error() -> None:
    async def connect() -> tuple[Spec, ReadNode]:
        return Spec("node-1"), ReadNode("node-1", Mute())

    async def gone(_seen: NodeSeen) -> None:
        raise BrokenPipeError

    with pytest.raises(BrokenPipeError):
        await Fleet([Berth(Spec("node-1"), connect)] * 3, ()).look(gone)


async def test_connections_are_held_between_looks_and_opened_anew_where_they_failed() -> None:
    machines: list[Mute] = []
    failures = [UnreachableError("connection-refused", "No.")]

    async def connect() -> tuple[Spec, ReadNode]:
        if failures:
            raise failures.pop()
        machine = Mute()
        machines.append(machine)
        return Spec("node-1"), ReadNode("node-1", machine)

    fleet = Fleet([Berth(Spec("node-1"), connect)], (), keep_open=True)
    arrivals = Arrivals(3)
    for _ in range(3):
        await fleet.look(arrivals.arrived)
    assert [each.error is None for each in arrivals.seen] == [False, True, True]
    assert len(machines) == 1
    assert (len(machines[0].asked), machines[0].closed) == (2, 0)
    await fleet.close()
    assert machines[0].closed == 1


@pytest.mark.parametrize("keep_open", [False, True])
async def test_a_host_that_has_answered_is_let_go_before_the_cluster_is_waited_for(
    keep_open: bool,
) -> None:
    host, held = Mute(), list[bool]()

    class Cluster:
        async def ask(self, asks: Sequence[ClusterAsk]) -> list[ClusterAnswer]:
            held.append(not host.closed)
            return [Unknown("api-timed-out")] * len(asks)

        async def close(self) -> None:
            return

    async def connect() -> tuple[Spec, ReadNode]:
        return Spec("node-1"), ReadNode("node-1", host, cluster=Cluster())

    await Fleet([Berth(Spec("node-1"), connect)], (), keep_open=keep_open).look(Arrivals(1).arrived)
    assert held == [keep_open]


async def test_a_node_that_one_look_waits_for_does_not_hold_up_the_next_look() -> None:
    slow, quick = Machine(), Mute()

    def berth(name: str, machine: Machine) -> Berth:
        async def connect() -> tuple[Spec, ReadNode]:
            return Spec(name), ReadNode(name, machine)

        return Berth(Spec(name), connect)

    fleet = Fleet([berth("slow", slow), berth("quick", quick)], (), keep_open=True)
    first = Arrivals(2)
    waiting = asyncio.create_task(fleet.look(first.arrived))
    await asyncio.wait_for(first.all_but_one.wait(), 60)
    assert [each.node for each in await fleet.look(Arrivals(1).arrived)] == ["quick"]
    assert (len(slow.asked), len(quick.asked)) == (1, 2)
    waiting.cancel()
    await asyncio.gather(waiting, return_exceptions=True)
    slow.answer.set()
    assert [each.node for each in await fleet.look(Arrivals(2).arrived)] == ["slow", "quick"]
    await fleet.close()


PARSED: list[bytes] = []


def _noted(answer: Output) -> Fact[bytes]:
    PARSED.append(answer.stdout)
    return Known(answer.stdout)


@facts
class KindFacts:
    kind: Fact[bytes] = asks(Probe("test.kind", HOSTNAME, _noted))


class Kind(Stage[KindFacts]):
    """A stage that says which kind of node it was told of."""

    id: ClassVar[str] = "kind"
    facts_type: ClassVar[type[KindFacts]] = KindFacts

    def assess(self, facts: KindFacts, spec: Spec) -> Assessment:
        assert isinstance(facts.kind, Known)
        return Assessment("done", facts.kind.value.decode())

    def plan(self, facts: KindFacts, spec: Spec) -> Plan:
        raise AssertionError("a look plans nothing")

    def found(self, facts: KindFacts, spec: Spec) -> tuple[Found, ...]:
        return ()


class Telling(Mute):
    """A machine that gives the same bytes to every question, made anew."""

    def __init__(self, kind: str) -> None:
        super().__init__()
        self.kind = kind

    async def ask(self, asks: Sequence[HostAsk]) -> list[HostAnswer]:
        return [Output(0, self.kind.encode(), b"") for _ in asks]


async def test_what_many_nodes_are_told_alike_is_parsed_once_and_nobody_gets_anothers() -> None:
    def berth(kind: str) -> Berth:
        async def connect() -> tuple[Spec, ReadNode]:
            return Spec("node"), ReadNode("node", Telling(kind))

        return Berth(Spec("node"), connect)

    kinds = [f"kind-{number % 3}" for number in range(30)]
    seen = await Fleet([berth(kind) for kind in kinds], (Kind(),)).look(Arrivals(30).arrived)
    assert [each.stages[0].assessment.code for each in seen] == kinds
    assert sorted(PARSED) == [b"kind-0", b"kind-1", b"kind-2"]


async def test_a_bug_under_a_question_is_everyones_once_and_the_next_asks_anew() -> None:
    class Broken(Machine):
        async def ask(self, asks: Sequence[HostAsk]) -> list[HostAnswer]:
            if not self.asked:
                self.asked.append(asks)
                raise ZeroDivisionError
            return await super().ask(asks)

    machine = Broken()
    machine.answer.set()
    shared = SharedHost(opening(machine))
    with pytest.raises(ZeroDivisionError):
        await shared.ask([CLOCK])
    assert await shared.ask([CLOCK]) == [Output(0, b"2", b"")]
