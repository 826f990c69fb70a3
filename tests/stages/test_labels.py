"""Stage 8: set what is missing, ask about what differs."""

from __future__ import annotations

from typing import Any

from gpu_wizard.facts.daemonsets import PluginSet
from gpu_wizard.facts.operator import Operator
from gpu_wizard.model.action import ApplyObject
from gpu_wizard.model.fact import ABSENT, Fact, Known
from gpu_wizard.model.spec import Spec
from gpu_wizard.stages.labels import Labels, LabelsFacts
from tests.stages.cluster_facts import HELM, SPEC, daemonset, node, sets

STAGE = Labels()
ROLE = "node-role.kubernetes.io/gpu"
ALL = {ROLE: "true", "nvidia.com/gpu": "present", "nvidia.com/gpu.present": "true"}


def facts(
    labels: dict[str, str] | None = None,
    plugin_sets: Fact[tuple[PluginSet, ...]] | None = None,
    operator: Fact[Operator] = ABSENT,
    boot: str = "boot-gpu-1",
) -> LabelsFacts:
    return LabelsFacts(
        node=Known(node(labels=labels)),
        boot_id=Known(boot),
        sets=plugin_sets or sets(),
        operator=operator,
    )


def applied(given: LabelsFacts, spec: Spec = SPEC) -> tuple[dict[str, Any], bool]:
    (step,) = STAGE.plan(given, spec)
    assert isinstance(step.action, ApplyObject)
    assert step.action.must_exist
    assert step.action.manifest["metadata"]["uid"] == "uid-gpu-1"
    return dict(step.action.manifest["metadata"]["labels"]), step.action.force


def test_a_bare_node_gets_all_three() -> None:
    assert STAGE.assess(facts(), SPEC).state == "needed"
    assert applied(facts()) == (ALL, False)


def test_same_values_are_done() -> None:
    assert STAGE.assess(facts(ALL), SPEC).state == "done"


def test_the_node_must_be_this_host() -> None:
    assert STAGE.assess(facts(boot="another"), SPEC).code == "labels.other-host"


def test_the_inviting_label_is_left_out_where_a_foreign_plugin_selects_on_it() -> None:
    assert "nvidia.com/gpu.present" not in applied(facts(plugin_sets=sets(HELM)))[0]
    given = facts(operator=Known(Operator("p", "ready")))
    assert "nvidia.com/gpu.present" not in applied(given)[0]


def test_joining_a_foreign_plugin_sets_its_label() -> None:
    spec = SPEC.with_choice("device-plugin.foreign", "join")
    assert applied(facts(plugin_sets=sets(HELM)), spec)[0]["nvidia.com/gpu.present"] == "true"
    rack = facts(plugin_sets=sets(daemonset("rack7", nodeSelector={"rack": "7"})))
    assert applied(rack, spec)[0]["rack"] == "7"


def test_a_differing_value_is_asked_about_and_kept_or_overwritten() -> None:
    given = facts({ROLE: "false"})
    question = STAGE.assess(given, SPEC).question
    assert question is not None
    assert [option.id for option in question.options] == ["keep", "overwrite", "stop"]
    kept = SPEC.with_choice(question.id, "keep")
    assert ROLE not in applied(given, kept)[0]
    over = SPEC.with_choice(question.id, "overwrite")
    assert applied(given, over) == (ALL, True)


def options(given: LabelsFacts, spec: Spec = SPEC) -> list[str]:
    question = STAGE.assess(given, spec).question
    return [option.id for option in question.options] if question else []


def test_the_guides_label_can_be_kept_only_where_the_serving_plugin_does_not_select_on_it() -> None:
    other = {"nvidia.com/gpu": "a6000"}
    assert options(facts(other)) == ["overwrite", "stop"]
    rack = sets(daemonset("rack7", nodeSelector={"rack": "7"}))
    assert options(facts({**other, "rack": "7"}, rack)) == ["keep", "overwrite", "stop"]
    # Stage 7 scopes such a DaemonSet by this very label.
    assert options(facts(other, sets(daemonset()))) == ["overwrite", "stop"]


def test_a_recorded_choice_that_is_not_offered_is_asked_again() -> None:
    given = facts({"nvidia.com/gpu": "a6000"})
    for choice in ("keep", "overwritten", "stop", ""):
        spec = SPEC.with_choice("labels.nvidia.com/gpu", choice)
        assessment = STAGE.assess(given, spec)
        assert assessment.code == "choice.labels.nvidia.com/gpu"
    assert options(facts({ROLE: "false"}), SPEC.with_choice(f"labels.{ROLE}", "kep"))
