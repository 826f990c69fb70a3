"""Stages 5 to 8 against a real API server: other people's plugins, classes, labels and rights."""

from __future__ import annotations

import json

import pytest

from .bed import Bed, until
from .hands import daemonset, join, phase, pod
from .machine import Machine
from .wizard import Wizard

HELM_POD = {
    "affinity": {
        "nodeAffinity": {
            "requiredDuringSchedulingIgnoredDuringExecution": {
                "nodeSelectorTerms": [
                    {
                        "matchExpressions": [
                            {"key": "nvidia.com/gpu.present", "operator": "In", "values": ["true"]}
                        ]
                    }
                ]
            }
        }
    }
}


@pytest.fixture
def ready(bed: Bed, equipped: Machine) -> Machine:
    """A joined machine with a toolkit that K3s has found."""
    join(bed, equipped)
    return equipped


def test_hand_made_plugin_is_adopted_and_given_class_and_selector(
    bed: Bed, ready: Machine, wizard: Wizard
) -> None:
    bed.apply(daemonset())

    run = wizard.auto(wizard.write_setup([ready]))

    run.expect(0)
    assert run.assessments()["device-plugin"]["code"] == "device-plugin.adopted"
    found = bed.get("daemonset", "nvidia-device-plugin-daemonset", namespace="kube-system")["spec"][
        "template"
    ]["spec"]
    assert found["runtimeClassName"] == "nvidia"
    assert found["containers"][0]["image"].endswith(":v0.17.4")
    again = wizard.auto(wizard.write_setup([ready]))
    assert again.status == 0
    assert again.of("step-started") == []


def test_helm_like_plugin_is_adopted(bed: Bed, ready: Machine, wizard: Wizard) -> None:
    bed.kubectl_run("create", "namespace", "nvidia")
    made = daemonset("plugin-nvidia-device-plugin", "nvidia", tag="v0.20.0", pod=HELM_POD)
    made["metadata"]["labels"] = {
        "app.kubernetes.io/managed-by": "Helm",
        "helm.sh/chart": "nvidia-device-plugin-0.20.0",
    }
    bed.apply(made)
    bed.kubectl("label", "node", "gpu1", "nvidia.com/gpu.present=true")

    run = wizard.auto(wizard.write_setup([ready]))

    run.expect(0)
    assert [each["metadata"]["name"] for each in bed.get("daemonset")["items"]] == [
        "plugin-nvidia-device-plugin"
    ]


def test_two_plugins_on_one_node_are_refused(bed: Bed, ready: Machine, wizard: Wizard) -> None:
    bed.apply(daemonset(), daemonset("mine", "default"))

    run = wizard.auto(wizard.write_setup([ready]))

    assert run.status == 1
    assert run.assessments()["device-plugin"]["code"] == "device-plugin.two", repr(run)
    assert len(bed.get("daemonset")["items"]) == 2


def test_field_of_another_manager_is_not_forced(bed: Bed, ready: Machine, wizard: Wizard) -> None:
    made = daemonset(pod={"runtimeClassName": "nvidia-experimental"})
    text = json.dumps(made)
    bed.kubectl("apply", "--server-side", "--field-manager=gitops", "-f", "-", text_in=text)

    run = wizard.auto(wizard.write_setup([ready]))

    run.expect(1)
    error = run.of("stage-finished")[-1]["error"]
    assert error["code"] == "api-conflict"
    assert '"gitops": .spec.template.spec.runtimeClassName' in error["message"]
    found = bed.get("daemonset", "nvidia-device-plugin-daemonset", namespace="kube-system")["spec"][
        "template"
    ]["spec"]
    assert found["runtimeClassName"] == "nvidia-experimental"


def test_class_with_another_handler_is_left_alone(bed: Bed, ready: Machine, wizard: Wizard) -> None:
    bed.kubectl("delete", "runtimeclass", "nvidia")
    bed.apply(
        {
            "apiVersion": "node.k8s.io/v1",
            "kind": "RuntimeClass",
            "metadata": {"name": "nvidia"},
            "handler": "runc",
        }
    )
    try:
        run = wizard.auto(wizard.write_setup([ready]))

        assert run.status == 1
        assert run.assessments()["runtime-class"]["state"] == "blocked", repr(run)
        assert bed.get("runtimeclass", "nvidia")["handler"] == "runc"
    finally:
        bed.kubectl("delete", "runtimeclass", "nvidia")
        bed.server.sh("systemctl --no-block restart k3s")
        until(
            "K3s made its class again",
            lambda: bed.exists("runtimeclass", "nvidia"),
            seconds=120,
        )


def test_missing_class_is_made_as_ours(bed: Bed, ready: Machine, wizard: Wizard) -> None:
    bed.kubectl("delete", "runtimeclass", "nvidia")
    try:
        run = wizard.auto(wizard.write_setup([ready]))

        run.expect(0)
        assert (
            bed.get("runtimeclass", "nvidia")["metadata"]["labels"]["app.kubernetes.io/managed-by"]
            == "gpu-wizard"
        )
    finally:
        bed.kubectl("delete", "runtimeclass", "nvidia")
        bed.server.sh("systemctl --no-block restart k3s")
        until(
            "K3s made its class again",
            lambda: bed.exists("runtimeclass", "nvidia"),
            seconds=120,
        )


def test_label_with_another_value_is_a_question(bed: Bed, ready: Machine, wizard: Wizard) -> None:
    bed.kubectl("label", "node", "gpu1", "nvidia.com/gpu=reserved")

    asked = wizard.auto(wizard.write_setup([ready]))

    asked.expect(1)
    assert bed.get("node", "gpu1")["metadata"]["labels"]["nvidia.com/gpu"] == "reserved"


@pytest.mark.parametrize(
    ("role", "stage"),
    [
        pytest.param("view", "join", id="not even at nodes"),
        pytest.param("reader", "device-plugin", id="at everything"),
    ],
)
def test_user_who_may_only_look_is_told_what_is_missing(
    bed: Bed, ready: Machine, wizard: Wizard, role: str, stage: str
) -> None:
    bed.kubectl_run("create", "serviceaccount", "viewer", "-n", "default")
    bed.kubectl_run("create", "clusterrole", "reader", "--verb=get,list,watch", "--resource=*.*")
    account = "--serviceaccount=default:viewer"
    bed.kubectl_run("delete", "clusterrolebinding", "viewer")
    bed.kubectl("create", "clusterrolebinding", "viewer", f"--clusterrole={role}", account)
    token = bed.kubectl("create", "token", "viewer", "-n", "default").strip()
    kubeconfig = wizard.home / "viewer"
    kubeconfig.write_text(bed.kubeconfig.read_text())
    for arguments in (
        ("set-credentials", "viewer", f"--token={token}"),
        ("set-context", "--current", "--user=viewer"),
    ):
        bed.kubectl("config", f"--kubeconfig={kubeconfig}", *arguments)

    run = wizard.auto(wizard.write_setup([ready], cluster={"kubeconfig": str(kubeconfig)}))

    run.expect(1)
    (ended,) = [each for each in run.of("stage-finished") if each["outcome"] == "failed"]
    assert ended["stage"] == stage, repr(run)
    why = ended["error"] or ended["assessment"]
    assert why["code"] == "api-forbidden"
    assert "forbidden" in json.dumps(why)
    assert token not in run.out
    assert bed.get("daemonset")["items"] == []


def test_node_of_another_host_is_not_taken_for_this_one(
    bed: Bed, fresh: Machine, wizard: Wizard
) -> None:
    """A setup file that names the wrong machine: K3s runs there, and that Node is another's."""
    join(bed, fresh)
    before = bed.get("node", "gpu1")["metadata"]["labels"]

    run = wizard.auto(
        wizard.write_setup([bed.server], stages={"join": {"node_name": "gpu1"}}), seconds=120
    )

    run.expect(1)
    assert run.assessments()["join"]["code"] == "join.node-is-other-host", repr(run)
    assert run.of("step-started") == []
    assert bed.get("node", "gpu1")["metadata"]["labels"] == before


def test_sharing_that_was_set_up_by_hand_multiplies_and_is_proved(
    bed: Bed, ready: Machine, wizard: Wizard
) -> None:
    """Time-slicing by NVIDIA's own ConfigMap: four replicas of one card."""
    sharing = {"timeSlicing": {"resources": [{"name": "nvidia.com/gpu", "replicas": 4}]}}
    config = json.dumps({"version": "v1", "sharing": sharing})
    made = daemonset()
    spec = made["spec"]["template"]["spec"]
    spec["volumes"].append({"name": "config", "configMap": {"name": "sharing"}})
    (container,) = spec["containers"]
    container["volumeMounts"].append({"name": "config", "mountPath": "/config"})
    container["env"].append({"name": "CONFIG_FILE", "value": "/config/config.yaml"})
    configmap = {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": "sharing", "namespace": "kube-system"},
        "data": {"config.yaml": config},
    }
    bed.apply(configmap, made)

    run = wizard.auto(wizard.write_setup([ready]))

    run.expect(0)
    assert bed.allocatable("gpu1") == 4
    assert run.assessments()["proof"]["code"] == "proof.proved"


def test_shares_that_the_setup_file_asks_for_multiply_and_are_proved(
    bed: Bed, ready: Machine, wizard: Wizard
) -> None:
    setup = wizard.write_setup([ready], stages={"device-plugin": {"replicas": 4}})

    wizard.auto(setup).expect(0)
    assert bed.allocatable("gpu1") == 4
    again = wizard.auto(setup, "--prove")

    again.expect(0)
    assert again.assessments()["proof"]["code"] == "proof.proved"
    changed = [event["stage"] for event in again.of("step-started")]
    assert set(changed) <= {"proof"}, repr(again)


def test_second_node_joins_while_the_first_computes(
    bed: Bed, ready: Machine, wizard: Wizard
) -> None:
    first = wizard.auto(wizard.write_setup([ready]))
    first.expect(0)
    bed.apply(pod("training", "gpu1", "nvidia-smi -L && sleep 600", cards=1))
    until("the pod runs", lambda: phase(bed, "training") == "Running")
    second = bed.add("gpu2", cards=2)

    run = wizard.auto(wizard.write_setup([ready, second]))

    run.expect(0)
    assert bed.allocatable("gpu2") == 2
    status = bed.get("pod", "training", namespace="default")["status"]
    assert status["phase"] == "Running"
    assert status["containerStatuses"][0]["restartCount"] == 0
