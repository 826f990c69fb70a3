"""The Kubernetes edge, against an HTTPS API server with its own CA."""

from __future__ import annotations

import asyncio
import json
import tempfile
from collections.abc import AsyncIterator, Mapping
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from gpu_wizard.cluster import kube
from gpu_wizard.cluster.answers import HttpAnswer
from gpu_wizard.cluster.api import KubeCluster
from gpu_wizard.cluster.kube import from_file, from_secret
from gpu_wizard.facts.manifests import runtime_class_manifest
from gpu_wizard.lab.clock import ScaledClock
from gpu_wizard.lab.cluster.server import ClusterServer
from gpu_wizard.lab.pki import Authority
from gpu_wizard.model.action import ApplyObject, DeleteObject
from gpu_wizard.model.errors import (
    AccessError,
    ConflictError,
    InputError,
    UnreachableError,
    WizardError,
)
from gpu_wizard.model.fact import Unknown
from gpu_wizard.model.question import ApiGet, ClusterAsk, Objects, ObjectsFound, PodLogs
from gpu_wizard.model.secret import Secret

NODE = {"apiVersion": "v1", "kind": "Node", "metadata": {"name": "gpu-1", "labels": {"a": "b"}}}


@pytest_asyncio.fixture
async def server() -> AsyncIterator[ClusterServer]:
    async with ClusterServer(ScaledClock(50.0), Authority()) as running:
        running.cluster.put(NODE)
        yield running


def config(server: ClusterServer, **more: Any) -> Secret:
    return Secret(json.dumps(server.kubeconfig(**more)).encode())


@pytest_asyncio.fixture
async def cluster(server: ClusterServer) -> AsyncIterator[KubeCluster]:
    opened = KubeCluster(await from_secret(config(server)))
    yield opened
    await opened.close()


async def test_objects_lists_and_documents_are_plain_json(cluster: KubeCluster) -> None:
    node, nodes, gone, unserved, version = await cluster.ask(
        [
            Objects("Node", name="gpu-1"),
            Objects("Node"),
            Objects("Node", name="nope"),
            Objects("ClusterPolicy"),
            ApiGet("/version"),
        ]
    )
    assert isinstance(node, ObjectsFound)
    assert node.objects[0]["metadata"]["labels"] == {"a": "b"}
    assert isinstance(nodes, ObjectsFound)
    assert len(nodes.objects) == 1
    assert gone == unserved == ObjectsFound(())
    assert isinstance(version, ObjectsFound)
    assert version.objects[0]["gitVersion"].startswith("v1.34")


async def test_asking_only_reads(server: ClusterServer, cluster: KubeCluster) -> None:
    await cluster.ask(
        [Objects("Pod"), PodLogs("gpu-1", "x"), Objects("DaemonSet"), ApiGet("/version")]
    )
    assert {request.method for request in server.requests} == {"GET"}


async def test_a_long_list_comes_in_pages_and_whole(
    server: ClusterServer, cluster: KubeCluster
) -> None:
    names = [f"gpu-{number:04}" for number in range(1100)]
    for name in names:
        server.cluster.put({"apiVersion": "v1", "kind": "Node", "metadata": {"name": name}})
    (answer,) = await cluster.ask([Objects("Node")])
    assert isinstance(answer, ObjectsFound)
    assert {item["metadata"]["name"] for item in answer.objects} == {"gpu-1", *names}
    assert len(answer.objects) == 1101
    assert all("managedFields" not in item["metadata"] for item in answer.objects)
    assert len([each for each in server.requests if "limit=500" in each.path]) == 3


async def test_what_no_question_is_about_is_left_out_of_a_pod(
    server: ClusterServer, cluster: KubeCluster
) -> None:
    spec = {"nodeName": "gpu-1", "containers": [{"name": "a", "image": "b"}]}
    unasked = {"tolerations": [{"operator": "Exists"}], "volumes": [{"name": "v", "emptyDir": {}}]}
    labels = {"volumes": "3", "app": "x"}
    meta = {"name": "p", "namespace": "default", "labels": labels}
    server.cluster.put(
        {"apiVersion": "v1", "kind": "Pod", "metadata": meta, "spec": {**spec, **unasked}}
    )
    (answer,) = await cluster.ask([Objects("Pod")])
    assert isinstance(answer, ObjectsFound)
    assert answer.objects[0]["metadata"]["labels"] == labels
    told = answer.objects[0]["spec"]
    assert (told["nodeName"], told["containers"][0]["image"]) == ("gpu-1", "b")
    assert not told.keys() & unasked.keys()


class Expired:
    """An API server that forgets the list after its first page."""

    server = "https://api.example"

    def __init__(self) -> None:
        self.queries: list[Mapping[str, str]] = []

    async def request(
        self,
        method: str,
        path: str,
        query: Mapping[str, str] | None = None,
        body: Any = None,
        kind: str = "",
        accept: str = "",
    ) -> HttpAnswer:
        self.queries.append(query or {})
        if query and "continue" in query:
            return HttpAnswer(410, b'{"kind": "Status", "reason": "Expired"}')
        items = [{"metadata": {"name": "a"}}, {"metadata": {"name": "b"}}]
        paged = {"metadata": {"continue": "x"}, "items": items[:1]}
        whole: dict[str, Any] = {"metadata": {}, "items": items}
        return HttpAnswer(200, json.dumps(paged if query and "limit" in query else whole).encode())

    async def close(self) -> None:
        return


async def test_a_list_that_expires_between_two_pages_is_asked_for_at_once() -> None:
    server = Expired()
    (answer,) = await KubeCluster(server).ask([Objects("Pod", labels="a=b")])
    assert isinstance(answer, ObjectsFound)
    assert [item["metadata"]["name"] for item in answer.objects] == ["a", "b"]
    assert [sorted(query) for query in server.queries] == [
        ["labelSelector", "limit"],
        ["continue", "labelSelector", "limit"],
        ["labelSelector"],
    ]


async def test_no_value_of_a_secret_travels_where_only_its_metadata_is_asked_for(
    server: ClusterServer, cluster: KubeCluster
) -> None:
    meta = {"name": "gpu-1.node-password.k3s", "namespace": "kube-system"}
    server.cluster.put(
        {"apiVersion": "v1", "kind": "Secret", "metadata": meta, "data": {"hash": "Y2FuYXJ5"}}
    )
    asked = Objects("Secret", "kube-system", metadata_only=True)
    for ask in (asked, replace(asked, name=meta["name"])):
        (answer,) = await cluster.ask([ask])
        assert isinstance(answer, ObjectsFound)
        (found,) = answer.objects
        assert found["metadata"]["name"] == meta["name"]
        assert "Y2FuYXJ5" not in json.dumps(found)


async def test_an_apply_says_whether_it_changed_anything(cluster: KubeCluster) -> None:
    apply = ApplyObject(runtime_class_manifest("nvidia"))
    foreseen = await cluster.preview(apply)
    assert (foreseen.before, foreseen.changed) == (None, True)
    first = await cluster.apply(apply)
    assert (first.before, first.changed) == (None, True)
    again = await cluster.apply(apply)
    assert (again.before is not None, again.changed) == (True, False)


async def test_an_absent_node_is_never_created(server: ClusterServer, cluster: KubeCluster) -> None:
    ghost = {
        "apiVersion": "v1",
        "kind": "Node",
        "metadata": {"name": "ghost", "labels": {"x": "y"}},
    }
    with pytest.raises(ConflictError):
        await cluster.apply(ApplyObject(ghost, must_exist=True))
    assert server.cluster.get("Node", "", "ghost") is None


async def test_another_managers_value_is_a_conflict_until_forced(
    server: ClusterServer, cluster: KubeCluster
) -> None:
    def labelled(value: str) -> dict[str, Any]:
        return {
            "apiVersion": "v1",
            "kind": "Node",
            "metadata": {"name": "gpu-1", "labels": {"a": value}},
        }

    with pytest.raises(ConflictError):
        await cluster.apply(ApplyObject(labelled("c"), must_exist=True))
    await cluster.apply(ApplyObject(labelled("c"), force=True, must_exist=True))
    node = server.cluster.get("Node", "", "gpu-1")
    assert node is not None
    assert node["metadata"]["labels"]["a"] == "c"


async def test_only_what_is_ours_is_deleted(server: ClusterServer, cluster: KubeCluster) -> None:
    server.cluster.put({**runtime_class_manifest("theirs"), "metadata": {"name": "theirs"}})
    await cluster.apply(ApplyObject(runtime_class_manifest("ours")))
    assert not await cluster.delete(DeleteObject("RuntimeClass", "theirs", only_ours=True))
    assert await cluster.delete(DeleteObject("RuntimeClass", "ours", only_ours=True))
    assert not await cluster.delete(DeleteObject("RuntimeClass", "ours"))


async def test_an_account_without_rights_is_told_apart_from_none(server: ClusterServer) -> None:
    nobody = KubeCluster(await from_secret(config(server, user="eve", groups=())))
    (answer,) = await nobody.ask([Objects("Node")])
    assert isinstance(answer, Unknown)
    assert answer.code == "api-forbidden"
    assert "nodes" in answer.detail
    with pytest.raises(AccessError) as caught:
        await nobody.apply(ApplyObject(runtime_class_manifest("x")))
    assert caught.value.where.status == 403
    await nobody.close()

    document = server.kubeconfig()
    document["users"][0]["user"] = {"token": "no-such-token"}
    stranger = KubeCluster(await from_secret(Secret(json.dumps(document).encode())))
    (answer,) = await stranger.ask([Objects("Node")])
    assert isinstance(answer, Unknown)
    assert answer.code == "api-unauthorized"
    await stranger.close()


async def test_a_server_of_another_authority_is_not_trusted(server: ClusterServer) -> None:
    other = server.kubeconfig()
    async with ClusterServer(ScaledClock(50.0), Authority()) as foreign:
        other["clusters"][0]["cluster"]["server"] = f"https://127.0.0.1:{foreign.port}"
        asking = KubeCluster(await from_secret(Secret(json.dumps(other).encode())))
        (answer,) = await asking.ask([Objects("Node")])
        assert isinstance(answer, Unknown)
        assert answer.code == "api-certificate"
        assert foreign.requests == []
        await asking.close()


async def test_nothing_listens(server: ClusterServer, cluster: KubeCluster) -> None:
    server.cluster.set_available(False)
    (answer,) = await cluster.ask([Objects("Node")])
    assert isinstance(answer, Unknown)
    assert answer.code == "api-unreachable"
    with pytest.raises(UnreachableError):
        await cluster.apply(ApplyObject(runtime_class_manifest("x")))


async def test_a_server_that_never_answers_is_given_up(server: ClusterServer) -> None:
    async def silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()
        writer.close()

    listener = await asyncio.start_server(silent, "127.0.0.1", 0)
    port = listener.sockets[0].getsockname()[1]
    asking = KubeCluster(
        await from_secret(config(server), f"https://127.0.0.1:{port}", seconds=0.3)
    )
    (answer,) = await asking.ask([Objects("Node")])
    assert isinstance(answer, Unknown)
    assert answer.code in ("api-timed-out", "api-unreachable")
    await asking.close()
    listener.close()
    await listener.wait_closed()


async def test_an_answer_without_end_is_not_read_to_it(
    server: ClusterServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def endless(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n")
        with suppress(OSError):
            while True:
                writer.write(b" " * 65536)
                await writer.drain()

    monkeypatch.setattr(kube, "LARGEST_BYTES", 1 << 20)
    listener = await asyncio.start_server(endless, "127.0.0.1", 0)
    address = f"http://127.0.0.1:{listener.sockets[0].getsockname()[1]}"
    asking = KubeCluster(await from_secret(config(server), address))
    (answer,) = await asking.ask([Objects("Node")])
    assert isinstance(answer, Unknown)
    assert answer.code == "api-answer-too-long"
    await asking.close()
    listener.close()


async def test_a_kubeconfig_in_memory_leaves_no_file(
    server: ClusterServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    opened = KubeCluster(await from_secret(config(server)))
    assert list(tmp_path.iterdir()) == []
    (answer,) = await opened.ask([Objects("Node")])
    assert isinstance(answer, ObjectsFound)
    await opened.close()


@pytest.mark.parametrize(
    "text", ["", "[]", "a: [", "clusters: []\nusers: []\n", "apiVersion: v1\nkind: Config\n"]
)
async def test_what_is_no_kubeconfig_is_an_input_error(tmp_path: Path, text: str) -> None:
    path = tmp_path / "config"
    path.write_text(text)
    with pytest.raises(InputError) as caught:
        await from_file(str(path), None)
    assert str(path) in str(caught.value)
    with pytest.raises(WizardError):
        await from_secret(Secret(text.encode()))


async def test_a_file_and_its_context(server: ClusterServer, tmp_path: Path) -> None:
    path = tmp_path / "config"
    path.write_text(json.dumps(server.kubeconfig()))
    opened = KubeCluster(await from_file(str(path), "default"))
    (answer,) = await opened.ask([ApiGet("/version")])
    assert isinstance(answer, ObjectsFound)
    await opened.close()
    with pytest.raises(InputError):
        await from_file(str(path), "no-such-context")
    with pytest.raises(InputError):
        await from_file(str(tmp_path / "nope"), None)


async def test_a_busy_server_is_asked_again(server: ClusterServer, cluster: KubeCluster) -> None:
    server.api.ready = False
    asyncio.get_running_loop().call_later(0.2, setattr, server.api, "ready", True)
    (answer,) = await cluster.ask([Objects("Node", name="gpu-1")])
    assert isinstance(answer, ObjectsFound)
    server.api.ready = False
    with pytest.raises(UnreachableError) as caught:
        await cluster.apply(ApplyObject(runtime_class_manifest("nvidia")))
    assert caught.value.code == "api-unreachable"


async def test_a_pause_that_is_no_number_is_no_crash(server: ClusterServer) -> None:
    """`²` is a digit to Python, and no number."""

    async def busy(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (
            "HTTP/1.1 503 Busy\r\nRetry-After: ²\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
        )
        writer.write(head.encode())
        await writer.drain()
        writer.close()

    listening = await asyncio.start_server(busy, "127.0.0.1", 0)
    address = f"http://127.0.0.1:{listening.sockets[0].getsockname()[1]}"
    connection = await from_secret(Secret(json.dumps(server.kubeconfig()).encode()), address)
    answer = await connection.request("GET", "/version")
    assert answer.status == 503
    await connection.close()
    listening.close()


async def test_neither_netrc_nor_a_proxy_stands_before_this_machines_own_ports(
    server: ClusterServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    heard: list[bytes] = []

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        heard.append(await reader.readuntil(b"\r\n\r\n"))
        writer.write(b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n")
        writer.close()

    netrc = tmp_path / "netrc"
    netrc.write_text("default login anna password open-sesame\n")
    netrc.chmod(0o600)
    monkeypatch.setenv("NETRC", str(netrc))
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:1")
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:1")
    async with await asyncio.start_server(answer, "127.0.0.1", 0) as api:
        port = api.sockets[0].getsockname()[1]
        cluster = KubeCluster(await from_secret(config(server), f"http://127.0.0.1:{port}"))
        try:
            answers = await cluster.ask([Objects("Node", name="gpu-1")])
        finally:
            await cluster.close()
    assert answers == [ObjectsFound(())]
    assert [b"authorization" in each.lower() for each in heard] == [False]


async def test_another_machine_is_reached_through_the_proxy_of_the_environment(
    server: ClusterServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    heard: list[bytes] = []

    async def refuse(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        heard.append(await reader.readuntil(b"\r\n\r\n"))
        writer.write(b"HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n")
        writer.close()

    async with await asyncio.start_server(refuse, "127.0.0.1", 0) as proxy:
        port = proxy.sockets[0].getsockname()[1]
        monkeypatch.setenv("HTTPS_PROXY", f"http://127.0.0.1:{port}")
        monkeypatch.setenv("NO_PROXY", "near.example")
        far = KubeCluster(await from_secret(config(server), "https://api.example:6443"))
        near = KubeCluster(await from_secret(config(server), "https://near.example:1"))
        try:
            answers = [*await far.ask([Objects("Node")]), *await near.ask([Objects("Node")])]
        finally:
            await far.close()
            await near.close()
    assert [each.partition(b"\r\n")[0] for each in heard] == [b"CONNECT api.example:6443 HTTP/1.1"]
    assert all(isinstance(each, Unknown) for each in answers)


class Proxy:
    """A connection that ends at something that is no API server."""

    server = "https://proxy.example"

    def __init__(self, status: int, body: bytes) -> None:
        self._answer = HttpAnswer(status, body)

    async def request(
        self,
        method: str,
        path: str,
        query: Mapping[str, str] | None = None,
        body: Any = None,
        kind: str = "",
        accept: str = "",
    ) -> HttpAnswer:
        return self._answer

    async def close(self) -> None:
        return


@pytest.mark.parametrize("status", [200, 302, 404, 418, 429, 500])
@pytest.mark.parametrize(
    "body", [b"<html>Log in</html>", b"[]", b"null", b"{}", b'"\xff"', b"[" * 200_000]
)
async def test_a_page_of_a_proxy_is_an_error_and_no_crash(status: int, body: bytes) -> None:
    cluster = KubeCluster(Proxy(status, body))
    asks: list[ClusterAsk] = [
        Objects("Pod"),
        Objects("Node", name="x"),
        PodLogs("n", "x"),
        ApiGet("/version"),
    ]
    assert len(await cluster.ask(asks)) == len(asks)
    with pytest.raises(WizardError):
        await cluster.apply(ApplyObject(runtime_class_manifest("nvidia")))
    if status != 404:
        with pytest.raises(WizardError):
            await cluster.delete(DeleteObject("RuntimeClass", "nvidia"))


def spoilt(document: Any, junk: Any) -> list[Any]:
    """The document once for each of its places, with something else there."""
    if not isinstance(document, dict | list):
        return [junk]
    items = document.items() if isinstance(document, dict) else enumerate(document)
    found: list[Any] = [junk]
    for key, value in items:
        for inner in spoilt(value, junk):
            copy = json.loads(json.dumps(document))
            copy[key] = inner
            found.append(copy)
    return found


@pytest.mark.parametrize("junk", [None, "", "x", 1, [], {}, [1], {"a": 1}])
async def test_a_spoilt_kubeconfig_is_an_error_and_no_crash(
    server: ClusterServer, tmp_path: Path, junk: Any
) -> None:
    file = tmp_path / "config"
    for document in spoilt(server.kubeconfig(), junk):
        file.write_text(json.dumps(document))
        for opening in (
            from_file(str(file), None),
            from_secret(
                Secret(file.read_bytes()), server.kubeconfig()["clusters"][0]["cluster"]["server"]
            ),
        ):
            try:
                connection = await opening
            except InputError as error:
                assert error.code == "kubeconfig-unreadable"  # noqa: PT017 - some are good enough
            else:
                await connection.close()


async def test_another_machines_kubeconfig_runs_and_reads_nothing_here(
    server: ClusterServer, tmp_path: Path
) -> None:
    (tmp_path / "secret").write_text("mine")
    document = server.kubeconfig()
    document["users"][0]["user"] = {
        "exec": {
            "apiVersion": "client.authentication.k8s.io/v1",
            "command": "touch",
            "args": [str(tmp_path / "ran")],
        },
        "tokenFile": str(tmp_path / "secret"),
    }
    opened = KubeCluster(await from_secret(Secret(json.dumps(document).encode())))
    (answer,) = await opened.ask([Objects("Node")])
    await opened.close()
    assert isinstance(answer, Unknown)
    assert answer.code == "api-unauthorized"
    assert not (tmp_path / "ran").exists()
