"""The whole way of a fresh machine, over real SSH, to a card that a real pod was given."""

from __future__ import annotations

import re

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

    mark = fresh.sh("date +%s.%N").strip()
    second = wizard.auto(setup)

    second.expect(0)
    assert second.of("step-started") == [], repr(second)
    assert second.err == ""
    assert counted(fresh, mark) == (1, 1)
    # The control plane's kubeconfig is read while connecting; then the one survey.
    assert counted(bed.server, mark) == (2, 2)


def counted(machine: Machine, since: str) -> tuple[int, int]:
    """Commands over SSH and uses of sudo by the product's user, sudo's own test of the password aside."""
    out = machine.sh(f"journalctl --since @{since} -o cat --no-pager", user="root")
    sessions = re.findall(r"^Starting session: command for (?:admin|ops) ", out, re.MULTILINE)
    sudos = re.findall(r"^ +(?:admin|ops) : .*COMMAND=(?!/usr/bin/true)", out, re.MULTILINE)
    return len(sessions), len(sudos)
