"""K3s on a host and on its control plane: versions, files, clocks, the certificate authority."""

from __future__ import annotations

import posixpath
from collections.abc import Callable
from dataclasses import dataclass

from gpu_wizard.facts.systemd import AGENT
from gpu_wizard.model.fact import ABSENT, Fact, Known, Unknown
from gpu_wizard.model.question import (
    Command,
    Files,
    FilesFound,
    JsonObject,
    Objects,
    ObjectsFound,
    Output,
    Probe,
)
from gpu_wizard.model.spec import Spec
from gpu_wizard.model.version import Version

BINARY = "/usr/local/bin/k3s"
CONFIGURATION = "/etc/rancher/k3s"
OUR_CONFIG = "/etc/rancher/k3s/config.yaml.d/50-gpu-wizard.yaml"
OUR_TOKEN = "/etc/rancher/k3s/gpu-wizard.token"  # noqa: S105 -- a path, not a token
CLIENT_CERTIFICATE = "/var/lib/rancher/k3s/agent/client-kubelet.crt"
CLIENT_KEY = "/var/lib/rancher/k3s/agent/client-kubelet.key"
NODE_PASSWORD = "/etc/rancher/node/password"  # noqa: S105 -- a path, not a password
SERVER_DIRECTORY = "/var/lib/rancher/k3s/server"
SERVER_CA = f"{SERVER_DIRECTORY}/tls/server-ca.crt"
AGENT_TOKEN = f"{SERVER_DIRECTORY}/agent-token"
SERVER_TOKEN = f"{SERVER_DIRECTORY}/token"
"""Source: K3s v1.34.3 as recorded (k3s-1.34/01-server/b, 02-join/c)."""

_ENVIRONMENT = f"/etc/systemd/system/{AGENT}.service.env"
_PROGRAM_DIRECTORIES = ("/usr/bin", "/usr/local/bin", "/bin")
_NO_PROGRAM = (126, 127)


@dataclass(frozen=True)
class K3sFiles:
    """Which of the files that matter for a join are there; none of their contents.

    `our_token_at`, `our_config_at`: when we wrote them, seconds since 1970; 0: not there. `downloader`: `curl`,
    `wget` or "". `beside`: paths in /etc/rancher/k3s.
    """

    our_token_at: int = 0
    our_config_at: int = 0
    client_certificate: bool = False
    node_password: bool = False
    downloader: str = ""
    beside: frozenset[str] = frozenset()


@dataclass(frozen=True)
class K3sEnvironment:
    """What the agent unit's environment file tells K3s; K3s's own one-line install puts it there.

    `server`: K3S_URL, "" without. `has_token`: a token or its file is named.
    """

    server: str = ""
    has_token: bool = False


@dataclass(frozen=True)
class NodeIdentity:
    """What tells one machine from another, and why a Node is not Ready.

    `machine_id` as in /etc/machine-id; `message` of the Ready condition.
    """

    machine_id: str = ""
    message: str = ""


def parse_version(answer: Output) -> Fact[Version]:
    """Read `k3s --version`: `k3s version v1.34.3+k3s1 (48ffa7b6)`; absent where there is no such program."""
    if answer.status in _NO_PROGRAM:
        return ABSENT
    words = answer.text.split()
    if answer.status == 0 and words[:2] == ["k3s", "version"] and len(words) > 2:
        return Known(Version(words[2]))
    return Unknown("unreadable", answer.error_text.strip()[-200:])


def parse_files(found: FilesFound) -> Fact[K3sFiles]:
    """Read what is there; never absent."""
    times = {file.path: file.mtime for file in found.files}
    programs = [path.rsplit("/", 1)[1] for path in times if path.startswith(_PROGRAM_DIRECTORIES)]
    return Known(
        K3sFiles(
            our_token_at=times.get(OUR_TOKEN, 0),
            our_config_at=times.get(OUR_CONFIG, 0),
            client_certificate=CLIENT_CERTIFICATE in times,
            node_password=NODE_PASSWORD in times,
            downloader=next((name for name in ("curl", "wget") if name in programs), ""),
            beside=frozenset(path for path in times if posixpath.dirname(path) == CONFIGURATION),
        )
    )


def parse_environment(found: FilesFound) -> Fact[K3sEnvironment]:
    """Read `KEY='value'` lines; absent where there is no such file. Secrets were replaced on the host."""
    if not found.files:
        return ABSENT
    pairs = (line.partition("=") for line in found.files[0].text.splitlines())
    values = {key.strip(): value.strip().strip("\"'") for key, _, value in pairs}
    has_token = bool(values.get("K3S_TOKEN") or values.get("K3S_TOKEN_FILE"))
    return Known(K3sEnvironment(values.get("K3S_URL", ""), has_token))


def parse_clock(answer: Output) -> Fact[int]:
    """Read `date +%s`."""
    text = answer.text.strip()
    return Known(int(text)) if text.isdecimal() else Unknown("unreadable", text[-200:])


def parse_sha256(answer: Output) -> Fact[str]:
    """Read `sha256sum` of one file; absent where the file is not there."""
    digest = answer.text.split(" ", 1)[0].lstrip("\\")
    if answer.status == 0 and len(digest) == 64:
        return Known(digest)
    if "No such file" in answer.error_text:
        return ABSENT
    return Unknown("unreadable", answer.error_text.strip()[-200:])


def parse_token_files(found: FilesFound) -> Fact[tuple[str, ...]]:
    """Paths of the server's token files, the least powerful first."""
    paths = tuple(file.path for file in found.files)
    return Known(paths) if paths else ABSENT


def parse_node_identity(found: ObjectsFound) -> Fact[NodeIdentity]:
    """Read a Node's `nodeInfo.machineID` and its Ready condition's message."""
    if not found.objects:
        return ABSENT
    status = found.objects[0].get("status") or {}
    ready = [c for c in status.get("conditions") or [] if c.get("type") == "Ready"]
    return Known(
        NodeIdentity(
            machine_id=str((status.get("nodeInfo") or {}).get("machineID", "")),
            message=str(ready[0].get("message", "")) if ready else "",
        )
    )


def parse_password_secret(found: ObjectsFound) -> Fact[bool]:
    """Whether the node-password Secret has an owner; absent where there is none. Its data does not travel."""
    if not found.objects:
        return ABSENT
    meta: JsonObject = found.objects[0].get("metadata") or {}
    return Known(bool(meta.get("ownerReferences")))


def password_secret_name(node: str) -> str:
    """The Secret in kube-system that holds the hash of a node's password.

    Source: K3s v1.36.2 as recorded (join failure 40).
    """
    return f"{node}.node-password.k3s"


def _on_control_plane(argv: tuple[str, ...], *, root: bool) -> Callable[[Spec], Command | None]:
    asked = Command(argv, on="control_plane", root=root)
    return lambda spec: asked if spec.has_control_plane else None


def _token_files(spec: Spec) -> Files | None:
    paths = (AGENT_TOKEN, SERVER_TOKEN)
    files = Files(paths, on="control_plane", root=True, content=False)
    return files if spec.has_control_plane else None


def _this_node(spec: Spec) -> Objects | None:
    return Objects("Node", name=spec.kubernetes_node) if spec.kubernetes_node else None


def _password_secret(spec: Spec) -> Objects | None:
    if not spec.kubernetes_node:
        return None
    name = password_secret_name(spec.kubernetes_node)
    return Objects("Secret", "kube-system", name, metadata_only=True)


def _machine_id(found: FilesFound) -> Fact[str]:
    text = found.files[0].text.strip() if found.files else ""
    return Known(text) if text else ABSENT


K3S_VERSION: Probe[Output, Version] = Probe(
    "k3s.version", Command((BINARY, "--version")), parse_version
)
SERVER_VERSION: Probe[Output, Version] = Probe(
    "k3s.server-version", _on_control_plane((BINARY, "--version"), root=False), parse_version
)
K3S_FILES: Probe[FilesFound, K3sFiles] = Probe(
    "k3s.files",
    Files(
        (
            *(OUR_CONFIG, OUR_TOKEN, CLIENT_CERTIFICATE, NODE_PASSWORD, f"{CONFIGURATION}/*"),
            *(f"{path}/{name}" for path in _PROGRAM_DIRECTORIES for name in ("curl", "wget")),
        ),
        root=True,
        content=False,
        times=True,
    ),
    parse_files,
)
K3S_ENVIRONMENT: Probe[FilesFound, K3sEnvironment] = Probe(
    "k3s.environment", Files((_ENVIRONMENT,), root=True, redact=True), parse_environment
)
CLOCK: Probe[Output, int] = Probe("host.clock", Command(("date", "+%s")), parse_clock)
SERVER_CLOCK: Probe[Output, int] = Probe(
    "k3s.server-clock", _on_control_plane(("date", "+%s"), root=False), parse_clock
)
CA_HASH: Probe[Output, str] = Probe(
    "k3s.server-ca", _on_control_plane(("sha256sum", SERVER_CA), root=True), parse_sha256
)
TOKEN_FILES: Probe[FilesFound, tuple[str, ...]] = Probe(
    "k3s.server-tokens", _token_files, parse_token_files
)
MACHINE_ID: Probe[FilesFound, str] = Probe(
    "host.machine-id", Files(("/etc/machine-id",)), _machine_id
)
NODE_IDENTITY: Probe[ObjectsFound, NodeIdentity] = Probe(
    "cluster.node-identity", _this_node, parse_node_identity
)
PASSWORD_SECRET: Probe[ObjectsFound, bool] = Probe(
    "cluster.node-password", _password_secret, parse_password_secret
)
