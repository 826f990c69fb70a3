"""Two machines that were named, as a setup file."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from collections.abc import Sequence

    from gpu_wizard.faces.exchanged import Recent, Tested, Unfinished
    from gpu_wizard.model.setup_file import SetupFile

Kind = Literal["host", "local", "same", "kubeconfig"]


@dataclass
class Machine:
    """A machine, and how the test of it stands. `host` "": none is named; of a `kubeconfig` its path; `context` of it."""

    host: str = ""
    kind: Kind = "host"
    tested: Tested | None = None
    trouble: str = ""
    testing: bool = False
    context: str = ""


def setup_of(gpu: Machine, control: Machine) -> SetupFile | None:
    """What is to be set up; None while a machine is missing. The node is named after its host."""
    from gpu_wizard.model.setup_file import ClusterEntry, HostEntry, NodeEntry, SetupFile

    if not gpu.host or not control.host:
        return None
    bare = re.sub(r"^.*@|:\d+$", "", gpu.host)
    name = re.sub(r"[^A-Za-z0-9._-]", "-", bare).strip("-.") or "node"
    host = HostEntry(gpu.host)
    nodes = (NodeEntry(name, host),)
    if control.kind == "kubeconfig":
        return SetupFile(nodes, None, ClusterEntry(control.host, control.context))
    return SetupFile(nodes, host if control.kind == "same" else HostEntry(control.host))


def nodes_named(setup: SetupFile) -> str:
    """What a list calls it: the host of the only node, or the names of all in few words."""
    if len(setup.nodes) == 1:
        return setup.nodes[0].host.host
    from gpu_wizard.faces.ranges import folded  # the first screen seldom lists several nodes

    return folded(node.name for node in setup.nodes)


def not_left_open(recent: Sequence[Recent], unfinished: Sequence[Unfinished]) -> list[Recent]:
    """Runs that ended well, but those of machines whose later run did not."""
    left = {_hosts(one.setup) for one in unfinished}
    return [one for one in recent if _hosts(one.setup) not in left]


def _hosts(setup: SetupFile) -> frozenset[str]:
    return frozenset(node.host.host for node in setup.nodes)


def named_in(setup: SetupFile) -> tuple[Machine, Machine] | None:
    """The machines that give this setup; None where it says more than two names can."""
    host, plane, cluster = setup.nodes[0].host, setup.control_plane, setup.cluster
    gpu = Machine(host.host, "local" if host.host == "local" else "host")
    if plane is None:
        control = Machine(cluster.kubeconfig, "kubeconfig", context=cluster.context)
    elif plane == host:
        control = Machine("same", "same")
    else:
        control = Machine(plane.host, "local" if plane.host == "local" else "host")
    made = setup_of(gpu, control)
    if made is None or len(setup.nodes) > 1:
        return None
    same = made.nodes[0].host == host and made.control_plane == plane
    return (gpu, control) if same else None
