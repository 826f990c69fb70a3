"""The model's own rules: versions compare, secrets hide, questions only read."""

from __future__ import annotations

import copy
import json
import pickle
from typing import Any

import pytest

from gpu_wizard.facts.identity import K3S_CONFIG, K3S_CONFIG_FILE
from gpu_wizard.model.fact import Unknown
from gpu_wizard.model.question import Command, FileFound, FilesFound
from gpu_wizard.model.secret import Secret
from gpu_wizard.model.version import Version


@pytest.mark.parametrize(
    ("older", "newer"),
    [
        ("v1.34.3+k3s1", "v1.34.3+k3s2"),
        ("v1.34.3+k3s9", "v1.34.10+k3s1"),
        ("1.17.8-1", "1.18.0-1"),
        ("535.54.03", "535.129.03"),
        ("1.9", "1.10"),
        ("1.20.0~rc.1-1", "1.20.0-1"),
        ("1.20.0~rc.1-1", "1.20.0~rc.2-1"),
        ("1.19.1-1", "1.20.0~rc.1-1"),
        ("v1.34.0-rc1+k3s1", "v1.34.0+k3s1"),
        ("v0.18.0-rc.1", "v0.18.0"),
    ],
)
def test_versions_compare_by_their_numbers(older: str, newer: str) -> None:
    assert Version(older) < Version(newer)
    assert Version(newer).at_least(older)
    assert Version(older) != Version(newer)


def test_missing_parts_are_zero_and_text_stays() -> None:
    assert Version("1.17") == Version("1.17.0")
    assert hash(Version("1.17")) == hash(Version("1.17.0"))
    assert str(Version("v1.34.3+k3s1")) == "v1.34.3+k3s1"
    assert Version("v1.34.3+k3s1").plain == "1.34.3"
    assert Version("1.17.8-1").at_least("1.17.8")


def test_a_secret_shows_itself_nowhere() -> None:
    secret = Secret(b"hunter2")
    assert "hunter2" not in f"{secret!r} {secret!s} {secret}"
    assert secret != Secret(b"hunter2")
    spoils: list[Any] = [pickle.dumps, copy.copy, copy.deepcopy, json.dumps]
    for spoil in spoils:
        with pytest.raises(TypeError):
            spoil(secret)
    assert not hasattr(secret, "__dict__")


def test_only_what_is_public_by_design_is_told_of_a_token() -> None:
    token = Secret(b"K10" + b"a" * 64 + b"::abcdef.0123456789abcdef")
    assert token.public_part(rb"^K10([0-9a-f]{64})::") == "a" * 64
    assert token.public_part(rb"::([a-z0-9]{6})\.") == "abcdef"
    assert token.public_part(rb"^no(t) there") == ""


READS: list[tuple[str, ...]] = [
    ("cat", "/etc/os-release"),
    ("systemctl", "show", "-p", "Id", "k3s.service"),
    ("systemctl", "--no-pager", "status", "k3s"),
    ("nvidia-smi", "--query-gpu=index", "--format=csv"),
    ("nvidia-smi", "-L"),
    ("/usr/local/bin/k3s", "crictl", "info"),
    ("journalctl", "-u", "k3s", "-n", "400"),
    ("rpm", "-q", "--qf", "%{NAME}\\n", "libnvidia-container1"),
    ("dpkg-query", "-W", "-f=${Version}", "x"),
    ("curl", "-ksS", "--max-time", "5", "https://a:6443/ping"),
]
WRITES: list[tuple[str, ...]] = [
    ("rm", "-rf", "/"),
    ("sh", "-c", "true"),
    ("systemctl", "restart", "k3s"),
    ("systemctl", "--now", "enable", "k3s"),
    ("nvidia-smi", "-pm", "1"),
    ("nvidia-smi", "mig", "-cgi", "9"),
    ("nvidia-smi", "-r"),
    ("nvidia-smi", "-q", "-f", "/etc/x"),
    ("/usr/local/bin/k3s", "token", "create"),
    ("/usr/local/bin/k3s", "kubectl", "delete", "node", "a"),
    ("journalctl", "--rotate"),
    ("journalctl", "--vacuum-size=1"),
    ("curl", "-o", "/etc/x", "https://a"),
    ("curl", "-ksSo", "/etc/x", "https://a"),
    ("curl", "-X", "POST", "https://a"),
    ("curl", "--data", "x", "https://a"),
    ("curl", "--outp", "/etc/x", "https://a"),
    ("journalctl", "--cursor-fil=/etc/x"),
    ("date", "-s", "2020-01-01"),
    ("ip", "link", "set", "eth0", "down"),
    ("tee", "/etc/x"),
    ("apt-get", "update"),
    ("dpkg", "--configure", "-a"),
    ("hostname", "other"),
    ("sysctl", "-n", "a=b"),
    ("rpm", "-q", "--pipe", "sh", "x"),
    ("rpm", "-q", "--qf", "x", "--eval", "%(id)"),
    ("ip", "l", "s", "eth0", "down"),
    ("nvidia-smi", "-dm", "1"),
    ("nvidia-smi", "compute-policy"),
    ("date", "11260613"),
    (),
]


@pytest.mark.parametrize("argv", READS, ids=" ".join)
def test_a_question_may_read(argv: tuple[str, ...]) -> None:
    assert Command(argv).argv == argv


@pytest.mark.parametrize("argv", WRITES, ids=" ".join)
def test_a_question_that_writes_can_not_be_written(argv: tuple[str, ...]) -> None:
    with pytest.raises(ValueError, match="read-only"):
        Command(argv)


def test_an_answer_nested_beyond_reading_spoils_its_own_fact_alone() -> None:
    deep = FileFound(K3S_CONFIG_FILE, "file", 0o600, "root", 1, 1, content=b"a: " + b"[" * 5000)
    fact = K3S_CONFIG.read(FilesFound((deep,)))
    assert isinstance(fact, Unknown)
    assert fact.code == "unreadable"
