"""Stage 5: exactly one device plugin is told to serve this node."""

from __future__ import annotations

from gpu_wizard.facts.daemonsets import PLUGIN_SETS, PluginSet
from gpu_wizard.facts.manifests import (
    PLUGIN_NAME,
    PLUGIN_NAMESPACE,
    plugin_manifest,
    sharing_config,
)
from gpu_wizard.facts.objects import NODE, NodeObject
from gpu_wizard.facts.operator import DRA, OPERATOR, Operator
from gpu_wizard.facts.plugin_owner import (
    FOREIGN_QUESTION,
    JOIN,
    OWN,
    Ownership,
    joining_labels,
    ownership,
)
from gpu_wizard.model.action import ApplyObject, Plan, Step
from gpu_wizard.model.fact import Fact, Known, Unknown, value_of, value_or
from gpu_wizard.model.question import asks, facts
from gpu_wizard.model.spec import Spec
from gpu_wizard.model.stage import (
    Assessment,
    Found,
    Note,
    Option,
    Question,
    Stage,
    ask_person,
    blocked,
    done,
    needed,
    not_seen,
    waiting,
)
from gpu_wizard.model.version import Version

SECURE_FLOOR = "v0.17.0"


@facts
class DevicePluginFacts:
    """What stage 5 asks."""

    node: Fact[NodeObject] = asks(NODE)
    sets: Fact[tuple[PluginSet, ...]] = asks(PLUGIN_SETS)
    operator: Fact[Operator] = asks(OPERATOR)
    dra: Fact[str] = asks(DRA)


class DevicePlugin(Stage[DevicePluginFacts]):
    """Adopts the plugin that serves the node, or applies our own; never a second one."""

    id = "device-plugin"
    facts_type = DevicePluginFacts

    def assess(self, facts: DevicePluginFacts, spec: Spec) -> Assessment:
        """Who serves the node: nobody, one, the Operator, or too many."""
        if isinstance(facts.sets, Unknown):
            return not_seen(facts.sets)
        if isinstance(facts.dra, Known):
            return blocked("device-plugin.dra", device_class=facts.dra.value)
        if isinstance(facts.node, Unknown):
            return not_seen(facts.node)
        if not isinstance(facts.node, Known):
            return waiting("device-plugin.no-node", node=spec.kubernetes_node)
        owned = ownership(value_or(facts.sets, ()), facts.node.value, spec)
        return self._by_operator(facts, owned) or self._judged(owned, spec)

    def plan(self, facts: DevicePluginFacts, spec: Spec) -> Plan:
        """Our own DaemonSet, applied whole."""
        ours = next((each for each in value_or(facts.sets, ()) if each.is_ours), None)
        manifest = plugin_manifest(spec, ours.sharing if ours else "")
        params = {"image": manifest["spec"]["template"]["spec"]["containers"][0]["image"]}
        return (Step("device-plugin.apply", ApplyObject(manifest), params=params),)

    def found(self, facts: DevicePluginFacts, spec: Spec) -> tuple[Found, ...]:
        """The plugins of the cluster, and the Operator."""
        rows = []
        node = value_of(facts.node)
        for each in value_or(facts.sets, ()):
            serves = node is not None and each in ownership((each,), node, spec).serving
            value = f"{each} · {each.image.rsplit(':', 1)[-1]} · {each.maker}"
            rows.append(
                Found("found.plugin-serving" if serves else "found.plugin-elsewhere", value)
            )
        rows = rows or [Found("found.plugin-serving", "", "needed")]
        if isinstance(facts.operator, Known):
            rows.append(
                Found("found.operator", facts.operator.value.state or facts.operator.value.name)
            )
        return tuple(rows)

    def _by_operator(self, facts: DevicePluginFacts, owned: Ownership) -> Assessment | None:
        """Where GPU Operator manages the node: done if its plugin serves it, else its own matter."""
        if not isinstance(facts.operator, Known) or not isinstance(facts.node, Known):
            return None
        if not facts.operator.value.covers(facts.node.value.labels):
            return None
        operators = [each for each in owned.serving if each.maker == "operator"]
        if len(owned.serving) == 1 and operators:
            return done("device-plugin.operator", name=operators[0])
        if len(owned.serving) > 1:
            return blocked("device-plugin.two", names=_names(owned.serving))
        return blocked("device-plugin.operator-not-serving", policy=facts.operator.value.name)

    def _judged(self, owned: Ownership, spec: Spec) -> Assessment:
        match owned.serving:
            case ():
                return self._none(owned, spec)
            case (only,):
                return self._one(only, spec)
            case several:
                return blocked("device-plugin.two", names=_names(several))

    def _none(self, owned: Ownership, spec: Spec) -> Assessment:
        foreign = tuple(each for each in owned.elsewhere if not each.is_ours)
        taken = any(str(each) == f"{PLUGIN_NAMESPACE}/{PLUGIN_NAME}" for each in foreign)
        if foreign and spec.choices.get(FOREIGN_QUESTION) not in (JOIN, OWN):
            return ask_person(_question(foreign[0], can_be_own=not taken))
        if foreign and spec.choices.get(FOREIGN_QUESTION) == JOIN:
            return blocked("device-plugin.cannot-join", name=foreign[0])
        if taken:
            return blocked("device-plugin.name-taken", name=f"{PLUGIN_NAMESPACE}/{PLUGIN_NAME}")
        return needed("device-plugin.missing", version=spec.options.device_plugin.version)

    def _one(self, plugin: PluginSet, spec: Spec) -> Assessment:
        have, want = plugin.image.rsplit(":", 1)[-1], spec.options.device_plugin.version
        replicas = spec.options.device_plugin.replicas
        if plugin.is_ours:
            wanted = plugin_manifest(spec)["spec"]["template"]["spec"]["containers"][0]["image"]
            if plugin.image != wanted:
                return needed("device-plugin.other-version", have=have, want=want)
            if plugin.sharing != sharing_config(replicas, plugin.sharing):
                return needed("device-plugin.other-sharing", replicas=replicas)
            return done("device-plugin.ours", name=plugin, version=have)
        notes = []
        if not Version(have).at_least(SECURE_FLOOR):
            notes.append(Note("device-plugin.old", {"have": have}))
        if replicas > 1:
            notes.append(Note("device-plugin.sharing-is-theirs", {"replicas": str(replicas)}))
        return done("device-plugin.adopted", *notes, name=plugin, version=have, maker=plugin.maker)


def _question(plugin: PluginSet, *, can_be_own: bool) -> Question:
    labels = joining_labels(plugin)
    params = {"name": str(plugin), "labels": ", ".join(f"{k}={v}" for k, v in labels.items())}
    options: tuple[Option, ...] = (Option(JOIN, params),) if labels else ()
    options += (Option(OWN, params),) if can_be_own else ()
    return Question(
        FOREIGN_QUESTION, (*options, Option("stop")), options[0].id if options else "stop", params
    )


def _names(sets: tuple[PluginSet, ...]) -> str:
    return ", ".join(str(each) for each in sets)
