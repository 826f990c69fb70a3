"""Stage 7: class and scope of whichever DaemonSet serves the node."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from gpu_wizard.facts.identity import K3sConfig
from gpu_wizard.facts.objects import NodeObject
from gpu_wizard.model.action import ApplyObject
from gpu_wizard.model.fact import ABSENT, Fact, Known
from gpu_wizard.stages.plugin_runtime import PluginRuntime, PluginRuntimeFacts
from tests.stages.cluster_facts import HELM, OPERATORS, SPEC, daemonset, node, sets

STAGE = PluginRuntime()
WITH_GPU = {"nvidia.com/gpu": "2"}


def facts(
    item: Mapping[str, Any],
    *others: NodeObject,
    labels: dict[str, str] | None = None,
    config: Fact[K3sConfig] = ABSENT,
) -> PluginRuntimeFacts:
    mine = node(labels=labels)
    return PluginRuntimeFacts(
        node=Known(mine), nodes=Known((mine, *others)), sets=sets(dict(item)), config=config
    )


def patched(given: PluginRuntimeFacts) -> dict[str, Any]:
    (step,) = STAGE.plan(given, SPEC)
    assert isinstance(step.action, ApplyObject)
    assert step.action.must_exist or "selector" in step.action.manifest["spec"]
    spec: dict[str, Any] = step.action.manifest["spec"]["template"]["spec"]
    return spec


def test_the_guides_own_is_given_both_fields() -> None:
    given = facts(daemonset(), node("plain"))
    assessment = STAGE.assess(given, SPEC)
    assert (assessment.state, assessment.params["fields"]) == (
        "needed",
        "runtimeClassName, nodeSelector",
    )
    assert patched(given) == {
        "runtimeClassName": "nvidia",
        "nodeSelector": {"nvidia.com/gpu": "present"},
    }
    (step,) = STAGE.plan(given, SPEC)
    assert step.risk is not None
    assert step.risk.params == {"nodes": "plain"}


def test_helms_scope_is_left_alone() -> None:
    given = facts(HELM, labels={"nvidia.com/gpu.present": "true"})
    assert STAGE.assess(given, SPEC).params["fields"] == "runtimeClassName"
    assert patched(given) == {"runtimeClassName": "nvidia"}


def test_a_node_that_advertises_and_would_lose_the_plugin_blocks() -> None:
    other = node("old-gpu", allocatable=WITH_GPU)
    assessment = STAGE.assess(facts(daemonset(), other), SPEC)
    assert (assessment.state, assessment.code) == ("blocked", "plugin-runtime.harms-nodes")
    assert assessment.params["nodes"] == "old-gpu"


def test_a_node_that_advertises_keeps_its_plugin_if_it_is_labelled_and_has_the_handler() -> None:
    good = node("gpu-2", {"nvidia.com/gpu": "present"}, allocatable=WITH_GPU)
    assert STAGE.assess(facts(daemonset(), good), SPEC).state == "needed"
    bare = node("gpu-2", {"nvidia.com/gpu": "present"}, allocatable=WITH_GPU, handlers=("", "runc"))
    assert STAGE.assess(facts(daemonset(), bare), SPEC).code == "plugin-runtime.harms-nodes"
    silent = node("gpu-2", {"nvidia.com/gpu": "present"}, allocatable=WITH_GPU, handlers=())
    assert STAGE.assess(facts(daemonset(), silent), SPEC).state == "needed"


def test_default_runtime_nvidia_needs_no_class() -> None:
    config = Known(K3sConfig({"default-runtime": "nvidia"}, {}))
    given = facts(daemonset(nodeSelector={"nvidia.com/gpu": "present"}), config=config)
    assessment = STAGE.assess(given, SPEC)
    assert assessment.state == "done"
    assert [note.code for note in assessment.notes] == ["plugin-runtime.default-runtime"]


def test_the_operators_is_its_own() -> None:
    given = facts(OPERATORS, labels={"nvidia.com/gpu.deploy.device-plugin": "true"})
    assert STAGE.assess(given, SPEC).code == "plugin-runtime.operator"


def test_right_already_is_done_and_a_second_apply_would_keep_both_fields() -> None:
    right = daemonset(runtimeClassName="nvidia", nodeSelector={"nvidia.com/gpu": "present"})
    assert STAGE.assess(facts(right), SPEC).state == "done"
    half = daemonset(nodeSelector={"nvidia.com/gpu": "present"})
    assert set(patched(facts(half))) == {"runtimeClassName", "nodeSelector"}


def test_ours_is_applied_whole_where_somebody_took_a_field_away() -> None:
    ours = daemonset(
        labels={"app.kubernetes.io/managed-by": "gpu-wizard"},
        nodeSelector={"nvidia.com/gpu": "present"},
    )
    assert "containers" in patched(facts(ours))


def test_without_a_plugin_it_waits() -> None:
    given = PluginRuntimeFacts(node=Known(node()), nodes=Known(()), sets=sets(), config=ABSENT)
    assert STAGE.assess(given, SPEC).state == "waiting"
    assert STAGE.plan(given, SPEC) == ()
