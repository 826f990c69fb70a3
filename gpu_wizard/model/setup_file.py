"""The setup file as data: what is wanted, where it is wanted, and where secrets come from. Never a secret."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from gpu_wizard.model.secret import SecretSource
from gpu_wizard.model.spec import StageOptions

VERSION = 1
DEFAULT_OPTIONS = StageOptions()
LOCAL = "local"
"""The `host` of this machine, reached without SSH."""
DEFAULT_VARIABLES = {
    "sudo": "GPU_WIZARD_SUDO_PASSWORD",
    "password": "GPU_WIZARD_SSH_PASSWORD",
    "token": "GPU_WIZARD_TOKEN",
}


@dataclass(frozen=True)
class HostEntry:
    """A machine to reach. `host`: `[user@]name[:port]`, an alias of ~/.ssh/config, or `local`.

    `host_key`: the pinned fingerprint, `SHA256:…`, "" for known_hosts alone. `identity_file`, `known_hosts`: "" for
    the user's own. `sudo`, `password`: where a password comes from; None: none is needed or it is asked for.
    """

    host: str
    user: str = ""
    host_key: str = ""
    identity_file: str = ""
    known_hosts: str = ""
    sudo: SecretSource | None = None
    password: SecretSource | None = None


@dataclass(frozen=True)
class ClusterEntry:
    """How the API is reached. `kubeconfig` "": the control plane's own, or the user's default.

    `server`: what agents join through, `https://HOST:6443`; "" is derived from the control plane.
    """

    kubeconfig: str = ""
    context: str = ""
    server: str = ""


@dataclass(frozen=True)
class NodeEntry:
    """A GPU machine, with the stage options that differ from the file's common ones already merged."""

    name: str
    host: HostEntry
    options: StageOptions = DEFAULT_OPTIONS


@dataclass(frozen=True)
class SetupFile:
    """A whole setup file."""

    nodes: tuple[NodeEntry, ...]
    control_plane: HostEntry | None = None
    cluster: ClusterEntry = ClusterEntry()
    choices: Mapping[str, str] = field(default_factory=dict)
    path: str = ""
