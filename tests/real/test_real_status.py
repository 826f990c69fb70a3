"""`status` on a real node, from bare to proved: it sees the truth, and leaves the file system as it was."""

from __future__ import annotations

import json
import os
import stat
from pathlib import Path
from typing import Any

from .bed import Bed
from .machine import Machine
from .rootfs import PASSWORD
from .wizard import Wizard

TRACES = (
    "var/log",
    "run",
    "var/run",
    "var/lib/sudo",
    "var/lib/lastlog",
    "proc",
    "sys",
    "dev",
    "tmp",
)
"""Logs, /run, sudo's time stamps and login records; and what is no file system of the machine's own."""
K3S_WRITES = ("var/lib/rancher", "var/lib/kubelet", "var/lib/cni", "etc/rancher/node", "opt/bed")
"""Where K3s itself, and the bed's stand-in for the kubelet, write all the time."""


def test_a_look_sees_the_truth_and_changes_nothing(
    bed: Bed, fresh: Machine, wizard: Wizard
) -> None:
    wizard.user = "ops"
    setup = wizard.write_setup([fresh])
    # Debian's sudo notes an administrator's first success ever in the home; afterwards it does not.
    fresh.sh("sudo -S true", user="ops", text_in=f"{PASSWORD}\n")

    bare, before = look(wizard, setup, 3, fresh)
    assert states(bare)["join"] == "needed"
    assert states(bare)["driver"] == "done"
    assert bare["kubernetes_node"] == "gpu1"
    assert changes(before, everything(fresh), but=()) == []

    wizard.auto(setup).expect(0)
    proved, before = look(wizard, setup, 0, fresh)
    assert set(states(proved).values()) == {"done"}
    assert proved["allocatable"] == {"nvidia.com/gpu": 1}
    assert proved["versions"]["toolkit"]["found"] == "1.20.0"
    assert changes(before, everything(fresh), but=K3S_WRITES) == []


def look(
    wizard: Wizard, setup: Path, status: int, machine: Machine
) -> tuple[dict[str, Any], dict[str, tuple[int, ...]]]:
    """The node in the document of a `status`, and its machine's files right before."""
    before = everything(machine)
    process = wizard.start("status", "--setup", str(setup), "--json")
    out, err = process.communicate(timeout=120)
    assert process.returncode == status, out + err
    (node,) = json.loads(out)["nodes"]
    return dict(node), before


def states(node: dict[str, Any]) -> dict[str, str]:
    return {stage["stage"]: stage["state"] for stage in node["stages"]}


def everything(machine: Machine) -> dict[str, tuple[int, ...]]:
    """Path → mode, owner, size, and when content and inode last changed; times of access left out."""
    found: dict[str, tuple[int, ...]] = {}
    root = str(machine.root)
    for folder, names, files in os.walk(root):
        at = os.path.relpath(folder, root)
        names[:] = [name for name in names if os.path.normpath(f"{at}/{name}") not in TRACES]
        for name in (*names, *files):
            there = Path(folder, name).lstat()
            if not stat.S_ISSOCK(there.st_mode):
                path = os.path.normpath(f"{at}/{name}")
                own = (there.st_mode, there.st_uid, there.st_gid, there.st_size)
                found[path] = (*own, there.st_mtime_ns, there.st_ctime_ns)
    return found


def changes(
    before: dict[str, tuple[int, ...]], after: dict[str, tuple[int, ...]], but: tuple[str, ...]
) -> list[str]:
    """The paths that differ, outside of `but`."""
    paths = {path for path in (*before, *after) if before.get(path) != after.get(path)}
    return sorted(path for path in paths if not path.startswith(but))
