"""The whole way of a fresh machine, over real SSH, to a card that a real pod was given."""

from __future__ import annotations

import pytest

from .bed import Bed
from .machine import Machine
from .wizard import Wizard


@pytest.mark.parametrize("user", ["admin", "ops"])
def test_fresh_machine_becomes_proved_node_and_second_run_changes_nothing(
    bed: Bed, fresh: Machine, wizard: Wizard, user: str
) -> None:
    wizard.user = user
    setup = wizard.write_setup([fresh])

    first = wizard.auto(setup)

    first.expect(0)
    states = {stage: event["state"] for stage, event in first.assessments().items()}
    assert set(states.values()) == {"done"}, repr(first)
    assert bed.ready("gpu1")
    assert bed.allocatable("gpu1") == 1

    second = wizard.auto(setup)

    second.expect(0)
    assert second.of("step-started") == [], repr(second)
