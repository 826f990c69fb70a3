"""Samples for the wizard's panels: a connection of their own, with the pods of the node."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import AsyncExitStack, aclosing, suppress

from gpu_wizard.cli.edges import Edges
from gpu_wizard.cli.gpu import connect_machine
from gpu_wizard.cluster.api import KubeReader
from gpu_wizard.engine.gpu_watch import GpuWatch, Watched
from gpu_wizard.faces.exchanged import Asker
from gpu_wizard.host.local import local_reader
from gpu_wizard.host.ssh import connect_reader
from gpu_wizard.model.errors import WizardError
from gpu_wizard.model.ports import ClusterReader, HostReader
from gpu_wizard.model.setup_file import SetupFile


class NodeTelemetry:
    """The cards of one node of a setup file; connects when the first sample is wanted. See `CardSource`."""

    def __init__(self, setup: SetupFile, node: str, asker: Asker) -> None:
        """`asker`: who is asked for keys and passwords, where they are not known yet."""
        self._setup, self._asker = setup, asker
        self._entry = next(one.host for one in setup.nodes if one.name == node)

    async def watch(self, every_seconds: float) -> AsyncGenerator[Watched, None]:
        """See `CardSource.watch`."""
        edges: Edges[HostReader, ClusterReader] = Edges(
            connect_reader, local_reader, KubeReader, self._asker.trust, self._asker.secret
        )
        async with AsyncExitStack() as stack:
            machine = await connect_machine(self._entry, edges)
            stack.push_async_callback(machine.host.close)
            cluster = await self._cluster(edges, stack)
            watch = GpuWatch(machine.source, machine.host, cluster)
            samples = await stack.enter_async_context(aclosing(watch.watch(every_seconds)))
            async for watched in samples:
                yield watched

    async def _cluster(
        self, edges: Edges[HostReader, ClusterReader], stack: AsyncExitStack
    ) -> ClusterReader | None:
        """The cluster, for the names of pods; the panels do without where it can't be reached."""
        with suppress(WizardError):
            control: HostReader | None = None
            if self._setup.control_plane is not None:
                control = await edges.host(self._setup.control_plane)
                stack.push_async_callback(control.close)
            cluster = await edges.api(self._setup.cluster, control)
            if cluster is not None:
                stack.push_async_callback(cluster.close)
            return cluster
        return None
