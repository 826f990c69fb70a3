"""What the machines find on the network: vendors' sites over TLS, and an image registry."""

from __future__ import annotations

import hashlib
import json
import ssl
import threading
from collections.abc import Callable, Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import TypeAlias
from urllib.parse import unquote, urlsplit

from .images import Image
from .packages import Repository
from .programs import K3S_VERSION

HOST_NAMES = ("nvidia.github.io", "get.k3s.io", "github.com", "update.k3s.io")
"""Of the sites that K3s's installer and the toolkit's instructions ask."""

Answer: TypeAlias = tuple[int, Mapping[str, str], bytes]
Respond: TypeAlias = Callable[[str, str], Answer]
"""From host name and path to status, headers and body."""

NOT_FOUND: Answer = (404, {}, b"not found\n")


def serve(
    address: tuple[str, int], respond: Respond, certificate: Path | None = None
) -> ThreadingHTTPServer:
    """A server in a thread of its own, over TLS if there is a certificate."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            host = self.headers.get("Host", "").partition(":")[0]
            status, headers, body = respond(host, unquote(urlsplit(self.path).path))
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            if self.command == "GET":
                self.wfile.write(body)

        do_HEAD = do_GET  # noqa: N815  # the name is http.server's

        def log_message(self, format: str, *args: object) -> None:
            """Requests are no news."""

    class Server(ThreadingHTTPServer):
        daemon_threads = True
        allow_reuse_address = True

        def handle_error(self, request: object, client_address: object) -> None:
            """A client that hangs up is no news either."""

    server = Server(address, Handler)
    if certificate:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate)
        # The handshake is made by the connection's own thread, at its first read.
        server.socket = context.wrap_socket(
            server.socket, server_side=True, do_handshake_on_connect=False
        )
    threading.Thread(target=server.serve_forever, args=(0.1,), daemon=True).start()
    return server


class Registry:
    """An image registry. `missing`: names that it does not know for now."""

    def __init__(self, images: Mapping[str, Image]) -> None:
        self.missing: set[str] = set()
        self._images = images
        self._blobs = {
            digest: blob for image in images.values() for digest, blob in image.blobs.items()
        }
        self._manifests = {image.digest: image.manifest for image in images.values()}

    def respond(self, _host: str, path: str) -> Answer:
        """The registry's protocol, as far as a pull goes."""
        if path == "/v2/":
            return 200, {}, b"{}"
        name, _, reference = path.removeprefix("/v2/").rpartition("/manifests/")
        if name:
            return self._manifest(name, reference)
        blob = self._blobs.get(path.rpartition("/blobs/")[2])
        return (200, {"Content-Type": "application/octet-stream"}, blob) if blob else NOT_FOUND

    def _manifest(self, name: str, reference: str) -> Answer:
        image = self._images.get(f"{name}:{reference}")
        content = image.manifest if image else self._manifests.get(reference)
        if content is None or f"{name}:{reference}" in self.missing:
            error = {"errors": [{"code": "MANIFEST_UNKNOWN", "message": "manifest unknown"}]}
            return 404, {"Content-Type": "application/json"}, json.dumps(error).encode()
        media_type = json.loads(content)["mediaType"]
        digest = "sha256:" + hashlib.sha256(content).hexdigest()
        return 200, {"Content-Type": media_type, "Docker-Content-Digest": digest}, content


class Sites:
    """The vendors' sites. `wrong_key`: NVIDIA's serves a key that does not sign its packages."""

    def __init__(self, packages: Repository, installer: Path, k3s: bytes) -> None:
        self.wrong_key = False
        self.asked: list[str] = []
        self._packages = packages
        self._installer = installer
        self._k3s = k3s

    def respond(self, host: str, path: str) -> Answer:
        """One site by its host name."""
        self.asked.append(f"{host}{path}")
        sites: dict[str, Callable[[str], Answer]] = {
            "nvidia.github.io": self._nvidia,
            "get.k3s.io": self._get_k3s,
            "github.com": self._releases,
        }
        if host == "update.k3s.io":
            return (
                302,
                {"Location": f"https://github.com/k3s-io/k3s/releases/tag/{K3S_VERSION}"},
                b"",
            )
        site = sites.get(host)
        return site(path) if site else NOT_FOUND

    def _nvidia(self, path: str) -> Answer:
        if path == "/libnvidia-container/gpgkey":
            return 200, {}, self._packages.wrong_key if self.wrong_key else self._packages.key
        if path == "/libnvidia-container/stable/deb/nvidia-container-toolkit.list":
            line = "deb https://nvidia.github.io/libnvidia-container/stable/deb/$(ARCH) /\n"
            return 200, {}, line.encode()
        file = (self._packages.folder / path.removeprefix("/libnvidia-container/stable/")).resolve()
        if not file.is_relative_to(self._packages.folder) or not file.is_file():
            return NOT_FOUND
        return 200, {}, file.read_bytes()

    def _get_k3s(self, _path: str) -> Answer:
        return 200, {"Content-Type": "text/plain"}, self._installer.read_bytes()

    def _releases(self, path: str) -> Answer:
        folder = f"/k3s-io/k3s/releases/download/{K3S_VERSION}/"
        if path == folder + "sha256sum-amd64.txt":
            return 200, {}, f"{hashlib.sha256(self._k3s).hexdigest()}  k3s\n".encode()
        if path == folder + "k3s":
            return 200, {}, self._k3s
        return (200, {}, b"") if path.startswith("/k3s-io/k3s/releases/tag/") else NOT_FOUND
