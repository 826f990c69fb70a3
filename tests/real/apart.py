"""Runs a program in namespaces of its own: network, mounts and processes vanish with it, whatever ends it."""

from __future__ import annotations

import contextlib
import os
import platform
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path

INSIDE_VARIABLE = "GPU_WIZARD_BED_INSIDE"
WATCHES, ENOUGH_WATCHES = Path("/proc/sys/fs/inotify/max_user_instances"), 1024

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
    "gcc": "gcc",
    "/usr/include/stdio.h": "libc6-dev",
    "go": "golang-go",
}
_OTHER_PLACES = {"go": "/usr/local/go/bin/go"}


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
    if platform.machine() != "x86_64":
        return f"the bed is made for x86-64, and this is {platform.machine()}"
    if os.geteuid() != 0:
        return "the bed needs root (machines are booted): run pytest as root"
    missing = sorted({package for needed, package in _NEEDED.items() if not _is_there(needed)})
    if missing:
        return f"the bed lacks programs: apt-get install {' '.join(missing)}"
    return _kernel_refuses()


def _is_there(needed: str) -> bool:
    return bool(shutil.which(needed)) or Path("/", _OTHER_PLACES.get(needed, needed)).is_file()


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
        return (
            "the kernel refuses namespaces, overlays, bridges or veth here (a container must be privileged): "
            + done.stderr.strip()[-200:]
        )
    return ""


def make_room_for_watches() -> None:
    """Lets root have enough inotify instances: systemd, kubelet and containerd of one machine take some 14, and a
    kernel gives each user 128; without one, containerd comes up without CRI and the kubelet not at all.

    It stays so afterwards, since another bed may need it by then.
    """
    with contextlib.suppress(OSError):
        if int(WATCHES.read_text()) < ENOUGH_WATCHES:
            WATCHES.write_text(f"{ENOUGH_WATCHES}\n")
