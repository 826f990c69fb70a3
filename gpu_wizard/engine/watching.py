"""Known errors, recognised while a stage runs; and where it fails, also in what its units, pods and kernel say."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from gpu_wizard.engine.state import NodeState
from gpu_wizard.facts.objects import NODE_PODS, PLUGIN_IMAGE_PART, PodObject
from gpu_wizard.facts.systemd import AGENT, SERVER
from gpu_wizard.knowledge.diagnose import Finding, LiveDiagnosis
from gpu_wizard.model.errors import WizardError
from gpu_wizard.model.events import Diagnosed
from gpu_wizard.model.fact import Known
from gpu_wizard.model.question import (
    ClusterAsk,
    Command,
    HostAsk,
    LogsFound,
    Objects,
    ObjectsFound,
    Output,
    PodLogs,
)
from gpu_wizard.model.stage import AnyStage

UNITS = Command(
    ("journalctl", "-u", AGENT, "-u", SERVER, "-b", "-o", "cat", "-n", "300", "--no-pager"),
    root=True,
)
KERNEL = Command(("journalctl", "-k", "-b", "-o", "cat", "-n", "400", "--no-pager"), root=True)
_OF_THE_HOST: dict[str, tuple[HostAsk, ...]] = {
    "join": (UNITS,),
    "driver": (KERNEL,),
    "toolkit": (),
    "runtime": (UNITS,),
    "proof": (UNITS, KERNEL),
}
_OF_THE_CLUSTER = ("device-plugin", "plugin-runtime", "proof")


class Watch:
    """One stage of one run. Each cause is told once."""

    def __init__(self, state: NodeState, stage: AnyStage) -> None:
        """`state`: facts confirm or rule a cause out."""
        self._state, self._stage = state, stage
        self._live: LiveDiagnosis | None = None
        self._told: set[str] = set()

    async def hear(self, text: str) -> None:
        """Look at some output."""
        if self._live is None:
            # Not before anything was heard: the catalogue takes a moment to read.
            self._live = LiveDiagnosis(self._stage.id, self._state.facts)
        await self._tell(self._live.feed(text))

    async def explain(self, error: WizardError | None) -> None:
        """Look further, since the stage failed. Raises nothing of an edge."""
        if error is not None:
            await self._read(self._stage.id, "\n".join((str(error), *error.lines)))
        for answer in await self._host_answers():
            if isinstance(answer, Output):
                await self._read(self._stage.id, answer.text)
        for answer in await self._cluster_answers():
            match answer:
                case LogsFound():
                    for log in answer.logs:
                        await self._read("device-plugin", log.text)
                case ObjectsFound():
                    await self._read("proof", "\n".join(_events(answer, self._names())))

    async def _read(self, stage: str, text: str) -> None:
        live = LiveDiagnosis(stage, self._state.facts)
        live.feed(f"{text}\n")
        live.end()
        await self._tell(live.standing())

    async def _tell(self, findings: Sequence[Finding]) -> None:
        for finding in findings:
            if finding.id in self._told or finding.severity == "info" or not finding.lines:
                continue
            self._told.add(finding.id)
            await self._state.face.show(
                Diagnosed(
                    node=self._state.node.name,
                    stage=self._stage.id,
                    signature=finding.id,
                    severity=finding.severity,
                    line=finding.text,
                )
            )

    async def _host_answers(self) -> Sequence[object]:
        asks = _OF_THE_HOST.get(self._stage.id, ())
        try:
            return await self._state.node.host.ask(asks) if asks else ()
        except WizardError:
            return ()

    async def _cluster_answers(self) -> Sequence[object]:
        cluster, node = self._state.node.cluster, self._state.spec.kubernetes_node
        if cluster is None or self._stage.id not in _OF_THE_CLUSTER:
            return ()
        asks: list[ClusterAsk] = [
            PodLogs(node, PLUGIN_IMAGE_PART, tail_lines=200),
            Objects("Event", fields="type=Warning"),
        ]
        return await cluster.ask(asks)

    def _names(self) -> frozenset[str]:
        """What events may be about: the node and the pods on it."""
        fact = self._state.facts.get(NODE_PODS.id)
        pods: tuple[PodObject, ...] = fact.value if isinstance(fact, Known) else ()
        return frozenset((self._state.spec.kubernetes_node, *(pod.name for pod in pods)))


def _events(found: ObjectsFound, names: frozenset[str]) -> Iterable[str]:
    for event in found.objects:
        if (event.get("involvedObject") or {}).get("name") in names:
            yield f"{event.get('reason', '')}: {event.get('message', '')}"
