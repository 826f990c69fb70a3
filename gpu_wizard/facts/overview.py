"""A node at a glance, out of what the stages ask anyway: versions, cards, evidence, and who else owns its GPUs."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Literal

from gpu_wizard.facts import nvidia_smi as smi
from gpu_wizard.facts.evidence import PluginState, plugin_state
from gpu_wizard.facts.k3s import K3S_VERSION
from gpu_wizard.facts.kernel import DRIVER_STATE, DriverState
from gpu_wizard.facts.objects import (
    API_VERSION,
    NODE,
    NODE_PODS,
    PLUGIN_LOGS,
    ApiVersion,
    NodeObject,
    PodObject,
    gpu_pods,
)
from gpu_wizard.facts.operator import DRA, OPERATOR, Operator
from gpu_wizard.facts.packages import DPKG, RPM, TOOLKIT_PACKAGES, Package, Packages
from gpu_wizard.facts.toolkit import CTK_VERSION
from gpu_wizard.facts.versions import Component, VersionRow, version_table
from gpu_wizard.model.fact import Fact, Known, value_of, value_or
from gpu_wizard.model.question import PodLog, asks, facts
from gpu_wizard.model.version import Version

OwnerId = Literal["gpu-operator", "nfd", "gfd", "dra", "mps"]
_NFD = "feature.node.kubernetes.io/"
_GFD = "nvidia.com/gpu.product"
_MPS_CAPABLE, _SHARING = "nvidia.com/mps.capable", "nvidia.com/gpu.sharing-strategy"
"""Source: NVIDIA/k8s-device-plugin, GPU feature discovery's labels; NFD's documentation."""


@facts
class OverviewFacts:
    """Questions of the stages, asked once with theirs."""

    node: Fact[NodeObject] = asks(NODE)
    pods: Fact[tuple[PodObject, ...]] = asks(NODE_PODS)
    plugin_logs: Fact[tuple[PodLog, ...]] = asks(PLUGIN_LOGS)
    api: Fact[ApiVersion] = asks(API_VERSION)
    k3s: Fact[Version] = asks(K3S_VERSION)
    driver: Fact[DriverState] = asks(DRIVER_STATE)
    query: Fact[smi.SmiReport] = asks(smi.SMI_QUERY)
    wsl_query: Fact[smi.SmiReport] = asks(smi.SMI_WSL_QUERY)
    listed: Fact[tuple[smi.ListedGpu, ...]] = asks(smi.SMI_LIST)
    smi: Fact[smi.SmiVersions] = asks(smi.SMI_VERSIONS)
    dpkg: Fact[Packages] = asks(DPKG)
    rpm: Fact[Packages] = asks(RPM)
    ctk: Fact[Version] = asks(CTK_VERSION)
    operator: Fact[Operator] = asks(OPERATOR)
    dra: Fact[str] = asks(DRA)


@dataclass(frozen=True)
class Owner:
    """Something that manages GPUs here besides this program. `name`: of its object, "" where only labels tell."""

    id: OwnerId
    name: str = ""


@dataclass(frozen=True)
class Overview:
    """`cards` empty: there are none, or nobody could look; the driver's stage says which."""

    versions: tuple[VersionRow, ...] = ()
    cards: tuple[smi.Gpu, ...] = ()
    owners: tuple[Owner, ...] = ()
    allocatable: Mapping[str, int] = field(default_factory=dict)
    plugin: PluginState | None = None
    gpu_pods: tuple[str, ...] = ()


def overview(facts: OverviewFacts) -> Overview:
    """Put together. Pure."""
    node, pods = value_of(facts.node), value_or(facts.pods, ())
    api = value_of(facts.api)
    plugin = plugin_state(pods, value_or(facts.plugin_logs, ()))
    return Overview(
        versions=version_table(dict(_found(facts, plugin)), str(api.version) if api else ""),
        cards=_cards(facts),
        owners=tuple(_owners(facts)),
        allocatable=node.gpus() if node else {},
        plugin=plugin,
        gpu_pods=tuple(f"{pod.namespace}/{pod.name}" for pod in gpu_pods(pods)),
    )


def _found(facts: OverviewFacts, plugin: PluginState) -> Iterator[tuple[Component, str]]:
    node, cards = value_of(facts.node), _cards(facts)
    binary = value_of(facts.k3s)
    yield "k3s", (node.kubelet_version if node else "") or str(binary or "")
    yield "containerd", node.runtime_version.rpartition("//")[2] if node else ""
    shown = cards[0].driver_version if cards else ""
    driver = shown or value_or(facts.driver, DriverState()).version
    yield "driver", driver
    yield "cuda", value_or(facts.smi, smi.SmiVersions()).cuda or smi.cuda_of_driver(driver)
    yield "toolkit", _toolkit(facts)
    images = [image for image in (plugin.pod.images if plugin.pod else ()) if ":" in image]
    yield "device-plugin", images[0].rpartition(":")[2] if images else ""


def _toolkit(facts: OverviewFacts) -> str:
    """The oldest of its packages, else what the program says of itself."""
    packages = {**_packages(facts.rpm), **_packages(facts.dpkg)}
    mine = [packages[name].version for name in TOOLKIT_PACKAGES if name in packages]
    return min(mine).plain if mine else str(value_of(facts.ctk) or "")


def _packages(fact: Fact[Packages]) -> dict[str, Package]:
    there = dict(fact.value) if isinstance(fact, Known) else {}
    return {name: package for name, package in there.items() if not package.residue}


def _cards(facts: OverviewFacts) -> tuple[smi.Gpu, ...]:
    for fact in (facts.query, facts.wsl_query):
        if isinstance(fact, Known) and fact.value.gpus:
            return fact.value.gpus
    return tuple(smi.Gpu(c.index, c.name, c.uuid) for c in value_or(facts.listed, ()))


def _owners(facts: OverviewFacts) -> Iterator[Owner]:
    node = value_of(facts.node)
    labels = node.labels if node else {}
    if isinstance(facts.operator, Known) and facts.operator.value.covers(labels):
        yield Owner("gpu-operator", facts.operator.value.name)
    if isinstance(facts.dra, Known):
        yield Owner("dra", facts.dra.value)
    if any(key.startswith(_NFD) for key in labels):
        yield Owner("nfd")
    if _GFD in labels:
        yield Owner("gfd")
    if labels.get(_MPS_CAPABLE) == "true" or labels.get(_SHARING) == "mps":
        yield Owner("mps")
