"""The simulated internet: what its web servers give for a URL."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from urllib.parse import unquote, urlsplit

from gpu_wizard.lab.archive import NVIDIA_URI
from gpu_wizard.lab.k3s_scripts import INSTALLER
from gpu_wizard.lab.openpgp import NVIDIA_KEY
from gpu_wizard.lab.releases import RELEASES, STABLE
from gpu_wizard.lab.stubs import Stub

NVIDIA_HOST = "nvidia.github.io"
_DOWNLOADS = "/k3s-io/k3s/releases/download/"
HOSTS = (
    *("get.k3s.io", "update.k3s.io", "github.com", NVIDIA_HOST, "deb.debian.org"),
    *("archive.ubuntu.com", "security.debian.org"),
)
_LIST = (
    "deb https://nvidia.github.io/libnvidia-container/stable/deb/$(ARCH) /\n"
    "#deb https://nvidia.github.io/libnvidia-container/experimental/deb/$(ARCH) /\n"
)


@dataclass(frozen=True)
class Page:
    """A web server's answer. `location` is where it sends the client on, "" for nowhere."""

    status: int
    body: bytes = b""
    location: str = ""
    content_type: str = "application/octet-stream"


def binary(version: str) -> bytes:
    """The K3s binary of a release."""
    return Stub("k3s", version).encode()


def fetch(url: str) -> Page | None:
    """A page by URL; None: there is no such host."""
    parts = urlsplit(url)
    host, path = parts.hostname or "", unquote(parts.path)
    if host not in HOSTS:
        return None
    if host == "get.k3s.io" and path in ("", "/"):
        return Page(200, INSTALLER.encode(), content_type="text/plain")
    if host == "update.k3s.io" and path.startswith("/v1-release/channels/"):
        return _channel(path.rsplit("/", 1)[-1])
    if host == "github.com":
        return _download(path)
    if host == NVIDIA_HOST:
        return _nvidia(path)
    return Page(404, b"Not Found\n")


def _channel(name: str) -> Page:
    channels = {"stable": STABLE, "latest": STABLE}
    for version in RELEASES:
        channels.setdefault(".".join(version.split(".")[:2]), version)
    if name not in channels:
        return Page(404, b"channel not found\n")
    return Page(302, location=f"https://github.com/k3s-io/k3s/releases/tag/{channels[name]}")


def _download(path: str) -> Page:
    if path.startswith("/k3s-io/k3s/releases/tag/"):
        return Page(200, b"<html></html>")
    version, _, name = path.removeprefix(_DOWNLOADS).partition("/")
    if not path.startswith(_DOWNLOADS) or version not in RELEASES:
        return Page(404, b"Not Found")
    if name == "k3s":
        return Page(200, binary(version))
    if name == "sha256sum-amd64.txt":
        digest = hashlib.sha256(binary(version)).hexdigest()
        return Page(200, f"{digest}  k3s\n".encode())
    return Page(404, b"Not Found")


def _nvidia(path: str) -> Page:
    stem = urlsplit(NVIDIA_URI).path
    if path == "/libnvidia-container/gpgkey":
        return Page(200, NVIDIA_KEY.armored().encode(), content_type="application/octet-stream")
    if path == f"{stem}/nvidia-container-toolkit.list":
        return Page(200, _LIST.encode())
    if path == "/libnvidia-container/stable/rpm/nvidia-container-toolkit.repo":
        return Page(200, b"[nvidia-container-toolkit]\nname=nvidia-container-toolkit\n")
    if path.startswith(stem):
        return Page(200, b"")
    return Page(404, b"<html><title>404</title></html>\n")
