"""Manifests: right for the cluster that was asked, YAML that reads back the same, comments that can be left out."""

from __future__ import annotations

from typing import Any

import pytest
import yaml

from gpu_wizard.cli import main
from gpu_wizard.faces.manifest import WIDTH, as_yaml
from gpu_wizard.facts.nvidia_smi import SmiVersions
from gpu_wizard.facts.runtime_classes import RuntimeClassObject
from gpu_wizard.facts.workloads import Fit, Wanted, WorkloadFacts, cautions, fit_of, workload
from gpu_wizard.knowledge.texts import Language
from gpu_wizard.model.fact import Known, Unknown
from tests.stages.cluster_facts import node

KINDS = ("pod", "deployment", "dcgm-exporter")
NVIDIA = RuntimeClassObject("nvidia", "nvidia", "k3s")
LABELLED = {"nvidia.com/gpu": "present"}


def looked(
    *nodes: Any, classes: tuple[RuntimeClassObject, ...] = (NVIDIA,), cuda: str = "13.0"
) -> WorkloadFacts:
    return WorkloadFacts(
        classes=Known(classes), nodes=Known(nodes), versions=Known(SmiVersions(cuda=cuda))
    )


def container(wanted: Wanted, fit: Fit) -> dict[str, Any]:
    made = workload(wanted, fit)[0]["spec"]
    spec = made["template"]["spec"] if "template" in made else made
    found: dict[str, Any] = spec["containers"][0]
    return found


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("language", ["en", "ru"])
@pytest.mark.parametrize("comments", [True, False])
def test_yaml_reads_back_the_same(kind: str, language: Language, comments: bool) -> None:
    objects = workload(Wanted(kind), Fit())
    text = as_yaml(objects, language, comments=comments)
    assert tuple(yaml.safe_load_all(text)) == objects
    assert ("#" in text) == comments
    assert [line for line in text.splitlines() if len(line) > WIDTH and "#" in line] == []


@pytest.mark.parametrize(
    "value", ["yes", "on", "1e3", "0x10", "1.5", "null", "a: b", "- x", "", "#", "é", "true", "y"]
)
def test_texts_stay_texts(value: str) -> None:
    assert yaml.safe_load(as_yaml([{"key": value}], "en")) == {"key": value}


def test_every_comment_is_said_once_a_document() -> None:
    text = as_yaml(workload(Wanted("deployment"), Fit()), "en")
    told = [line.partition("# ")[2] for line in text.splitlines() if "# " in line]
    assert len(told) == len(set(told)) >= 7


def test_a_labelled_cluster_of_whole_cards() -> None:
    fit = fit_of(
        [looked(node(labels=LABELLED, allocatable={"nvidia.com/gpu": "2"}), node("plain"))]
    )
    assert (fit.runtime_class, fit.resource, fit.offered) == ("nvidia", "nvidia.com/gpu", (2,))
    assert fit.node_selector == LABELLED
    assert cautions(Wanted("deployment", replicas=2), fit) == ()


def test_a_class_of_another_name_is_taken_and_none_is_said() -> None:
    named = RuntimeClassObject("gpu", "nvidia", "hand")
    assert fit_of([looked(classes=(named,))]).runtime_class == "gpu"
    bare = fit_of([looked(classes=(RuntimeClassObject("kata", "kata", "hand"),))])
    assert "runtimeClassName" not in workload(Wanted("pod"), bare)[0]["spec"]
    assert "workload.no-class" in [note.code for note in cautions(Wanted("pod"), bare)]


@pytest.mark.parametrize(
    ("allocatable", "resource"),
    [
        ({"nvidia.com/gpu": "1", "nvidia.com/mig-1g.10gb": "4"}, "nvidia.com/gpu"),
        ({"nvidia.com/gpu": "0", "nvidia.com/gpu.shared": "4"}, "nvidia.com/gpu.shared"),
        ({"nvidia.com/mig-1g.10gb": "2", "nvidia.com/mig-3g.40gb": "1"}, "nvidia.com/mig-1g.10gb"),
    ],
)
def test_the_resource_is_what_the_plugin_advertises(
    allocatable: dict[str, str], resource: str
) -> None:
    fit = fit_of([looked(node(labels=LABELLED, allocatable=allocatable))])
    assert container(Wanted("pod"), fit)["resources"]["limits"] == {resource: 1}


def test_the_selector_is_a_label_that_all_gpu_nodes_carry() -> None:
    gpus = {"nvidia.com/gpu": "1"}
    helm = {"nvidia.com/gpu.present": "true"}
    both = fit_of(
        [
            looked(
                node("a", {**LABELLED, **helm}, allocatable=gpus), node("b", helm, allocatable=gpus)
            )
        ]
    )
    assert both.node_selector == helm
    none = fit_of([looked(node("a", LABELLED, allocatable=gpus), node("b", allocatable=gpus))])
    assert none.node_selector == {}
    assert [note.code for note in cautions(Wanted("pod"), none)] == ["workload.no-common-label"]


def test_the_image_is_one_that_every_driver_runs() -> None:
    fit = fit_of([looked(cuda="13.0"), looked(cuda="12.4")])
    assert container(Wanted("pod"), fit)["image"].startswith("docker.io/nvidia/cuda:12.4.")
    assert container(Wanted("pod"), Fit())["image"].startswith("docker.io/nvidia/cuda:12.5.")
    own = container(Wanted("pod", image="mine:1"), fit)
    assert own["image"] == "mine:1"
    assert "command" not in own


@pytest.mark.parametrize(
    ("wanted", "advertised", "code"),
    [
        (Wanted("deployment", replicas=3), "2", "workload.too-many"),
        (Wanted("deployment", replicas=2, gpus=2), "2", "workload.too-many"),
        (Wanted("pod", gpus=3), "2", "workload.too-many-for-a-node"),
        (Wanted("pod", image="nvidia/cuda:13.1.0-base-ubuntu22.04"), "2", "workload.image-too-new"),
        (Wanted("pod", image="a/torch:2.9-cuda13.2-cudnn9"), "2", "workload.image-too-new"),
        (Wanted("pod"), "0", "workload.nothing-advertised"),
    ],
)
def test_more_than_there_is_is_said(wanted: Wanted, advertised: str, code: str) -> None:
    fit = fit_of([looked(node(labels=LABELLED, allocatable={"nvidia.com/gpu": advertised}))])
    assert [note.code for note in cautions(wanted, fit)] == [code]


def test_the_gpus_of_a_pod_come_from_one_node() -> None:
    gpus = [{"nvidia.com/gpu": count} for count in ("1", "3")]
    fit = fit_of(
        [looked(*(node(f"n{n}", LABELLED, allocatable=each) for n, each in enumerate(gpus)))]
    )
    assert cautions(Wanted("deployment", replicas=1, gpus=3), fit) == ()
    (too_many,) = cautions(Wanted("deployment", replicas=2, gpus=2), fit)
    assert (too_many.code, too_many.params["room"]) == ("workload.too-many", "1")
    (for_one,) = cautions(Wanted("deployment", replicas=1, gpus=4), fit)
    assert for_one.code == "workload.too-many-for-a-node"


def test_a_driver_older_than_every_image_is_said() -> None:
    fit = fit_of([looked(node(labels=LABELLED, allocatable={"nvidia.com/gpu": "1"}), cuda="10.2")])
    assert [note.code for note in cautions(Wanted("pod"), fit)] == ["workload.image-too-new"]
    assert cautions(Wanted("dcgm-exporter"), fit) == ()


def test_shares_are_given_out_one_by_one() -> None:
    fit = fit_of([looked(node(labels=LABELLED, allocatable={"nvidia.com/gpu.shared": "4"}))])
    assert [note.code for note in cautions(Wanted("pod", gpus=2), fit)] == [
        "workload.shares-are-one-each"
    ]


def test_what_could_not_be_asked_keeps_the_default() -> None:
    silent = WorkloadFacts(
        classes=Unknown("no-cluster"), nodes=Unknown("no-cluster"), versions=Unknown("timed-out")
    )
    assert fit_of([silent]) == fit_of([]) == Fit()


def test_the_exporter_can_be_applied_again_in_a_newer_version() -> None:
    daemonset, service = workload(Wanted("dcgm-exporter"), Fit())
    assert daemonset["metadata"]["namespace"] == service["metadata"]["namespace"] == "kube-system"
    assert list(daemonset["spec"]["selector"]["matchLabels"]) == ["app.kubernetes.io/name"]
    assert service["spec"]["selector"] == daemonset["spec"]["template"]["metadata"]["labels"]


def test_the_command_line(capsys: pytest.CaptureFixture[str]) -> None:
    argv = [
        "manifest",
        "deployment",
        "--name",
        "trainer",
        "--namespace",
        "ml",
        "--replicas",
        "3",
        "--image",
        "me/it:1",
    ]
    assert main([*argv, "--no-comments"]) == 0
    made = yaml.safe_load(capsys.readouterr().out)
    assert made["metadata"] == {"name": "trainer", "namespace": "ml"}
    assert made["spec"]["replicas"] == 3
    assert main(["manifest", "pod", "--gpus", "0"]) == 2
    assert "--gpus" in capsys.readouterr().err
