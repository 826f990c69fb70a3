"""The images that the bed's registry serves: small, with the contents that matter, under the real names."""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import re
import subprocess
import tarfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

CUDA_TAGS = ("12.2.2", "12.4.1", "12.5.1", "12.6.3", "12.8.1", "12.9.1", "13.0.1")
PLUGIN_TAGS = ("v0.17.0", "v0.17.4", "v0.18.2", "v0.19.3", "v0.20.0")

_PAUSE = """#!/bin/sh
# Process 1 hears only what it traps.
trap 'exit 0' TERM INT
sleep 2147483647 &
wait
"""


@dataclass(frozen=True)
class Image:
    """Blobs by digest, and the manifest's own digest."""

    manifest: bytes
    blobs: Mapping[str, bytes] = field(repr=False)

    @property
    def digest(self) -> str:
        """Of the manifest."""
        return _sha256(self.manifest)


def _sha256(content: bytes) -> str:
    return "sha256:" + hashlib.sha256(content).hexdigest()


@dataclass(frozen=True)
class Layer:
    """Part of an image's files; packed once, for all images that share it. `digest`: of what is packed."""

    digest: str
    packed: bytes = field(repr=False)


def layer(files: Mapping[str, bytes | Path], links: Mapping[str, str]) -> Layer:
    """Every file of it may be executed."""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as archive:
        for name, content in sorted(files.items()):
            data = content.read_bytes() if isinstance(content, Path) else content
            entry = tarfile.TarInfo(name)
            entry.size, entry.mode = len(data), 0o755
            archive.addfile(entry, io.BytesIO(data))
        for name, target in sorted(links.items()):
            entry = tarfile.TarInfo(name)
            entry.type, entry.linkname = tarfile.SYMTYPE, target
            archive.addfile(entry)
    return Layer(_sha256(out.getvalue()), gzip.compress(out.getvalue(), 1, mtime=0))


def image(
    layers: Sequence[Layer], entrypoint: Sequence[str], environment: Mapping[str, str]
) -> Image:
    """An OCI image of these layers, the lowest first."""
    config = json.dumps(
        {
            "architecture": "amd64",
            "os": "linux",
            "config": {
                "Entrypoint": list(entrypoint),
                "Env": [f"{name}={value}" for name, value in environment.items()],
            },
            "rootfs": {"type": "layers", "diff_ids": [each.digest for each in layers]},
        }
    ).encode()
    manifest = json.dumps(
        {
            "schemaVersion": 2,
            "mediaType": "application/vnd.oci.image.manifest.v1+json",
            "config": _described(config, "application/vnd.oci.image.config.v1+json"),
            "layers": [
                _described(each.packed, "application/vnd.oci.image.layer.v1.tar+gzip")
                for each in layers
            ],
        }
    ).encode()
    packed = (config, *(each.packed for each in layers))
    return Image(manifest, {_sha256(blob): blob for blob in packed})


def _described(content: bytes, media_type: str) -> dict[str, object]:
    return {"mediaType": media_type, "digest": _sha256(content), "size": len(content)}


_PATH = {"PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"}
_NVIDIA = {
    **_PATH,
    "NVIDIA_VISIBLE_DEVICES": "all",
    "NVIDIA_DRIVER_CAPABILITIES": "compute,utility",
}
"""As NVIDIA's images have it: a pod of the class that asks for no card sees all of them."""


def images(programs: Path) -> dict[str, Image]:
    """Every image by `name:tag`, the name as the runtime asks for it."""
    userland = layer(*_userland())
    pause = layer({"pause": _PAUSE.encode()}, {})
    plugin = layer({"usr/bin/nvidia-device-plugin": programs / "device-plugin"}, {})
    found: dict[str, Image] = {
        "rancher/mirrored-pause:3.6": image([userland, pause], ["/pause"], _PATH),
        "library/busybox:1.36": image([userland], [], _PATH),
    }
    cuda = image([userland], [], _NVIDIA)
    for tag in CUDA_TAGS:
        for system in ("ubuntu22.04", "ubuntu24.04"):
            found[f"nvidia/cuda:{tag}-base-{system}"] = cuda
    for tag in PLUGIN_TAGS:
        parts = [userland, plugin, layer({"version": tag.encode()}, {})]
        found[f"nvidia/k8s-device-plugin:{tag}"] = image(
            parts, ["/usr/bin/nvidia-device-plugin"], _NVIDIA
        )
    return found


def _userland() -> tuple[dict[str, bytes | Path], dict[str, str]]:
    """busybox, static or not, for the shell, and this machine's glibc, against which our programs are linked."""
    busybox = Path("/bin/busybox")
    files: dict[str, bytes | Path] = {"bin/busybox": busybox}
    for program in (busybox, Path("/bin/true")):
        for library in _libraries(program):
            files[str(library).lstrip("/")] = library.resolve()
    folder = next(
        str(path.parent).lstrip("/") for path in map(Path, files) if path.name == "libc.so.6"
    )
    for extra in ("libdl.so.2", "libpthread.so.0", "libm.so.6", "librt.so.1"):
        path = Path("/") / folder / extra
        if path.exists():
            files[f"{folder}/{extra}"] = path.resolve()
    applets = subprocess.run(
        [str(busybox), "--list"], capture_output=True, text=True, check=True
    ).stdout.split()
    links = {f"bin/{name}": "/bin/busybox" for name in applets if name != "busybox"}
    return files, links


def _libraries(program: Path) -> list[Path]:
    said = subprocess.run(["ldd", str(program)], capture_output=True, text=True).stdout
    return [Path(found) for found in re.findall(r"(/\S+)", said)]
