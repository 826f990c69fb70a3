"""K3s's journal as a verdict: every recorded start, good, blocking and failing, in both wordings."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gpu_wizard.facts.k3s_causes import CODES
from gpu_wizard.facts.k3s_journal import JOURNAL, K3sJournal, parse_journal
from gpu_wizard.model.fact import Absent, Known, Unknown
from gpu_wizard.model.question import Command, Output

RECORDED = Path(__file__).parent.parent / "recorded" / "k3s-journal"
CASES = sorted(RECORDED.glob("*.txt"))


def read(text: str, status: int = 0) -> K3sJournal:
    fact = parse_journal(Output(status, text.encode(), b""))
    assert isinstance(fact, Known)
    return fact.value


def case(name: str) -> str:
    return (RECORDED / f"{name}.txt").read_text()


def body(name: str) -> list[str]:
    return [line for line in case(name).splitlines() if not line.startswith("#")]


def code_of(journal: K3sJournal) -> str:
    return journal.cause.code if journal.cause else "none"


def expected(path: Path) -> str:
    return next(
        line.removeprefix("# cause: ")
        for line in path.read_text().splitlines()
        if line.startswith("# cause: ")
    )


@pytest.mark.parametrize("path", CASES, ids=[path.stem for path in CASES])
def test_recorded_start_is_named(path: Path) -> None:
    assert code_of(read(path.read_text())) == expected(path)


def test_good_join_came_up() -> None:
    journal = read(case("1.34.3-10-short-token-password"))
    assert (journal.up, journal.containerd, journal.cause) == (True, True, None)


def test_there_are_both_wordings() -> None:
    versions = {path.stem.split("-")[0] for path in CASES}
    assert versions == {"1.34.3", "1.36.2"}
    assert len(CASES) > 80


@pytest.mark.parametrize(
    ("name", "params"),
    [
        ("1.34.3-03-token-of-another-cluster", {"have": "abababababab", "want": "e83d4462d3be"}),
        ("1.34.3-18-wrong-port-kubelet", {"status": "404"}),
        ("1.34.3-21-token-file-missing", {"file": "/etc/rancher/k3s/t"}),
        ("1.36.2-21-token-file-missing", {"file": "/etc/rancher/k3s/t"}),
        ("1.34.3-26-misspelt-key", {"flag": "-node-lable"}),
        ("1.34.3-27-broken-yaml", {"text": "yaml: line 5: did not find expected ',' or ']'"}),
        ("1.34.3-28-restricted-label", {"labels": "kubernetes.io/gpu"}),
        ("1.34.3-30-invalid-label-value", {"text": "'a b'"}),
        ("1.34.3-32-default-runtime-without-toolkit", {"runtime": "nvidia"}),
        ("1.36.2-33-unknown-kubelet-flag", {"flag": "--no-such-flag"}),
        ("1.36.2-39-upper-case-node-name", {"name": "gpu_two"}),
        ("1.36.2-template-that-renders-no-toml", {"text": "exit status 1"}),
        (
            "1.34.3-35-clock-behind",
            {
                "now": "2026-11-25T22:42:17Z",
                "side": "before",
                "limit": "2026-11-25T23:51:16Z",
            },
        ),
    ],
)
def test_parameters(name: str, params: dict[str, str]) -> None:
    cause = read(case(name)).cause
    assert cause is not None
    assert cause.params == params


def test_kubelet_lines_of_1_34_are_klog_lines() -> None:
    lines = body("1.34.3-39-upper-case-node-name")
    error = (
        r'err="Node \"gpu_two\" is invalid: metadata.name: Invalid value: \"gpu_two\": a lowercase"'
    )
    refused = f'"Unable to register node with API server" {error} node="gpu_two"'
    lines.append(
        f"1795646543.9 gpu2 k3s[4626]: E1125 22:42:23.880519    4626 kubelet_node_status.go:107] {refused}"
    )
    cause = read("\n".join(lines)).cause
    assert cause is not None
    assert (cause.code, cause.params) == ("name-invalid", {"name": "gpu_two"})


def test_few_refusals_at_first_are_no_fault() -> None:
    lines = body("1.34.3-14-connection-refused")
    said = [line for line in lines if "failed to get CA certs" in line]
    start = [line for line in lines if "failed to get CA certs" not in line]
    assert read("\n".join(start + said[:2])).cause is None
    assert code_of(read("\n".join(start + said[:3]))) == "server-unreachable"


def test_server_that_is_just_restarting_is_not_called_a_stranger() -> None:
    line = (
        '1795646543.9 gpu2 k3s[1]: level=error msg="Failed to validate connection to cluster at https://s:6443:'
        ' failed to get CA certs: https://127.0.0.1:6444/cacerts: 503 Service Unavailable"'
    )
    assert code_of(read(line)) == "none"
    assert code_of(read("\n".join([line] * 3))) == "server-unreachable"


def test_retry_that_succeeded_is_no_fault() -> None:
    refused = body("1.34.3-14-connection-refused")
    joined = body("1.34.3-10-short-token-password")[1:]
    journal = read("\n".join(refused + joined))
    assert (journal.up, journal.containerd, journal.cause) == (True, True, None)
    assert journal.healthy


def test_only_the_last_start_counts() -> None:
    stopped = [
        "1795646550.1 gpu2 systemd[1]: Stopped k3s-agent.service - Lightweight Kubernetes.",
    ]
    text = "\n".join(body("1.34.3-01-wrong-password-node") + stopped)
    assert code_of(read(text)) == "token-rejected"
    assert read(text + "\n" + "\n".join(body("1.34.3-10-short-token-password"))).cause is None


@pytest.mark.parametrize(
    "starting",
    [
        "Starting k3s-agent.service - Lightweight Kubernetes...",  # systemd 249 and later
        "Starting Lightweight Kubernetes...",  # before
    ],
)
def test_restart_loop_keeps_its_fault_between_two_tries(starting: str) -> None:
    again = [
        "1795646325.6 gpu2 systemd[1]: k3s-agent.service: Scheduled restart job, restart counter is at 1.",
        "1795646325.7 gpu2 systemd[1]: Stopped k3s-agent.service - Lightweight Kubernetes.",
        f"1795646325.8 gpu2 systemd[1]: {starting}",
        '1795646326.0 gpu2 k3s[5000]: time="2026-11-25T22:38:46Z" level=info msg="Starting k3s agent v1.34.3+k3s1 (48ffa7b6)"',
    ]
    failed = body("1.34.3-28-restricted-label")
    journal = read("\n".join(failed + again))
    assert code_of(journal) == "label-refused"
    assert journal.started_at == 1795646325.8
    assert not journal.healthy
    assert read("\n".join(failed + again[2:])).cause is None, "a start by hand is a new try"


def test_restart_loop_that_came_up_has_no_fault() -> None:
    again = "1795646500.6 gpu2 systemd[1]: k3s-agent.service: Scheduled restart job, restart counter is at 1."
    text = [*body("1.34.3-28-restricted-label"), again, *body("1.34.3-10-short-token-password")]
    journal = read("\n".join(text))
    assert (journal.healthy, journal.cause) == (True, None)


def test_end_after_coming_up_is_not_up() -> None:
    journal = read(case("1.34.3-template-that-renders-no-toml"))
    assert (journal.up, journal.containerd, journal.healthy) == (False, False, False)


def test_cause_is_void_for_what_was_configured_later() -> None:
    cause = read(case("1.34.3-01-wrong-password-node")).cause
    assert cause is not None
    assert cause.is_void(cause.started_at + 5)
    assert not cause.is_void(cause.started_at - 5)


def test_start_out_of_reach_is_no_verdict() -> None:
    tail = body("1.36.2-node-deleted-while-agent-runs")[1:]
    journal = read("\n".join(tail))
    assert journal.started_at is None
    assert journal.healthy


def test_last_lines_are_kept_clean() -> None:
    line = "1795646543.9 gpu2 k3s[1]: \x1b[31mred\x1b[0m \u202etfel-ot-thgir\u202c"
    assert read(line).tail == ("[31mred [0m tfel-ot-thgir",)


def test_no_entries() -> None:
    assert parse_journal(Output(0, b"-- No entries --\n", b"")) == Absent()
    assert isinstance(parse_journal(Output(1, b"", b"no permission")), Unknown)


def test_question_is_bounded_and_read_only() -> None:
    assert isinstance(JOURNAL.ask, Command)
    assert "-n" in JOURNAL.ask.argv
    assert JOURNAL.ask.root


@given(st.binary(max_size=300))
def test_any_bytes(noise: bytes) -> None:
    parse_journal(Output(0, noise, noise))
    parse_journal(Output(0, b"1.5 h k3s[1]: " + noise, b""))


def test_every_code_has_a_recording_or_is_listed() -> None:
    """What was not recorded comes from K3s's and Kubernetes' own texts, and each is named here."""
    recorded = {expected(path) for path in CASES}
    not_recorded = {
        *("certificate-name", "certificate-untrusted", "cgroup-memory", "default-route-missing"),
        *("port-in-use", "disk-full", "register-refused", "connection-refused"),
        *("server-not-ready", "shut-down", "start-failed"),
    }
    assert set(CODES) - recorded == not_recorded


@pytest.mark.parametrize(
    ("message", "code"),
    [
        ('level=fatal msg="Error: something new"', "start-failed"),
        ('level=error msg="Shutdown request received: flannel exited: no interface"', "shut-down"),
        (
            'level=error msg="Shutdown request received: \\"flannel exited: no interface\\""',
            "shut-down",
        ),
        (
            'level=fatal msg="unable to select an IP from default routes."',
            "default-route-missing",
        ),
        (
            'level=fatal msg="failed to find memory cgroup (v2)"',
            "cgroup-memory",
        ),
        (
            'level=fatal msg="listen tcp 127.0.0.1:6444: bind: address already in use"',
            "port-in-use",
        ),
    ],
)
def test_text_that_was_not_recorded(message: str, code: str) -> None:
    assert code_of(read(f"1795646543.9 gpu2 k3s[1]: {message}")) == code
