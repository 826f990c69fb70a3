"""Objects of the lab's API beyond the recordings: lists, tables, patches, deletions, custom kinds."""

from __future__ import annotations

import base64
from collections.abc import AsyncIterator
from typing import Any

import pytest
import yaml

from gpu_wizard.lab.api import errors, fieldsets, patches, protobuf, quantity, schema, selectors
from gpu_wizard.lab.api.kinds import Catalogue, Kind
from gpu_wizard.lab.cluster.server import ClusterServer
from gpu_wizard.lab.pki import Authority
from gpu_wizard.lab.ports import JsonObject
from tests.lab.cluster_bench import (
    NVIDIA_CLASS,
    Client,
    FastClock,
    Machine,
    a_pod,
    admin,
    plugin_daemons,
    until,
)

PODS = "/api/v1/namespaces/default/pods"
APPLY = {"Content-Type": "application/apply-patch+yaml"}
TABLE = {"Accept": "application/json;as=Table;v=v1;g=meta.k8s.io,application/json"}


@pytest.fixture(name="server")
async def _server() -> AsyncIterator[ClusterServer]:
    async with ClusterServer(FastClock(), Authority()) as server:
        yield server


@pytest.fixture(name="client")
async def _client(server: ClusterServer) -> AsyncIterator[Client]:
    client = admin(server)
    yield client
    await client.close()


def config(name: str, **labels: str) -> JsonObject:
    return {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": name, "namespace": "default", "labels": labels},
        "data": {"a": "b"},
    }


def names(listed: JsonObject) -> list[str]:
    return [each["metadata"]["name"] for each in listed["items"]]


async def test_a_list_in_pages(server: ClusterServer, client: Client) -> None:
    for number in range(5):
        server.cluster.put(config(f"c{number}"))
    path = "/api/v1/namespaces/default/configmaps?limit=2"
    first = await client.get(path)
    assert names(first) == ["c0", "c1"]
    assert first["metadata"]["remainingItemCount"] == 4
    second = await client.get(f"{path}&continue={first['metadata']['continue']}")
    assert names(second) == ["c2", "c3"]
    third = await client.get(f"{path}&continue={second['metadata']['continue']}")
    assert names(third) == ["c4", "kube-root-ca.crt"]
    assert "continue" not in third["metadata"]


async def test_selectors_choose(server: ClusterServer, client: Client) -> None:
    server.cluster.put(config("one", app="gpu-test"))
    server.cluster.put(config("two", app="gpu-test", x="z"))
    server.cluster.put(config("three", app="other"))
    path = "/api/v1/namespaces/default/configmaps?labelSelector="
    assert names(await client.get(path + "app+in+%28gpu-test%2Cother%29%2Cx%21%3Dz")) == [
        "one",
        "three",
    ]
    assert names(await client.get(path + "x")) == ["two"]
    assert names(await client.get(path + "app,!x")) == ["one", "three"]
    listed = await client.get("/api/v1/configmaps?fieldSelector=metadata.name%3Dtwo")
    assert names(listed) == ["two"]


@pytest.mark.parametrize("text", ["a===b", "a in", "a in (b", "=b", "a b"])
def test_a_selector_that_can_not_be_read_is_refused(text: str) -> None:
    with pytest.raises(errors.ApiError) as refused:
        selectors.labels(text)
    assert refused.value.code == 400


async def test_tables_of_pods(server: ClusterServer, client: Client) -> None:
    server.cluster.register(Machine(), {})
    server.cluster.put(a_pod("done", "true"))

    def phase() -> str:
        return str((server.cluster.get("Pod", "default", "done") or {})["status"]["phase"])

    await until(lambda: phase() == "Succeeded")
    table = (await client.send("GET", PODS, headers=TABLE)).json
    columns = [each["name"] for each in table["columnDefinitions"]]
    assert columns[:5] == ["Name", "Ready", "Status", "Restarts", "Age"]
    assert table["rows"][0]["cells"][:4] == ["done", "0/1", "Completed", "0"]
    assert table["rows"][0]["object"]["kind"] == "PartialObjectMetadata"


async def test_yaml_says_the_same(server: ClusterServer, client: Client) -> None:
    server.cluster.register(Machine(), {})
    path = "/api/v1/nodes/gpu-node-1"
    as_yaml = await client.send("GET", path, headers={"Accept": "application/yaml"})
    assert as_yaml.headers["Content-Type"] == "application/yaml"
    found = yaml.safe_load(as_yaml.body)
    wanted = await client.get(path)
    assert found["status"]["nodeInfo"] == wanted["status"]["nodeInfo"]
    assert found["metadata"]["labels"] == wanted["metadata"]["labels"]


async def test_a_custom_kind(server: ClusterServer, client: Client) -> None:
    """What GPU Operator brings along."""
    definition = {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": "clusterpolicies.nvidia.com"},
        "spec": {
            "group": "nvidia.com",
            "names": {
                "kind": "ClusterPolicy",
                "plural": "clusterpolicies",
                "singular": "clusterpolicy",
            },
            "scope": "Cluster",
            "versions": [
                {"name": "v1", "served": True, "storage": True, "subresources": {"status": {}}}
            ],
        },
    }
    path = "/apis/nvidia.com/v1/clusterpolicies"
    assert (await client.send("GET", path)).status == 404
    server.cluster.put(definition)
    policy = {
        "apiVersion": "nvidia.com/v1",
        "kind": "ClusterPolicy",
        "metadata": {"name": "cluster-policy"},
        "spec": {"toolkit": {"enabled": True}},
    }
    made = await client.send("POST", path, policy)
    assert made.status == 201
    listed = await client.get(path)
    assert listed["items"][0]["spec"] == {"toolkit": {"enabled": True}}
    assert listed["items"][0]["kind"] == "ClusterPolicy"
    assert "nvidia.com" in [group["name"] for group in (await client.get("/apis"))["groups"]]
    await client.send(
        "DELETE",
        "/apis/apiextensions.k8s.io/v1/customresourcedefinitions/clusterpolicies.nvidia.com",
    )
    assert (await client.send("GET", path)).status == 404


async def test_our_apply_beside_others(server: ClusterServer, client: Client) -> None:
    """What the wizard does: apply its DaemonSet, twice, and take one field from another's."""
    path = "/apis/apps/v1/namespaces/kube-system/daemonsets/nvidia-device-plugin-daemonset"
    server.cluster.put(NVIDIA_CLASS)
    ours = plugin_daemons(nodeSelector={"nvidia.com/gpu": "present"})
    first = await client.send("PATCH", f"{path}?fieldManager=gpu-wizard", ours, APPLY)
    again = await client.send("PATCH", f"{path}?fieldManager=gpu-wizard", ours, APPLY)
    assert (first.status, again.status) == (201, 200)
    assert first.json["metadata"]["generation"] == again.json["metadata"]["generation"] == 1
    less = plugin_daemons()
    dropped = await client.send("PATCH", f"{path}?fieldManager=gpu-wizard", less, APPLY)
    assert "nodeSelector" not in dropped.json["spec"]["template"]["spec"]
    assert dropped.json["metadata"]["generation"] == 2
    other = plugin_daemons()
    other["spec"]["template"]["spec"]["containers"][0]["env"][0]["value"] = "true"
    conflict = await client.send("PATCH", f"{path}?fieldManager=helm", other, APPLY)
    assert conflict.status == 409
    field = '.spec.template.spec.containers[name="nvidia-device-plugin-ctr"].env[name="FAIL_ON_INIT_ERROR"].value'
    assert conflict.json["details"]["causes"][0]["field"] == field
    forced = await client.send("PATCH", f"{path}?fieldManager=helm&force=true", other, APPLY)
    assert forced.status == 200


async def test_owners_go_and_take_along_what_they_own(
    server: ClusterServer, client: Client
) -> None:
    owner = server.cluster.put(config("owner"))
    reference = {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "name": "owner",
        "uid": owner["metadata"]["uid"],
    }
    for name in ("kept", "taken"):
        child = config(name)
        child["metadata"]["ownerReferences"] = [reference]
        server.cluster.put(child)
    path = "/api/v1/namespaces/default/configmaps"
    orphan = config("other-owner")
    orphan_owner = server.cluster.put(orphan)
    child = config("orphaned")
    child["metadata"]["ownerReferences"] = [
        reference | {"name": "other-owner", "uid": orphan_owner["metadata"]["uid"]}
    ]
    server.cluster.put(child)
    await client.send("DELETE", f"{path}/owner")
    body = {"propagationPolicy": "Orphan"}
    await client.send("DELETE", f"{path}/other-owner", body, {"Content-Type": "application/json"})
    await until(lambda: server.cluster.get("ConfigMap", "default", "taken") is None)
    await until(lambda: server.cluster.get("ConfigMap", "default", "other-owner") is None)
    left = server.cluster.get("ConfigMap", "default", "orphaned") or {}
    assert not left["metadata"].get("ownerReferences")


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("1", "1"),
        ("0.5", "500m"),
        ("1.0", "1"),
        ("128Mi", "128Mi"),
        ("1.5Gi", "1610612736"),
        ("1e3", "1e3"),
    ],
)
def test_quantities(text: str, wanted: str) -> None:
    assert quantity.canonical(text) == wanted


@pytest.mark.parametrize("text", ["one", "", "1GB", "--1"])
def test_no_quantities(text: str) -> None:
    with pytest.raises(ValueError, match="quantities must match"):
        quantity.amount(text)


JSON_PATCHES: list[tuple[Any, Any]] = [
    ([{"op": "add", "path": "/a/-", "value": 3}], {"a": [1, 2, 3]}),
    ([{"op": "add", "path": "/a/0", "value": 3}], {"a": [3, 1, 2]}),
    ([{"op": "replace", "path": "/a/1", "value": 3}], {"a": [1, 3]}),
    ([{"op": "remove", "path": "/a/0"}], {"a": [2]}),
    ([{"op": "move", "from": "/a", "path": "/b"}], {"b": [1, 2]}),
    ([{"op": "copy", "from": "/a/0", "path": "/b"}], {"a": [1, 2], "b": 1}),
    ([{"op": "test", "path": "/a/0", "value": 2}], None),
    ([{"op": "replace", "path": "/b", "value": 2}], None),
    ([{"op": "jump", "path": "/b"}], None),
    ([{"op": "add", "path": "b", "value": 2}], None),
]


@pytest.mark.parametrize(("patch", "wanted"), JSON_PATCHES)
def test_json_patches(patch: Any, wanted: Any) -> None:
    old: JsonObject = {"a": [1, 2]}
    if wanted is None:
        with pytest.raises(errors.ApiError):
            patches.patched(patches.JSON_PATCH, schema.ANY, old, patch)
    else:
        assert patches.patched(patches.JSON_PATCH, schema.ANY, old, patch) == wanted
    assert old == {"a": [1, 2]}


STRATEGIC: list[tuple[Any, Any]] = [
    (
        {"containers": [{"name": "a", "image": "x:2"}]},
        [{"name": "a", "image": "x:2"}, {"name": "b"}],
    ),
    ({"containers": [{"$patch": "delete", "name": "a"}]}, [{"name": "b"}]),
    ({"containers": [{"$patch": "replace"}, {"name": "c"}]}, [{"name": "c"}]),
    (
        {"containers": [{"name": "c"}]},
        [{"name": "c"}, {"name": "a", "image": "x:1"}, {"name": "b"}],
    ),
]


@pytest.mark.parametrize(("patch", "wanted"), STRATEGIC)
def test_strategic_patches(patch: Any, wanted: Any) -> None:
    old = {"spec": {"containers": [{"name": "a", "image": "x:1"}, {"name": "b"}]}}
    found = patches.patched(patches.STRATEGIC, schema.of_kind("Pod"), old, {"spec": patch})
    assert found["spec"]["containers"] == wanted


def test_a_field_set_survives_its_written_form() -> None:
    found = fieldsets.of_object(schema.of_kind("DaemonSet"), plugin_daemons())
    assert fieldsets.from_v1(fieldsets.to_v1(found)) == found


def test_protobuf_of_kubectl() -> None:
    """`kubectl create namespace foo`, as kubectl v1.32 sends it."""
    sent = base64.b64decode(
        "azhzAAoPCgJ2MRIJTmFtZXNwYWNlEhsKEwoDZm9vEgAaACIAKgAyADgAQgASABoCCgAaACIA"
    )
    found = protobuf.decode(sent)
    assert found == {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "foo"}}


def test_protobuf_of_a_question() -> None:
    """`kubectl auth can-i patch nodes`, as kubectl v1.32 sends it."""
    sent = base64.b64decode(
        "azhzAAoyChdhdXRob3JpemF0aW9uLms4cy5pby92MRIXU2VsZlN1YmplY3RBY2Nlc3NSZXZpZXcSPwoQCgASABoAIgAq"
        "ADIAOABCABIhCh8KB2RlZmF1bHQSBXBhdGNoGgAiACoFbm9kZXMyADoAGggIABIAGgAgABoAIgA="
    )
    asked = protobuf.decode(sent)["spec"]["resourceAttributes"]
    assert asked == {"namespace": "default", "verb": "patch", "resource": "nodes"}


def test_protobuf_of_what_is_not_read_is_refused() -> None:
    with pytest.raises(errors.ApiError) as refused:
        protobuf.decode(b"k8s\x00\x0a\x07\x0a\x02v1\x12\x01X")
    assert refused.value.code == 415


def test_kinds_by_what_people_call_them() -> None:
    catalogue = Catalogue()

    def named(word: str) -> str:
        found: Kind | None = catalogue.typed(word)
        return found.name if found else ""

    words = ("ds", "daemonset", "daemonsets.apps", "no", "runtimeclasses.node.k8s.io", "foo")
    assert [named(word) for word in words] == [
        "DaemonSet",
        "DaemonSet",
        "DaemonSet",
        "Node",
        "RuntimeClass",
        "",
    ]
