"""The lab's API answers as the recorded Kubernetes did: requests replayed, in their order."""

from __future__ import annotations

import asyncio
import contextlib
import json
import re
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from gpu_wizard.lab.cluster.server import ClusterServer
from gpu_wizard.lab.pki import Authority
from gpu_wizard.lab.ports import JsonObject
from tests.lab.cluster_bench import (
    NVIDIA_CLASS,
    Client,
    FastClock,
    Machine,
    a_pod,
    identity,
    plugin_daemons,
    until,
)
from tests.lab.recorded_exchanges import differences, load, names, normal

DAEMONS = "nvidia-device-plugin-daemonset"
Step = str | Callable[["Replay"], Awaitable[None]]


class Replay:
    """A lab of the recordings' shape, and the users who asked."""

    def __init__(self, server: ClusterServer, machine: Machine) -> None:
        self.server = server
        self.cluster = server.cluster
        self.machine = machine
        access = server.cluster.access
        self.clients = {
            "cluster-admin": Client(server, identity(server)),
            "admin-token": Client(server, None, access.token("admin", ["system:masters"])),
            "viewer": Client(server, identity(server, "viewer", "viewers")),
            "nobody": Client(server, identity(server, "nobody", "nobodies")),
            "node": Client(server, identity(server, "system:node:gpu-node-1", "system:nodes")),
            "none": Client(server, None),
            "bad-token": Client(server, None, "no-such-token"),
        }
        self.renamed: dict[str, str] = {}
        """Recorded texts in paths, and what stands for them here."""

    async def play(self, *steps: Step) -> None:
        """Replay recordings by their keys; anything else is awaited."""
        faults: list[str] = []
        for step in steps:
            if isinstance(step, str):
                faults += [f"{step}: {fault}" for fault in await self._exchange(step)]
            else:
                await step(self)
        assert not faults, "\n".join(faults)

    async def _exchange(self, key: str) -> list[str]:
        recording = load(key)
        request, wanted = recording["request"], recording["response"]
        path = request["path"]
        for old, new in self.renamed.items():
            path = path.replace(old, new)
        body = request.get("body")
        if body is None and "body_text" in request:
            body = request["body_text"].encode()
        if key in RAW:
            body = str(body).encode()
        client = self.clients[recording["as"]]
        reply = await client.send(request["method"], path, body, request.get("headers"))
        if reply.status != wanted["status"]:
            return [f"status {reply.status} instead of {wanted['status']}: {reply.body[:300]!r}"]
        return _compare(key, wanted, reply.headers, reply.body)

    def object(self, kind: str, namespace: str, name: str) -> JsonObject:
        return self.cluster.get(kind, namespace, name) or {}

    def phase(self, name: str, namespace: str = "default") -> str:
        return str(self.object("Pod", namespace, name).get("status", {}).get("phase", ""))

    def state(self, name: str) -> JsonObject:
        """The status of a pod's first container; empty if it has none yet."""
        statuses = self.object("Pod", "default", name).get("status", {}).get("containerStatuses")
        found: JsonObject = (statuses or [{}])[0]
        return found

    def waiting(self, name: str) -> str:
        return str(self.state(name).get("state", {}).get("waiting", {}).get("reason", ""))

    def told(self, kind: str, name: str) -> list[JsonObject]:
        """The statuses that an object has had, as a watch would have shown them."""
        known = self.cluster.registry.kind(kind)
        changes = self.cluster.store.since(known, 0)
        return [c.object["status"] for c in changes if c.object["metadata"]["name"] == name]

    def plugin_pods(self) -> list[JsonObject]:
        pods = self.cluster.list("Pod", "kube-system")
        return [pod for pod in pods if pod["metadata"]["name"].startswith(DAEMONS)]

    def gpus(self) -> str:
        node = self.object("Node", "", "gpu-node-1")
        return str(node.get("status", {}).get("allocatable", {}).get("nvidia.com/gpu", ""))


# Bodies that were sent as they stand, because they are no JSON.
RAW = {"c17"}
# Only this much of a log's recorded text is the plugin's own, whatever card it met.
_STAMP = re.compile(r"^([IWE])\d{4} [\d:.]+", re.MULTILINE)


def _compare(key: str, wanted: JsonObject, headers: dict[str, str], body: bytes) -> list[str]:
    faults = [
        f"{name}: {headers.get(name)} instead of {wanted['headers'].get(name)}"
        for name in ("Warning", "Retry-After")
        if wanted["headers"].get(name) != headers.get(name)
    ]
    if "body_text" in wanted:
        expected, found = wanted["body_text"], body.decode()
        expected, found = (_STAMP.sub(r"\1", text) for text in (expected, found))
        if key in STAMPED:
            expected, found = (re.sub(r"^\S+ ", "", text) for text in (expected, found))
        return faults + ([] if expected == found else [f"text {found!r} instead of {expected!r}"])
    if "body" in wanted:
        expected, found_body = normal(wanted["body"]), normal(json.loads(body))
        for adjust in ADJUST.get(key, ()):
            adjust(expected)
            adjust(found_body)
        faults += differences(expected, found_body)
    return faults


STAMPED = {"f10"}


def without(*path: str) -> Callable[[Any], None]:
    """Leave one part of a body out of the comparison."""

    def cut(body: Any) -> None:
        for name in path[:-1]:
            body = body.get(name, {}) if isinstance(body, dict) else {}
        if isinstance(body, dict):
            body.pop(path[-1], None)

    return cut


def no_managers(body: Any) -> None:
    """Leave out who owns what: the recording was trimmed of it."""
    if isinstance(body, dict):
        body.pop("managedFields", None)
        for part in body.values():
            no_managers(part)
    elif isinstance(body, list):
        for part in body:
            no_managers(part)


def cut_diff(body: Any) -> None:
    """The real server prints a difference of Go structures; the lab says which field it is."""
    texts = [body, *body["details"]["causes"]]
    for each in texts:
        each["message"] = each["message"].split("\n")[0]


OWNERS = {"d02", "d07", "d15", "d16", "e03", "e23", "f03"}
ADJUST: dict[str, tuple[Callable[[Any], None], ...]] = {
    name.split("-")[0]: (() if name.split("-")[0] in OWNERS else (no_managers,)) for name in names()
}
ADJUST["f36"] += (cut_diff,)
# These were caught before a controller or the kubelet had looked; the replay may come too late.
ADJUST["e04"] += (without("status"),)
for _key in ("e11", "e12", "e13"):
    ADJUST[_key] += (without("status"),)
for _key in ("f05", "f39"):
    ADJUST[_key] += (without("status"),)
# That DaemonSet had been changed nine times; its status is what the recording is about.
ADJUST["j09"] += (without("metadata"), without("spec"), without("status", "observedGeneration"))


@asynccontextmanager
async def replay(factor: float = 20.0, **machine: Any) -> AsyncIterator[Replay]:
    """`factor`: smaller where a state is asked for that soon passes, so that it is met on a busy machine too."""
    async with ClusterServer(FastClock(factor), Authority(), version="v1.36.2") as server:
        found = Replay(server, Machine(**machine))
        server.cluster.register(found.machine, {})
        await until(lambda: _condition(found.object("Node", "", "gpu-node-1"), "Ready") == "True")
        await until(lambda: not found.object("Node", "", "gpu-node-1")["spec"].get("taints"))
        try:
            yield found
        finally:
            for client in found.clients.values():
                await client.close()


def _condition(obj: JsonObject, name: str) -> str:
    conditions = obj.get("status", {}).get("conditions", ())
    return next((str(each["status"]) for each in conditions if each["type"] == name), "")


async def test_who_may_do_what() -> None:
    async with replay() as lab:
        await lab.play("a01", "a02", "a04", "a05", "a06", "a08", "a09", "a10", "a11", "a12", "a13")
        await lab.play("a14", "a15", "a16", "a17", "a18", "a19", "a20", "a22", "a23", "a24", "i08")


async def test_reading_nodes() -> None:
    async with replay() as lab:
        await lab.play("a07", "b01", "b03", "b04", "b05", "b06", "b07", "b08", "b09", "b10")


async def test_patching_nodes() -> None:
    async with replay() as lab:
        await lab.play("c01", "c02", "c03", "c04", "c05", "c06", "c07", "c08", "c09", "c10", "c11")
        await lab.play("c12", "c13", "c14", "c15", "c16", "c17", "c18", "c19", "c20", "c21", "c22")
        await lab.play("c23", "c24", "c25", "c26", "c27", "c28", "c29", "c30", touch, "c33", "c34")
        await lab.play("c35", "c36", "c37", "c38", untouch, "c42", "c43", "c44", cordoned, "c45")
        await lab.play("c46", uncordoned, "c47", "c48", "c49", "c50", "c51")


async def touch(lab: Replay) -> None:
    body = {"metadata": {"labels": {"touch": "1"}}}
    headers = {"Content-Type": "application/merge-patch+json"}
    await lab.clients["cluster-admin"].send("PATCH", "/api/v1/nodes/gpu-node-1", body, headers)


async def untouch(lab: Replay) -> None:
    body = {"metadata": {"labels": {"touch": None}}}
    headers = {"Content-Type": "application/merge-patch+json"}
    await lab.clients["cluster-admin"].send("PATCH", "/api/v1/nodes/gpu-node-1", body, headers)


async def cordoned(lab: Replay) -> None:
    await until(lambda: lab.object("Node", "", "gpu-node-1")["spec"].get("taints"))


async def uncordoned(lab: Replay) -> None:
    await until(lambda: not lab.object("Node", "", "gpu-node-1")["spec"].get("taints"))


async def test_runtime_classes() -> None:
    async with replay() as lab:
        await lab.play("d01", "d02", "d03", "d04", "d05", "d06", "d07", "d08", "d09", "d10", "d11")
        await lab.play("d12", "d13", "d14", "d15", "d16", "d17")


async def test_the_plugins_daemonset() -> None:
    async with replay() as lab:
        await label_as_recorded(lab)
        await lab.play("d15", "e01", "e02", "e03", "e04", "e05", plugin_ready, "e06", "e07")
        await lab.play(plugin_waits, "e08")
        await lab.play("e09", "e10", "e11", observed, "e12", "e13", plugin_rolled, "e14", "e15")
        await lab.play(registered, "e16", "e17", "e19", "e20", "e21", "e22", "e23", "e24", "e25")
        await lab.play("e26", "e27", "e28", "e29", "e30", "e31", plugin_rolled, "e33")


async def test_a_daemonset_whose_class_is_missing() -> None:
    async with replay() as lab:
        await lab.play("e34", refused, "e35", "e36", "e37")


async def label_as_recorded(lab: Replay) -> None:
    await lab.play("c01", "c50", "c51")


async def plugin_ready(lab: Replay) -> None:
    await until(lambda: [p for p in lab.plugin_pods() if _condition(p, "Ready") == "True"])
    await until(lambda: lab.object("DaemonSet", "kube-system", DAEMONS)["status"]["numberReady"])
    name = lab.plugin_pods()[0]["metadata"]["name"]
    lab.renamed = {f"{DAEMONS}-85fwg": name, f"{DAEMONS}-8bdrg": name}


async def plugin_waits(lab: Replay) -> None:
    def waits() -> bool:
        pod = lab.plugin_pods()[0]
        name = pod["spec"]["containers"][0]["name"]
        lines = lab.cluster.log(pod, name, previous=False).lines
        return any("Waiting indefinitely" in line.text for line in lines)

    await until(waits)


async def observed(lab: Replay) -> None:
    def seen() -> bool:
        status = lab.object("DaemonSet", "kube-system", DAEMONS)["status"]
        return bool(status["observedGeneration"] == 2)

    await until(seen)


async def plugin_rolled(lab: Replay) -> None:
    def rolled() -> bool:
        daemons = lab.object("DaemonSet", "kube-system", DAEMONS)
        status = daemons["status"]
        current = status["observedGeneration"] == daemons["metadata"]["generation"]
        return bool(current and status.get("updatedNumberScheduled") and status["numberReady"])

    await until(rolled)
    await plugin_ready(lab)


async def registered(lab: Replay) -> None:
    await until(lambda: lab.gpus() == "1")


async def refused(lab: Replay) -> None:
    await until(
        lambda: lab.object("DaemonSet", "kube-system", "needs-missing-class")["status"].get(
            "observedGeneration"
        )
    )
    await until(lambda: lab.cluster.list("Event", "kube-system"))


async def with_gpu(lab: Replay) -> None:
    """The state in which the recordings of pods begin."""
    await label_as_recorded(lab)
    lab.cluster.put(NVIDIA_CLASS)
    lab.cluster.put(plugin_daemons())
    await registered(lab)


def phase(name: str, wanted: str) -> Callable[[Replay], Awaitable[None]]:
    async def wait(lab: Replay) -> None:
        await until(lambda: lab.phase(name) == wanted)

    return wait


async def test_the_test_pod() -> None:
    async with replay(factor=5) as lab:
        await with_gpu(lab)
        await lab.play("f01", "f02", "f03", scheduled("gpu-test"), "f05", "f06")
        await lab.play(
            phase("gpu-test", "Succeeded"), "f07", "f08", "f09", "f10", "f11", "f12", "f13"
        )


async def test_pods_that_wait_for_a_gpu() -> None:
    async with replay() as lab:
        await with_gpu(lab)
        await lab.play("f14", phase("gpu-holder", "Running"), "f15", unschedulable, "f16", "f17")
        await lab.play("f18", "f19", "f20", "f21", phase("gpu-second", "Failed"), "f24")


def scheduled(name: str) -> Callable[[Replay], Awaitable[None]]:
    async def wait(lab: Replay) -> None:
        await until(lambda: lab.object("Pod", "default", name)["spec"].get("nodeName"))

    return wait


async def unschedulable(lab: Replay) -> None:
    await until(lambda: _condition(lab.object("Pod", "default", "gpu-second"), "PodScheduled"))
    await until(lambda: any(e["reason"] == "FailedScheduling" for e in lab.cluster.list("Event")))


async def test_pods_that_are_refused() -> None:
    async with replay(factor=2) as lab:
        await lab.play("f25", "f26", "f27", "f28", "f29", "f30", "f31", "f32", "f33", "f34", "f35")
        await lab.play(immutable, "f36", "f37", "f38", "f39", "f40")
        await lab.play("f41", "f42", furnished, "f43", "f44", "f45", "f46")


async def immutable(lab: Replay) -> None:
    container = load("f37")["response"]["body"]["spec"]["containers"][0]
    spec = {
        "restartPolicy": "Never",
        "containers": [{k: container[k] for k in ("name", "image", "command")}],
    }
    labels = {"app": "gpu-test"}
    body = {"metadata": {"name": "imm", "labels": labels}, "spec": spec}
    await lab.clients["cluster-admin"].send("POST", "/api/v1/namespaces/default/pods", body)
    await until(lambda: lab.waiting("imm") == "ContainerCreating")


async def furnished(lab: Replay) -> None:
    await until(lambda: lab.object("ServiceAccount", "gpu-check", "default"))


async def test_lists() -> None:
    async with replay() as lab:
        await lab.play("f02", "g04", "g08", "g09", "i06", "i10")


async def test_logs_and_pods_that_do_not_come_up() -> None:
    async with replay(factor=8) as lab:
        await lab.play("h01", recorded_pod("h11", "talker"), scheduled("talker"), "h02")
        await lab.play(phase("talker", "Failed"), "h05", "h06", "h08", "h09", "h10")
        await lab.play(recorded_pod("h12", "neverpull"), waits("neverpull", "ErrImageNeverPull"))
        await lab.play("h12", "h13", recorded_pod("h17", "nocmd"), phase("nocmd", "Failed"), "h17")
        await lab.play(recorded_pod("h22", "novol"), waits("novol", "ContainerCreating"), "h22")
        await lab.play("h23", mount_failed, "h24", two_containers, "h25")


async def test_an_image_that_can_not_be_pulled() -> None:
    async with replay(factor=2) as lab:
        await lab.play(recorded_pod("h14", "nopull"), waits("nopull", "ErrImagePull"), "h14", "h15")
        await lab.play(waits("nopull", "ImagePullBackOff"), "h16")


async def test_a_pod_that_crashes() -> None:
    async with replay(factor=4) as lab:
        await lab.play(recorded_pod("h18", "crash"), crashing, "h18", "h21")


async def test_a_pod_that_goes_on_crashing() -> None:
    async with replay(factor=60) as lab:
        await lab.play(recorded_pod("h20", "crash"))
        await until(lambda: lab.state("crash").get("restartCount") == 3 and lab.waiting("crash"))
        await lab.play("h20", "h21")


async def test_a_followed_log() -> None:
    async with replay(factor=5) as lab:
        await lab.play(recorded_pod("h11", "talker"), phase("talker", "Running"))
        client = lab.clients["cluster-admin"]
        lines = await client.lines("/api/v1/namespaces/default/pods/talker/log?follow=true", 99)
        chunks = load("h03")["response"]["chunks"]
        assert sorted(lines) == sorted(each["data"] for each in chunks if "data" in each)
        reply = await client.send("GET", load("h04")["request"]["path"])
        assert reply.body.decode() == "".join(lines)
        await phase("talker", "Failed")(lab)
        await asyncio.sleep(0.2)
        # Its clock is fast, its times are real: a second ago is more than the whole life here.
        reply = await client.send("GET", load("h07")["request"]["path"])
        assert reply.status == 200


async def test_a_silent_log_sends_its_headers_at_once() -> None:
    async with replay() as lab:
        await two_containers(lab)
        recording = load("h26")
        with contextlib.suppress(TimeoutError):
            client = lab.clients["cluster-admin"]
            assert not await client.lines(recording["request"]["path"], 1, seconds=0.3)


def recorded_pod(key: str, name: str) -> Callable[[Replay], Awaitable[None]]:
    """Make a pod again of which only the outcome was recorded."""

    async def make(lab: Replay) -> None:
        found = load(key)["response"]["body"]
        kept = ("containers", "restartPolicy", "terminationGracePeriodSeconds")
        spec = {k: found["spec"][k] for k in kept}
        for container in spec["containers"]:
            container.pop("volumeMounts", None)
        volumes = [v for v in found["spec"].get("volumes", ()) if "hostPath" in v]
        if volumes:
            spec["volumes"] = volumes
            spec["containers"][0]["volumeMounts"] = [{"name": "v", "mountPath": "/v"}]
        metadata = {k: v for k, v in found["metadata"].items() if k in ("name", "labels")}
        assert metadata["name"] == name
        body = {"metadata": metadata, "spec": spec}
        path = "/api/v1/namespaces/default/pods"
        reply = await lab.clients["cluster-admin"].send("POST", path, body)
        assert reply.status == 201, reply.body

    return make


def waits(name: str, reason: str) -> Callable[[Replay], Awaitable[None]]:
    async def wait(lab: Replay) -> None:
        await until(lambda: lab.waiting(name) == reason)

    return wait


async def mount_failed(lab: Replay) -> None:
    await until(lambda: any(e["reason"] == "FailedMount" for e in lab.cluster.list("Event")))


async def two_containers(lab: Replay) -> None:
    containers = [
        {"name": name, "image": "docker.io/library/busybox:1.38", "command": ["sleep", "60"]}
        for name in ("main", "side")
    ]
    body = {"metadata": {"name": "twoc"}, "spec": {"containers": containers}}
    await lab.clients["cluster-admin"].send("POST", "/api/v1/namespaces/default/pods", body)
    await phase("twoc", "Running")(lab)


async def crashing(lab: Replay) -> None:
    def crashed() -> bool:
        statuses = lab.object("Pod", "default", "crash")["status"].get("containerStatuses")
        found = (statuses or [{"state": {}}])[0]
        return "terminated" in found["state"] and found["restartCount"] == 1

    await until(crashed)


async def test_things_that_are_down() -> None:
    async with replay() as lab:
        await with_gpu(lab)
        await lab.play(recorded_pod("j06", "stay"), phase("stay", "Running"))
        lab.machine.change(kubelet_started=None)
        await lab.play("j04", scheduled("later"), "j05")
        await until(lambda: _condition(lab.object("Node", "", "gpu-node-1"), "Ready") == "Unknown")
        await until(
            lambda: (
                lab.object("DaemonSet", "kube-system", DAEMONS)["status"]["desiredNumberScheduled"]
                == 0
            )
        )
        await lab.play("j08", "j09", "j02", "j06")


async def test_a_status_sent_to_the_wrong_place() -> None:
    async with replay() as lab:
        await with_gpu(lab)
        await lab.play("j21", "j22", "j23")


async def test_handlers_that_are_missing_and_gpus_that_are_not_there() -> None:
    async with replay() as lab:
        lab.cluster.put(NVIDIA_CLASS)
        lab.cluster.put(NVIDIA_CLASS | {"metadata": {"name": "ghost"}, "handler": "ghost"})
        await lab.play("l01", waits("l-ghost", "ContainerCreating"), "l02", sandbox_failed)
        await lab.play(pending_for_gpu, "l06", forced, phase("l-forced", "Failed"), "l08", "l09")


async def sandbox_failed(lab: Replay) -> None:
    def said() -> list[str]:
        return [
            e["message"]
            for e in lab.cluster.list("Event")
            if "Sandbox" in e["reason"] or "SandBox" in e["reason"]
        ]

    await until(said)
    assert said()[0].endswith('no runtime for "ghost" is configured')


def gpu_pod(name: str, **more: Any) -> JsonObject:
    body = a_pod(name, "nvidia-smi -L", gpus=1, runtimeClassName="nvidia", **more)
    body["spec"]["terminationGracePeriodSeconds"] = 1
    return body


async def pending_for_gpu(lab: Replay) -> None:
    path = "/api/v1/namespaces/default/pods"
    await lab.clients["cluster-admin"].send("POST", path, gpu_pod("l-pend"))
    await until(lambda: _condition(lab.object("Pod", "default", "l-pend"), "PodScheduled"))


async def forced(lab: Replay) -> None:
    path = "/api/v1/namespaces/default/pods"
    body = gpu_pod("l-forced", nodeName="gpu-node-1")
    await lab.clients["cluster-admin"].send("POST", path, body)


async def test_pods_that_no_node_takes() -> None:
    async with replay() as lab:
        await with_gpu(lab)
        taint = {"key": "nvidia.com/gpu", "value": "present", "effect": "NoSchedule"}
        await lab.play(taints([taint]), send(gpu_pod("l-taint")), send(two_gpus()))
        await lab.play(refused_by_scheduler("l-taint"), refused_by_scheduler("l-two"), "l13", "l14")
        await lab.play(taints(None), phase("l-taint", "Succeeded"), "l15")


def taints(wanted: Any) -> Callable[[Replay], Awaitable[None]]:
    async def patch(lab: Replay) -> None:
        body = {"spec": {"taints": wanted}}
        headers = {"Content-Type": "application/merge-patch+json"}
        path = "/api/v1/nodes/gpu-node-1"
        await lab.clients["cluster-admin"].send("PATCH", path, body, headers)

    return patch


def send(body: JsonObject) -> Callable[[Replay], Awaitable[None]]:
    async def post(lab: Replay) -> None:
        path = "/api/v1/namespaces/default/pods"
        reply = await lab.clients["cluster-admin"].send("POST", path, body)
        assert reply.status == 201, reply.body

    return post


def two_gpus() -> JsonObject:
    body = gpu_pod("l-two", tolerations=[{"key": "nvidia.com/gpu", "operator": "Exists"}])
    body["spec"]["containers"][0]["resources"]["limits"]["nvidia.com/gpu"] = "2"
    return body


def refused_by_scheduler(name: str) -> Callable[[Replay], Awaitable[None]]:
    async def wait(lab: Replay) -> None:
        await until(lambda: _condition(lab.object("Pod", "default", name), "PodScheduled"))

    return wait


async def test_the_revisions_of_a_daemonset() -> None:
    async with replay() as lab:
        await lab.play("d15", "e03", plugin_ready, "e10", plugin_rolled)
        found = lab.cluster.list("ControllerRevision", "kube-system")
        wanted = load("e18")["response"]["body"]["items"]
        key = _by_revision
        for left, right in zip(sorted(wanted, key=key), sorted(found, key=key), strict=True):
            faults = differences(normal(left), normal(right))
            assert all(
                "managedFields" in fault or "metadata.name" in fault
                for fault in faults
                if "kind" not in fault and "apiVersion" not in fault
            ), faults


def _by_revision(revision: JsonObject) -> int:
    return int(revision["revision"])


async def test_a_foreground_deletion() -> None:
    async with replay(factor=2) as lab:
        template = load("e38")["response"]["body"]["spec"]["template"]
        daemons = plugin_daemons()
        daemons["metadata"]["name"] = "foreground"
        daemons["spec"] = {"selector": {"matchLabels": {"name": "nmc"}}, "template": template}
        template["spec"]["terminationGracePeriodSeconds"] = 30
        lab.cluster.put(daemons)
        await until(
            lambda: lab.object("DaemonSet", "kube-system", "foreground")["status"].get(
                "numberAvailable"
            )
        )
        await lab.play("e38", "e39")


async def test_a_rollout_tells_its_steps_in_order() -> None:
    async with replay() as lab:
        await with_gpu(lab)
        await plugin_ready(lab)
        headers = {"Content-Type": "application/strategic-merge-patch+json"}
        recording = load("e31")["request"]
        await lab.clients["cluster-admin"].send(
            "PATCH", recording["path"], recording["body"], headers
        )
        await plugin_rolled(lab)
        found = [
            each for each in lab.told("DaemonSet", DAEMONS) if each.get("observedGeneration") == 2
        ]
        chunks = load("e32")["response"]["chunks"]
        wanted = [each["event"]["object"]["status"] for each in chunks if "event" in each]
        assert _distinct(found) == [each | {"observedGeneration": 2} for each in wanted]


def _distinct(found: list[JsonObject]) -> list[JsonObject]:
    return [each for index, each in enumerate(found) if not index or each != found[index - 1]]


async def test_a_test_pod_tells_its_steps_in_order() -> None:
    async with replay() as lab:
        await with_gpu(lab)
        await lab.play("f03", phase("gpu-test", "Succeeded"))
        found = _distinct([_step(each) for each in lab.told("Pod", "gpu-test")])
        chunks = load("f04")["response"]["chunks"]
        wanted = [each["event"]["object"]["status"] for each in chunks if "event" in each]
        assert found == _distinct([_step(each) for each in wanted])


def _step(status: JsonObject) -> JsonObject:
    """What a client looks at in a pod's status."""
    state = (status.get("containerStatuses") or [{}])[0].get("state", {})
    conditions = {each["type"]: each["status"] for each in status.get("conditions", ())}
    return {"phase": status["phase"], "state": next(iter(state), ""), "conditions": conditions}


async def test_watches() -> None:
    async with replay() as lab:
        client = lab.clients["cluster-admin"]
        await lab.play("i05")
        for key in ("i02", "i07", "i09"):
            recording = load(key)
            path = re.sub(r"timeoutSeconds=\d", "timeoutSeconds=1", recording["request"]["path"])
            lines = await client.lines(path, 9)
            chunks = recording["response"]["chunks"]
            wanted = [_event(each["event"]) for each in chunks if "event" in each]
            # A heartbeat may have come in between; the first events are what is promised.
            kept = 2 if key == "i09" else 1
            assert [_event(json.loads(line)) for line in lines[:kept]] == wanted[:kept]
        path = load("i04")["request"]["path"].replace("timeoutSeconds=5", "timeoutSeconds=1")
        assert await client.lines(path, 1) == []
        lab.cluster.store.compact()
        lines = await client.lines("/api/v1/nodes?watch=true&resourceVersion=1&timeoutSeconds=2", 9)
        wanted = load("i03b")["response"]["chunks"][0]["event"]
        assert [normal(json.loads(line)) for line in lines] == [normal(wanted)]


def _event(event: JsonObject) -> tuple[str, str, Any]:
    found = event["object"]
    annotations = found["metadata"].get("annotations", {})
    return event["type"], found["kind"], annotations.get("k8s.io/initial-events-end")


async def test_a_watch_tells_what_others_change() -> None:
    async with replay() as lab:
        revision = lab.cluster.store.revision
        path = load("i01")["request"]["path"].replace("671", str(revision))
        path = path.replace("timeoutSeconds=8", "timeoutSeconds=2")
        watching = asyncio.ensure_future(lab.clients["cluster-admin"].lines(path, 9))
        await touch(lab)
        await untouch(lab)
        events = [json.loads(line) for line in await watching]
        labelled = [e["object"]["metadata"].get("labels", {}).get("touch") for e in events[:2]]
        assert labelled == ["1", None]
        assert [e["type"] for e in events[:2]] == ["MODIFIED", "MODIFIED"]
        assert events[-1]["type"] == "BOOKMARK"


HANDLER = "the Worker of the lab has no handler whose binary is missing"
STORE = "the lab has no store apart from its server that could be down"
ANONYMOUS = "anonymous access is off, as K3s has it"
STAND_IN = (
    "its container ran the recording's stand-in of nvidia-smi, which real CUDA images have not"
)
OTHERS = (
    "it lists what earlier recordings had left; the same query is tested in test_lab_api_objects"
)
# Not copied at all: b11 (the YAML of a real kubelet's object), g06 and g07 (pages of 37 accounts), i03
# (300 KB of history), the timelines j01, j07, j10, j11, j13, j15, l10, l12 (what a polling client
# saw; test_lab_cluster_plugin and test_lab_cluster_nodes look for the same steps), j16 (no store to
# be down), and j24 to j29 (words of the recording client; test_lab_api_server has their like).
NOT_REPLAYED = {
    "a03": "the checks are those of OpenShift's server",
    "a21": "the lab has fewer API groups",
    "b02": "a real kubelet's own managed fields, and when it wrote them",
    "f22": STAND_IN,
    "f23": STAND_IN,
    "g01": OTHERS,
    "g02": OTHERS,
    "g03": OTHERS,
    "g05": OTHERS,
    "g10": OTHERS,
    "h19": "the lab keeps the log of the run before, as a kubelet mostly does",
    "h27": OTHERS,
    "j03": "the same as a node that is up",
    "j12": "the lab's containerd stops together with its kubelet, as in K3s",
    "j14": "a broken stream; tested in test_lab_api_server",
    "j16b": STORE,
    "j17": STORE,
    "j18": STORE,
    "j20": STORE,
    "j30": ANONYMOUS,
    "j31": ANONYMOUS,
    "j32": ANONYMOUS,
    "j33": ANONYMOUS,
    "l03": "two pods of one name; the event's text is held against l-ghost's above",
    "l04": HANDLER,
    "l05": HANDLER,
    "l07": "two pods of one name; the event's text is that of f17",
    "l11": "a pod that waited; the same as f07, whose node it needed to wait for",
    "l16": "a real container's environment and device files, of the stand-in's runtime",
    "l17": "the same",
}


def test_every_recording_is_replayed_or_listed() -> None:
    text = Path(__file__).read_text("utf-8")
    replayed = set(re.findall(r'"([a-l]\d\db?)"', text.partition("NOT_REPLAYED = {")[0]))
    known = {name.split("-")[0] for name in names()}
    assert replayed <= known
    assert not replayed & NOT_REPLAYED.keys()
    assert known - replayed == NOT_REPLAYED.keys()
    assert len(replayed) >= 80
