"""The short pods of the proof: what they are, and what their logs show."""

from __future__ import annotations

import re
from dataclasses import dataclass

from gpu_wizard.facts.daemonsets import MANAGED_BY, OURS
from gpu_wizard.facts.manifests import PART_LABEL, RUN_LABEL
from gpu_wizard.facts.objects import PodObject, parse_pod
from gpu_wizard.model.fact import Fact, Known
from gpu_wizard.model.question import LogsFound, Objects, ObjectsFound, PodLog, PodLogs, Probe
from gpu_wizard.model.spec import Spec

_SEEN = re.compile(r"^\s*(?:GPU|MIG)\b.*\(UUID: ((?:GPU|MIG)-[0-9A-Za-z-]+)\)", re.MULTILINE)
_LABELS = f"{MANAGED_BY}={OURS},{RUN_LABEL}"


@dataclass(frozen=True)
class ProofPod:
    """A short pod of this program. `part`: `proof` or `control`; `run`: the run that made it."""

    pod: PodObject
    part: str
    run: str

    @property
    def ended(self) -> bool:
        """Whether its container will not run any more."""
        return not self.pod.active


def seen_uuids(log: str) -> tuple[str, ...]:
    """The cards and MIG instances that `nvidia-smi -L` listed.

    Source: recorded: `GPU 0: NAME (UUID: GPU-…)`, MIG instances indented below.
    """
    return tuple(_SEEN.findall(log))


def log_of(logs: tuple[PodLog, ...], pod: PodObject) -> str | None:
    """The log of a pod; None where it could not be read."""
    mine = [log for log in logs if (log.namespace, log.pod) == (pod.namespace, pod.name)]
    return mine[0].text if mine and not mine[0].error else None


def parse_proof_pods(found: ObjectsFound) -> Fact[tuple[ProofPod, ...]]:
    """The short pods on this node, of this run and of others."""
    pods = (parse_pod(item) for item in found.objects)
    return Known(
        tuple(ProofPod(p, p.labels.get(PART_LABEL, ""), p.labels.get(RUN_LABEL, "")) for p in pods)
    )


def _logs(found: LogsFound) -> Fact[tuple[PodLog, ...]]:
    return Known(found.logs)


def _pods(spec: Spec) -> Objects | None:
    if not spec.prove or not spec.kubernetes_node:
        return None
    selector = f"spec.nodeName={spec.kubernetes_node}"
    return Objects("Pod", spec.options.proof.namespace, labels=_LABELS, fields=selector)


def _pod_logs(spec: Spec) -> PodLogs | None:
    if not spec.prove or not spec.kubernetes_node:
        return None
    labels = f"{MANAGED_BY}={OURS},{RUN_LABEL}={spec.run_id}"
    return PodLogs(spec.kubernetes_node, labels=labels, namespace=spec.options.proof.namespace)


PROOF_PODS: Probe[ObjectsFound, tuple[ProofPod, ...]] = Probe(
    "cluster.proof-pods", _pods, parse_proof_pods
)
PROOF_LOGS: Probe[LogsFound, tuple[PodLog, ...]] = Probe("cluster.proof-logs", _pod_logs, _logs)
