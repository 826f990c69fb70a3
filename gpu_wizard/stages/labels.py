"""Stage 8: the labels by which plugin, workloads and people find the GPU node."""

from __future__ import annotations

from gpu_wizard.facts.daemonsets import PLUGIN_SETS, PluginSet
from gpu_wizard.facts.identity import BOOT_ID
from gpu_wizard.facts.manifests import PRESENT_LABEL, node_labels
from gpu_wizard.facts.objects import NODE, NodeObject
from gpu_wizard.facts.operator import OPERATOR, Operator
from gpu_wizard.facts.plugin_owner import KEEP, OVERWRITE, is_kept, may_keep, wanted_labels
from gpu_wizard.model.action import ApplyObject, Plan, Step
from gpu_wizard.model.fact import Fact, Known, Unknown, value_of, value_or
from gpu_wizard.model.question import asks, facts
from gpu_wizard.model.spec import Spec
from gpu_wizard.model.stage import (
    Assessment,
    Found,
    Option,
    Question,
    Stage,
    State,
    ask_person,
    blocked,
    done,
    needed,
    not_seen,
    waiting,
)


@facts
class LabelsFacts:
    """What stage 8 asks."""

    node: Fact[NodeObject] = asks(NODE)
    boot_id: Fact[str] = asks(BOOT_ID)
    sets: Fact[tuple[PluginSet, ...]] = asks(PLUGIN_SETS)
    operator: Fact[Operator] = asks(OPERATOR)


class Labels(Stage[LabelsFacts]):
    """Sets what is missing, asks about a differing value, and never labels another machine's Node."""

    id = "labels"
    facts_type = LabelsFacts
    settle_seconds = 10.0

    def assess(self, facts: LabelsFacts, spec: Spec) -> Assessment:
        """Whether the Node is this host, and which labels it lacks."""
        for fact in (facts.node, facts.sets):
            if isinstance(fact, Unknown):
                return not_seen(fact)
        if not isinstance(facts.node, Known):
            return waiting("labels.no-node", node=spec.kubernetes_node)
        node = facts.node.value
        if isinstance(facts.boot_id, Known) and node.boot_id != facts.boot_id.value:
            return blocked("labels.other-host", node=node.name)
        wanted = self._wanted(facts, spec)
        for key, value in wanted.items():
            if node.labels.get(key) not in (None, value):
                question = _question(facts, spec, node, key, value)
                if not question.is_answered_in(spec):
                    return ask_person(question)
        missing = self._missing(facts, node, spec)
        if not missing:
            return done("labels.set", node=node.name)
        return needed("labels.missing", node=node.name, labels=", ".join(missing))

    def plan(self, facts: LabelsFacts, spec: Spec) -> Plan:
        """One apply of all wanted labels."""
        node = value_of(facts.node)
        wanted = self._wanted(facts, spec)
        name, uid = (node.name, node.uid) if node else (spec.kubernetes_node or spec.node, "")
        mine = {
            key: value
            for key, value in wanted.items()
            if not (node and self._stays(facts, node, key, value, spec))
        }
        overwrites = any(spec.choices.get(f"labels.{key}") == OVERWRITE for key in mine)
        apply = ApplyObject(node_labels(name, uid, mine), force=overwrites, must_exist=True)
        text = ", ".join(f"{key}={value}" for key, value in mine.items())
        return (Step("labels.apply", apply, params={"node": name, "labels": text}),)

    def found(self, facts: LabelsFacts, spec: Spec) -> tuple[Found, ...]:
        """Each wanted label with the value that it has."""
        node = value_of(facts.node)
        if node is None:
            return (Found("found.node", "", "waiting"),)
        wanted = self._wanted(facts, spec)
        missing = self._missing(facts, node, spec)
        return tuple(
            Found(
                "found.label",
                f"{key}={node.labels[key]}" if key in node.labels else key,
                _state(key, missing),
            )
            for key in wanted
        )

    def _wanted(self, facts: LabelsFacts, spec: Spec) -> dict[str, str]:
        wanted = wanted_labels(value_or(facts.sets, ()), spec)
        if isinstance(facts.operator, Known):
            wanted.pop(PRESENT_LABEL, None)
        return wanted

    def _missing(self, facts: LabelsFacts, node: NodeObject, spec: Spec) -> dict[str, str]:
        return {
            key: value
            for key, value in self._wanted(facts, spec).items()
            if node.labels.get(key) != value and not self._stays(facts, node, key, value, spec)
        }

    def _stays(
        self, facts: LabelsFacts, node: NodeObject, key: str, value: str, spec: Spec
    ) -> bool:
        """Whether another value stands there and the person keeps it."""
        is_other = node.labels.get(key) not in (None, value)
        return is_other and is_kept(key, value_or(facts.sets, ()), node, spec)


def _question(facts: LabelsFacts, spec: Spec, node: NodeObject, key: str, value: str) -> Question:
    """Keep or overwrite; keeping is offered only where the node's plugins go on serving it."""
    params = {"node": node.name, "label": key, "have": node.labels[key], "want": value}
    options: tuple[Option, ...] = (Option(OVERWRITE, params), Option("stop"))
    if may_keep(key, value_or(facts.sets, ()), node, spec):
        options = (Option(KEEP, params), *options)
    return Question(f"labels.{key}", options, options[0].id, params)


def _state(key: str, missing: dict[str, str]) -> State:
    return "needed" if key in missing else "done"
