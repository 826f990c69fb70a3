"""What a machine's disk has more after NVIDIA's toolkit was installed by apt, kept, for tests that begin there."""

from __future__ import annotations

import shutil
import subprocess
import tempfile
from pathlib import Path

from .network import GATEWAY
from .packages import Repository
from .places import built, digest
from .rootfs import write
from .web import HOST_NAMES

TOOLKIT = r"""
set -e
export DEBIAN_FRONTEND=noninteractive
curl -fsSL https://nvidia.github.io/libnvidia-container/gpgkey |
  gpg --dearmor -o /usr/share/keyrings/nvidia-container-toolkit-keyring.gpg
echo 'deb [signed-by=/usr/share/keyrings/nvidia-container-toolkit-keyring.gpg] https://nvidia.github.io/libnvidia-container/stable/deb/$(ARCH) /' \
  > /etc/apt/sources.list.d/nvidia-container-toolkit.list
apt-get update -q
apt-get install -q -y nvidia-container-toolkit={0} nvidia-container-toolkit-base={0} \
  libnvidia-container-tools={0} libnvidia-container1={0}
"""
"""As NVIDIA's instructions say; `{0}`: the version."""
VERSION = "1.20.0-1"
_OF_THE_BED = ("etc/hosts", "etc/ssl/certs/ca-certificates.crt")


def toolkit_layer(rootfs: Path, packages: Repository, authority: bytes) -> Path:
    """A tree to lay over `rootfs`. To be made where the bed's sites answer."""
    key = digest([Path(__file__)], rootfs.name, packages.folder.name)
    return built("toolkit", key, lambda out: _install(rootfs, authority, out))


def _install(rootfs: Path, authority: bytes, out: Path) -> None:
    with tempfile.TemporaryDirectory(dir="/run") as folder:
        upper, work, root = (Path(folder, name) for name in ("upper", "work", "root"))
        for place in (upper, work, root):
            place.mkdir()
        layers = f"lowerdir={rootfs},upperdir={upper},workdir={work}"
        mount = ["mount", "-t", "overlay", "-o", layers, "bed-toolkit", str(root)]
        subprocess.run(mount, check=True)
        try:
            names = "".join(f"{GATEWAY} {name}\n" for name in HOST_NAMES)
            write(root, _OF_THE_BED[0], names)
            with (root / _OF_THE_BED[1]).open("ab") as bundle:
                bundle.write(authority)
            script = TOOLKIT.format(VERSION)
            command = ["chroot", str(root), "sh", "-c", script]
            done = subprocess.run(command, capture_output=True, text=True)
            if done.returncode:
                raise RuntimeError(f"the toolkit's layer failed\n{done.stdout}{done.stderr}")
        finally:
            subprocess.run(["umount", str(root)], check=True)
        for name in _OF_THE_BED:
            (upper / name).unlink()
        subprocess.run(["cp", "-a", f"{upper}/.", str(out)], check=True)
        shutil.rmtree(work, ignore_errors=True)
