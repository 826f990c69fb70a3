"""Stage 5: who serves the node, and what follows."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from gpu_wizard.facts.daemonsets import PluginSet
from gpu_wizard.facts.operator import Operator
from gpu_wizard.model.action import ApplyObject
from gpu_wizard.model.fact import ABSENT, Absent, Fact, Known, Unknown
from gpu_wizard.model.spec import DevicePluginOptions, Spec
from gpu_wizard.stages.device_plugin import DevicePlugin, DevicePluginFacts
from tests.stages.cluster_facts import HELM, OPERATORS, SPEC, daemonset, node, sets

STAGE = DevicePlugin()
OURS = daemonset(
    labels={"app.kubernetes.io/managed-by": "gpu-wizard"},
    nodeSelector={"nvidia.com/gpu": "present"},
    runtimeClassName="nvidia",
    tag="v0.20.0",
)
ELSEWHERE = daemonset("rack7", nodeSelector={"rack": "7"})


def facts(
    plugin_sets: Fact[tuple[PluginSet, ...]],
    operator: Fact[Operator] = ABSENT,
    labels: dict[str, str] | None = None,
    dra: Fact[str] = ABSENT,
) -> DevicePluginFacts:
    return DevicePluginFacts(
        node=Known(node(labels=labels)), sets=plugin_sets, operator=operator, dra=dra
    )


CASES = {
    "none": (facts(sets()), "needed", "device-plugin.missing"),
    "ours": (facts(sets(OURS)), "done", "device-plugin.ours"),
    "ours, another version": (
        facts(
            sets(
                {
                    **OURS,
                    "spec": daemonset(tag="v0.17.0", nodeSelector={"nvidia.com/gpu": "present"})[
                        "spec"
                    ],
                }
            )
        ),
        "needed",
        "device-plugin.other-version",
    ),
    "the guide's, unscoped": (facts(sets(daemonset())), "done", "device-plugin.adopted"),
    "two": (facts(sets(daemonset(), daemonset("second"))), "blocked", "device-plugin.two"),
    "helm serves it": (
        facts(sets(HELM), labels={"nvidia.com/gpu.present": "true"}),
        "done",
        "device-plugin.adopted",
    ),
    "elsewhere only": (facts(sets(ELSEWHERE)), "blocked", "choice.device-plugin.foreign"),
    "helm elsewhere": (facts(sets(HELM)), "blocked", "choice.device-plugin.foreign"),
    "operator serves": (
        facts(
            sets(OPERATORS),
            Known(Operator("policy", "ready")),
            {"nvidia.com/gpu.deploy.device-plugin": "true"},
        ),
        "done",
        "device-plugin.operator",
    ),
    "operator does not serve": (
        facts(sets(OPERATORS), Known(Operator("p", "ready"))),
        "blocked",
        "device-plugin.operator-not-serving",
    ),
    "operator and another": (
        facts(
            sets(OPERATORS, daemonset()),
            Known(Operator("p", "ready")),
            {"nvidia.com/gpu.deploy.device-plugin": "true"},
        ),
        "blocked",
        "device-plugin.two",
    ),
    "node taken from the operator": (
        facts(sets(), Known(Operator("p", "ready")), {"nvidia.com/gpu.deploy.operands": "false"}),
        "needed",
        "device-plugin.missing",
    ),
    "DRA": (facts(sets(), dra=Known("gpu.nvidia.com")), "blocked", "device-plugin.dra"),
    "could not look": (facts(Unknown("api-forbidden")), "unknown", "api-forbidden"),
}


@pytest.mark.parametrize("case", CASES)
def test_who_serves_the_node(case: str) -> None:
    given, state, code = CASES[case]
    assessment = STAGE.assess(given, SPEC)
    assert (assessment.state, assessment.code) == (state, code)
    assert STAGE.found(given, SPEC)


def test_before_the_join_it_waits_and_foresees_its_step() -> None:
    given = DevicePluginFacts(node=Absent(), sets=sets(), operator=ABSENT, dra=ABSENT)
    assert STAGE.assess(given, SPEC).state == "waiting"
    assert len(STAGE.plan(given, SPEC)) == 1


def test_our_plugin_is_scoped_classed_and_loud() -> None:
    (step,) = STAGE.plan(facts(sets()), SPEC)
    assert isinstance(step.action, ApplyObject)
    pod = step.action.manifest["spec"]["template"]["spec"]
    assert pod["runtimeClassName"] == "nvidia"
    assert pod["nodeSelector"] == {"nvidia.com/gpu": "present"}
    assert pod["containers"][0]["env"] == [{"name": "FAIL_ON_INIT_ERROR", "value": "true"}]
    assert pod["containers"][0]["image"] == "nvcr.io/nvidia/k8s-device-plugin:v0.20.0"


def test_a_foreign_plugin_elsewhere_is_joined_by_its_label_or_ours_is_applied() -> None:
    question = STAGE.assess(facts(sets(ELSEWHERE)), SPEC).question
    assert question is not None
    assert [option.id for option in question.options] == ["join", "own", "stop"]
    assert question.default == "join"
    joined: Spec = SPEC.with_choice(question.id, "join")
    assert STAGE.assess(facts(sets(ELSEWHERE)), joined).code == "device-plugin.adopted"
    own = SPEC.with_choice(question.id, "own")
    assert STAGE.assess(facts(sets(ELSEWHERE)), own).code == "device-plugin.missing"


def test_helm_is_joined_by_nvidias_own_label() -> None:
    question = STAGE.assess(facts(sets(HELM)), SPEC).question
    assert question is not None
    assert question.params["labels"] == "nvidia.com/gpu.present=true"


def test_our_name_taken_by_a_plugin_elsewhere_leaves_joining_alone() -> None:
    taken = daemonset(nodeSelector={"rack": "7"})
    question = STAGE.assess(facts(sets(taken)), SPEC).question
    assert question is not None
    assert [option.id for option in question.options] == ["join", "stop"]


def sharing_spec(replicas: int) -> Spec:
    options = replace(SPEC.options, device_plugin=DevicePluginOptions(replicas=replicas))
    return replace(SPEC, options=options)


def applied(replicas: int, found: Fact[tuple[PluginSet, ...]]) -> dict[str, Any]:
    (step,) = STAGE.plan(facts(found), sharing_spec(replicas))
    assert isinstance(step.action, ApplyObject)
    return dict(step.action.manifest)


def test_shares_of_a_card_are_asked_for_in_the_setup_file() -> None:
    made = applied(4, sets())
    template = made["spec"]["template"]
    text = template["metadata"]["annotations"]["gpu-wizard/sharing"]
    assert json.loads(text)["sharing"]["timeSlicing"]["resources"] == [
        {"name": "nvidia.com/gpu", "replicas": 4}
    ]
    (container,) = template["spec"]["containers"]
    assert {"name": "CONFIG_FILE", "value": "/etc/gpu-wizard/config.yaml"} in container["env"]
    shared = facts(sets({**OURS, "spec": made["spec"]}))
    assert STAGE.assess(shared, sharing_spec(4)).code == "device-plugin.ours"
    assert STAGE.assess(shared, sharing_spec(2)).code == "device-plugin.other-sharing"
    assert STAGE.assess(shared, sharing_spec(1)).code == "device-plugin.other-sharing"
    whole = facts(sets(OURS))
    assert STAGE.assess(whole, sharing_spec(4)).code == "device-plugin.other-sharing"
    assert STAGE.assess(whole, sharing_spec(1)).code == "device-plugin.ours"


def test_sharing_that_is_not_spoken_of_stays() -> None:
    shared = sets({**OURS, "spec": applied(4, sets())["spec"]})
    assert STAGE.assess(facts(shared), SPEC).code == "device-plugin.ours"
    assert applied(0, shared) == applied(4, sets())
    assert applied(1, shared) == applied(0, sets())


def test_sharing_of_somebody_elses_plugin_is_theirs() -> None:
    assessment = STAGE.assess(facts(sets(daemonset())), sharing_spec(4))
    assert assessment.code == "device-plugin.adopted"
    assert "device-plugin.sharing-is-theirs" in [note.code for note in assessment.notes]
