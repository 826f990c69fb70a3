"""Stage 7: the plugin's own pods run under the nvidia runtime, and on GPU nodes alone."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from gpu_wizard.facts.daemonsets import PLUGIN_SETS, PluginSet, advertising
from gpu_wizard.facts.identity import K3S_CONFIG, K3sConfig
from gpu_wizard.facts.manifests import GPU_LABEL, GPU_VALUE, plugin_manifest, plugin_patch
from gpu_wizard.facts.objects import NODE, NODES, NodeObject
from gpu_wizard.facts.plugin_owner import ownership
from gpu_wizard.model.action import ApplyObject, Plan, Risk, Step
from gpu_wizard.model.fact import Fact, Known, Unknown, value_of, value_or
from gpu_wizard.model.question import asks, facts
from gpu_wizard.model.spec import Spec
from gpu_wizard.model.stage import (
    Assessment,
    Found,
    Note,
    Stage,
    blocked,
    done,
    needed,
    not_seen,
    waiting,
)

HANDLER = "nvidia"


@facts
class PluginRuntimeFacts:
    """What stage 7 asks."""

    node: Fact[NodeObject] = asks(NODE)
    nodes: Fact[tuple[NodeObject, ...]] = asks(NODES)
    sets: Fact[tuple[PluginSet, ...]] = asks(PLUGIN_SETS)
    config: Fact[K3sConfig] = asks(K3S_CONFIG)


class PluginRuntime(Stage[PluginRuntimeFacts]):
    """Gives whichever DaemonSet serves this node the class and a node selector."""

    id = "plugin-runtime"
    facts_type = PluginRuntimeFacts

    def assess(self, facts: PluginRuntimeFacts, spec: Spec) -> Assessment:
        """Whether class and scope are right, and whether setting them would harm another node."""
        if isinstance(facts.sets, Unknown):
            return not_seen(facts.sets)
        plugin = self._plugin(facts, spec)
        if plugin is None:
            return waiting("plugin-runtime.no-plugin")
        if plugin.maker == "operator":
            return done("plugin-runtime.operator", name=plugin)
        missing = self._missing(facts, plugin, spec)
        if not missing:
            default = (Note("plugin-runtime.default-runtime"),) if not plugin.runtime_class else ()
            return done("plugin-runtime.right", *default, name=plugin)
        harmed = _harmed(facts, plugin, missing, spec)
        if harmed:
            return blocked("plugin-runtime.harms-nodes", name=plugin, nodes=", ".join(harmed))
        return needed("plugin-runtime.missing", name=plugin, fields=", ".join(missing))

    def plan(self, facts: PluginRuntimeFacts, spec: Spec) -> Plan:
        """The missing fields on the plugin's DaemonSet; ours is applied whole."""
        plugin = self._plugin(facts, spec)
        if plugin is None:
            return ()
        params = {"name": str(plugin)}
        if plugin.is_ours:
            whole = ApplyObject(plugin_manifest(spec, plugin.sharing))
            return (Step("plugin-runtime.apply", whole, params=params),)
        losing = _losing(facts, plugin, spec)
        patch = plugin_patch(plugin.namespace, plugin.name, self._wanted(plugin, spec))
        risk = (
            Risk("plugin-leaves-nodes", {"nodes": ", ".join(losing)})
            if losing
            else Risk("plugin-restarts")
        )
        return (
            Step(
                "plugin-runtime.patch",
                ApplyObject(patch, must_exist=True),
                risk=risk,
                params=params,
            ),
        )

    def found(self, facts: PluginRuntimeFacts, spec: Spec) -> tuple[Found, ...]:
        """The plugin's class and selector."""
        plugin = self._plugin(facts, spec)
        if plugin is None:
            return (Found("found.plugin-serving", "", "waiting"),)
        missing = self._missing(facts, plugin, spec)
        selector = ", ".join(f"{key}={value}" for key, value in plugin.selector.items())
        return (
            Found("found.plugin-serving", str(plugin)),
            _row("found.plugin-class", plugin.runtime_class, missing, "runtimeClassName"),
            _row(
                "found.plugin-selector",
                selector or ("affinity" if plugin.affinity else ""),
                missing,
                "nodeSelector",
            ),
        )

    def _plugin(self, facts: PluginRuntimeFacts, spec: Spec) -> PluginSet | None:
        if not isinstance(facts.node, Known):
            return None
        return ownership(value_or(facts.sets, ()), facts.node.value, spec).joined

    def _missing(self, facts: PluginRuntimeFacts, plugin: PluginSet, spec: Spec) -> dict[str, Any]:
        """The fields that the DaemonSet lacks for this node."""
        missing: dict[str, Any] = {}
        config = value_of(facts.config)
        has_default = config is not None and config.text("default-runtime") == HANDLER
        if plugin.runtime_class != spec.options.runtime_class.name and not (
            has_default and not plugin.runtime_class
        ):
            missing["runtimeClassName"] = spec.options.runtime_class.name
        if not plugin.is_scoped:
            missing["nodeSelector"] = {GPU_LABEL: GPU_VALUE}
        return missing

    def _wanted(self, plugin: PluginSet, spec: Spec) -> dict[str, Any]:
        """Both fields, so that a second apply keeps what the first one set."""
        wanted: dict[str, Any] = {"runtimeClassName": spec.options.runtime_class.name}
        if not plugin.is_scoped or plugin.selector == {GPU_LABEL: GPU_VALUE}:
            wanted["nodeSelector"] = {GPU_LABEL: GPU_VALUE}
        return wanted


def _harmed(
    facts: PluginRuntimeFacts, plugin: PluginSet, missing: Mapping[str, Any], spec: Spec
) -> list[str]:
    """Nodes that advertise a GPU now and would lose the plugin, or lack the handler. Source: domain.md."""
    harmed = []
    for node in advertising(value_or(facts.nodes, ()), spec.kubernetes_node):
        if not plugin.serves(node.name, node.labels):
            continue
        leaves = "nodeSelector" in missing and node.labels.get(GPU_LABEL) != GPU_VALUE
        # A node that reports no handlers at all leaves the question open: it advertises, so its runtime works.
        lacks = (
            "runtimeClassName" in missing and bool(node.handlers) and HANDLER not in node.handlers
        )
        if leaves or lacks:
            harmed.append(node.name)
    return harmed


def _losing(facts: PluginRuntimeFacts, plugin: PluginSet, spec: Spec) -> list[str]:
    """Nodes without a GPU whose idle plugin pod goes away when the DaemonSet is scoped."""
    if plugin.is_scoped:
        return []
    return [
        node.name
        for node in value_or(facts.nodes, ())
        if node.name != spec.kubernetes_node and node.labels.get(GPU_LABEL) != GPU_VALUE
    ]


def _row(found_id: str, value: str, missing: Mapping[str, Any], key: str) -> Found:
    return Found(found_id, value, "needed" if key in missing else "done")
