"""Stage 2 on machines whose cards and driver are in every state that the stand-in has; nothing is changed."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from .bed import Bed
from .cards import give_cards
from .machine import Machine
from .wizard import Wizard

LIBRARY = "/usr/lib/x86_64-linux-gnu/libnvidia-ml.so.580.95.05"
OTHER_MODULE = f"""
echo 570.133.07 > /etc/bed/driver-version
/usr/local/lib/bed/cards 2
touch -d @1018 {LIBRARY}
"""


@pytest.fixture
def machine(bed: Bed) -> Iterator[Machine]:
    yield bed.add("gpu1")
    bed.tidy()


def set_up(machine: Machine, cards: int, driver: str, script: str) -> None:
    """Cards and driver of a running machine."""
    give_cards(machine, cards, driver)
    machine.sh(f"/usr/local/lib/bed/cards {cards}; {script or 'true'}")


@pytest.mark.parametrize(
    ("cards", "driver", "script", "code"),
    [
        pytest.param(0, "absent", "", "driver.no-card", id="no card"),
        pytest.param(1, "loaded", "", "driver.ok", id="one card"),
        pytest.param(8, "loaded", "", "driver.ok", id="eight cards"),
        pytest.param(2, "loaded", OTHER_MODULE, "driver.mismatch-no-module", id="other module"),
        pytest.param(2, "loaded", f"touch -d @2 {LIBRARY}", "driver.gpu-lost", id="off the bus"),
        pytest.param(1, "loaded", "rm /dev/nvidia-uvm", "driver.no-uvm", id="no uvm"),
    ],
)
def test_state_is_named(
    machine: Machine, wizard: Wizard, cards: int, driver: str, script: str, code: str
) -> None:
    set_up(machine, cards, driver, script)

    run = wizard.auto(wizard.write_setup([machine]), "--plan")

    assessment = run.assessments()["driver"]
    assert assessment["code"] == code, repr(run)
    if code == "driver.ok":
        assert int(assessment["params"]["cards"]) == cards
    assert run.of("step-started") == []


@pytest.mark.parametrize("driver", ["absent", "unloaded"])
def test_driver_that_is_not_there_is_blocked_with_what_to_do(
    machine: Machine, wizard: Wizard, driver: str
) -> None:
    set_up(machine, 1, driver, "")

    run = wizard.auto(wizard.write_setup([machine]), "--plan")

    assessment = run.assessments()["driver"]
    assert assessment["state"] in ("blocked", "needed"), repr(run)
    assert assessment["code"] not in ("driver.no-card", "driver.ok")


def test_card_that_disappears_while_it_is_watched(machine: Machine) -> None:
    """nvidia-smi -lms, as telemetry uses it, ends with the code of a lost card."""
    set_up(machine, 2, "loaded", "")
    watch = "nvidia-smi --query-gpu=index,uuid --format=csv,noheader -lms=100"

    result = machine.run(f"(sleep 1; touch -d @2 {LIBRARY}) & timeout 10 {watch}")

    assert result.status == 15
    assert result.out.count("0, GPU-") >= 3
    assert "GPU is lost" in result.out
