"""The sampler over NVML: values, MIG, failures of card and driver, Xids. NVML's library is a pretend one."""

from __future__ import annotations

import ctypes
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from gpu_wizard.telemetry import sampler as module
from gpu_wizard.telemetry.reading import sample_of
from gpu_wizard.telemetry.sampler import Sampler, next_due
from tests.telemetry.conftest import Cards

NO_LOG = "/nonexistent/kmsg"


@pytest.fixture(autouse=True)
def eager(cards: Cards, library: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Everything is asked at each sample, and lost cards are looked for at once."""
    # The loader takes a library that is loaded already for one of its name.
    ctypes.CDLL(str(library))
    monkeypatch.setattr(module, "SLOW_SECONDS", 0.0)
    monkeypatch.setattr(module, "REOPEN_SECONDS", 0.0)


@pytest.fixture
def sampler() -> Iterator[Sampler]:
    """A sampler in this process."""
    made = Sampler(NO_LOG)
    yield made
    made.close()


def card(sampler: Sampler, index: int = 0) -> dict[str, Any]:
    gpu: dict[str, Any] = sampler.take()["gpus"][index]
    return gpu


def test_a_sample_has_units_and_none_for_what_is_not_supported(
    sampler: Sampler, cards: Cards
) -> None:
    cards.say(cards=2, pid=os.getpid())
    sample = sample_of(sampler.take())
    assert (sample.source, sample.driver_version, sample.failure) == ("nvml", "580.159.04", "")
    first, second = sample.gpus
    assert (first.index, first.name) == (0, "NVIDIA H100 80GB HBM3")
    assert (first.uuid, second.uuid) == (
        "GPU-a0000000-1111-2222-3333-000000000000",
        "GPU-a0000001-1111-2222-3333-000000000000",
    )
    assert (first.utilisation_percent, first.memory_utilisation_percent) == (98, 41)
    assert (first.power_watts, first.power_limit_watts) == (450.44, 700.0)
    assert (first.temperature_celsius, first.temperature_limit_celsius) == (49, 90)
    assert (first.sm_clock_mhz, first.memory_clock_mhz) == (1980, 2619)
    assert first.fan_percent is None
    assert (first.ecc_errors, first.throttle_reasons) == (0, ("sw-power-cap",))
    assert (first.mig_enabled, first.mig_instances) == (False, ())


def test_memory_is_what_nvidia_smi_shows_and_an_old_driver_still_tells_some(
    sampler: Sampler, cards: Cards
) -> None:
    assert card(sampler)["memory_used_bytes"] == 5659 << 20
    cards.say(memory_v2=0)
    assert card(sampler)["memory_used_bytes"] == 6578765824


def test_a_fan_is_told_where_there_is_one(sampler: Sampler, cards: Cards) -> None:
    cards.say(fans=1)
    assert card(sampler)["fan_percent"] == 30


def test_a_process_is_named_without_its_arguments(sampler: Sampler, cards: Cards) -> None:
    cards.say(pid=os.getpid())
    (process,) = card(sampler)["processes"]
    assert process["pid"] == os.getpid()
    assert process["name"].startswith("python")
    assert process["memory_bytes"] == 4838129664
    assert process["cgroup"].startswith("/")
    assert process["container_log"] == ""


def test_a_process_that_proc_does_not_show_has_the_name_that_nvml_tells(
    sampler: Sampler, cards: Cards
) -> None:
    cards.say(pid=4194999)
    (process,) = card(sampler)["processes"]
    assert (process["name"], process["cgroup"]) == ("of-4194999", "")


def test_mig_instances_are_told_and_the_use_of_their_card_is_not(
    sampler: Sampler, cards: Cards
) -> None:
    cards.say(mig=1, pid=os.getpid())
    gpu = sample_of(sampler.take()).gpus[0]
    assert (gpu.mig_enabled, gpu.utilisation_percent) == (True, None)
    assert [(one.profile, one.uuid[:5]) for one in gpu.mig_instances] == [("1g.10gb", "MIG-a")] * 2
    assert gpu.mig_instances[0].memory_used_bytes == 4 << 30
    assert gpu.mig_instances[0].memory_total_bytes == 10 << 30
    assert [process.memory_bytes for process in gpu.mig_instances[0].processes] == [None]


def test_a_card_that_falls_off_the_bus_keeps_its_row_and_comes_back(
    sampler: Sampler, cards: Cards
) -> None:
    cards.say(cards=3)
    uuid = card(sampler, 1)["uuid"]
    for answers in ({"lost": 1}, {"lost": 1, "xid": 79}):
        cards.say(cards=3, **answers)
        lost = card(sampler, 1)
        assert (lost["failure"], lost["uuid"]) == ("fell-off-the-bus", uuid)
        assert "power_watts" not in lost
        assert card(sampler, 2)["failure"] == ""
    cards.say(cards=3)
    assert card(sampler, 1)["failure"] == ""
    assert card(sampler, 1)["power_watts"] == 450.44


def test_a_card_that_is_gone_when_nvml_is_opened_anew_is_still_told_of(
    sampler: Sampler, cards: Cards
) -> None:
    cards.say(cards=2)
    sampler.take()
    cards.say(cards=2, lost=1)
    sampler.take()
    cards.say(cards=2, dropped=1)
    gpus = sampler.take()["gpus"]
    assert [(gpu["index"], gpu["failure"]) for gpu in gpus] == [(0, ""), (1, "fell-off-the-bus")]


@pytest.mark.parametrize(
    ("code", "failure"),
    [(9, "driver-not-loaded"), (18, "mismatch"), (4, "no-permission"), (999, "driver-failed")],
)
def test_a_driver_that_is_gone_is_a_sample_and_it_comes_back(
    sampler: Sampler, cards: Cards, code: int, failure: str
) -> None:
    sampler.take()
    cards.say(init=code, error=9)
    sampler.take()
    gone = sampler.take()
    assert (gone["failure"], gone["gpus"], gone["driver_version"]) == (failure, [], None)
    cards.say()
    assert sampler.take()["failure"] == ""
    assert card(sampler)["power_watts"] == 450.44


def test_an_xid_is_heard_from_nvml_where_the_kernel_log_is_closed(
    sampler: Sampler, cards: Cards
) -> None:
    assert card(sampler)["xid"] is None
    cards.say(cards=2, xid=31)
    assert [gpu["xid"] for gpu in sampler.take()["gpus"]] == [31]


def test_an_xid_is_heard_from_the_kernel_log(cards: Cards, tmp_path: Path) -> None:
    log = tmp_path / "kmsg"
    log.write_bytes(b"4,1,1,-;NVRM: Xid (PCI:0000:06:00): 13, pid=7, name=old\n")
    cards.say(events=0)
    sampler = Sampler(str(log))
    try:
        assert card(sampler)["xid"] is None
        with log.open("ab") as file:
            file.write(b"3,2,2,-;NVRM: Xid (PCI:0000:07:00): 43, pid=1\n")
            file.write(b"3,2,2,-;NVRM: Xid (PCI:0000:06:00): 31, pid=656, name=python3\n")
        assert card(sampler)["xid"] == 31
    finally:
        sampler.close()


def test_a_failed_card_is_told_with_the_xid_from_before(cards: Cards, tmp_path: Path) -> None:
    log = tmp_path / "kmsg"
    log.write_bytes(b"3,1,1,-;NVRM: Xid (PCI:0000:06:00): 79, GPU has fallen off the bus.\n")
    cards.say(events=0)
    watching = Sampler(str(log))
    try:
        assert card(watching)["xid"] is None
        cards.say(events=0, lost=0)
        assert (card(watching)["failure"], card(watching)["xid"]) == ("fell-off-the-bus", 79)
    finally:
        watching.close()


@pytest.mark.parametrize(
    ("due", "now", "expected"), [(10.0, 10.2, 11.0), (10.0, 11.0, 12.0), (10.0, 14.7, 15.0)]
)
def test_the_schedule_keeps_its_beat(due: float, now: float, expected: float) -> None:
    assert next_due(due, 1.0, now) == expected
