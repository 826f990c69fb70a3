"""A node at a glance: versions by their best source, cards, and who else manages GPUs."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest

from gpu_wizard.facts.nvidia_smi import Gpu, ListedGpu, SmiReport, SmiVersions
from gpu_wizard.facts.objects import ApiVersion
from gpu_wizard.facts.operator import Operator
from gpu_wizard.facts.overview import Overview, OverviewFacts, Owner, overview
from gpu_wizard.facts.packages import Package
from gpu_wizard.model.fact import ABSENT, Known, Unknown
from gpu_wizard.model.version import Version
from tests.stages.cluster_facts import node, pod

CARD = Gpu(0, "NVIDIA H100", "GPU-1", driver_version="580.95.05")
PLUGIN = pod("plugin", images=("mirror:5000/k8s-device-plugin:v0.17.4",))


def seen(**changes: Any) -> Overview:
    """From what is known of a node, everything else not there."""
    absent = {field.name: ABSENT for field in dataclasses.fields(OverviewFacts)}
    return overview(OverviewFacts(**{**absent, **changes}))


def found(glance: Overview) -> dict[str, str]:
    return {row.component: row.found for row in glance.versions}


def test_nothing_known_is_an_empty_table() -> None:
    glance = seen(node=Unknown("no-cluster"), query=Unknown("timed-out"))
    assert set(found(glance).values()) == {""}
    assert (glance.cards, glance.owners, glance.allocatable) == ((), (), {})


def test_versions_come_from_what_runs_before_what_is_installed() -> None:
    glance = seen(
        node=Known(node(runtime_version="containerd://2.1.5-k3s1")),
        k3s=Known(Version("v1.36.2+k3s1")),
        api=Known(ApiVersion(Version("v1.33.1+k3s1"))),
        pods=Known((PLUGIN,)),
        query=Known(SmiReport("ok", gpus=(CARD,))),
        smi=Known(SmiVersions(cuda="13.0")),
    )
    assert found(glance) == {
        "k3s": "v1.34.3+k3s1",
        "containerd": "2.1.5-k3s1",
        "driver": "580.95.05",
        "cuda": "13.0",
        "toolkit": "",
        "device-plugin": "v0.17.4",
    }
    verdicts = {row.component: row.verdict for row in glance.versions}
    assert (verdicts["k3s"], verdicts["device-plugin"]) == ("skew", "old")


def test_the_oldest_package_of_the_toolkit_counts_and_residue_does_not() -> None:
    packages = {
        "nvidia-container-toolkit": Package(Version("1.18.0-1")),
        "libnvidia-container1": Package(Version("1.17.4-1")),
        "libnvidia-container-tools": Package(Version("1.10.0-1"), residue=True),
    }
    assert found(seen(dpkg=Known(packages)))["toolkit"] == "1.17.4"
    assert found(seen(ctk=Known(Version("1.19.0"))))["toolkit"] == "1.19.0"


def test_cards_are_listed_where_a_query_is_too_new_for_the_program() -> None:
    old = seen(query=Known(SmiReport("bad-query")), listed=Known((ListedGpu(0, "K80", "GPU-2"),)))
    assert [card.uuid for card in old.cards] == ["GPU-2"]


@pytest.mark.parametrize(
    ("changes", "owners"),
    [
        ({"operator": Known(Operator("cluster-policy", "ready"))}, [Owner("gpu-operator", "cluster-policy")]),
        ({"dra": Known("gpu.nvidia.com")}, [Owner("dra", "gpu.nvidia.com")]),
        ({"node": Known(node(labels={"feature.node.kubernetes.io/cpu-model.id": "1"}))}, [Owner("nfd")]),
        ({"node": Known(node(labels={"nvidia.com/gpu.product": "H100"}))}, [Owner("gfd")]),
        ({"node": Known(node(labels={"nvidia.com/mps.capable": "true"}))}, [Owner("mps")]),
        ({"node": Known(node(labels={"nvidia.com/gpu.sharing-strategy": "mps"}))}, [Owner("mps")]),
        (
            {
                "operator": Known(Operator("cluster-policy", "ready")),
                "node": Known(node(labels={"nvidia.com/gpu.deploy.operands": "false"})),
            },
            [],
        ),
    ],
)  # fmt: skip
def test_who_else_manages_gpus(changes: dict[str, Any], owners: list[Owner]) -> None:
    assert list(seen(**changes).owners) == owners


def test_pods_that_hold_a_gpu_are_named_and_the_plugin_is_not() -> None:
    busy = pod("training", gpus={"nvidia.com/gpu": 1})
    assert seen(pods=Known((PLUGIN, busy, pod("web")))).gpu_pods == ("default/training",)
