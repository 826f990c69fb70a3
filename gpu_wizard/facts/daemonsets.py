"""DaemonSets that run a device plugin, and which nodes each of them serves.

Source: Kubernetes scheduling: node selector and required node affinity must both hold; terms are alternatives.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from gpu_wizard.facts.objects import NodeObject, is_plugin, program_of
from gpu_wizard.model.fact import Fact, Known
from gpu_wizard.model.question import JsonObject, Objects, ObjectsFound, Probe

MANAGED_BY = "app.kubernetes.io/managed-by"
OURS = "gpu-wizard"
SHARING_ANNOTATION = "gpu-wizard/sharing"
"""Of the plugin's pods, where the setup file asks for shares of cards: the plugin's configuration."""
OPERATOR_APP = "nvidia-device-plugin-daemonset"
"""The Operator's DaemonSet has the static manifest's name, another namespace, and the pod label `app`."""


@dataclass(frozen=True)
class PluginSet:
    """A DaemonSet with a device plugin's container.

    `selector`: its pods' node selector; `affinity`: required node affinity terms as the API has them, empty for
    none. `maker`: `gpu-wizard`, `helm`, `operator` or `hand`. `settled`: the controller has seen this generation
    and all pods are of it. `sharing`: the configuration that we gave it, "" for whole cards.
    """

    namespace: str
    name: str
    uid: str
    image: str
    selector: Mapping[str, str]
    affinity: tuple[JsonObject, ...]
    runtime_class: str
    maker: str
    settled: bool
    environment: Mapping[str, str]
    sharing: str = ""

    @property
    def is_ours(self) -> bool:
        """Whether this program made it."""
        return self.maker == OURS

    @property
    def is_scoped(self) -> bool:
        """Whether it chooses its nodes at all."""
        return bool(self.selector or self.affinity)

    def serves(self, name: str, labels: Mapping[str, str]) -> bool:
        """Whether it puts a pod on a node of this name with these labels."""
        if any(labels.get(key) != value for key, value in self.selector.items()):
            return False
        return not self.affinity or any(_term_holds(term, name, labels) for term in self.affinity)

    def selects_on(self, key: str) -> bool:
        """Whether a label key decides about its nodes."""
        expressions = (e for term in self.affinity for e in term.get("matchExpressions") or ())
        return key in self.selector or any(e.get("key") == key for e in expressions)

    def __str__(self) -> str:
        return f"{self.namespace}/{self.name}"


def serving(
    sets: Iterable[PluginSet], name: str, labels: Mapping[str, str]
) -> tuple[PluginSet, ...]:
    """Those that put a pod on this node."""
    return tuple(each for each in sets if each.serves(name, labels))


def advertising(nodes: Iterable[NodeObject], but: str) -> tuple[NodeObject, ...]:
    """The nodes other than `but` that advertise a GPU."""
    return tuple(node for node in nodes if node.name != but and node.gpus())


def parse_plugin_sets(found: ObjectsFound) -> Fact[tuple[PluginSet, ...]]:
    """The DaemonSets with a container that runs a device plugin of NVIDIA's."""
    sets = (_plugin_set(item) for item in found.objects)
    return Known(tuple(each for each in sets if each is not None))


def _plugin_set(item: JsonObject) -> PluginSet | None:
    template = item["spec"]["template"]
    spec, meta = template.get("spec") or {}, item["metadata"]
    containers = [
        c for c in spec.get("containers") or () if is_plugin(c.get("image", ""), program_of(c))
    ]
    if not containers:
        return None
    affinity = (spec.get("affinity") or {}).get("nodeAffinity") or {}
    required = affinity.get("requiredDuringSchedulingIgnoredDuringExecution") or {}
    return PluginSet(
        namespace=str(meta.get("namespace", "")),
        name=str(meta["name"]),
        uid=str(meta.get("uid", "")),
        image=str(containers[0]["image"]),
        selector=spec.get("nodeSelector") or {},
        affinity=tuple(required.get("nodeSelectorTerms") or ()),
        runtime_class=str(spec.get("runtimeClassName") or ""),
        maker=_maker(meta, (template.get("metadata") or {}).get("labels") or {}),
        settled=_settled(item),
        sharing=str(_annotations(template).get(SHARING_ANNOTATION, "")),
        environment={e["name"]: str(e.get("value", "")) for e in containers[0].get("env") or ()},
    )


def _annotations(template: Mapping[str, Any]) -> Mapping[str, Any]:
    return (template.get("metadata") or {}).get("annotations") or {}


def _maker(meta: Mapping[str, Any], pod_labels: Mapping[str, str]) -> str:
    labels, annotations = meta.get("labels") or {}, meta.get("annotations") or {}
    owners = meta.get("ownerReferences") or ()
    if labels.get(MANAGED_BY) == OURS:
        return OURS
    if (
        any(o.get("kind") in ("ClusterPolicy", "GPUCluster") for o in owners)
        or pod_labels.get("app") == OPERATOR_APP
    ):
        return "operator"
    if labels.get(MANAGED_BY) == "Helm" or "meta.helm.sh/release-name" in annotations:
        return "helm"
    return "hand"


def _settled(item: JsonObject) -> bool:
    """Source: recorded: `updatedNumberScheduled` is absent when it is 0; a status may be of an older generation."""
    status = item.get("status") or {}
    seen = status.get("observedGeneration", 0) >= item["metadata"].get("generation", 0)
    return bool(
        seen and status.get("updatedNumberScheduled", 0) == status.get("desiredNumberScheduled", 0)
    )


def _term_holds(term: JsonObject, name: str, labels: Mapping[str, str]) -> bool:
    expressions, fields = term.get("matchExpressions") or (), term.get("matchFields") or ()
    by_labels = all(_expression_holds(e, labels.get(e.get("key", ""))) for e in expressions)
    return (
        bool(expressions or fields)
        and by_labels
        and all(_expression_holds(f, name) for f in fields)
    )


def _expression_holds(expression: JsonObject, value: str | None) -> bool:
    values = expression.get("values") or ()
    match expression.get("operator"):
        case "In":
            return value in values
        case "NotIn":
            return value not in values
        case "Exists":
            return value is not None
        case "DoesNotExist":
            return value is None
        case "Gt" | "Lt" as way:
            return _compared(value, values, greater=way == "Gt")
        case _:
            return False


def _compared(value: str | None, values: Iterable[str], *, greater: bool) -> bool:
    try:
        have, want = int(value or ""), int(next(iter(values)))
    except (ValueError, StopIteration):
        return False
    return have > want if greater else have < want


PLUGIN_SETS: Probe[ObjectsFound, tuple[PluginSet, ...]] = Probe(
    "cluster.plugin-sets", Objects("DaemonSet"), parse_plugin_sets
)
