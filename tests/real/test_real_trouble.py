"""What happens to machines and networks in the middle of a run."""

from __future__ import annotations

import json
import threading
import time

import pytest

from . import network
from .bed import Bed, until
from .hands import join
from .machine import Machine
from .wizard import Wizard, run_and_strike

SLOW_TO_STOP = """[Unit]
After=ssh.service
[Service]
Type=oneshot
RemainAfterExit=yes
ExecStart=/bin/true
ExecStop=/bin/sleep 4
"""


def test_reboot_in_the_middle_is_sat_out(bed: Bed, fresh: Machine, wizard: Wizard) -> None:
    setup = str(wizard.write_setup([fresh]))

    run = run_and_strike(
        wizard,
        setup,
        ("stage-finished", "toolkit"),
        lambda: fresh.run("systemctl reboot --force --force"),
    )

    run.expect(0)
    assert fresh.boots == 2
    assert run.assessments()["proof"]["code"] == "proof.proved"
    assert run.err == ""


def test_orderly_reboot_right_before_a_restart_is_sat_out(
    bed: Bed, fresh: Machine, wizard: Wizard
) -> None:
    """For some seconds the machine still answers, and systemd refuses every start as "destructive"."""
    join(bed, fresh)
    fresh.put("/etc/systemd/system/slow.service", SLOW_TO_STOP)
    fresh.sh("systemctl daemon-reload; systemctl start slow")
    setup = str(wizard.write_setup([fresh]))

    run = run_and_strike(
        wizard, setup, ("stage-finished", "toolkit"), lambda: fresh.run("systemctl reboot")
    )

    run.expect(0)
    assert fresh.boots == 2
    assert run.err == ""


def test_cable_pulled_for_six_seconds(bed: Bed, fresh: Machine, wizard: Wizard) -> None:
    join(bed, fresh)
    setup = str(wizard.write_setup([fresh]))

    def strike() -> None:
        network.pull_cable(fresh.address)
        threading.Timer(6, network.put_cable_back, [fresh.address]).start()

    # The key is there, and the next commands need no network of the machine's own.
    run = run_and_strike(wizard, setup, ("step-finished", "toolkit"), strike)

    run.expect(0)
    assert run.err == ""


def test_api_away_for_ten_seconds(bed: Bed, equipped: Machine, wizard: Wizard) -> None:
    join(bed, equipped)
    setup = str(wizard.write_setup([equipped]))

    def strike() -> None:
        bed.server.sh("systemctl stop k3s")
        threading.Timer(10, bed.server.run, ["systemctl start k3s"]).start()

    run = run_and_strike(wizard, setup, ("stage-finished", "runtime-class"), strike)

    until("the API is back", lambda: bed.exists("node", ""), 60)
    run.expect(0)
    assert run.err == ""


def test_killed_run_is_taken_up_by_the_next(bed: Bed, fresh: Machine, wizard: Wizard) -> None:
    setup = wizard.write_setup([fresh])
    with wizard.start("--auto", str(setup), "--json") as process:
        assert process.stdout is not None
        for line in process.stdout:
            event = json.loads(line)
            if event["type"] == "step-started" and event["stage"] == "toolkit":
                break
        time.sleep(0.3)
        process.kill()

    run = wizard.auto(setup)

    run.expect(0)


def test_node_deleted_from_the_cluster_joins_again(
    bed: Bed, fresh: Machine, wizard: Wizard
) -> None:
    join(bed, fresh)
    bed.kubectl("delete", "node", "gpu1")
    fresh.run("systemctl --no-block restart k3s-agent")
    until("K3s is trapped", lambda: fresh.journal("k3s-agent").count("with Body length 0") >= 2, 40)

    run = wizard.auto(wizard.write_setup([fresh]))

    assert run.assessments()["join"]["state"] == "done", repr(run)
    run.expect(0)


@pytest.mark.parametrize(
    ("trouble", "code"),
    [("wrong key", "toolkit"), ("full disk", "toolkit"), ("held lock", "")],
)
def test_apt_in_trouble(bed: Bed, wizard: Wizard, trouble: str, code: str) -> None:
    machine = bed.add("gpu1", cards=1, disk_mb=64 if trouble == "full disk" else 4096)
    try:
        join(bed, machine)
        if trouble == "held lock":
            machine.sh(
                "python3 -c 'import fcntl,os,time\n"
                'f=open("/var/lib/dpkg/lock-frontend","w"); fcntl.lockf(f, fcntl.LOCK_EX)\n'
                "if os.fork(): os._exit(0)\n"
                "fcntl.lockf(f, fcntl.LOCK_EX); os.close(0); os.close(1); os.close(2); time.sleep(8)'"
            )
        bed.sites.wrong_key = trouble == "wrong key"

        run = wizard.auto(wizard.write_setup([machine]))

        assert run.status == (1 if code else 0), repr(run)
        if code:
            failed = [
                event["stage"] for event in run.of("stage-finished") if event["outcome"] == "failed"
            ]
            assert failed == [code], repr(run)
        assert bed.ready("gpu1")
    finally:
        bed.sites.wrong_key = False
        bed.tidy()
