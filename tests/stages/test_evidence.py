"""The proof's evidence: judged as the proof does, and done without a test pod."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from gpu_wizard.facts.daemonsets import parse_plugin_sets
from gpu_wizard.facts.k3s_journal import K3sJournal
from gpu_wizard.facts.nvidia_smi import ListedGpu
from gpu_wizard.facts.objects import parse_pod
from gpu_wizard.model.fact import ABSENT, Known, Unknown
from gpu_wizard.model.question import ObjectsFound, PodLog
from gpu_wizard.stages.evidence import Evidence, EvidenceFacts
from tests.stages.cluster_facts import SPEC, daemonset, node, pod

STAGE = Evidence()
CARD = ListedGpu(0, "NVIDIA RTX A6000", "GPU-11111111-2222-3333-4444-555555555555")
IMAGE = "nvcr.io/nvidia/k8s-device-plugin:v0.20.0"
PLUGIN = pod("plugin-x", namespace="kube-system", images=(IMAGE,))
DISCOVERY = pod(
    "gfd-y",
    namespace="kube-system",
    images=(IMAGE,),
    programs=("gpu-feature-discovery",),
    created="2026",
)
REGISTERED = "2026-11-25T22:02:40.5Z Registered device plugin for 'nvidia.com/gpu' with Kubelet\n"
STARTED = 1795644159.0
"""A second before the registration."""


def log_of(text: str, error: str = "") -> PodLog:
    return PodLog("kube-system", "plugin-x", "c", text, error)


def facts(**changes: Any) -> EvidenceFacts:
    values: dict[str, Any] = {
        "node": Known(node(allocatable={"nvidia.com/gpu": "1"})),
        "pods": Known((PLUGIN,)),
        "plugin_logs": Known((log_of(REGISTERED),)),
        "cards": Known((CARD,)),
        "journal": Known(K3sJournal(started_at=STARTED)),
    }
    return EvidenceFacts(**{**values, **changes})


CASES: dict[str, tuple[EvidenceFacts, str, str]] = {
    "everything is right": (facts(), "done", "proof.evidence"),
    "another program of the plugin's image is no plugin": (
        facts(pods=Known((PLUGIN, DISCOVERY))),
        "done",
        "proof.evidence",
    ),
    "no Node": (facts(node=ABSENT), "waiting", "proof.no-node"),
    "no plugin": (facts(pods=Known((DISCOVERY,))), "waiting", "proof.no-plugin-pod"),
    "kubelet younger than the registration": (
        facts(journal=Known(K3sJournal(started_at=STARTED + 60))),
        "waiting",
        "proof.not-registered",
    ),
    "allocatable lags": (facts(node=Known(node())), "waiting", "proof.allocatable"),
    "no API": (facts(node=Unknown("no-cluster")), "unknown", "no-cluster"),
    "pods may not be listed": (facts(pods=Unknown("api-forbidden")), "unknown", "api-forbidden"),
    "logs may not be read": (
        facts(plugin_logs=Known((log_of("", "pods/log is forbidden"),))),
        "unknown",
        "proof.log-unreadable",
    ),
    "no sudo for the journal": (
        facts(journal=Unknown("sudo-password-needed")),
        "unknown",
        "sudo-password-needed",
    ),
}


@pytest.mark.parametrize("case", CASES)
def test_the_evidence(case: str) -> None:
    given, state, code = CASES[case]
    assessment = STAGE.assess(given, SPEC)
    assert (assessment.state, assessment.code) == (state, code)
    assert STAGE.plan(given, SPEC) == ()


def test_its_rows_are_those_of_the_proof() -> None:
    rows = {row.id: row.value for row in STAGE.found(facts(), SPEC)}
    assert rows["found.plugin-pod"] == "plugin-x"
    assert rows["found.allocatable"] == "nvidia.com/gpu 1"
    assert [row.id for row in STAGE.found(facts(node=ABSENT), SPEC)] == ["found.node"]


@pytest.mark.parametrize(
    ("command", "is_plugin"),
    [
        (None, True),
        (["nvidia-device-plugin"], True),
        (["/usr/bin/nvidia-device-plugin", "--mig-strategy=none"], True),
        (["gpu-feature-discovery"], False),
        (["/usr/bin/mps-control-daemon"], False),
        (["config-manager"], False),
    ],
)
def test_which_program_of_the_image_is_the_plugin(
    command: list[str] | None, is_plugin: bool
) -> None:
    """Source: NVIDIA's Helm chart: GPU feature discovery and the MPS daemon run from the plugin's image."""
    container = {"name": "c", "image": IMAGE, **({"command": command} if command else {})}
    assert parse_pod({"spec": {"containers": [container]}}).is_plugin is is_plugin
    sets = parse_plugin_sets(ObjectsFound((daemonset(containers=[container]),)))
    assert isinstance(sets, Known)
    assert bool(sets.value) is is_plugin


def test_a_plugin_with_a_configuration_sidecar_is_one() -> None:
    both = replace(
        PLUGIN, images=(IMAGE, IMAGE), programs=("config-manager", "nvidia-device-plugin")
    )
    assert both.is_plugin
