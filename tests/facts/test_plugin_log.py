"""The device plugin's log, against what six real versions wrote."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from gpu_wizard.facts.plugin_log import read_plugin_log

RECORDED = Path(__file__).parent.parent / "recorded" / "device-plugin"
FAILURES = {
    "no-nvml": "plugin-no-nvml",
    "no-nvml-fail-on-init-error-false": "plugin-no-nvml",
    "nvml-no-devices": "plugin-no-devices",
    "nvml-driver-not-loaded": "plugin-driver-not-loaded",
    "kubelet-directory-not-mounted": "plugin-not-registered",
    "bad-config-file": "plugin-config",
    "success": "",
    "success-time-slicing-4": "",
}


@pytest.mark.parametrize("path", sorted(RECORDED.glob("*.log")), ids=lambda path: path.stem)
def test_every_recorded_log_has_its_verdict(path: Path) -> None:
    version, _, situation = path.stem.rpartition(".")
    log = read_plugin_log(path.read_text())
    assert version
    assert log.failure == FAILURES[situation]
    assert bool(log.registered) == situation.startswith("success")


def test_the_index_agrees_that_registered_means_allocatable() -> None:
    index = json.loads((RECORDED / "index.json").read_text())
    assert index
    for name in (path.stem for path in RECORDED.glob("*success*.log")):
        assert name.split(".success")[0].startswith("v0.")


def test_replicas_are_read_from_the_configuration_it_prints() -> None:
    log = read_plugin_log((RECORDED / "v0.20.0.success-time-slicing-4.log").read_text())
    assert log.replicas == {"nvidia.com/gpu": 4}
    assert read_plugin_log((RECORDED / "v0.20.0.success.log").read_text()).replicas == {}


def test_a_registration_after_a_failure_heals_it() -> None:
    broken = (RECORDED / "v0.17.4.no-nvml-fail-on-init-error-false.log").read_text()
    good = (RECORDED / "v0.17.4.success.log").read_text()
    assert read_plugin_log(broken + good).failure == ""
    assert read_plugin_log(good + broken).failure == "plugin-no-nvml"


def test_times_that_the_server_adds_are_kept() -> None:
    line = "2026-11-25T22:02:40.123456789Z I1125 22:02:40.1 1 server.go:1] Registered device plugin for 'nvidia.com/gpu' with Kubelet"
    assert read_plugin_log(line).registered == {"nvidia.com/gpu": "2026-11-25T22:02:40"}


@pytest.mark.parametrize(
    "text",
    [
        "",
        "\x00\xff",
        "Running with config:\n{",
        "Running with config:\n{}",
        "Running with config:\n[1]",
    ],
)
def test_odd_logs_say_nothing(text: str) -> None:
    log = read_plugin_log(text)
    assert (log.registered, log.failure, log.replicas) == ({}, "", {})
