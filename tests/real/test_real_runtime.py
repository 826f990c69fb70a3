"""Stage 4 against K3s's containerd: found, repaired or explained, and the node never left worse than it was."""

from __future__ import annotations

import pytest

from .bed import Bed, until
from .hands import CONTAINERD, TEMPLATE, copy_toolkit, install_toolkit, join, restart
from .machine import Machine
from .wizard import Run, Wizard

BASE = '{{ template "base" . }}\n'
OWN_TABLE = """[plugins.'io.containerd.cri.v1.runtime'.containerd.runtimes.'nvidia']
  runtime_type = "io.containerd.runc.v2"
[plugins.'io.containerd.cri.v1.runtime'.containerd.runtimes.'nvidia'.options]
  BinaryName = "/usr/bin/nvidia-container-runtime"
"""


def proved(run: Run) -> bool:
    return run.status == 0 and run.assessments()["proof"]["code"] == "proof.proved"


def assert_no_worse(bed: Bed, machine: Machine) -> None:
    assert machine.sh("systemctl is-active k3s-agent").strip() == "active"
    assert bed.ready(machine.name)
    assert machine.run("k3s crictl info").status == 0


def test_toolkit_in_odd_place_that_the_user_names_goes_before_the_packages(
    bed: Bed, fresh: Machine, wizard: Wizard
) -> None:
    join(bed, fresh)
    copy_toolkit(fresh, "/opt/nvidia/bin")
    program = "/opt/nvidia/bin/nvidia-container-runtime"

    run = wizard.auto(wizard.write_setup([fresh], stages={"runtime": {"binary": program}}))

    assert proved(run), repr(run)
    assert run.assessments()["runtime"]["params"]["binary"] == program
    assert f'BinaryName = "{program}"' in fresh.sh(f"cat {CONTAINERD}/config.toml")
    fresh.sh("test -x /usr/bin/nvidia-container-runtime")
    assert run.err == ""


def test_template_that_hides_runtimes_is_explained(
    bed: Bed, fresh: Machine, wizard: Wizard
) -> None:
    join(bed, fresh)
    fresh.sh(f"cp {CONTAINERD}/config.toml {TEMPLATE}")
    before = fresh.sh(f"sha256sum {TEMPLATE}")
    install_toolkit(fresh)
    restart(fresh)

    run = wizard.auto(wizard.write_setup([fresh]))

    assert run.status == 1
    assert run.assessments()["runtime"]["code"] == "runtime.template-hides", repr(run)
    assert fresh.sh(f"sha256sum {TEMPLATE}") == before
    assert_no_worse(bed, fresh)


def test_broken_drop_in_that_this_version_ignores_is_no_obstacle(
    bed: Bed, fresh: Machine, wizard: Wizard
) -> None:
    join(bed, fresh)
    fresh.put(f"{CONTAINERD}/config-v3.toml.d/10-broken.toml", "[plugins\n")

    run = wizard.auto(wizard.write_setup([fresh]))

    assert proved(run), repr(run)


@pytest.mark.parametrize(
    "template",
    [
        pytest.param(BASE + "{{ }\n", id="no template"),
        pytest.param(BASE + "{{ .NoSuchField }}\n", id="unknown field"),
        pytest.param(BASE + "[plugins\n", id="no toml"),
        pytest.param(BASE + OWN_TABLE, id="nvidia twice once K3s finds it"),
    ],
)
def test_template_that_would_break_next_start_stops_the_restart(
    bed: Bed, fresh: Machine, wizard: Wizard, template: str
) -> None:
    join(bed, fresh)
    fresh.put(TEMPLATE, template)

    run = wizard.auto(wizard.write_setup([fresh]))

    assert run.status == 1
    assert run.assessments()["runtime"]["state"] == "blocked", repr(run)
    assert_no_worse(bed, fresh)


@pytest.mark.parametrize(
    ("spoil", "code"),
    [
        pytest.param("rm /etc/rancher/k3s/token", "token-gone", id="token gone"),
        pytest.param(
            "echo 'node-label: [lab=1' > /etc/rancher/k3s/config.yaml",
            "config-unreadable",
            id="yaml",
        ),
    ],
)
def test_configuration_that_would_break_next_start_stops_the_restart(
    bed: Bed, fresh: Machine, wizard: Wizard, spoil: str, code: str
) -> None:
    join(bed, fresh)
    install_toolkit(fresh)
    fresh.sh(spoil)

    run = wizard.auto(wizard.write_setup([fresh]))

    assert run.status == 1
    assert run.assessments()["runtime"]["code"] == f"runtime.{code}", repr(run)
    assert_no_worse(bed, fresh)


def test_template_that_broke_the_start_is_named(bed: Bed, fresh: Machine, wizard: Wizard) -> None:
    join(bed, fresh)
    fresh.put(TEMPLATE, BASE + "[plugins\n")
    fresh.run("systemctl restart k3s-agent")
    until("the unit loops", lambda: "containerd exited" in fresh.journal("k3s-agent"))

    run = wizard.auto(wizard.write_setup([fresh]))

    assert run.status == 1
    stopped = [event for event in run.assessments().values() if event["state"] == "blocked"]
    assert stopped, repr(run)
    assert any(
        "config-v3.toml.tmpl" in str(event) or "containerd" in event["code"] for event in stopped
    ), stopped


def test_default_runtime_of_the_user_stays_and_its_leak_is_told(
    bed: Bed, fresh: Machine, wizard: Wizard
) -> None:
    join(bed, fresh)
    install_toolkit(fresh)
    fresh.put("/etc/rancher/k3s/config.yaml.d/60-mine.yaml", "default-runtime: nvidia\n", 0o600)
    restart(fresh)

    run = wizard.auto(wizard.write_setup([fresh]))

    assert proved(run), repr(run)
    notes = [note["code"] for note in run.assessments()["proof"]["notes"]]
    assert "proof.leak-default-runtime" in notes
    assert "default-runtime: nvidia" in fresh.sh("cat /etc/rancher/k3s/config.yaml.d/60-mine.yaml")
