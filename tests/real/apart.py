"""Runs a program in namespaces of its own: network, mounts and processes vanish with it, whatever ends it."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path

INSIDE_VARIABLE = "GPU_WIZARD_BED_INSIDE"

_NEEDED = {
    "systemd-nspawn": "systemd-container",
    "debootstrap": "debootstrap",
    "busybox": "busybox",
    "apt-ftparchive": "apt-utils",
    "dpkg-deb": "dpkg",
    "gpg": "gnupg",
    "ssh": "openssh-client",
    "ssh-keygen": "openssh-client",
    "ip": "iproute2",
    "unshare": "util-linux",
    "setpriv": "util-linux",
    "gcc": "gcc and libc6-dev",
}


def inside() -> bool:
    """This process runs apart already."""
    return os.environ.get(INSIDE_VARIABLE) == "1"


def command(*program: str, outlives_us: bool = False) -> Sequence[str]:
    """Starts `program` apart; it and all that it started die with the process that starts this command.

    `outlives_us`: it goes on until it is ended.
    """
    bound = () if outlives_us else ("setpriv", "--pdeathsig", "KILL", "--")
    return (
        *("env", f"{INSIDE_VARIABLE}=1"),
        *bound,
        *("unshare", "--net", "--mount", "--propagation", "private", "--pid", "--fork"),
        *("--kill-child=KILL", "--mount-proc", "--"),
        *program,
    )


def why_not() -> str:
    """Why there can be no bed here and what to do about it; "" if there can."""
    if os.geteuid() != 0:
        return "the bed needs root (machines are booted): run pytest as root"
    missing = sorted({package for program, package in _NEEDED.items() if not shutil.which(program)})
    if missing:
        return f"the bed lacks programs: apt-get install {' '.join(missing)}"
    if not shutil.which("go") and not Path("/usr/local/go/bin/go").exists():
        return "the bed is compiled: install Go (any version with modules; a newer one is fetched)"
    return _kernel_refuses()


def _kernel_refuses() -> str:
    layers = "lowerdir=/mnt/l,upperdir=/mnt/u,workdir=/mnt/w"
    trial = " && ".join(
        (
            "mount -t tmpfs tmpfs /mnt",
            "mkdir /mnt/l /mnt/u /mnt/w /mnt/m",
            f"mount -t overlay -o {layers} overlay /mnt/m",
            "ip link add bedtest type bridge",
            "ip link add bedtest0 type veth",
        )
    )
    done = subprocess.run(command("sh", "-c", trial), capture_output=True, text=True, timeout=20)
    if done.returncode:
        return f"the kernel refuses namespaces, overlays, bridges or veth here: {done.stderr.strip()[-200:]}"
    return ""
