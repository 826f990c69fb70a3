"""Workloads that fit a cluster: a pod, a deployment and DCGM exporter, and what of the cluster they must fit."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from gpu_wizard.facts.cuda import image_for
from gpu_wizard.facts.manifests import GPU_LABEL, GPU_VALUE, PRESENT_LABEL, TOLERATION, Manifest
from gpu_wizard.facts.nvidia_smi import SMI_VERSIONS, SmiVersions
from gpu_wizard.facts.objects import NODES, NodeObject
from gpu_wizard.facts.runtime_classes import RUNTIME_CLASSES, RuntimeClassObject
from gpu_wizard.model.fact import Fact, Known, value_or
from gpu_wizard.model.question import asks, facts
from gpu_wizard.model.stage import Note
from gpu_wizard.model.version import Version

HANDLER = "nvidia"
RESOURCE = "nvidia.com/gpu"
SHARED = "nvidia.com/gpu.shared"
EXPORTER_IMAGE = "nvcr.io/nvidia/k8s/dcgm-exporter:4.5.3-4.8.2-distroless"
"""Source: dcgm-exporter's releases (domain.md, baseline); the tag as GPU Operator v26.3.3 ships it."""
EXPORTER_PORT = 9400
COMMON_CUDA = "12.5"
"""Where nobody asked the driver: any from 555 on runs it, and the guide's image is of it."""
_POD_RESOURCES = "/var/lib/kubelet/pod-resources"
_CUDA_TAG = re.compile(r"cuda:?(\d+\.\d+)")
"""In `nvidia/cuda:13.1.0-base-ubuntu22.04` and `pytorch/pytorch:2.9.0-cuda13.0-cudnn9-runtime`."""
_KEEPS_LOOKING = ["nvidia-smi", "-l", "10"]


@facts
class WorkloadFacts:
    """What a manifest asks of one node and its cluster."""

    classes: Fact[tuple[RuntimeClassObject, ...]] = asks(RUNTIME_CLASSES)
    nodes: Fact[tuple[NodeObject, ...]] = asks(NODES)
    versions: Fact[SmiVersions] = asks(SMI_VERSIONS)


@dataclass(frozen=True)
class Fit:
    """What a workload of this cluster looks like.

    `runtime_class` "": none leads to the nvidia runtime. `selector`: labels of the nodes that advertise `resource`.
    `offered`: how many of it each such node advertises, None where nobody looked. `cuda` "": not known.
    """

    runtime_class: str = HANDLER
    resource: str = RESOURCE
    selector: Mapping[str, str] | None = None
    offered: tuple[int, ...] | None = None
    cuda: str = ""

    @property
    def node_selector(self) -> dict[str, str]:
        """The selector, by default the label of stage 8."""
        return dict({GPU_LABEL: GPU_VALUE} if self.selector is None else self.selector)


@dataclass(frozen=True)
class Wanted:
    """What the command line asks for. "" is the default of the kind."""

    kind: str
    name: str = ""
    namespace: str = ""
    image: str = ""
    replicas: int = 1
    gpus: int = 1


def fit_of(looks: Sequence[WorkloadFacts]) -> Fit:
    """The cluster as its nodes were asked, one look each; what could not be asked keeps the default."""
    known = [look.classes.value for look in looks if isinstance(look.classes, Known)]
    seen = [look.nodes.value for look in looks if isinstance(look.nodes, Known)]
    cuda = [value_or(look.versions, SmiVersions()).cuda for look in looks]
    resource, offered = _resource(seen[0]) if seen else (RESOURCE, None)
    return Fit(
        runtime_class=_class_name(known[0]) if known else HANDLER,
        resource=resource,
        selector=_selector(seen[0], resource) if seen else None,
        offered=offered,
        cuda=str(min((Version(each) for each in cuda if each), default="")),
    )


def _class_name(classes: Iterable[RuntimeClassObject]) -> str:
    names = sorted(each.name for each in classes if each.handler == HANDLER)
    return HANDLER if HANDLER in names else next(iter(names), "")


def _resource(nodes: Iterable[NodeObject]) -> tuple[str, tuple[int, ...]]:
    """What is advertised most, node by node: whole cards before shares, shares before MIG devices."""
    found: dict[str, tuple[int, ...]] = {}
    for node in nodes:
        for name, count in node.gpus().items():
            found[name] = (*found.get(name, ()), count)
    order = sorted(
        found, key=lambda name: (name != RESOURCE, name != SHARED, -sum(found[name]), name)
    )
    return (order[0], found[order[0]]) if order else (RESOURCE, ())


def _selector(nodes: Iterable[NodeObject], resource: str) -> dict[str, str]:
    """A label that every node with the resource carries; none where they have none in common."""
    mine = [node.labels for node in nodes if resource in node.gpus()]
    for key, value in ((GPU_LABEL, GPU_VALUE), (PRESENT_LABEL, "true")):
        if all(labels.get(key) == value for labels in mine):
            return {key: value}
    return {}


def workload(wanted: Wanted, fit: Fit) -> tuple[Manifest, ...]:
    """The objects, in the order in which they are applied."""
    if wanted.kind == "dcgm-exporter":
        return _exporter(wanted, fit)
    if wanted.kind == "deployment":
        return (_deployment(wanted, fit),)
    return ({**_head("v1", "Pod", wanted, "gpu-pod"), "spec": _pod_spec(wanted, fit, "cuda")},)


def _head(
    version: str, kind: str, wanted: Wanted, name: str, namespace: str = "default"
) -> Manifest:
    meta = {"name": wanted.name or name, "namespace": wanted.namespace or namespace}
    return {"apiVersion": version, "kind": kind, "metadata": meta}


def _placement(fit: Fit) -> Manifest:
    """Where and by which runtime a pod runs."""
    return {
        **({"runtimeClassName": fit.runtime_class} if fit.runtime_class else {}),
        **({"nodeSelector": fit.node_selector} if fit.node_selector else {}),
        "tolerations": [TOLERATION],
    }


def _pod_spec(wanted: Wanted, fit: Fit, container: str) -> Manifest:
    mine: Manifest = {"image": wanted.image or image_for(fit.cuda or COMMON_CUDA)}
    if not wanted.image:
        mine["command"] = _KEEPS_LOOKING
    limits = {"resources": {"limits": {fit.resource: wanted.gpus}}}
    return {**_placement(fit), "containers": [{"name": container, **mine, **limits}]}


def _deployment(wanted: Wanted, fit: Fit) -> Manifest:
    head = _head("apps/v1", "Deployment", wanted, "ml-worker")
    labels = {"app": head["metadata"]["name"]}
    template = {"metadata": {"labels": labels}, "spec": _pod_spec(wanted, fit, "worker")}
    spec = {
        "replicas": wanted.replicas,
        # A rolling update starts the new pod first, and that would wait for the card that the old one holds.
        "strategy": {"type": "Recreate"},
        "selector": {"matchLabels": labels},
        "template": template,
    }
    return {**head, "spec": spec}


def _exporter(wanted: Wanted, fit: Fit) -> tuple[Manifest, ...]:
    """Source: dcgm-exporter.yaml of NVIDIA/dcgm-exporter (domain.md appendix B), with class, selector and
    namespace, and without the version label in the selector, which would forbid every later apply.
    """
    head = _head("apps/v1", "DaemonSet", wanted, "dcgm-exporter", "kube-system")
    labels = {"app.kubernetes.io/name": head["metadata"]["name"]}
    pod = {**_placement(fit), "containers": [_exporter_container(wanted)], "volumes": _volumes()}
    template = {"metadata": {"labels": labels}, "spec": pod}
    service = _head("v1", "Service", wanted, "dcgm-exporter", "kube-system")
    port = {"name": "metrics", "port": EXPORTER_PORT, "targetPort": EXPORTER_PORT}
    return (
        {**head, "spec": {"selector": {"matchLabels": labels}, "template": template}},
        {**service, "spec": {"selector": labels, "ports": [port]}},
    )


def _exporter_container(wanted: Wanted) -> Manifest:
    environment = {"DCGM_EXPORTER_LISTEN": f":{EXPORTER_PORT}", "DCGM_EXPORTER_KUBERNETES": "true"}
    mount = {"name": "pod-resources", "mountPath": _POD_RESOURCES, "readOnly": True}
    return {
        "name": "dcgm-exporter",
        "image": wanted.image or EXPORTER_IMAGE,
        "env": [{"name": name, "value": value} for name, value in environment.items()],
        "ports": [{"name": "metrics", "containerPort": EXPORTER_PORT}],
        "securityContext": {
            "runAsNonRoot": False,
            "runAsUser": 0,
            "capabilities": {"add": ["SYS_ADMIN"]},
        },
        "volumeMounts": [mount],
    }


def _volumes() -> list[Manifest]:
    return [{"name": "pod-resources", "hostPath": {"path": _POD_RESOURCES}}]


def cautions(wanted: Wanted, fit: Fit) -> tuple[Note, ...]:
    """What would keep this workload from running on this cluster."""
    notes: list[Note] = []
    if not fit.runtime_class:
        notes.append(Note("workload.no-class"))
    if fit.offered == ():
        notes.append(Note("workload.nothing-advertised"))
    if fit.offered and not fit.node_selector:
        notes.append(Note("workload.no-common-label"))
    if wanted.kind != "dcgm-exporter":
        notes += (*_room(wanted, fit), *_image(wanted, fit))
    return tuple(notes)


def _room(wanted: Wanted, fit: Fit) -> Iterator[Note]:
    """Whether all pods find their GPUs; each must get all of its own on one node."""
    if fit.resource == SHARED and wanted.gpus > 1:
        yield Note("workload.shares-are-one-each")
    if not fit.offered:
        return
    pods = wanted.replicas if wanted.kind == "deployment" else 1
    room = sum(count // wanted.gpus for count in fit.offered)
    asked, most = wanted.gpus * pods, max(fit.offered)
    if pods > room and wanted.gpus > most:
        counts = {"asked": str(wanted.gpus), "have": str(most), "resource": fit.resource}
        yield Note("workload.too-many-for-a-node", counts)
    elif pods > room:
        counts = {"asked": str(asked), "have": str(sum(fit.offered)), "resource": fit.resource}
        yield Note("workload.too-many", {**counts, "room": str(room)})


def _image(wanted: Wanted, fit: Fit) -> Iterator[Note]:
    """Whether the driver runs the image's CUDA, as far as its tag tells it."""
    told = _CUDA_TAG.search(wanted.image or image_for(fit.cuda or COMMON_CUDA))
    if told and fit.cuda and Version(told[1]) > Version(fit.cuda):
        yield Note("workload.image-too-new", {"image": told[1], "driver": fit.cuda})
