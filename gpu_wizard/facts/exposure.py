"""Which cards the containers on a machine can see, whatever they asked for.

Two questions, for the second follows from the first: a process of each container (any login may read cgroups), then
the device files in those processes' own /dev (root's to read).

Source: K3s v1.36.2 on two real H100 as recorded: the device in a pod keeps the host's number (`/dev/nvidia1`); a pod
that asked for none, with the class and a CUDA image, has all of them.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from gpu_wizard.facts.attribution import owner_of
from gpu_wizard.model.fact import Fact, Known
from gpu_wizard.model.question import Files, FilesFound, Probe

_ROOTS = ("/sys/fs/cgroup", "/sys/fs/cgroup/pids")
"""Version 2, and version 1's pids controller."""
_DEPTHS = ("kubepods*/*/*", "kubepods*/*/*/*")
"""A Guaranteed pod's container, and one of the other classes, of both drivers. Source: as `attribution`."""
_DEVICE = re.compile(r"/proc/(\d+)/root/dev/nvidia(\d+)")

Pids = Mapping[int, str]
"""A process of each container → the uid of its pod."""


def parse_container_pids(found: FilesFound) -> Fact[Pids]:
    """The first process of every container; empty where no pod runs."""
    pids: dict[int, str] = {}
    for file in found.files:
        owner, first = owner_of(file.path), file.text.split()[:1]
        if owner is not None and owner.container_id and first and first[0].isdecimal():
            pids[int(first[0])] = owner.pod_uid
    return Known(pids)


CONTAINER_PIDS: Probe[FilesFound, Pids] = Probe(
    "pods.pids",
    Files(
        tuple(f"{root}/{depth}/cgroup.procs" for root in _ROOTS for depth in _DEPTHS),
        max_bytes=4096,
    ),
    parse_container_pids,
)


def devices_question(pids: Pids) -> Files:
    """The NVIDIA device files that these processes have."""
    patterns = tuple(f"/proc/{pid}/root/dev/nvidia*" for pid in sorted(pids))
    return Files(patterns, root=True, content=False)


def seen_cards(pids: Pids, found: FilesFound) -> dict[str, frozenset[int]]:
    """Pod uid → the numbers of the cards that its containers see; every pod asked about is in it."""
    seen: dict[str, set[int]] = {uid: set() for uid in pids.values()}
    for file in found.files:
        device = _DEVICE.fullmatch(file.path)
        if device is not None and int(device[1]) in pids and file.kind == "device":
            seen[pids[int(device[1])]].add(int(device[2]))
    return {uid: frozenset(numbers) for uid, numbers in seen.items()}
