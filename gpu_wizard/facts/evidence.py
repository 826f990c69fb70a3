"""The proof's evidence short of a test pod: plugin pod, its log, allocatable against cards, who holds GPUs."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime

from gpu_wizard.facts.nvidia_smi import ListedGpu
from gpu_wizard.facts.objects import NVIDIA, NodeObject, PodObject, gpu_pods
from gpu_wizard.facts.plugin_log import PluginLog, read_plugin_log
from gpu_wizard.model.question import PodLog
from gpu_wizard.model.stage import Assessment, Found, waiting

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


@dataclass(frozen=True)
class Chain:
    """What leads from the plugin to allocatable. `registered`: resource → when, since the kubelet's start."""

    node: NodeObject
    cards: tuple[ListedGpu, ...]
    pods: tuple[PodObject, ...]
    plugin: PluginState
    registered: dict[str, str]

    @property
    def expected(self) -> dict[str, int]:
        """What allocatable should be."""
        expected = expected_allocatable(self.cards, self.plugin.log)
        return {resource: count for resource, count in expected.items() if count > 0}


def first_gap(chain: Chain) -> Assessment | None:
    """The first thing between plugin and allocatable that is not yet so; each may come by itself."""
    pod, log = chain.plugin.pod, chain.plugin.log
    if pod is None:
        return waiting("proof.no-plugin-pod", settling=True, node=chain.node.name)
    if log.failure:
        return waiting(f"proof.{log.failure}", settling=True, pod=pod.name, line=log.line)
    if not pod.ready:
        why = pod.reason or pod.phase
        return waiting("proof.plugin-not-ready", settling=True, pod=pod.name, reason=why)
    if not chain.registered:
        return waiting("proof.not-registered", settling=True, pod=pod.name)
    expected, have = chain.expected, chain.node.gpus()
    if not expected or any(have.get(key, 0) != count for key, count in expected.items()):
        return waiting("proof.allocatable", settling=True, have=counts(have), want=counts(expected))
    return None


def evidence_rows(
    node: NodeObject | None,
    cards: tuple[ListedGpu, ...],
    pods: tuple[PodObject, ...],
    plugin: PluginState,
) -> tuple[Found, ...]:
    """The evidence as a person reads it. `node` None: it is not in the cluster, or nobody could look."""
    if node is None:
        return (Found("found.node", "", "waiting"),)
    holders = ", ".join(f"{pod.namespace}/{pod.name}" for pod in gpu_pods(pods))
    ready = plugin.pod is not None and plugin.pod.ready
    registered = ", ".join(plugin.log.registered)
    have = node.gpus()
    name = plugin.pod.name if plugin.pod else ""
    return (
        Found("found.plugin-pod", name, "done" if ready else "needed"),
        Found("found.registered", registered, "done" if registered else "needed"),
        Found("found.allocatable", counts(have) if have else "", "done" if have else "needed"),
        Found("found.cards", str(len(cards))),
        Found("found.gpu-pods", holders),
    )


def counts(resources: dict[str, int]) -> str:
    """`nvidia.com/gpu 2`, several with commas between; `0` for none."""
    return ", ".join(f"{key} {value}" for key, value in sorted(resources.items())) or "0"


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
