"""Whose a process is, which pods use their cards, and what is worth a warning."""

from __future__ import annotations

from dataclasses import replace

import pytest

from gpu_wizard.facts.attribution import (
    HOST,
    Owner,
    PodUse,
    attribute,
    owner_of,
    pod_uses,
)
from gpu_wizard.facts.gpu_warnings import UseHistory, warnings
from gpu_wizard.facts.objects import PodObject
from gpu_wizard.knowledge.texts import catalogue
from gpu_wizard.model.sample import GpuProcess, GpuSample, MigInstance, Sample

TRAINER_UID = "0356c095-0c98-40da-9789-dbeb07b5a687"
TRAINER = "dfaf29a1398d58ff95540089092381c05547958661b1c23009f0ebeb5cd84132"
SERVE_UID = "42ec36cd-2e5b-43f0-9ba6-65654c4de781"
SERVE = "b587b1dea175d76e201e28fce0b692d78ece703eef7243e49485fe9017158cb3"
CGROUPFS = f"/kubepods/besteffort/pod{TRAINER_UID}/{TRAINER}"
SYSTEMD = (
    "/kubepods.slice/kubepods-besteffort.slice/"
    "kubepods-besteffort-podb1696ef7_5403_4b14_8c4b_b08040935aba.slice/"
    "cri-containerd-bbad0115fd65fba7f25b0aa8984494d569d1fb52e98cf686efb0130d4a57bcd5.scope"
)
GUARANTEED = (
    "/kubepods.slice/kubepods-pod70db0f54_fafc_4f36_8be8_ea6418bba7a9.slice/"
    "cri-containerd-75c475db97de973d19bda1c436bbec6b56def47ac138b584458897bd10b153a5.scope"
)


@pytest.mark.parametrize(
    ("cgroup", "owner"),
    [
        (CGROUPFS, Owner(TRAINER_UID, TRAINER)),
        (
            SYSTEMD,
            Owner(
                "b1696ef7-5403-4b14-8c4b-b08040935aba",
                "bbad0115fd65fba7f25b0aa8984494d569d1fb52e98cf686efb0130d4a57bcd5",
            ),
        ),
        (
            GUARANTEED,
            Owner(
                "70db0f54-fafc-4f36-8be8-ea6418bba7a9",
                "75c475db97de973d19bda1c436bbec6b56def47ac138b584458897bd10b153a5",
            ),
        ),
        (f"/docker/{SERVE}{CGROUPFS}", Owner(TRAINER_UID, TRAINER)),
        (f"/k8s.slice{GUARANTEED}/extra", owner_of(GUARANTEED)),
        (f"/kubepods/burstable/pod{'a1' * 16}/{SERVE}", Owner("a1" * 16, SERVE)),
        (f"/kubepods/pod{SERVE_UID}", Owner(SERVE_UID, "")),
        ("/system.slice/of-the-host", None),
        (f"/system.slice/docker-{SERVE}.scope", None),
        ("/user.slice/podman.scope", None),
        ("/kubepods.slice/kubepods-podder", None),
        ("/", None),
        ("", None),
    ],
)
def test_a_cgroup_belongs_to_a_pod_and_container_or_to_the_host(
    cgroup: str, owner: Owner | None
) -> None:
    assert owner_of(cgroup) == owner


def process(pid: int, cgroup: str, log: str = "") -> GpuProcess:
    return GpuProcess(pid, "cuburn", 1 << 30, cgroup=cgroup, container_log=log)


def gpu(index: int, *processes: GpuProcess, use: int | None = 100) -> GpuSample:
    return GpuSample(index, f"GPU-{index}", "H100", utilisation_percent=use, processes=processes)


def sample(*gpus: GpuSample) -> Sample:
    return Sample(1000.0, "nvml", "580.159.04", gpus)


def pod(uid: str, namespace: str, name: str, cards: int = 0, **changes: object) -> PodObject:
    made = PodObject(
        namespace=namespace,
        name=name,
        uid=uid,
        node="gpu-node-1",
        phase="Running",
        ready=True,
        gpus={"nvidia.com/gpu": cards} if cards else {},
        images=("example/cuda",),
        labels={},
        runtime_class="",
        owner="",
    )
    return replace(made, **changes)  # type: ignore[arg-type]  # tests name fields by keyword


RECORDED = sample(
    gpu(0, process(9695, "/system.slice/of-the-host"), process(9864, CGROUPFS)),
    gpu(1, process(9927, f"/kubepods/besteffort/pod{SERVE_UID}/{SERVE}")),
)
PODS = (pod(TRAINER_UID, "ml", "trainer", 1), pod(SERVE_UID, "default", "serve", 1))


def names(attributed: Sample) -> list[list[tuple[int, str, str]]]:
    return [
        [(one.pid, one.pod, one.container) for one in gpu.processes or ()]
        for gpu in attributed.gpus
    ]


def test_two_pods_and_the_host_as_recorded_share_two_cards() -> None:
    assert names(attribute(RECORDED, PODS)) == [
        [(9695, HOST, ""), (9864, "ml/trainer", TRAINER[:12])],
        [(9927, "default/serve", SERVE[:12])],
    ]


def test_without_the_cluster_the_container_log_names_the_pod() -> None:
    log = f"trainer_ml_main-{TRAINER}.log"
    assert names(attribute(sample(gpu(0, process(1, CGROUPFS, log))))) == [
        [(1, "ml/trainer", "main")]
    ]


@pytest.mark.parametrize("log", ["", f"other_ml_main-{SERVE}.log", "odd", f"a_b-{TRAINER}.log"])
def test_a_pod_that_nobody_names_is_named_by_its_uid(log: str) -> None:
    ((named,),) = names(attribute(sample(gpu(0, process(1, CGROUPFS, log)))))
    assert named == (1, f"uid {TRAINER_UID}", TRAINER[:12])


def test_a_process_whose_cgroup_could_not_be_read_is_nobodys() -> None:
    assert names(attribute(sample(gpu(0, process(1, ""))), PODS)) == [[(1, "", "")]]


def test_processes_of_mig_instances_are_attributed_too() -> None:
    instance = MigInstance("MIG-1", "1g.10gb", processes=(process(9864, CGROUPFS),))
    card = replace(gpu(0, use=None), mig_instances=(instance,))
    attributed = attribute(sample(card), PODS)
    assert attributed.gpus[0].mig_instances[0].processes[0].pod == "ml/trainer"
    uses = pod_uses(attributed, [pod(TRAINER_UID, "ml", "trainer", 1)])
    assert uses == (PodUse("ml/trainer", "used", 1, (0,)),)


ON_BOTH = sample(gpu(0, process(1, CGROUPFS)), gpu(1, process(1, CGROUPFS)))
EMPTY = sample(gpu(0, use=0), gpu(1, use=0))


@pytest.mark.parametrize(
    ("seen", "one", "uses"),
    [
        (RECORDED, pod(TRAINER_UID, "ml", "trainer", 1), [("used", (0,))]),
        (EMPTY, pod(TRAINER_UID, "ml", "trainer", 1), [("unused", ())]),
        (sample(gpu(0, process(1, CGROUPFS), use=0)), pod(TRAINER_UID, "ml", "trainer", 1), [("idle", (0,))]),
        (ON_BOTH, pod(TRAINER_UID, "ml", "trainer", 1), [("unasked", (0, 1))]),
        (ON_BOTH, pod(TRAINER_UID, "ml", "trainer", 2), [("used", (0, 1))]),
        (RECORDED, pod(TRAINER_UID, "ml", "trainer"), [("unasked", (0,))]),
        (EMPTY, pod(TRAINER_UID, "ml", "trainer", runtime_class="nvidia"), [("class-alone", ())]),
        (EMPTY, pod(TRAINER_UID, "ml", "trainer"), []),
        (EMPTY, pod(TRAINER_UID, "ml", "trainer", 1, phase="Succeeded"), []),
        (EMPTY, pod(TRAINER_UID, "ml", "trainer", 1, phase="Pending"), []),
        (replace(EMPTY, failure="driver-not-loaded"), pod(TRAINER_UID, "ml", "trainer", 1), []),
        (sample(replace(gpu(0), processes=None)), pod(TRAINER_UID, "ml", "trainer", 1), []),
    ],
)  # fmt: skip
def test_how_a_pod_stands_to_the_cards(
    seen: Sample, one: PodObject, uses: list[tuple[str, tuple[int, ...]]]
) -> None:
    found = pod_uses(attribute(seen, [one]), [one])
    assert [(use.verdict, use.cards) for use in found] == uses


@pytest.mark.parametrize(
    ("cards", "sees", "verdicts"),
    [
        (0, {0, 1}, ["exposed"]),
        (0, set(), []),
        (1, {0, 1}, ["unused", "exposed"]),
        (1, {1}, ["unused"]),
        (2, {0, 1}, ["unused"]),
    ],
)
def test_a_pod_that_sees_more_than_it_asked_for_is_exposed(
    cards: int, sees: set[int], verdicts: list[str]
) -> None:
    """What is seen decides, not the class: a plain image with the class sees none."""
    one = pod(TRAINER_UID, "ml", "trainer", cards, runtime_class="nvidia")
    found = pod_uses(EMPTY, [one], {TRAINER_UID: frozenset(sees)})
    assert [use.verdict for use in found] == verdicts
    assert all(use.sees == len(sees) for use in found)


def test_a_device_plugin_is_no_leak() -> None:
    plugin = pod(TRAINER_UID, "kube-system", "nvidia-device-plugin", runtime_class="nvidia")
    plugin = replace(plugin, images=("nvcr.io/nvidia/k8s-device-plugin:v0.20.0",))
    assert pod_uses(EMPTY, [plugin]) == ()


def test_waste_is_said_once_it_has_lasted_and_a_leak_at_once() -> None:
    unused, leak = PodUse("ml/a", "unused", 1), PodUse("ml/b", "unasked", 0, (0,))
    history = UseHistory().fold(100.0, [unused, leak])
    assert [warn.code for warn in history.warnings(100.0, [unused, leak])] == ["gpu.pod-unasked"]
    history = history.fold(130.0, [unused]).fold(160.0, [unused])
    assert [warn.code for warn in history.warnings(160.0, [unused])] == ["gpu.pod-unused"]
    again = history.fold(161.0, []).fold(162.0, [unused])
    assert again.warnings(162.0, [unused]) == ()


GOOD = GpuSample(
    0,
    "GPU-0",
    "H100",
    memory_used_bytes=10,
    memory_total_bytes=100,
    temperature_celsius=60,
    temperature_limit_celsius=90,
    ecc_errors=0,
    throttle_reasons=(),
)


@pytest.mark.parametrize(
    ("changes", "codes"),
    [
        ({}, []),
        ({"temperature_celsius": 84}, []),
        ({"temperature_celsius": 85}, ["gpu.hot"]),
        ({"temperature_celsius": 84, "temperature_limit_celsius": None}, []),
        ({"temperature_celsius": 85, "temperature_limit_celsius": None}, ["gpu.hot-no-limit"]),
        ({"memory_used_bytes": 96}, []),
        ({"memory_used_bytes": 97}, ["gpu.memory-full"]),
        ({"memory_total_bytes": None}, []),
        ({"ecc_errors": 1}, ["gpu.ecc-errors"]),
        ({"xid": 79}, ["gpu.xid"]),
        ({"xid": 31}, ["gpu.xid-application"]),
        ({"throttle_reasons": ("sw-power-cap",)}, ["gpu.power-cap"]),
        ({"throttle_reasons": ("hw-thermal-slowdown", "hw-slowdown")}, ["gpu.thermal"]),
        ({"throttle_reasons": ("hw-power-brake",)}, ["gpu.power-brake"]),
        ({"throttle_reasons": None, "ecc_errors": None, "temperature_celsius": None}, []),
        ({"failure": "fell-off-the-bus", "xid": 79, "ecc_errors": 4}, ["gpu.fell-off-the-bus"]),
    ],
)
def test_what_is_worth_a_warning(changes: dict[str, object], codes: list[str]) -> None:
    card = replace(GOOD, **changes)  # type: ignore[arg-type]  # tests name fields by keyword
    found = warnings(sample(card))
    assert [warn.code for warn in found] == codes
    assert all(warn.card == 0 for warn in found)


def test_a_driver_that_does_not_answer_is_an_error_of_the_machine() -> None:
    (warn,) = warnings(Sample(0.0, "nvml", None, (), failure="driver-not-loaded"))
    assert (warn.code, warn.level, warn.card) == ("gpu.driver-not-loaded", "error", None)


def test_every_code_of_a_warning_has_its_texts() -> None:
    texts = catalogue()["note"]
    failures = (
        *("no-permission", "driver-not-loaded", "no-library", "access-blocked", "mismatch"),
        *("driver-failed", "no-nvidia-smi", "nvidia-smi-failed", "gpu-lost", "connection-lost"),
        *("fell-off-the-bus", "reset-required", "no-answer", "no-python3", "python-too-old"),
        *(
            "python-failed",
            "python-silent",
            "pod-unused",
            "pod-idle",
            "pod-unasked",
            "pod-exposed",
            "pod-class-alone",
        ),
    )
    assert [code for code in failures if f"gpu.{code}" not in texts] == []
