"""K3s's facts: units, versions, files, clocks, the control plane, the Node; each parser on recorded output."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gpu_wizard.facts import k3s
from gpu_wizard.facts.k3s import K3sEnvironment, K3sFiles, NodeIdentity
from gpu_wizard.facts.k3s_situation import JoinFacts
from gpu_wizard.facts.systemd import AGENT, SERVER, UNITS, K3sUnits, UnitState, parse_units
from gpu_wizard.model.fact import ABSENT, Known, Unknown
from gpu_wizard.model.question import (
    Command,
    FileFound,
    Files,
    FilesFound,
    ObjectsFound,
    Output,
    probes_of,
)
from gpu_wizard.model.readonly import is_read_only
from gpu_wizard.model.spec import Spec
from gpu_wizard.model.version import Version

SPEC = Spec("gpu1", server="https://10.0.0.10:6443", kubernetes_node="gpu1", has_control_plane=True)
CA = "e83d4462d3be4e6ff2834086afef69473f8a4188e61e90dd3cf571a387526b3d"


def out(text: str, status: int = 0, error: str = "") -> Output:
    return Output(status, text.encode(), error.encode())


def found(*paths: str, mtime: int = 7, size: int = 1) -> FilesFound:
    return FilesFound(tuple(FileFound(path, "file", 0o600, "root", size, mtime) for path in paths))


# systemd 252 and 257 as recorded: keys come in systemd's own order, not in that of the question.
WAITING_AGENT = """Result=success
NRestarts=0
ExecMainStatus=0
Id=k3s-agent.service
LoadState=loaded
ActiveState=activating
SubState=start
UnitFileState=enabled
Job=1234
InvocationID=4a5bc0f6d1d94df0a8ae

Result=success
NRestarts=0
ExecMainStatus=0
Id=k3s.service
LoadState=not-found
ActiveState=inactive
SubState=dead
UnitFileState=
"""


def units(text: str) -> K3sUnits:
    fact = parse_units(out(text))
    assert isinstance(fact, Known)
    return fact.value


def test_units() -> None:
    both = units(WAITING_AGENT)
    assert both.agent == UnitState(
        AGENT,
        loaded=True,
        active="activating",
        sub="start",
        enabled="enabled",
        invocation="4a5bc0f6d1d94df0a8ae",
        queued=True,
    )
    assert not both.server.loaded
    assert both.current is both.agent
    assert (both.current.starting, both.current.running, both.is_server) == (True, False, False)


def test_unit_that_restarts_for_ever() -> None:
    loop = WAITING_AGENT.replace("SubState=start", "SubState=auto-restart")
    loop = loop.replace("Result=success", "Result=exit-code", 1).replace(
        "NRestarts=0", "NRestarts=12", 1
    )
    agent = units(loop).agent
    assert (agent.starting, agent.result, agent.restarts) == (True, "exit-code", 12)


@pytest.mark.parametrize(
    ("agent", "server", "current"),
    [
        (UnitState(AGENT), UnitState(SERVER), AGENT),
        (UnitState(AGENT, loaded=True), UnitState(SERVER), AGENT),
        (UnitState(AGENT), UnitState(SERVER, loaded=True), SERVER),
        (UnitState(AGENT, loaded=True, active="active"), UnitState(SERVER, loaded=True), AGENT),
        (UnitState(AGENT, loaded=True), UnitState(SERVER, loaded=True, active="active"), SERVER),
    ],
)
def test_the_unit_that_counts(agent: UnitState, server: UnitState, current: str) -> None:
    assert K3sUnits(agent, server).current.name == current


@pytest.mark.parametrize(
    ("answer", "fact"),
    [
        (out("", 127, "systemctl: not found"), ABSENT),
        (out("", 1, "System has not been booted with systemd as init system (PID 1)."), ABSENT),
        (out("", 1, "Failed to connect to bus"), Unknown("unreadable", "Failed to connect to bus")),
    ],
)
def test_without_systemd(answer: Output, fact: object) -> None:
    assert parse_units(answer) == fact


@pytest.mark.parametrize(
    ("answer", "fact"),
    [
        (
            out("k3s version v1.34.3+k3s1 (48ffa7b6)\ngo version go1.24.11\n"),
            Known(Version("v1.34.3+k3s1")),
        ),
        (out("", 127, "sh: 1: /usr/local/bin/k3s: not found"), ABSENT),
        (out("", 126, "Permission denied"), ABSENT),
        (out("segfault", 139, "core dumped"), Unknown("unreadable", "core dumped")),
    ],
)
def test_version(answer: Output, fact: object) -> None:
    assert k3s.parse_version(answer) == fact


def test_files_of_a_member_and_of_a_bare_machine() -> None:
    everything = found(
        *(k3s.OUR_CONFIG, k3s.OUR_TOKEN, k3s.CLIENT_CERTIFICATE, k3s.NODE_PASSWORD),
        *("/usr/bin/curl", "/usr/bin/wget"),
    )
    assert k3s.parse_files(everything) == Known(
        K3sFiles(7, 7, True, True, "curl", frozenset({k3s.OUR_TOKEN}))
    )
    assert k3s.parse_files(FilesFound(())) == Known(K3sFiles())
    assert k3s.parse_files(found("/bin/wget")) == Known(K3sFiles(downloader="wget"))


@pytest.mark.parametrize(
    ("text", "environment"),
    [
        (b"K3S_TOKEN='***'\nK3S_URL='https://s:6443'\n", K3sEnvironment("https://s:6443", True)),
        (b"K3S_URL=https://s:6443\nK3S_TOKEN_FILE=/t\n", K3sEnvironment("https://s:6443", True)),
        (b"https_proxy='http://p:3128'\n", K3sEnvironment()),
        (b"", K3sEnvironment()),
    ],
)
def test_environment_of_the_unit(text: bytes, environment: K3sEnvironment) -> None:
    file = FileFound("/e", "file", 0o600, "root", len(text), 1, content=text)
    assert k3s.parse_environment(FilesFound((file,))) == Known(environment)
    assert k3s.parse_environment(FilesFound(())) == ABSENT


def test_clock() -> None:
    assert k3s.parse_clock(out("1795646400\n")) == Known(1795646400)
    assert k3s.parse_clock(out("", 1)) == Unknown("unreadable", "")


def test_hash_of_the_authority() -> None:
    assert k3s.parse_sha256(out(f"{CA}  {k3s.SERVER_CA}\n")) == Known(CA)
    gone = f"sha256sum: {k3s.SERVER_CA}: No such file or directory"
    assert k3s.parse_sha256(out("", 1, gone)) == ABSENT
    assert isinstance(k3s.parse_sha256(out("", 1, "Permission denied")), Unknown)


def test_token_files_the_least_powerful_first() -> None:
    both = found(k3s.AGENT_TOKEN, k3s.SERVER_TOKEN)
    assert k3s.parse_token_files(both) == Known((k3s.AGENT_TOKEN, k3s.SERVER_TOKEN))
    assert k3s.parse_token_files(FilesFound(())) == ABSENT


def test_which_machine_a_node_is() -> None:
    ready = {"type": "Ready", "status": "False", "message": "cni plugin not initialized"}
    status = {
        "nodeInfo": {"machineID": "3390009c"},
        "conditions": [{"type": "DiskPressure"}, ready],
    }
    assert k3s.parse_node_identity(ObjectsFound(({"status": status},))) == Known(
        NodeIdentity("3390009c", "cni plugin not initialized")
    )
    assert k3s.parse_node_identity(ObjectsFound(({"status": {}},))) == Known(NodeIdentity())
    assert k3s.parse_node_identity(ObjectsFound(())) == ABSENT


@pytest.mark.parametrize(
    ("objects", "fact"),
    [
        ((), ABSENT),
        (({"metadata": {"name": "x"}},), Known(False)),
        (({"metadata": {"ownerReferences": [{"kind": "Node"}]}},), Known(True)),
    ],
)
def test_owner_of_a_node_password(objects: tuple[dict[str, Any], ...], fact: object) -> None:
    assert k3s.parse_password_secret(ObjectsFound(objects)) == fact


def test_machine_id() -> None:
    file = FileFound("/etc/machine-id", "file", 0o444, "root", 33, 1, content=b"3390009c\n")
    assert k3s.MACHINE_ID.read(FilesFound((file,))) == Known("3390009c")
    assert k3s.MACHINE_ID.read(FilesFound(())) == ABSENT


def test_the_control_plane_is_asked_where_there_is_one() -> None:
    probes = probes_of(JoinFacts).values()
    without = Spec("gpu1", server=SPEC.server, kubernetes_node="gpu1")
    asked = {probe.id for probe in probes if probe.question(without) is None}
    assert asked == {"k3s.server-version", "k3s.server-clock", "k3s.server-ca", "k3s.server-tokens"}
    nameless = {probe.id for probe in probes if probe.question(Spec("gpu1")) is None}
    assert nameless - asked == {
        *("curl.server-port", "wget.server-port"),
        *("cluster.node", "cluster.node-identity", "cluster.node-password"),
    }


def test_no_question_reads_a_token() -> None:
    for probe in probes_of(JoinFacts).values():
        question = probe.question(SPEC)
        if isinstance(question, Files) and any("token" in path for path in question.patterns):
            assert not question.content
        if isinstance(question, Command):
            assert not any(word.endswith("token") for word in question.argv)


@pytest.mark.parametrize(
    ("argv", "allowed"),
    [
        (("wget", "-nv", "-O", "-", "-T", "4", "https://a/b"), True),
        (("wget", "-nv", "-O", "/etc/x", "https://a/b"), False),
        (("wget", "-nv", "-O", "-", "-O", "x", "https://a/b"), False),
        (("wget", "-nv", "-O", "-", "https://a/b", "-P/etc"), False),
        (("wget", "https://a/b"), False),
        (("wget", "-nv", "-O", "-", "http://a/b"), False),
        (("wget", "-nv", "-O", "-", "--post-data=x", "https://a/b"), False),
    ],
)
def test_wget_may_only_print(argv: tuple[str, ...], allowed: bool) -> None:
    assert is_read_only(argv) is allowed


@given(st.binary(max_size=200), st.integers(0, 255))
def test_any_answer_is_read(noise: bytes, status: int) -> None:
    answer = Output(status, noise, noise)
    for parse in (k3s.parse_version, k3s.parse_clock, k3s.parse_sha256, UNITS.parse):
        parse(answer)
