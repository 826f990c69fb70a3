"""Cards and the user-space part of the driver, on a machine's disk."""

from __future__ import annotations

import subprocess

from .machine import Machine
from .programs import DRIVER_VERSION

_NODE_MARK = b"BEDNODE:00000000"
"""In the library: what makes a machine's cards other ones than its neighbours'."""


def give_cards(machine: Machine, count: int, driver: str = "loaded") -> None:
    """Puts cards and the user-space part of the driver into a machine that is off."""
    root = machine.root
    (root / "etc" / "bed").mkdir(exist_ok=True)
    (root / "etc/bed/cards").write_text(f"{count}\n")
    (root / "etc/bed/driver").write_text(f"{driver}\n")
    if count == 0 or driver == "absent":
        return
    mark = int(machine.address.rpartition(".")[2])
    folder = root / "usr/lib/x86_64-linux-gnu"
    for name in ("libnvidia-ml.so", "libcuda.so"):
        library = (
            (machine.supplies.programs / name)
            .read_bytes()
            .replace(_NODE_MARK, b"BEDNODE:%08x" % mark)
        )
        (folder / f"{name}.{DRIVER_VERSION}").write_bytes(library)
        (folder / f"{name}.1").symlink_to(f"{name}.{DRIVER_VERSION}")
    smi = root / "usr/bin/nvidia-smi"
    smi.write_bytes((machine.supplies.programs / "nvidia-smi").read_bytes())
    smi.chmod(0o755)
    subprocess.run(["chroot", str(root), "ldconfig"], check=True)
