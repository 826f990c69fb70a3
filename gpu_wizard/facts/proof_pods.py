"""The short pods of the proof: what they are, and what their logs show."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime

from gpu_wizard.facts.daemonsets import MANAGED_BY, OURS
from gpu_wizard.facts.manifests import PART_LABEL, RUN_LABEL
from gpu_wizard.facts.objects import NodeObject, PodObject, parse_pod
from gpu_wizard.model.fact import Fact, Known
from gpu_wizard.model.question import (
    JsonObject,
    LogsFound,
    Objects,
    ObjectsFound,
    PodLog,
    PodLogs,
    Probe,
)
from gpu_wizard.model.spec import Spec

_SEEN = re.compile(r"^\s*(?:GPU|MIG)\b.*\(UUID: ((?:GPU|MIG)-[0-9A-Za-z-]+)\)", re.MULTILINE)
_LABELS = f"{MANAGED_BY}={OURS},{RUN_LABEL}"
_GRACE_SECONDS = 60


@dataclass(frozen=True)
class ProofPod:
    """A short pod of this program. `part`: `proof` or `control`; `run`: the run that made it.

    `hostname`: the node that it is meant for, by its label `kubernetes.io/hostname`. `deadline_seconds`: how long
    it may run.
    """

    pod: PodObject
    part: str
    run: str
    hostname: str = ""
    deadline_seconds: int = 300

    @property
    def ended(self) -> bool:
        """Whether its container will not run any more."""
        return not self.pod.active

    def is_for(self, node: NodeObject) -> bool:
        """Whether it is on this node, or waits to be put there."""
        if self.pod.node:
            return self.pod.node == node.name
        return self.hostname == node.labels.get("kubernetes.io/hostname", node.name)

    def is_stale(self, clock: int | None) -> bool:
        """Whether nothing is to be expected of it any more. `clock`: UNIX time now, None where not known.

        One that no node could take has no start, and so no deadline of the kubelet's.
        """
        created = _unix_time(self.pod.created)
        is_old = bool(
            clock and created and clock - created > self.deadline_seconds + _GRACE_SECONDS
        )
        return self.ended or is_old


def _unix_time(written: str) -> float:
    """A time as the API writes it (RFC 3339); 0 for anything else."""
    try:
        return datetime.fromisoformat(written).timestamp()
    except ValueError:
        return 0.0


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
    """The short pods of this run and of others, on all nodes."""
    return Known(tuple(_proof_pod(item) for item in found.objects))


def _proof_pod(item: JsonObject) -> ProofPod:
    pod = parse_pod(item)
    spec = item.get("spec") or {}
    selector = spec.get("nodeSelector") or {}
    return ProofPod(
        pod,
        pod.labels.get(PART_LABEL, ""),
        pod.labels.get(RUN_LABEL, ""),
        str(selector.get("kubernetes.io/hostname", "")),
        int(spec.get("activeDeadlineSeconds") or 0),
    )


def _logs(found: LogsFound) -> Fact[tuple[PodLog, ...]]:
    return Known(found.logs)


def _pods(spec: Spec) -> Objects:
    # Asked also where nothing is to be proved: a run that was killed in its proof left its pods.
    return Objects("Pod", spec.options.proof.namespace, labels=_LABELS)


def _pod_logs(spec: Spec) -> PodLogs | None:
    if not spec.prove or not spec.kubernetes_node:
        return None
    labels = f"{MANAGED_BY}={OURS},{RUN_LABEL}={spec.run_id}"
    return PodLogs(spec.kubernetes_node, labels=labels, namespace=spec.options.proof.namespace)


PROOF_PODS: Probe[ObjectsFound, tuple[ProofPod, ...]] = Probe(
    "cluster.proof-pods", _pods, parse_proof_pods
)
PROOF_LOGS: Probe[LogsFound, tuple[PodLog, ...]] = Probe("cluster.proof-logs", _pod_logs, _logs)
