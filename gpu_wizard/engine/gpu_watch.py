"""Cards watched together with the pods that use them: every sample with names, warnings and verdicts."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Mapping
from dataclasses import dataclass
from typing import Protocol

from gpu_wizard.facts.attribution import PodUse, attribute, pod_uses
from gpu_wizard.facts.exposure import CONTAINER_PIDS, devices_question, seen_cards
from gpu_wizard.facts.gpu_warnings import UseHistory, Warn, warnings
from gpu_wizard.facts.identity import BOOT_ID
from gpu_wizard.facts.objects import NODES, PodObject, parse_pod
from gpu_wizard.model.errors import WizardError
from gpu_wizard.model.fact import Known
from gpu_wizard.model.ports import ClusterReader, HostReader, TelemetrySource
from gpu_wizard.model.question import Files, FilesFound, Objects, ObjectsFound
from gpu_wizard.model.sample import Sample

PODS_SECONDS = 10.0


@dataclass(frozen=True)
class Watched:
    """One sample, its processes attributed, and what is to be said of it.

    `node`: the machine's name in the cluster, "" where it is not known; then `uses` is empty.
    """

    sample: Sample
    warnings: tuple[Warn, ...]
    uses: tuple[PodUse, ...] = ()
    node: str = ""


class CardSource(Protocol):
    """Where watched samples come from."""

    def watch(self, every_seconds: float) -> AsyncGenerator[Watched, None]:
        """Samples and what is to be said of them, until closed.

        Raises: UnreachableError, TrustError, AccessError, InputError.
        """


class GpuWatch:
    """A telemetry source with the pods of its node: a `CardSource`.

    `host`, `cluster`: where the node and its pods are asked for, each PODS_SECONDS; None: names come from the
    machine alone.
    """

    def __init__(
        self,
        source: TelemetrySource,
        host: HostReader | None = None,
        cluster: ClusterReader | None = None,
    ) -> None:
        self._source = source
        self._host = host
        self._cluster = cluster
        self._node = ""
        self._pods: tuple[PodObject, ...] = ()
        self._seen: Mapping[str, frozenset[int]] = {}

    async def watch(self, every_seconds: float) -> AsyncGenerator[Watched, None]:
        """Samples and what is to be said of them, until closed. Raises: as the source."""
        asking = asyncio.create_task(self._ask_pods())
        history = UseHistory()
        samples = self._source.samples(every_seconds)
        try:
            async for sample in samples:
                if asking.done():
                    # It ends by itself where there is nobody to ask, or by a bug, which is raised here.
                    asking.result()
                named = attribute(sample, self._pods)
                uses = pod_uses(named, self._pods, self._seen) if self._node else ()
                history = history.fold(named.at, uses)
                said = (*warnings(named), *history.warnings(named.at, uses))
                yield Watched(named, said, uses, self._node)
        finally:
            asking.cancel()
            await asyncio.gather(asking, return_exceptions=True)
            if isinstance(samples, AsyncGenerator):
                await samples.aclose()

    async def _ask_pods(self) -> None:
        """Keep node and pods known. What can't be asked is tried again: the cards are shown meanwhile."""
        while self._cluster is not None and self._host is not None:
            try:
                node = self._node or await _node_of(self._host, self._cluster)
                pods = await _pods_of(node, self._cluster) if node else None
                if pods is not None:
                    await self._learn(self._host, pods)
                    self._node = node
            except WizardError:
                # A lost connection is told by the samples, which travel on it too.
                self._node = ""
            await asyncio.sleep(PODS_SECONDS)

    async def _learn(self, host: HostReader, pods: tuple[PodObject, ...]) -> None:
        """What pods see is looked at anew when others run, not each time: it takes root."""
        before, self._pods = self._pods, pods
        if {(pod.uid, pod.started) for pod in pods} != {(pod.uid, pod.started) for pod in before}:
            self._seen = await _seen_by_pods(host)


async def _seen_by_pods(host: HostReader) -> Mapping[str, frozenset[int]]:
    """Pod uid → cards; empty where root is not to be had."""
    question = CONTAINER_PIDS.ask
    if not isinstance(question, Files):
        raise TypeError("the question is fixed")
    (answer,) = await host.ask([question])
    pids = CONTAINER_PIDS.read(answer)
    if not isinstance(pids, Known) or not pids.value:
        return {}
    (found,) = await host.ask([devices_question(pids.value)])
    return seen_cards(pids.value, found) if isinstance(found, FilesFound) else {}


async def _node_of(host: HostReader, cluster: ClusterReader) -> str:
    """The node whose boot id is this machine's; "" where none is."""
    asked = (BOOT_ID.ask, NODES.ask)
    if not isinstance(asked[0], Files) or not isinstance(asked[1], Objects):
        raise TypeError("both questions are fixed")
    (here,), (there,) = await asyncio.gather(host.ask([asked[0]]), cluster.ask([asked[1]]))
    boot, nodes = BOOT_ID.read(here), NODES.read(there)
    if not isinstance(boot, Known) or not isinstance(nodes, Known):
        return ""
    return next((node.name for node in nodes.value if node.boot_id == boot.value), "")


async def _pods_of(node: str, cluster: ClusterReader) -> tuple[PodObject, ...] | None:
    """The pods of a node; None where they could not be asked for."""
    (answer,) = await cluster.ask([Objects("Pod", fields=f"spec.nodeName={node}")])
    if not isinstance(answer, ObjectsFound):
        return None
    return tuple(parse_pod(item) for item in answer.objects)
