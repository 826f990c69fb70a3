"""Connecting: a setup file's entries become hosts and clusters, to ask alone or to change."""

from __future__ import annotations

import asyncio
import importlib
import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Generic, TypeVar

from gpu_wizard.cli.keyring import prompt, secret_of
from gpu_wizard.cluster.api import KubeCluster, KubeReader
from gpu_wizard.host.local import LocalReader, local_host, local_reader
from gpu_wizard.host.ssh import SshReader, connect, connect_reader
from gpu_wizard.host.target import AskTrust, SshOptions, SshTarget
from gpu_wizard.model.errors import AccessError, UnreachableError, Where
from gpu_wizard.model.fact import Unknown
from gpu_wizard.model.ports import Cluster, ClusterReader, Host, HostReader
from gpu_wizard.model.question import Files, FilesFound
from gpu_wizard.model.secret import AskSecret, Secret
from gpu_wizard.model.setup_file import LOCAL, ClusterEntry, HostEntry

if TYPE_CHECKING:
    from gpu_wizard.cluster.kube import KubeConnection

KUBECONFIG = "/etc/rancher/k3s/k3s.yaml"
"""Source: K3s pkg/server: on servers only, root's, 0600, server https://127.0.0.1:6443."""
API_PORT = 6443

# What libraries log would stand between the program's own lines; what matters of it is raised, too.
logging.getLogger().addHandler(logging.NullHandler())

H = TypeVar("H", bound=HostReader)
C = TypeVar("C", bound=ClusterReader)


@dataclass(frozen=True)
class Given:
    """Passwords for one machine that a person typed before anything was connected to."""

    sudo: Secret | None = None
    password: Secret | None = None


NOTHING_GIVEN = Given()


@dataclass(frozen=True)
class Edges(Generic[H, C]):
    """How hosts and clusters are made, and who is asked on the way."""

    remote: Callable[[SshTarget, SshOptions], Awaitable[H]]
    local: Callable[[Secret | None, AskSecret | None], H]
    cluster: Callable[[KubeConnection], C]
    trust: AskTrust | None = None
    ask: AskSecret = prompt

    async def host(self, entry: HostEntry, given: Given = NOTHING_GIVEN) -> H:
        """Log in to a machine, or take this one. Raises: InputError, UnreachableError, TrustError, AccessError."""
        sudo = given.sudo or secret_of(entry.sudo, "sudo")
        if entry.host == LOCAL:
            return self.local(sudo, self.ask)
        target = SshTarget.parse(
            f"{entry.user}@{entry.host}" if entry.user else entry.host, entry.host_key
        )
        options = SshOptions(
            known_hosts=_path(entry.known_hosts),
            identity_files=tuple(filter(None, [_path(entry.identity_file)])),
            password=given.password or secret_of(entry.password, "password"),
            sudo_password=sudo,
            trust=self.trust,
            ask_password=self.ask,
            ask_sudo_password=self.ask,
        )
        return await self.remote(target, options)

    async def api(self, entry: ClusterEntry, control_plane: HostReader | None) -> C | None:
        """The cluster by the user's kubeconfig, else by the control plane's own through a tunnel; None without both.

        A context alone is one of the user's default kubeconfig. Raises: InputError, AccessError, UnreachableError.
        """
        if entry.kubeconfig or control_plane is None:
            if not entry.kubeconfig and not entry.context:
                return None
            path = str(_path(entry.kubeconfig)) if entry.kubeconfig else None
            await load_kubernetes()
            from gpu_wizard.cluster.kube import from_file

            return self.cluster(await from_file(path, entry.context or None))
        _, kubeconfig = await asyncio.gather(load_kubernetes(), read_kubeconfig(control_plane))
        from gpu_wizard.cluster.kube import from_secret

        if isinstance(control_plane, SshReader):
            endpoint = await control_plane.open_tunnel("127.0.0.1", API_PORT)
            return self.cluster(await from_secret(kubeconfig, f"https://127.0.0.1:{endpoint.port}"))
        return self.cluster(await from_secret(kubeconfig))


WRITERS: Edges[Host, Cluster] = Edges(connect, local_host, KubeCluster)
READERS: Edges[HostReader, ClusterReader] = Edges(connect_reader, local_reader, KubeReader)


async def load_kubernetes() -> None:
    """Import the Kubernetes library in a thread: a third of a second in which connections go on."""
    await asyncio.to_thread(importlib.import_module, "gpu_wizard.cluster.kube")


async def read_kubeconfig(control_plane: HostReader) -> Secret:
    """The control plane's kubeconfig, in memory only. Raises: AccessError, UnreachableError."""
    (answer,) = await control_plane.ask([Files((KUBECONFIG,), root=True)])
    where = Where(host=control_plane.name, file=KUBECONFIG)
    if not isinstance(answer, FilesFound):
        code, detail = (
            (answer.code, answer.detail) if isinstance(answer, Unknown) else ("unreadable", "")
        )
        raise AccessError(code, f"Can't read the kubeconfig: {detail or code}", where)
    if not answer.files or answer.files[0].content is None:
        raise UnreachableError(
            "no-kubeconfig",
            "There is no K3s kubeconfig on the control plane.",
            where,
            "Name a host that runs the K3s server, or give [cluster] kubeconfig.",
        )
    return Secret(answer.files[0].content)


def server_of(entry: ClusterEntry, control_plane: HostReader | None) -> str:
    """What agents join through: as given, else port 6443 of the address that the control plane was reached at."""
    if entry.server or control_plane is None or isinstance(control_plane, LocalReader):
        return entry.server
    address = control_plane.address if isinstance(control_plane, SshReader) else ""
    return f"https://{f'[{address}]' if ':' in address else address}:{API_PORT}" if address else ""


def _path(text: str) -> Path | None:
    return Path(text).expanduser() if text else None
