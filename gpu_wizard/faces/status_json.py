"""The read-only look as one JSON document, schema 1.0.

A minor version adds keys, a major one breaks; readers ignore what they don't know.

- `version`: of this schema. `program`: this program's. `at`: when the look ended (UTC, RFC 3339).
- `nodes`: one object a node, in the order asked for:
    - `node`: the name in the setup file, or the target as typed. `kubernetes_node`: the cluster's name of it, null
      where the host could not be asked for it.
    - `state`: `done`, `needed`, `waiting`, `blocked` or `unknown`, that of the first stage which is not done.
    - `seconds`: what the look took. `error`: null, or why the host could not be asked: `code`, `message`, `next`.
    - `stages`: nine objects in chain order: `stage` (`join` `driver` `toolkit` `runtime` `device-plugin`
      `runtime-class` `plugin-runtime` `labels` `proof`), `state`, `code` (stable), `params` (of the code), `text` and
      `next` (in the language asked for), `settling` (time alone may cure it), `notes` (`code`, `params`, `text`),
      `found` (`id`, `value`, `state` or null). The proof is judged by its evidence and carries `"test_pod": "not-run"`.
    - `versions`: component (`k3s` `containerd` `driver` `cuda` `toolkit` `device-plugin`) → `found`, `recommended`,
      `security_floor`, `skew` (what it does not fit), each null where there is nothing to say, and `verdict`: `ok`,
      `old`, `insecure`, `skew` or `unknown`.
    - `gpus`: the cards as the driver shows them: `index`, `name`, `uuid`, `bus_id`, `memory_bytes`, `persistence`,
      `ecc`, `mig`, `compute_capability`, `lost`; null where a card does not tell.
    - `allocatable`: `nvidia.com/…` resource → count. `gpu_pods`: the pods that hold a GPU, `namespace/name`.
    - `plugin`: null without a plugin pod, else `pod`, `ready`, `registered` (resource → RFC 3339 second, "" where the
      log has no times), `failure` (a code, null) and `line` (the log's own words).
    - `owners`: what else manages GPUs here: `owner` (`gpu-operator` `nfd` `gfd` `dra` `mps`) and `name` (null).
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from gpu_wizard.engine.fleet import NodeSeen
from gpu_wizard.faces import status_words, wording
from gpu_wizard.faces.jsonlines import as_json
from gpu_wizard.facts.evidence import PluginState
from gpu_wizard.facts.nvidia_smi import Gpu
from gpu_wizard.facts.versions import VersionRow
from gpu_wizard.knowledge.texts import Language
from gpu_wizard.model.events import StageAssessed

SCHEMA_VERSION = "1.0"


def document(seen: Sequence[NodeSeen], program: str, setup: str, language: Language) -> str:
    """The whole document as text. `setup`: the setup file's path, "" without one."""
    nodes = [_node(each, setup, language) for each in seen]
    at = as_json(datetime.now(UTC))
    return json.dumps({"version": SCHEMA_VERSION, "program": program, "at": at, "nodes": nodes})


def _node(seen: NodeSeen, setup: str, language: Language) -> dict[str, Any]:
    glance = seen.overview
    return {
        "node": seen.node,
        "kubernetes_node": seen.kubernetes_node or None,
        "state": seen.state,
        "seconds": round(seen.seconds, 3),
        "error": _error(seen, language),
        "stages": [_stage(event, setup, language) for event in seen.stages],
        "versions": {row.component: _version(row) for row in glance.versions},
        "gpus": [_gpu(card) for card in glance.cards],
        "allocatable": dict(glance.allocatable),
        "gpu_pods": list(glance.gpu_pods),
        "plugin": _plugin(glance.plugin),
        "owners": [{"owner": each.id, "name": each.name or None} for each in glance.owners],
    }


def _error(seen: NodeSeen, language: Language) -> dict[str, Any] | None:
    if seen.error is None:
        return None
    advice = status_words.error_next(seen.error, seen.stages[0].assessment, language)
    return {"code": seen.error.code, "message": str(seen.error), "next": advice}


def _stage(event: StageAssessed, setup: str, language: Language) -> dict[str, Any]:
    judged = event.assessment
    notes = zip(judged.notes, wording.notes(judged, language), strict=True)
    entry = {
        "stage": event.stage,
        "state": judged.state,
        "code": judged.code,
        "params": dict(judged.params),
        "text": wording.assessed(judged, language),
        "next": status_words.next_step(judged, setup, language),
        "settling": judged.settling,
        "notes": [{"code": n.code, "params": dict(n.params), "text": text} for n, text in notes],
        "found": [{"id": f.id, "value": f.value, "state": f.state} for f in event.found],
    }
    return {**entry, "test_pod": "not-run"} if event.stage == "proof" else entry


def _version(row: VersionRow) -> dict[str, Any]:
    return {
        "found": row.found or None,
        "recommended": row.recommended or None,
        "security_floor": row.security_floor or None,
        "skew": row.skew or None,
        "verdict": row.verdict,
    }


def _gpu(card: Gpu) -> dict[str, Any]:
    return {
        "index": card.index,
        "name": card.name,
        "uuid": card.uuid,
        "bus_id": card.bus_id or None,
        "memory_bytes": card.memory_bytes,
        "persistence": card.persistence,
        "ecc": card.ecc,
        "mig": card.mig,
        "compute_capability": card.compute_capability or None,
        "lost": card.lost,
    }


def _plugin(plugin: PluginState | None) -> dict[str, Any] | None:
    if plugin is None or plugin.pod is None:
        return None
    return {
        "pod": f"{plugin.pod.namespace}/{plugin.pod.name}",
        "ready": plugin.pod.ready,
        "registered": dict(plugin.log.registered),
        "failure": plugin.log.failure or None,
        "line": plugin.log.line,
    }
