"""An error that any program may end with: told where nothing nearer is, and only where the program did not go on."""

from __future__ import annotations

import pytest

from gpu_wizard.knowledge.diagnose import LiveDiagnosis, diagnose

ERROR = "Error: open /etc/tool-x/profile.json: no such file or directory"
CALM = "tool-x: reading the next profile"


def found(*lines: str) -> list[str]:
    return [each.id for each in diagnose(lines).findings if each.severity != "info"]


def test_the_last_error_is_told_with_what_it_names() -> None:
    (finding,) = diagnose([CALM, ERROR]).findings
    assert finding.id == "said-missing"
    assert "/etc/tool-x/profile.json" in finding.title("en")


def test_a_program_that_goes_on_has_no_fault() -> None:
    assert found(ERROR, CALM, CALM, CALM) == ["said-missing"]
    assert found(ERROR, CALM, CALM, CALM, CALM) == []
    assert found(ERROR, CALM, CALM, CALM, CALM, ERROR) == ["said-missing"]


def test_further_complaints_do_not_make_it_old() -> None:
    assert found(ERROR, *["tool-x: error: giving up", ""] * 6) == ["said-missing"]


def test_something_that_came_right_voids_it() -> None:
    assert found(ERROR, 'Successfully pulled image "lab/tool-x"') == []


@pytest.mark.parametrize(
    "line",
    [
        'level=warning msg="open /etc/tool-x/profile.json: no such file or directory"',
        "W0207 11:12:13.141516 1 main.go:7] open /etc/tool-x/x: no such file or directory",
        "Error: open /etc/tool-x/x: no such file or directory, using defaults",
        "2026-02-07 looked into /etc/tool-x/x: no such file or directory",
    ],
)
def test_a_line_that_reports_no_failure_tells_nothing(line: str) -> None:
    assert found(line) == []


def test_any_cause_stands_in_its_place() -> None:
    assert found("Error: no space left on device", ERROR) == ["disk-full"]


def test_it_stands_before_a_mere_symptom_of_another_line() -> None:
    assert found("Warning BackOff 9s kubelet Back-off restarting failed container", ERROR) == [
        "said-missing",
        "pod-crashloop",
    ]


@pytest.mark.parametrize(
    ("line", "stage"),
    [
        ("kubectl: error: open /srv/x: permission denied", "patch"),
        ("containerd: fatal: open /srv/x: permission denied", "containerd"),
        ("tool-x: fatal: open /srv/x: permission denied", "verify"),
    ],
)
def test_its_stage_is_that_of_the_program(line: str, stage: str) -> None:
    assert diagnose([line]).findings[0].stage == stage


def test_a_running_stage_does_not_tell_it_before_its_end() -> None:
    live = LiveDiagnosis("join")
    assert live.feed(f"{ERROR}\n") == []
    assert [each.id for each in live.standing()] == ["said-missing"]


def test_a_line_has_one_of_them() -> None:
    line = 'Error: rpc error: code = Unavailable desc = "dial unix /run/x: connect: connection refused"'
    assert found(line) == ["said-socket"]


@pytest.mark.parametrize(
    "line",
    [
        "Feb  7 08:00:03 n7 lvm[455]: /dev/fd0: open failed: No such device or address",
        "Feb  7 08:00:05 n7 bluetoothd[900]: Failed to set mode: Operation not permitted",
        "+ rm: cannot remove '/etc/tool-x': No such file or directory",
        "Failed to stop tool-x.service: Unit tool-x.service not loaded.",
        "Warning Unhealthy 2m kubelet Readiness probe failed: dial tcp 10.42.0.9:8080: connect: connection refused",
    ],
)
def test_complaints_of_sound_machines_tell_nothing(line: str) -> None:
    assert not [each for each in found(line) if each.startswith("said-")]


def test_an_installed_release_voids_the_question_for_it() -> None:
    assert found("Error: release: not found", "NAME: tool-x", "STATUS: deployed") == []


@pytest.mark.parametrize("line", ["...ignoring", "n7 : ok=9 changed=2 unreachable=0    failed=0"])
def test_a_failed_task_that_does_not_count_voids_it(line: str) -> None:
    task = 'fatal: [n7]: FAILED! => {"msg": "open /srv/tool-x: permission denied"}'
    assert found(task) == ["said-denied"]
    assert found(task, line) == []
