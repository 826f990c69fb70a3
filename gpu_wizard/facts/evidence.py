"""The proof's evidence short of a test pod: plugin pod, its log, allocatable against cards, who holds GPUs."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime

from gpu_wizard.facts.nvidia_smi import ListedGpu
from gpu_wizard.facts.objects import NVIDIA, NodeObject, PodObject, gpu_pods
from gpu_wizard.facts.plugin_log import PluginLog, read_plugin_log
from gpu_wizard.model.question import PodLog

GPU = "nvidia.com/gpu"
SHARED = ".shared"


@dataclass(frozen=True)
class PluginState:
    """The newest plugin pod of the node and what its log says; `pod` None: there is none."""

    pod: PodObject | None
    log: PluginLog


def plugin_state(pods: tuple[PodObject, ...], logs: tuple[PodLog, ...]) -> PluginState:
    """The newest plugin pod that is not ended, with the last state of its log."""
    plugins = sorted((p for p in pods if p.is_plugin and p.active), key=lambda p: p.created)
    if not plugins:
        return PluginState(None, PluginLog())
    pod = plugins[-1]
    text = "\n".join(
        log.text for log in logs if (log.namespace, log.pod) == (pod.namespace, pod.name)
    )
    return PluginState(pod, read_plugin_log(text))


def registered_after(log: PluginLog, kubelet_started: float | None) -> dict[str, str]:
    """The registrations that are younger than the kubelet's start (None: longer ago than its journal reaches).

    Allocatable lies after a restart, this does not. Source: recorded on two H100 (k3s-h100, 4).
    """
    if kubelet_started is None:
        return log.registered
    start = datetime.fromtimestamp(int(kubelet_started), UTC).strftime("%Y-%m-%dT%H:%M:%S")
    return {resource: at for resource, at in log.registered.items() if at >= start}


def expected_allocatable(cards: tuple[ListedGpu, ...], log: PluginLog) -> dict[str, int]:
    """Resource → count that the cards and the plugin's sharing make: cards × replicas, MIG instances by profile.

    Only resources that the plugin registered are expected.
    """
    return {
        resource: _count(resource, cards) * _replicas(resource, log) for resource in log.registered
    }


def _count(resource: str, cards: tuple[ListedGpu, ...]) -> int:
    plain = resource.removesuffix(SHARED)
    if plain == GPU:
        instances = [mig for card in cards for mig in card.mig]
        whole = [card for card in cards if not card.mig]
        # With MIG strategy `single` every instance counts as a GPU; with `mixed` only whole cards do.
        return len(whole) if whole else len(instances)
    profile = plain.removeprefix(f"{NVIDIA}mig-").replace(".me", "+me")
    return sum(mig.profile == profile for card in cards for mig in card.mig)


def _replicas(resource: str, log: PluginLog) -> int:
    return log.replicas.get(resource.removesuffix(SHARED), 1)


def free_resource(
    node: NodeObject, pods: tuple[PodObject, ...], wanted: Iterable[str]
) -> str | None:
    """A registered resource of which at least one is not held by a running pod; None where all are taken."""
    held: dict[str, int] = {}
    for pod in gpu_pods(pods):
        for resource, count in pod.gpus.items():
            held[resource] = held.get(resource, 0) + count
    available = node.gpus()
    free = [
        resource
        for resource in sorted(wanted)
        if available.get(resource, 0) > held.get(resource, 0)
    ]
    return free[0] if free else None


def known_uuids(cards: tuple[ListedGpu, ...]) -> frozenset[str]:
    """The UUIDs of the node's cards and MIG instances."""
    return frozenset(
        uuid for card in cards for uuid in (card.uuid, *(mig.uuid for mig in card.mig))
    )
