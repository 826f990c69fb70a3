"""Images: which ones can be pulled, and what is in them."""

from __future__ import annotations

import hashlib
import re
import tomllib
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import Any


@dataclass(frozen=True)
class Image:
    """An image of the lab's registries."""

    name: str
    """Complete: registry, path and tag."""
    seconds: float
    """How long a pull takes, before the lab's factor."""
    bytes: int
    plugin: bool = False
    """True for NVIDIA's device plugin."""
    cuda: bool = False
    """True where it carries `NVIDIA_VISIBLE_DEVICES=all`."""
    idle: bool = False
    """True for a service that runs until it is stopped."""

    @property
    def id(self) -> str:
        return f"sha256:{hashlib.sha256(self.name.encode()).hexdigest()}"

    @property
    def tag(self) -> str:
        return self.name.rpartition(":")[2]


def complete(name: str) -> str:
    """An image's full name, as containerd resolves it: `busybox` is `docker.io/library/busybox:latest`."""
    first, slash, _ = name.partition("/")
    if not slash:
        name = f"docker.io/library/{name}"
    elif "." not in first and ":" not in first and first != "localhost":
        name = f"docker.io/{name}"
    last = name.rpartition("/")[2]
    return name if ":" in last or "@" in last else f"{name}:latest"


def find(name: str) -> Image | None:
    """The image of this name, or None: it cannot be pulled."""
    full = complete(name)
    for pattern, facts in _table():
        if pattern.fullmatch(full) or pattern.fullmatch(_mirrored(full)):
            return Image(full, **facts)
    return None


def refusal(name: str) -> str:
    """What containerd says of an image that can't be pulled."""
    full = complete(name)
    host, _, rest = full.partition("/")
    path, _, tag = rest.rpartition(":")
    head = f'failed to pull and unpack image "{full}": failed to resolve '
    if host.endswith(".invalid"):
        url = f"https://{host}/v2/{path}/manifests/{tag}"
        return (
            f'{head}image: failed to do request: Head "{url}": dial tcp: lookup {host} on '
            "192.0.2.53:53: no such host"
        )
    return f'{head}reference "{full}": {full}: not found'


def _mirrored(full: str) -> str:
    """The name in NVIDIA's or Docker's registry of an image that a mirror has under the same path."""
    host, _, path = full.partition("/")
    if host in ("docker.io", "nvcr.io", "registry.k8s.io") or host.endswith(".invalid"):
        return full
    registry = "nvcr.io" if path.startswith("nvidia/k8s") else "docker.io"
    return f"{registry}/{path}"


@cache
def _table() -> tuple[tuple[re.Pattern[str], dict[str, Any]], ...]:
    text = resources.files(__package__ or "").joinpath("images.toml").read_text("utf-8")
    rows = tomllib.loads(text)["images"]
    return tuple(
        (
            re.compile(row["pattern"]),
            {name: value for name, value in row.items() if name != "pattern"},
        )
        for row in rows
    )
