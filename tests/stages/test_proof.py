"""The proof: from the plugin's pod to the test pod's own words."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from gpu_wizard.facts.k3s_journal import K3sJournal
from gpu_wizard.facts.nvidia_smi import ListedGpu, MigDevice, SmiVersions
from gpu_wizard.facts.proof_pods import ProofPod
from gpu_wizard.model.action import ApplyObject, DeleteObject
from gpu_wizard.model.fact import ABSENT, Known, Unknown
from gpu_wizard.model.question import PodLog
from gpu_wizard.model.spec import ProofOptions, StageOptions
from gpu_wizard.stages.proof import Proof, ProofFacts
from tests.stages.cluster_facts import SPEC, node, pod

STAGE = Proof()
PROVE = replace(SPEC, prove=True)
UUID = "GPU-11111111-2222-3333-4444-555555555555"
OTHER = "GPU-99999999-2222-3333-4444-555555555555"
CARD = ListedGpu(0, "NVIDIA RTX A6000", UUID)
PLUGIN = pod(
    "plugin-x", namespace="kube-system", images=("nvcr.io/nvidia/k8s-device-plugin:v0.20.0",)
)
REGISTERED = (
    "2026-11-25T22:02:40.5Z I1125 x] Registered device plugin for 'nvidia.com/gpu' with Kubelet\n"
)
STARTED, NOW = 1795644159.0, 1795644759
"""2026-11-25T22:02:39Z, a second before the registration."""


def log_of(name: str, text: str, namespace: str = "default") -> PodLog:
    return PodLog(namespace, name, "c", text)


def short(name: str, part: str = "proof", run: str = "run-1", **changes: Any) -> ProofPod:
    changes.setdefault("gpus", {"nvidia.com/gpu": 1} if part == "proof" else {})
    return ProofPod(pod(name, **changes), part, run)


def facts(**changes: Any) -> ProofFacts:
    values: dict[str, Any] = {
        "node": Known(node(allocatable={"nvidia.com/gpu": "1"})),
        "pods": Known((PLUGIN,)),
        "plugin_logs": Known((log_of("plugin-x", REGISTERED, "kube-system"),)),
        "cards": Known((CARD,)),
        "versions": Known(SmiVersions(cuda="12.5")),
        "journal": Known(K3sJournal(started_at=STARTED)),
        "proof_pods": Known(()),
        "proof_logs": Known(()),
        "clock": Known(NOW),
    }
    return ProofFacts(**{**values, **changes})


def with_pods(*pods: ProofPod, **logs: str) -> ProofFacts:
    return facts(
        proof_pods=Known(pods),
        proof_logs=Known(
            tuple(log_of(name.replace("_", "-"), text) for name, text in logs.items())
        ),
    )


LISTED = f"GPU 0: NVIDIA RTX A6000 (UUID: {UUID})\n"
SUCCEEDED = short("t-1", phase="Succeeded")
CONTROL = short("c", "control", phase="Failed", reason="StartError")

CASES: dict[str, tuple[ProofFacts, str, str]] = {
    "ready to ask": (facts(), "needed", "proof.ready"),
    "no plugin pod": (facts(pods=Known(())), "waiting", "proof.no-plugin-pod"),
    "plugin not ready": (
        facts(pods=Known((replace(PLUGIN, ready=False, reason="ContainerCreating"),))),
        "waiting",
        "proof.plugin-not-ready",
    ),
    "plugin under runc": (
        facts(
            plugin_logs=Known(
                (log_of("plugin-x", "Incompatible strategy detected auto", "kube-system"),)
            )
        ),
        "waiting",
        "proof.plugin-no-nvml",
    ),
    "allocatable lies after a restart": (
        facts(journal=Known(K3sJournal(started_at=STARTED + 5))),
        "waiting",
        "proof.not-registered",
    ),
    "kubelet older than its journal": (facts(journal=Known(K3sJournal())), "needed", "proof.ready"),
    "allocatable not there yet": (facts(node=Known(node())), "waiting", "proof.allocatable"),
    "allocatable for another count": (
        facts(node=Known(node(allocatable={"nvidia.com/gpu": "2"}))),
        "waiting",
        "proof.allocatable",
    ),
    "all GPUs taken": (
        facts(pods=Known((PLUGIN, pod("train", gpus={"nvidia.com/gpu": 1})))),
        "waiting",
        "proof.gpus-in-use",
    ),
    "ended pods hold none": (
        facts(pods=Known((PLUGIN, pod("old", phase="Succeeded", gpus={"nvidia.com/gpu": 1})))),
        "needed",
        "proof.ready",
    ),
    "test pod runs": (
        with_pods(short("t-1", phase="Pending", reason="ContainerCreating")),
        "waiting",
        "proof.test-running",
    ),
    "refused right after a restart": (
        with_pods(
            short(
                "t-1",
                phase="Failed",
                reason="UnexpectedAdmissionError",
                message="no healthy devices",
            )
        ),
        "needed",
        "proof.try-again",
    ),
    "refused twice": (
        with_pods(
            short("t-1", phase="Failed", reason="UnexpectedAdmissionError"),
            short("t-2", phase="Failed", reason="UnexpectedAdmissionError"),
        ),
        "blocked",
        "proof.test-failed",
    ),
    "image is gone": (
        with_pods(
            short("t-1", phase="Pending", reason="ErrImagePull", message="docker.io/x: not found")
        ),
        "blocked",
        "proof.image",
    ),
    "registry hiccup": (
        with_pods(short("t-1", phase="Pending", reason="ErrImagePull", message="i/o timeout")),
        "waiting",
        "proof.test-running",
    ),
    "limit dropped by somebody": (
        with_pods(short("t-1", phase="Succeeded", gpus={}), t_1=LISTED),
        "blocked",
        "proof.limit-dropped",
    ),
    "saw nothing": (
        with_pods(SUCCEEDED, t_1="No devices were found\n"),
        "blocked",
        "proof.wrong-gpus",
    ),
    "saw a card that is not the node's": (
        with_pods(SUCCEEDED, t_1=f"GPU 0: X (UUID: {OTHER})\n"),
        "blocked",
        "proof.wrong-gpus",
    ),
    "saw two for one": (
        with_pods(SUCCEEDED, t_1=LISTED + f"GPU 1: X (UUID: {OTHER})\n"),
        "blocked",
        "proof.wrong-gpus",
    ),
    "log not there yet": (with_pods(SUCCEEDED), "waiting", "proof.test-running"),
    "control still runs": (
        with_pods(SUCCEEDED, short("c", "control"), t_1=LISTED),
        "waiting",
        "proof.control-running",
    ),
    "proved": (with_pods(SUCCEEDED, CONTROL, t_1=LISTED), "done", "proof.proved"),
    "could not look": (facts(pods=Unknown("api-forbidden")), "unknown", "api-forbidden"),
    "no node": (facts(node=ABSENT), "waiting", "proof.no-node"),
}


@pytest.mark.parametrize("case", CASES)
def test_each_situation_has_its_judgement(case: str) -> None:
    given, state, code = CASES[case]
    assessment = STAGE.assess(given, PROVE)
    assert (assessment.state, assessment.code) == (state, code)
    assert STAGE.found(given, PROVE)


def test_what_only_time_cures_is_settling_and_the_rest_is_not() -> None:
    for given, state, code in CASES.values():
        if state == "waiting":
            settling = STAGE.assess(given, PROVE).settling
            assert settling == (code not in ("proof.gpus-in-use", "proof.no-node"))


def test_a_leak_is_said_and_fails_nothing() -> None:
    leaky = with_pods(SUCCEEDED, short("c", "control", phase="Succeeded"), t_1=LISTED, c=LISTED)
    assessment = STAGE.assess(leaky, PROVE)
    assert assessment.state == "done"
    assert [note.code for note in assessment.notes] == [
        "proof.leak-default-runtime",
        "proof.class-sees-all",
    ]
    tight = STAGE.assess(with_pods(SUCCEEDED, CONTROL, t_1=LISTED), PROVE)
    assert [note.code for note in tight.notes] == ["proof.control-saw-none", "proof.class-sees-all"]


def test_the_plan_asks_with_a_container_limit_and_controls_without() -> None:
    test, control = (step.action for step in STAGE.plan(facts(), PROVE))
    assert isinstance(test, ApplyObject)
    assert isinstance(control, ApplyObject)
    asked, plain = test.manifest["spec"], control.manifest["spec"]
    assert asked["containers"][0]["resources"]["limits"]["nvidia.com/gpu"] == "1"
    assert asked["runtimeClassName"] == "nvidia"
    assert asked["nodeSelector"] == {"kubernetes.io/hostname": "gpu-1"}
    assert asked["containers"][0]["image"] == "docker.io/nvidia/cuda:12.5.1-base-ubuntu22.04"
    assert "runtimeClassName" not in plain
    assert "nvidia.com/gpu" not in plain["containers"][0]["resources"]["limits"]
    assert plain["containers"][0]["image"] == asked["containers"][0]["image"]
    assert not any(
        "NVIDIA_VISIBLE_DEVICES" in str(manifest) for manifest in (test.manifest, control.manifest)
    )


def test_a_second_try_has_another_name_and_no_second_control() -> None:
    given = with_pods(short("t-1", phase="Failed", reason="UnexpectedAdmissionError"), CONTROL)
    (step,) = STAGE.plan(given, PROVE)
    assert step.params["pod"].endswith("-2")


def test_an_image_of_the_file_wins() -> None:
    spec = replace(PROVE, options=StageOptions(proof=ProofOptions(image="mirror/cuda:1")))
    assert STAGE.plan(facts(), spec)[0].params["image"] == "mirror/cuda:1"


def test_the_files_time_bounds_pods_and_waiting() -> None:
    spec = replace(PROVE, options=StageOptions(proof=ProofOptions(timeout_seconds=900.0)))
    test, control = (step.action for step in STAGE.plan(facts(), spec))
    assert isinstance(test, ApplyObject)
    assert isinstance(control, ApplyObject)
    for each in (test, control):
        assert each.manifest["spec"]["activeDeadlineSeconds"] == 900
    assert (STAGE.settles_in(spec), STAGE.settles_in(PROVE)) == (900.0, 300.0)


def test_ended_pods_of_a_run_that_was_cut_off_are_removed() -> None:
    old = short("old", run="run-0", phase="Succeeded")
    steps = STAGE.plan(facts(proof_pods=Known((old, short("live", run="run-0")))), PROVE)
    assert [step.action.name for step in steps if isinstance(step.action, DeleteObject)] == ["old"]


def test_a_proof_that_was_cut_off_is_run_anew_though_nothing_changed() -> None:
    def judged(*left: ProofPod, **more: Any) -> Any:
        holders = tuple(each.pod for each in left)
        given = facts(proof_pods=Known(left), pods=Known((PLUGIN, *holders)), **more)
        return STAGE.assess(given, SPEC)

    assert judged().code == "proof.not-run"
    ended = judged(short("old", run="run-0", phase="Failed"))
    assert (ended.state, ended.code, ended.settling) == ("needed", "proof.cut-off", False)
    # A run beside this one is waited for, until its pod is older than its deadline allows.
    assert judged(short("live", run="run-0", created="2026-11-25T22:12:00Z")).settling
    unscheduled = short("live", run="run-0", created="2026-11-25T22:02:00Z", phase="Pending")
    assert not judged(unscheduled).settling
    assert judged(unscheduled, clock=Unknown("timed-out")).settling


def test_only_this_nodes_pods_count_also_before_they_are_scheduled() -> None:
    elsewhere = short("old", run="run-0", phase="Failed", node="gpu-2")
    pending = ProofPod(pod("p", node="", phase="Failed"), "proof", "run-0", "gpu-2")
    for other in (elsewhere, pending):
        assert STAGE.assess(facts(proof_pods=Known((other,))), SPEC).code == "proof.not-run"
    mine = replace(pending, hostname="gpu-1")
    assert STAGE.assess(facts(proof_pods=Known((mine,))), SPEC).code == "proof.cut-off"


def test_shared_cards_count_by_replicas_and_instances_by_profile() -> None:
    config = 'Running with config:\n{"sharing": {"timeSlicing": {"resources": [{"name": "nvidia.com/gpu", "replicas": 4}]}}}\n'
    shared = facts(
        node=Known(node(allocatable={"nvidia.com/gpu": "4"})),
        plugin_logs=Known((log_of("plugin-x", config + REGISTERED, "kube-system"),)),
    )
    assert STAGE.assess(shared, PROVE).code == "proof.ready"
    mig = ListedGpu(0, "H200", UUID, (MigDevice("1g.18gb", "MIG-1"), MigDevice("1g.18gb", "MIG-2")))
    mixed = facts(
        cards=Known((mig,)),
        node=Known(node(allocatable={"nvidia.com/mig-1g.18gb": "2"})),
        plugin_logs=Known(
            (
                log_of(
                    "plugin-x",
                    REGISTERED.replace("nvidia.com/gpu", "nvidia.com/mig-1g.18gb"),
                    "kube-system",
                ),
            )
        ),
    )
    assert STAGE.assess(mixed, PROVE).code == "proof.ready"
    limits: Any = STAGE.plan(mixed, PROVE)[0].action
    assert (
        limits.manifest["spec"]["containers"][0]["resources"]["limits"]["nvidia.com/mig-1g.18gb"]
        == "1"
    )
