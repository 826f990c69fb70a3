"""Whose a GPU process is: pid → cgroup → container → pod; and which pods hold cards, use them, or see too many.

Source: K3s v1.36.2 on two real H100 as recorded (attribution.txt, systemd-attribution.txt): with the cgroupfs driver
`/kubepods/besteffort/podUID/CONTAINER`, with systemd
`/kubepods.slice/kubepods-besteffort.slice/kubepods-besteffort-podUID_WITH_UNDERSCORES.slice/cri-containerd-CONTAINER.scope`,
a Guaranteed pod without its class of service; version 1 has the same paths behind each controller.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

from gpu_wizard.facts.objects import PodObject
from gpu_wizard.model.sample import GpuProcess, GpuSample, Sample

HOST = "host"
"""What stands for the pod of a process outside any pod."""

_POD = re.compile(
    r"\bkubepods\b.*?[/-]pod([0-9a-f]{8}(?:[-_][0-9a-f]{4}){3}[-_][0-9a-f]{12}|[0-9a-f]{32})\b"
)
"""A static pod's uid is a hash without dashes. Source: Kubernetes, kubelet's file source."""
_CONTAINER = re.compile(r"[0-9a-f]{64}")
_LOG = re.compile(r"([^_]+)_([^_]+)_(.+)-([0-9a-f]{64})\.log")
"""POD_NAMESPACE_CONTAINER-ID.log; neither of the names can hold `_`. Source: K3s as recorded (06/e)."""


@dataclass(frozen=True)
class Owner:
    """The pod and container that a cgroup belongs to. `container_id` "": of the pod, but of no container."""

    pod_uid: str
    container_id: str


def owner_of(cgroup: str) -> Owner | None:
    """The owner of a cgroup's path; None for one outside of any pod."""
    pod = _POD.search(cgroup)
    if pod is None:
        return None
    containers = _CONTAINER.findall(cgroup[pod.end() :])
    return Owner(pod[1].replace("_", "-"), containers[-1] if containers else "")


def pod_name(pod: PodObject) -> str:
    """A pod as people name it: `NAMESPACE/NAME`."""
    return f"{pod.namespace}/{pod.name}"


def attribute(sample: Sample, pods: Iterable[PodObject] = ()) -> Sample:
    """The sample with the pod and container of each process.

    Names come from the cluster's pods, else from the container's link to its log; a pod known by neither is
    named by its uid. A process whose cgroup could not be read keeps "".
    """
    names = {pod.uid: pod_name(pod) for pod in pods}
    return replace(sample, gpus=tuple(_card(gpu, names) for gpu in sample.gpus))


def _card(gpu: GpuSample, names: Mapping[str, str]) -> GpuSample:
    instances = tuple(
        replace(instance, processes=_all(instance.processes, names))
        for instance in gpu.mig_instances
    )
    processes = None if gpu.processes is None else _all(gpu.processes, names)
    return replace(gpu, mig_instances=instances, processes=processes)


def _all(processes: tuple[GpuProcess, ...], names: Mapping[str, str]) -> tuple[GpuProcess, ...]:
    return tuple(_attributed(process, names) for process in processes)


def _attributed(process: GpuProcess, names: Mapping[str, str]) -> GpuProcess:
    if not process.cgroup:
        return process
    owner = owner_of(process.cgroup)
    if owner is None:
        return replace(process, pod=HOST)
    log = _LOG.fullmatch(process.container_log)
    mine = log if log is not None and log[4] == owner.container_id else None
    named = f"{mine[2]}/{mine[1]}" if mine else f"uid {owner.pod_uid}"
    return replace(
        process,
        pod=names.get(owner.pod_uid, named),
        container=mine[3] if mine else owner.container_id[:12],
    )


def processes_of(gpu: GpuSample) -> tuple[GpuProcess, ...]:
    """All processes of a card and its MIG instances, each once."""
    every = (*(gpu.processes or ()), *(p for i in gpu.mig_instances for p in i.processes))
    return tuple({process.pid: process for process in every}.values())


@dataclass(frozen=True)
class PodUse:
    """How a pod stands to the cards at one moment.

    `verdict`: `used`; `unused` (it holds cards and no process of it is on any); `idle` (its processes are there, and
    every card they are on stands at 0 %, whoever else is on them); `unasked` (its processes are on more cards than it
    asked for, which may be none); `exposed` (it sees more cards than it asked for, whatever else is said of it);
    `class-alone` (what it sees is not known; it asked for none, yet its runtime class hands every card to an image
    that wants them). `asked`: of all `nvidia.com/*`. `cards`: indices of those that its processes are on. `sees`: how
    many it could use; None: not known.
    """

    pod: str
    verdict: str
    asked: int
    cards: tuple[int, ...] = ()
    sees: int | None = None


def pod_uses(
    sample: Sample,
    pods: Iterable[PodObject],
    seen: Mapping[str, frozenset[int]] | None = None,
    runtime_class: str = "nvidia",
) -> tuple[PodUse, ...]:
    """Every pod that asked for cards, is on one, or could be; device plugins apart, which see all by design.

    `sample` is attributed. `pods` are those of this node. `seen`: pod uid → cards that it sees, as far as known.
    Where processes are not told (nvidia-smi's source, a card that failed) nothing is judged.
    """
    if sample.failure or any(gpu.processes is None for gpu in sample.gpus):
        return ()
    on = _cards_by_pod(sample)
    busy = {gpu.index: gpu.utilisation_percent for gpu in sample.gpus}
    uses: list[PodUse] = []
    for pod in pods:
        if pod.phase != "Running" or pod.is_plugin:
            continue
        asked, cards = sum(pod.gpus.values()), on.get(pod_name(pod), ())
        numbers = (seen or {}).get(pod.uid)
        sees = None if numbers is None else len(numbers)
        has_class = pod.runtime_class == runtime_class
        verdict = _verdict(asked, cards, busy)
        also = "" if verdict == "unasked" else _exposure(asked, sees, has_class)
        verdicts = filter(None, (verdict, also))
        uses += [PodUse(pod_name(pod), one, asked, cards, sees) for one in verdicts]
    return tuple(uses)


def _verdict(asked: int, cards: tuple[int, ...], busy: Mapping[int, int | None]) -> str:
    """By its processes; "" for a pod that asked for nothing and is on nothing."""
    if len(cards) > asked:
        return "unasked"
    if not cards:
        return "unused" if asked else ""
    return "idle" if all(busy[card] == 0 for card in cards) else "used"


def _exposure(asked: int, sees: int | None, has_class: bool) -> str:
    """By what it could use."""
    if sees is None:
        return "class-alone" if has_class and not asked else ""
    return "exposed" if sees > asked else ""


def _cards_by_pod(sample: Sample) -> dict[str, tuple[int, ...]]:
    on: dict[str, tuple[int, ...]] = {}
    for gpu in sample.gpus:
        for name in {process.pod for process in processes_of(gpu)}:
            on[name] = (*on.get(name, ()), gpu.index)
    return on
