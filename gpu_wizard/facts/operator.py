"""What else may own a cluster's GPUs: GPU Operator and the DRA driver."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from gpu_wizard.model.fact import ABSENT, Fact, Known
from gpu_wizard.model.question import Objects, ObjectsFound, Probe

EXCLUDED = "nvidia.com/gpu.deploy.operands"
"""A node label; `false` keeps the Operator's operands off. Source: GPU Operator documentation."""


@dataclass(frozen=True)
class Operator:
    """A ClusterPolicy of GPU Operator. `state`: what it says of itself, such as `ready`.

    `toolkit`: it brings the container toolkit (its default); off where the hosts have their own.
    """

    name: str
    state: str
    toolkit: bool = True

    def covers(self, labels: Mapping[str, str]) -> bool:
        """Whether it manages a node with these labels."""
        return labels.get(EXCLUDED) != "false"


def parse_operator(found: ObjectsFound) -> Fact[Operator]:
    """The ClusterPolicy; absent where there is none, or no such kind."""
    if not found.objects:
        return ABSENT
    policy = found.objects[0]
    return Known(
        Operator(
            str(policy["metadata"]["name"]),
            str((policy.get("status") or {}).get("state", "")),
            ((policy.get("spec") or {}).get("toolkit") or {}).get("enabled") is not False,
        )
    )


def parse_dra(found: ObjectsFound) -> Fact[str]:
    """The DRA driver's device class; absent where GPUs are not allocated through DRA."""
    names = [str(item["metadata"]["name"]) for item in found.objects]
    mine = [name for name in names if name.endswith("gpu.nvidia.com")]
    return Known(mine[0]) if mine else ABSENT


OPERATOR: Probe[ObjectsFound, Operator] = Probe(
    "cluster.operator", Objects("ClusterPolicy"), parse_operator
)
DRA: Probe[ObjectsFound, str] = Probe("cluster.dra", Objects("DeviceClass"), parse_dra)
