"""Reaching many nodes to ask them: each by a connection of its own, control plane and API by a common one."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from gpu_wizard.cli.edges import NOTHING_GIVEN, Edges, Given, server_of
from gpu_wizard.cli.passwords import nobody
from gpu_wizard.engine.fleet import Berth
from gpu_wizard.engine.shared import BOUND_SECONDS, LentHost, Opening, SharedHost
from gpu_wizard.engine.shared_cluster import SharedCluster
from gpu_wizard.model.errors import InputError, WizardError
from gpu_wizard.model.ports import ClusterReader, HostReader, ReadNode
from gpu_wizard.model.setup_file import HostEntry, NodeEntry, SetupFile
from gpu_wizard.model.spec import Spec


@dataclass(frozen=True)
class _Contacts:
    """What all nodes share, None where nothing of the kind is named."""

    control_plane: Opening[HostReader] | None
    cluster: Opening[ClusterReader] | None


class Reach:
    """How the nodes of a setup file are reached: each by its own connection, control plane and API by a common one."""

    def __init__(
        self,
        setup: SetupFile,
        edges: Edges[HostReader, ClusterReader],
        given: Mapping[HostEntry, Given],
        bound_seconds: float = BOUND_SECONDS,
    ) -> None:
        """`edges`: readers alone; `given`: passwords that were typed; `bound_seconds`: see `engine/shared.py`."""
        self._setup, self._edges, self._given = setup, replace(edges, ask=nobody), given
        self._bound = bound_seconds
        self._contacts = _Contacts(self._control_opening(), self._cluster_opening())
        control, cluster = self._contacts.control_plane, self._contacts.cluster
        self._control = SharedHost(control, self._bound) if control else None
        nodes = len(setup.nodes)
        self._cluster = SharedCluster(cluster, self._bound, nodes) if cluster else None

    async def begin(self) -> None:
        """Start connecting to what all share. Raises: InputError: the kubeconfig that the user named is no good."""
        control, cluster = self._contacts.control_plane, self._contacts.cluster
        if control is not None:
            control.begin()
        if cluster is not None:
            cluster.begin()
            if self._by_file:
                try:
                    await cluster.get()
                except InputError:
                    raise
                except WizardError:
                    return  # said by every fact that the cluster would have told

    def renew(self) -> None:
        """Another look at all nodes begins: the cluster is asked anew."""
        if self._cluster is not None:
            self._cluster.renew()

    async def close(self) -> None:
        """Close what all share."""
        for opening in (self._contacts.cluster, self._contacts.control_plane):
            opened = await opening.opened() if opening is not None else None
            if opened is not None and not isinstance(opened, WizardError):
                await opened.close()

    @property
    def cluster(self) -> ClusterReader | None:
        """The API that all share; None where no cluster is named."""
        return self._cluster

    def berth(self, entry: NodeEntry) -> Berth:
        """One node, connected to when its turn comes."""
        spec = Spec(
            node=entry.name,
            server=self._setup.cluster.server,
            has_control_plane=self._setup.control_plane is not None,
            options=entry.options,
            choices=self._setup.choices,
        )

        async def connect() -> tuple[Spec, ReadNode]:
            return await self._connect(entry, spec)

        return Berth(spec, connect)

    async def _connect(self, entry: NodeEntry, spec: Spec) -> tuple[Spec, ReadNode]:
        control = self._contacts.control_plane
        common = self._setup.control_plane
        if control is not None and common is not None and common.host == entry.host.host:
            host = await control.get()
            lent = LentHost(host)
            spec = replace(spec, server=server_of(self._setup.cluster, host))
            return spec, ReadNode(entry.name, lent, lent, self._cluster)
        own = await self._host(entry.host)
        try:
            server = server_of(self._setup.cluster, await self._control_if_there())
        except BaseException:
            await own.close()
            raise
        node = ReadNode(entry.name, own, self._control, self._cluster)
        return replace(spec, server=server), node

    async def _control_if_there(self) -> HostReader | None:
        if self._contacts.control_plane is None:
            return None
        try:
            return await self._contacts.control_plane.get()
        except WizardError:
            return None  # said by every fact that it would have told

    async def _host(self, entry: HostEntry) -> HostReader:
        return await self._edges.host(entry, self._given.get(entry, NOTHING_GIVEN))

    def _control_opening(self) -> Opening[HostReader] | None:
        entry = self._setup.control_plane
        return (
            None if entry is None else Opening(entry.host, lambda: self._host(entry), self._bound)
        )

    @property
    def _by_file(self) -> bool:
        return bool(self._setup.cluster.kubeconfig or self._setup.cluster.context)

    def _cluster_opening(self) -> Opening[ClusterReader] | None:
        if self._setup.control_plane is None and not self._by_file:
            return None
        return Opening("Kubernetes API", self._open_cluster, self._bound)

    async def _open_cluster(self) -> ClusterReader:
        control = self._contacts.control_plane
        through = await control.get() if control is not None and not self._by_file else None
        cluster = await self._edges.api(self._setup.cluster, through)
        if cluster is None:
            raise RuntimeError("a cluster is opened only where one is named")
        return cluster
