"""One API behind many nodes: lists instead of a request each, and each alone where an account may not list."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace

import pytest

from gpu_wizard.engine.shared import Opening
from gpu_wizard.engine.shared_cluster import SharedCluster
from gpu_wizard.model.fact import Unknown
from gpu_wizard.model.ports import ClusterReader
from gpu_wizard.model.question import (
    ApiGet,
    ClusterAnswer,
    ClusterAsk,
    JsonObject,
    LogsFound,
    Objects,
    ObjectsFound,
    PodLog,
    PodLogs,
)

FORBIDDEN = Unknown("api-forbidden", "403: may not")
NODES, PODS = Objects("Node"), Objects("Pod")
SECRETS = Objects("Secret", "kube-system", metadata_only=True)
VERSION = ApiGet("/version")


def pods_of(node: str) -> Objects:
    return replace(PODS, fields=f"spec.nodeName={node}")


def questions(node: str) -> list[ClusterAsk]:
    """What a look asks about one node."""
    secret = replace(SECRETS, name=f"{node}.password")
    return [
        replace(NODES, name=node),
        NODES,
        pods_of(node),
        secret,
        PodLogs(node, "plugin"),
        VERSION,
    ]


def pod(node: str, name: str, image: str) -> JsonObject:
    containers = [{"name": "main", "image": image}]
    return {
        "metadata": {"namespace": "kube-system", "name": f"{name}-{node}"},
        "spec": {"nodeName": node, "containers": containers},
    }


class Api:
    """A cluster of so many nodes, each with a plugin pod and another. `refused`: what the account may not ask."""

    def __init__(self, size: int, refused: Mapping[ClusterAsk, Unknown] | None = None) -> None:
        self.names = [f"n{number}" for number in range(size)]
        self.refused = refused or {}
        self.asked: list[ClusterAsk] = []

    async def ask(self, asks: Sequence[ClusterAsk]) -> list[ClusterAnswer]:
        self.asked += asks
        await asyncio.sleep(0)
        return [self.refused.get(each) or self._answer(each) for each in asks]

    async def close(self) -> None:
        return

    def _answer(self, ask: ClusterAsk) -> ClusterAnswer:
        if isinstance(ask, PodLogs):
            return LogsFound(tuple(PodLog(*where, "Registered") for where in ask.containers or ()))
        if not isinstance(ask, Objects):
            return ObjectsFound(({"gitVersion": "v1.34.3+k3s1"},))
        name = ask.name.removesuffix(".password") or ask.fields.rpartition("=")[2]
        found = [self._object(ask.kind, each) for each in self.names if name in ("", each)]
        return ObjectsFound(tuple(item for items in found for item in items))

    def _object(self, kind: str, node: str) -> list[JsonObject]:
        if kind == "Pod":
            return [pod(node, "plugin", "nvcr.io/plugin:1"), pod(node, "web", "nginx:1")]
        return [{"metadata": {"name": f"{node}.password" if kind == "Secret" else node}}]

    def shared(self, nodes: int) -> SharedCluster:
        async def connect() -> ClusterReader:
            return self

        return SharedCluster(Opening("api", connect), nodes=nodes)


async def look(shared: SharedCluster, names: Sequence[str]) -> list[list[ClusterAnswer]]:
    return list(await asyncio.gather(*(shared.ask(questions(name)) for name in names)))


def expected(api: Api, node: str) -> list[ClusterAnswer]:
    own, nodes, pods, secret, _, version = (api._answer(each) for each in questions(node))
    log = PodLog("kube-system", f"plugin-{node}", "main", "Registered")
    return [own, nodes, pods, secret, LogsFound((log,)), version]


async def test_many_nodes_are_cut_out_of_one_list_of_each_kind() -> None:
    api = Api(20)
    answers = await look(api.shared(20), api.names)
    assert answers == [expected(api, name) for name in api.names]
    logs = [each for each in api.asked if isinstance(each, PodLogs)]
    assert sorted(each.node for each in logs) == sorted(api.names)
    assert Counter(api.asked) == Counter([NODES, VERSION, PODS, SECRETS, *logs])


async def test_a_later_node_is_told_the_same_and_another_look_asks_anew() -> None:
    api = Api(4)
    shared = api.shared(4)
    await look(shared, api.names[:2])
    await look(shared, api.names[2:])
    assert api.asked.count(PODS) == 1
    shared.renew()
    api.names.append("n4")
    (answers,) = await look(shared, ["n4"])
    assert answers == expected(api, "n4")
    assert api.asked.count(PODS) == 2


@pytest.mark.parametrize("nodes", [1, 3])
async def test_a_few_nodes_of_a_large_cluster_ask_for_themselves_alone(nodes: int) -> None:
    api = Api(20)
    answers = await look(api.shared(nodes), api.names[:nodes])
    assert answers == [expected(api, name) for name in api.names[:nodes]]
    assert PODS not in api.asked
    assert SECRETS not in api.asked
    # The list of nodes is there anyway.
    assert not [each for each in api.asked if isinstance(each, Objects) and each.kind == "Node"][1:]


@pytest.mark.parametrize("whole", [NODES, PODS, SECRETS])
async def test_what_an_account_may_not_list_is_asked_for_by_itself(whole: Objects) -> None:
    api = Api(4, {whole: FORBIDDEN})
    answers = await look(api.shared(4), api.names)
    for name, told in zip(api.names, answers, strict=True):
        wanted = expected(api, name)
        wanted[1] = FORBIDDEN if whole is NODES else wanted[1]
        assert told == wanted
    assert api.asked.count(whole) == 1


async def test_a_list_that_takes_too_long_is_asked_for_in_parts() -> None:
    api = Api(3, {PODS: Unknown("timed-out")})
    assert await look(api.shared(3), api.names) == [expected(api, name) for name in api.names]


async def test_what_may_not_be_asked_at_all_spoils_its_own_answers_alone() -> None:
    api = Api(2, {PODS: FORBIDDEN, pods_of("n0"): FORBIDDEN, pods_of("n1"): FORBIDDEN})
    for name, told in zip(api.names, await look(api.shared(2), api.names), strict=True):
        own, nodes, _, secret, _, version = expected(api, name)
        assert told == [own, nodes, FORBIDDEN, secret, FORBIDDEN, version]


async def test_a_server_that_does_not_answer_is_not_asked_again_for_each_node() -> None:
    silent = Unknown("api-timed-out", "No answer in 15 s.")
    api = Api(3, {NODES: silent})
    for told in await look(api.shared(3), api.names):
        assert told == [silent, silent, silent, silent, silent, expected(api, "n0")[-1]]
    assert set(api.asked) == {NODES, VERSION}
