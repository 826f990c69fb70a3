"""The control plane of the lab's cluster: who may join, what its port answers, its own addons."""

from __future__ import annotations

import base64
import hashlib
import json
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from gpu_wizard.lab import k3s_token
from gpu_wizard.lab.clock import wall
from gpu_wizard.lab.k3s_token import Token
from gpu_wizard.lab.ports import ClusterPort, JsonObject

SYSTEM = "kube-system"
_GROUP = "system:bootstrappers:k3s:default-node-token"
RUNTIME_CLASSES = (
    *("crun", "lunatic", "nvidia", "nvidia-experimental", "slight", "spin"),
    *("wasmedge", "wasmer", "wasmtime", "wws"),
)
"""Classes of K3s's addon `runtimes`. Source: `k3s-1.34/05-runtimeclass/a`."""
_OWNED = {
    "objectset.rio.cattle.io/applied": "H4sIAAAAAAAA/4yQvW7rMAyFX+XizIovHMOJI6BD0bFbh+6URNeqbSowFRdF4HcvhGbo0p",
    "objectset.rio.cattle.io/id": "",
    "objectset.rio.cattle.io/owner-gvk": "k3s.cattle.io/v1, Kind=Addon",
    "objectset.rio.cattle.io/owner-name": "runtimes",
    "objectset.rio.cattle.io/owner-namespace": SYSTEM,
}
_HASH = {"objectset.rio.cattle.io/hash": "57231bea9658cf25fcdac23f1c5685ac7bbcf983"}


@dataclass(frozen=True)
class Response:
    """An HTTP answer of the server's port."""

    status: int
    body: bytes
    content_type: str = "application/json"


@dataclass
class ControlPlane:
    """What every K3s server of the cluster knows. `health`: `down`, `starting`, `warming` or `up`.

    `starting`: the port is open and says 503; `warming`: `/ping` answers, the API not yet.
    """

    cluster: ClusterPort
    ca_pem: bytes
    health: str = "down"
    password: str = field(default_factory=lambda: secrets.token_hex(16))
    valid_from: datetime = field(default_factory=lambda: wall() - timedelta(hours=1))
    """Start of the certificates' validity: a clock behind it can't join."""

    def set_health(self, health: str) -> None:
        """Change what the port answers, here and for the cluster's own API."""
        self.health = health
        reason = "starting" if health in ("starting", "warming") else ""
        self.cluster.set_available(health == "up", reason)

    @property
    def ca_hash(self) -> str:
        """The hash that tokens of this cluster carry."""
        return k3s_token.ca_hash(self.ca_pem)

    def server_token(self) -> str:
        """The cluster's own token, as in /var/lib/rancher/k3s/server/token."""
        return k3s_token.full(self.ca_pem, f"server:{self.password}")

    def accepts(self, token: Token) -> bool:
        """Whether a token lets an agent in."""
        if not token.bootstrap_id:
            return token.user in ("", "node", "server") and token.secret == self.password
        stored = self.cluster.get("Secret", SYSTEM, f"bootstrap-token-{token.bootstrap_id}")
        if stored is None:
            return False
        data = decoded(stored)
        return data.get("token-secret") == token.secret and not _expired(data)

    def create_token(self, ttl: timedelta | None, description: str) -> str:
        """Make a bootstrap token; `ttl` None: it never expires. Gives the full token."""
        identity, secret = k3s_token.generate()
        data = {
            "auth-extra-groups": _GROUP,
            "token-id": identity,
            "token-secret": secret,
            "usage-bootstrap-authentication": "true",
            "usage-bootstrap-signing": "true",
        }
        if description:
            data["description"] = description
        if ttl is not None:
            data["expiration"] = (wall() + ttl).strftime("%Y-%m-%dT%H:%M:%SZ")
        self.cluster.put(
            _secret(f"bootstrap-token-{identity}", "bootstrap.kubernetes.io/token", data)
        )
        return k3s_token.full(self.ca_pem, f"{identity}.{secret}")

    def tokens(self) -> list[dict[str, str]]:
        """Decoded data of every bootstrap token that has not expired, by id."""
        found = [
            decoded(one)
            for one in self.cluster.list("Secret", SYSTEM)
            if one.get("type") == "bootstrap.kubernetes.io/token"
        ]
        alive = [data for data in found if not _expired(data)]
        return sorted(alive, key=lambda data: data.get("token-id", ""))

    def delete_token(self, identity: str) -> bool:
        """Remove a bootstrap token; False where there is none of that id."""
        name = f"bootstrap-token-{identity}"
        if self.cluster.get("Secret", SYSTEM, name) is None:
            return False
        self.cluster.remove("Secret", SYSTEM, name)
        return True

    def vouch(self, node: str, password: str) -> bool:
        """Check a node's password against its Secret, making the Secret at the first join."""
        name = f"{node}.node-password.k3s"
        stored = self.cluster.get("Secret", SYSTEM, name)
        digest = hashlib.sha256(f"{node}:{password}".encode()).hexdigest()
        if stored is None:
            hashed = f"$1:{digest[:16]}:15:8:1:{digest}"
            self.cluster.put(_secret(name, "k3s.cattle.io/node-password", {"hash": hashed}))
            return True
        return decoded(stored).get("hash", "").endswith(digest)

    def adopt_secret(self, node: str) -> None:
        """Give the node's password Secret to its Node, so that it goes when the Node goes."""
        stored = self.cluster.get("Secret", SYSTEM, f"{node}.node-password.k3s")
        owner = self.cluster.get("Node", "", node)
        if stored and owner:
            reference = {
                "apiVersion": "v1",
                "kind": "Node",
                "name": node,
                "uid": owner["metadata"]["uid"],
            }
            stored["metadata"]["ownerReferences"] = [reference]
            self.cluster.put(stored)

    def deploy_runtime_classes(self) -> None:
        """Apply the addon `runtimes`: makes its classes, adopting those of the same name."""
        for name in RUNTIME_CLASSES:
            present = self.cluster.get("RuntimeClass", "", name)
            metadata: dict[str, Any] = dict(present["metadata"]) if present else {"name": name}
            metadata["annotations"] = {**metadata.get("annotations", {}), **_OWNED}
            metadata["labels"] = {**metadata.get("labels", {}), **_HASH}
            handler = present["handler"] if present else name
            self.cluster.put(
                {
                    "apiVersion": "node.k8s.io/v1",
                    "kind": "RuntimeClass",
                    "metadata": metadata,
                    "handler": handler,
                }
            )

    def withdraw_runtime_classes(self) -> None:
        """Delete what the addon owns, as `disable: runtimes` does."""
        for one in self.cluster.list("RuntimeClass"):
            owner = one["metadata"].get("annotations", {})
            if owner.get("objectset.rio.cattle.io/owner-name") == "runtimes":
                self.cluster.remove("RuntimeClass", "", one["metadata"]["name"])

    def answer(self, path: str, credentials: str = "") -> Response:
        """What a program on a lab machine gets from port 6443. `credentials`: `user:password`."""
        if self.health == "starting":
            return Response(503, _status("runtime core not ready", "ServiceUnavailable", 503))
        if path == "/ping":
            return Response(200, b"pong", "text/plain; charset=utf-8")
        if path == "/cacerts":
            return Response(200, self.ca_pem, "text/plain")
        if path.startswith("/v1-k3s/"):
            if not credentials:
                return Response(403, _status("forbidden", "Forbidden", 403))
            user, _, password = credentials.partition(":")
            if self.accepts(Token("", user, password)):
                return Response(200, b'{"ClusterDNS":"10.43.0.10","ClusterDomain":"cluster.local"}')
            return Response(401, _status("not authorized", "Unauthorized", 401))
        if self.health == "warming":
            return Response(503, _status("apiserver not ready", "ServiceUnavailable", 503))
        return Response(401, _status("Unauthorized", "Unauthorized", 401, version="v1"))


def _status(message: str, reason: str, code: int, *, version: str = "") -> bytes:
    shown: dict[str, Any] = {"kind": "Status"}
    if version:
        shown["apiVersion"] = version
    shown |= {
        "metadata": {},
        "status": "Failure",
        "message": message,
        "reason": reason,
        "code": code,
    }
    return json.dumps(shown, indent=2).encode()


def _secret(name: str, kind: str, data: Mapping[str, str]) -> JsonObject:
    return {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {"name": name, "namespace": SYSTEM},
        "type": kind,
        "data": {key: base64.b64encode(value.encode()).decode() for key, value in data.items()},
    }


def decoded(secret: JsonObject) -> dict[str, str]:
    """A Secret's data as text."""
    data = secret.get("data") or {}
    return {key: base64.b64decode(value).decode(errors="replace") for key, value in data.items()}


def _expired(data: Mapping[str, str]) -> bool:
    until = data.get("expiration")
    if not until:
        return False
    return datetime.strptime(until, "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=UTC) <= wall()
