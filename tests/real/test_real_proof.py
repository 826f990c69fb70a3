"""The proof's traps, and a machine that is server and GPU node at once."""

from __future__ import annotations

from functools import partial

import pytest

from .bed import SERVER_CONFIG, Bed, install_k3s, until
from .hands import Object, join, phase, pod
from .machine import Machine
from .wizard import Wizard, run_and_strike


def succeeded(bed: Bed, name: str) -> bool:
    return phase(bed, name) == "Succeeded"


@pytest.fixture
def proved(bed: Bed, equipped: Machine, wizard: Wizard) -> Machine:
    """A machine that the product took all the way."""
    join(bed, equipped)
    run = wizard.auto(wizard.write_setup([equipped]))
    run.expect(0)
    return equipped


def test_proof_right_after_a_restart_is_not_fooled_by_old_allocatable(
    bed: Bed, proved: Machine, wizard: Wizard
) -> None:
    proved.sh("systemctl restart k3s-agent")
    assert bed.allocatable("gpu1") == 1

    run = wizard.auto(wizard.write_setup([proved]), "--prove")

    run.expect(0)
    assert run.assessments()["proof"]["code"] == "proof.proved"
    assert "proof.class-sees-all" in [note["code"] for note in run.assessments()["proof"]["notes"]]


def test_all_cards_taken_is_said_and_nobody_is_disturbed(
    bed: Bed, proved: Machine, wizard: Wizard
) -> None:
    bed.apply(pod("training", "gpu1", "sleep 600", cards=1))
    until("the pod runs", lambda: phase(bed, "training") == "Running")

    run = wizard.auto(wizard.write_setup([proved]), "--prove")

    assert run.assessments()["proof"]["code"] == "proof.gpus-in-use", repr(run)
    assert phase(bed, "training") == "Running"
    assert [item["metadata"]["name"] for item in bed.get("pod", namespace="default")["items"]] == [
        "training"
    ]


def test_image_that_cannot_be_pulled_is_named_and_its_pods_go(
    bed: Bed, proved: Machine, wizard: Wizard
) -> None:
    wanted = "nvidia/cuda:99.9.9-base-ubuntu22.04"

    run = wizard.auto(wizard.write_setup([proved], stages={"proof": {"image": wanted}}), "--prove")

    run.expect(1)
    assert run.assessments()["proof"]["code"] == "proof.image"
    until("its pods are gone", lambda: not bed.get("pod", namespace="default")["items"])


def test_pod_without_class_and_class_without_request_are_as_recorded(
    bed: Bed, proved: Machine
) -> None:
    """Not the product's: what its proof must tell apart is so here as on two real H100."""
    look = "nvidia-smi -L || true"
    bed.apply(
        pod("asks-without-class", "gpu1", look, cards=1, runtime_class=""),
        pod("class-without-request", "gpu1", look),
    )
    for name in ("asks-without-class", "class-without-request"):
        until(f"{name} ended", partial(succeeded, bed, name))
    assert "GPU-" not in bed.kubectl("logs", "asks-without-class")
    assert "GPU 0: " in bed.kubectl("logs", "class-without-request")


def test_admission_that_failed_is_cured_by_a_second_try(
    bed: Bed, proved: Machine, wizard: Wizard
) -> None:
    """As after a restart: the Node says 1, no plugin has registered, the pod is refused (k3s-h100, 4)."""
    plugin, scheduler = "[n]vidia-device-plugin", "[k]ube-scheduler"
    bed.server.sh(f"pkill -STOP -f {scheduler}")

    def strike() -> None:
        """Between the test pod's making and its node: the agent starts anew, and its plugin is late."""
        proved.sh(f"pkill -STOP -f {plugin}; systemctl stop k3s-agent")
        bed.server.sh(f"pkill -CONT -f {scheduler}")
        until("the pod has a node", lambda: bool(asking_pods(bed)[0]["spec"].get("nodeName")))
        proved.sh("systemctl start k3s-agent")
        until("it is refused", lambda: asking_pods(bed)[0]["status"]["phase"] == "Failed")
        proved.sh(f"pkill -CONT -f {plugin}")

    try:
        setup = str(wizard.write_setup([proved]))
        run = run_and_strike(wizard, setup, ("step-finished", "proof"), strike, "--prove")
    finally:
        bed.server.run(f"pkill -CONT -f {scheduler}")

    run.expect(0)
    codes = [event["code"] for event in run.of("stage-assessed") if event["stage"] == "proof"]
    assert "proof.try-again" in codes, repr(run)
    assert codes[-1] == "proof.proved"
    until("its pods are gone", lambda: not asking_pods(bed))


def asking_pods(bed: Bed) -> list[Object]:
    """Those that ask for a card, of the run in hand."""
    found: list[Object] = bed.get("pod", namespace="default", selector="gpu-wizard/part=proof")[
        "items"
    ]
    return found


def test_card_that_falls_off_the_bus_is_named(bed: Bed, proved: Machine, wizard: Wizard) -> None:
    proved.sh("touch -d @1 /usr/lib/x86_64-linux-gnu/libnvidia-ml.so.580.95.05")
    until("the plugin saw it", lambda: bed.allocatable("gpu1") == 0)

    run = wizard.auto(wizard.write_setup([proved]))

    run.expect(1)
    assert run.assessments()["driver"]["code"] == "driver.gpu-lost"


def test_server_that_is_the_gpu_node_itself(bed: Bed, wizard: Wizard) -> None:
    solo = bed.add("solo", cards=2)
    try:
        solo.put("/etc/rancher/k3s/config.yaml", SERVER_CONFIG)
        install_k3s(solo, "server")

        run = wizard.auto(wizard.write_setup([solo], control_plane=solo))

        run.expect(0)
        assert run.assessments()["join"]["code"] == "join.server"
        assert (
            solo.sh(
                "k3s kubectl get node solo -o jsonpath='{.status.allocatable.nvidia\\.com/gpu}'"
            )
            == "2"
        )
        again = wizard.auto(wizard.write_setup([solo], control_plane=solo))
        assert again.of("step-started") == [], repr(again)
    finally:
        bed.remove("solo")
