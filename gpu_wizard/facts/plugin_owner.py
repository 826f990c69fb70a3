"""Which device plugin serves this node: stages 5, 7, 8 and the proof must agree on it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from gpu_wizard.facts.daemonsets import PluginSet, serving
from gpu_wizard.facts.manifests import GPU_LABEL, GPU_VALUE, PRESENT_LABEL, ROLE_LABEL
from gpu_wizard.facts.objects import NodeObject
from gpu_wizard.model.spec import Spec

FOREIGN_QUESTION = "device-plugin.foreign"
JOIN, OWN = "join", "own"
KEEP, OVERWRITE = "keep", "overwrite"


@dataclass(frozen=True)
class Ownership:
    """The plugins that serve the node once stage 8 is done, and those that serve other nodes only."""

    serving: tuple[PluginSet, ...]
    elsewhere: tuple[PluginSet, ...]
    labels: Mapping[str, str] = field(default_factory=dict)
    """The labels that stage 8 will have set."""

    @property
    def joined(self) -> PluginSet | None:
        """The one plugin of this node, None where there is none or more than one."""
        return self.serving[0] if len(self.serving) == 1 else None


def ownership(sets: tuple[PluginSet, ...], node: NodeObject, spec: Spec) -> Ownership:
    """Who serves `node`, with the labels of stage 8 counted as set, since they are in the same plan."""
    labels = wanted_labels(sets, spec)
    kept = {key: node.labels[key] for key in labels if is_kept(key, sets, node, spec)}
    future = {**node.labels, **labels, **kept}
    mine = serving(sets, node.name, future)
    return Ownership(mine, tuple(each for each in sets if each not in mine), labels)


def is_kept(key: str, sets: tuple[PluginSet, ...], node: NodeObject, spec: Spec) -> bool:
    """Whether the person chose to keep the value that this label has, and may: a recorded choice is no more than
    an answer to what would be asked.
    """
    chosen = key in node.labels and spec.choices.get(f"labels.{key}") == KEEP
    return chosen and may_keep(key, sets, node, spec)


def may_keep(key: str, sets: tuple[PluginSet, ...], node: NodeObject, spec: Spec) -> bool:
    """Whether the plugins that serve the node go on serving it with the value that this label has now.

    The guide's own label is what our DaemonSet will select, and what stage 7 scopes an unscoped one by.
    """
    future = {**node.labels, **wanted_labels(sets, spec)}
    plugins = serving(sets, node.name, future)
    if plugins != serving(sets, node.name, {**future, key: node.labels[key]}):
        return False
    return key != GPU_LABEL or (
        bool(plugins) and all(each.is_scoped or each.maker == "operator" for each in plugins)
    )


def wanted_labels(sets: tuple[PluginSet, ...], spec: Spec) -> dict[str, str]:
    """The labels of stage 8, for these plugins and this Spec.

    `nvidia.com/gpu.present=true` invites other DaemonSets onto the node: set only where no foreign plugin selects
    on it, or on request. Source: domain.md, "How the wizard reads this page".
    """
    labels = {ROLE_LABEL: "true", GPU_LABEL: GPU_VALUE}
    option = spec.options.labels.gpu_present
    invited = any(each.selects_on(PRESENT_LABEL) for each in sets if not each.is_ours)
    if option == "always" or (option == "auto" and not invited):
        labels[PRESENT_LABEL] = "true"
    if spec.choices.get(FOREIGN_QUESTION) == JOIN:
        foreign = [each for each in sets if not each.is_ours]
        for each in foreign[:1]:
            labels |= joining_labels(each)
    return labels


def joining_labels(plugin: PluginSet) -> dict[str, str]:
    """The labels by which a node joins a plugin: its selector's, or those of its first affinity term that labels
    can fulfil; empty where it can't be joined by a label.
    """
    if not plugin.affinity:
        return dict(plugin.selector)
    ours = [term for term in plugin.affinity if _by_labels(term.get("matchExpressions") or ())]
    # NVIDIA's own key first: the others (NFD's) describe hardware and are not ours to claim.
    ours.sort(key=lambda term: PRESENT_LABEL not in str(term))
    if not ours:
        return {}
    chosen = {e["key"]: (e.get("values") or ["true"])[0] for e in ours[0]["matchExpressions"]}
    return {**plugin.selector, **chosen}


def _by_labels(expressions: object) -> bool:
    return (
        isinstance(expressions, list)
        and bool(expressions)
        and all(e.get("operator") in ("In", "Exists") for e in expressions)
    )
