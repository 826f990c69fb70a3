"""RuntimeClasses, and who made each."""

from __future__ import annotations

from dataclasses import dataclass

from gpu_wizard.facts.daemonsets import MANAGED_BY, OURS
from gpu_wizard.model.fact import Fact, Known
from gpu_wizard.model.question import JsonObject, Objects, ObjectsFound, Probe

K3S_OWNER = "objectset.rio.cattle.io/owner-name"
K3S_SIBLINGS = ("crun", "lunatic", "nvidia-experimental", "slight", "spin", "wasmedge", "wasmtime")
"""Classes that K3s's addon `runtimes` makes beside `nvidia`. Source: K3s manifests/runtimes.yaml, recorded."""


@dataclass(frozen=True)
class RuntimeClassObject:
    """A RuntimeClass. `maker`: `k3s`, `operator`, `gpu-wizard` or `hand`."""

    name: str
    handler: str
    maker: str


def parse_runtime_classes(found: ObjectsFound) -> Fact[tuple[RuntimeClassObject, ...]]:
    """All classes of the cluster."""
    return Known(tuple(_class(item) for item in found.objects))


def _class(item: JsonObject) -> RuntimeClassObject:
    meta = item["metadata"]
    labels, annotations = meta.get("labels") or {}, meta.get("annotations") or {}
    if K3S_OWNER in annotations:
        maker = "k3s"
    elif labels.get("app.kubernetes.io/component") == "gpu-operator":
        maker = "operator"
    else:
        maker = OURS if labels.get(MANAGED_BY) == OURS else "hand"
    return RuntimeClassObject(str(meta["name"]), str(item.get("handler", "")), maker)


RUNTIME_CLASSES: Probe[ObjectsFound, tuple[RuntimeClassObject, ...]] = Probe(
    "cluster.runtime-classes", Objects("RuntimeClass"), parse_runtime_classes
)
