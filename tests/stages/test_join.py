"""Stage 1 as tables: facts to assessment, facts to plan. No I/O."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from gpu_wizard.facts.identity import K3sConfig
from gpu_wizard.facts.k3s import OUR_CONFIG, OUR_TOKEN, K3sEnvironment, K3sFiles, NodeIdentity
from gpu_wizard.facts.k3s_causes import CODES
from gpu_wizard.facts.k3s_installer import INSTALLER
from gpu_wizard.facts.k3s_journal import Cause, K3sJournal
from gpu_wizard.facts.k3s_server import ServerPort
from gpu_wizard.facts.k3s_situation import JoinFacts
from gpu_wizard.facts.objects import ApiVersion, NodeObject
from gpu_wizard.facts.systemd import AGENT, SERVER, K3sUnits, UnitState
from gpu_wizard.knowledge.texts import catalogue, next_step, sentence
from gpu_wizard.model.action import (
    DeleteObject,
    LocalFile,
    Plan,
    PutFile,
    Run,
    SecretFrom,
    SecretNamed,
)
from gpu_wizard.model.fact import ABSENT, Known, Unknown
from gpu_wizard.model.secret import SecretSource
from gpu_wizard.model.spec import JoinOptions, Spec, StageOptions
from gpu_wizard.model.stage import Assessment
from gpu_wizard.model.version import Version
from gpu_wizard.stages.join import Join

NOW = 1_795_646_400
CA = "e83d4462d3be4e6ff2834086afef69473f8a4188e61e90dd3cf571a387526b3d"
BOOT, OTHER_BOOT = "1c1f52e1-5fa9-4270-b878-5dfb10996570", "99999999-5fa9-4270-b878-5dfb10996570"
V34 = Version("v1.34.3+k3s1")
STAGE = Join()

AGENT_UP = UnitState(AGENT, loaded=True, active="active", sub="running", enabled="enabled")
AGENT_STARTING = replace(AGENT_UP, active="activating", sub="start")
AGENT_LOOPING = replace(AGENT_UP, active="activating", sub="auto-restart", result="exit-code")
AGENT_IDLE = replace(AGENT_UP, active="inactive", sub="dead")
AGENT_OFF = replace(AGENT_IDLE, enabled="disabled")
SERVER_UP = UnitState(SERVER, loaded=True, active="active", sub="running", enabled="enabled")
NO_SERVER, NO_AGENT = UnitState(SERVER), UnitState(AGENT)

OUR_KEYS = {"server": "https://10.0.0.10:6443", "token-file": OUR_TOKEN}
OURS = K3sConfig(OUR_KEYS, dict.fromkeys(OUR_KEYS, OUR_CONFIG), newest_mtime=NOW - 20)
JOINED_FILES = K3sFiles(
    our_token_at=NOW - 20,
    our_config_at=NOW - 20,
    client_certificate=True,
    node_password=True,
    downloader="curl",
)
NODE = NodeObject(
    name="gpu1",
    uid="u1",
    ready="True",
    boot_id=BOOT,
    labels={},
    capacity={},
    allocatable={},
    kubelet_version=V34.text,
    runtime_version="containerd://2.1.5-k3s1",
    handlers=("",),
    addresses=("10.0.0.21", "gpu1"),
)
WELL = K3sJournal(started_at=NOW - 15, latest_at=NOW, up=True, containerd=True)


def spec(**options: Any) -> Spec:
    return Spec(
        node="gpu1",
        server="https://10.0.0.10:6443",
        kubernetes_node="gpu1",
        has_control_plane=True,
        options=StageOptions(join=JoinOptions(**options)),
    )


def facts(**changes: Any) -> JoinFacts:
    """A bare Debian machine beside a healthy control plane."""
    bare = JoinFacts(
        units=Known(K3sUnits(NO_AGENT, NO_SERVER)),
        journal=ABSENT,
        version=ABSENT,
        files=Known(K3sFiles(downloader="curl")),
        config=ABSENT,
        environment=ABSENT,
        boot_id=Known(BOOT),
        machine_id=Known("m1"),
        clock=Known(NOW),
        curl=Known(ServerPort("k3s", CA, 200)),
        wget=ABSENT,
        server_clock=Known(NOW - 2),
        server_version=Known(V34),
        ca_hash=Known(CA),
        token_files=Known(("/var/lib/rancher/k3s/server/agent-token",)),
        api_version=Known(ApiVersion(V34)),
        node=ABSENT,
        identity=ABSENT,
        password=ABSENT,
    )
    return replace(bare, **changes)


def agent(unit: UnitState, **changes: Any) -> JoinFacts:
    """A machine that we installed an agent on."""
    installed = {"units": Known(K3sUnits(unit, NO_SERVER)), "version": Known(V34)}
    ours = {"files": Known(JOINED_FILES), "config": Known(OURS), "journal": Known(WELL)}
    seen = {"node": Known(NODE), "identity": Known(NodeIdentity("m1", ""))}
    return facts(**{**installed, **ours, **seen, **changes})


def fault(code: str, seconds_ago: float = 10, **params: str) -> Known[K3sJournal]:
    started = NOW - seconds_ago
    cause = Cause(code, params, "the line", started_at=started, last_at=NOW)
    return Known(K3sJournal(started_at=started, latest_at=NOW, cause=cause))


def judged(form: JoinFacts, wanted: Spec | None = None) -> Assessment:
    wanted = wanted or spec()
    assessment = STAGE.assess(form, wanted)
    STAGE.found(form, wanted)
    plan = STAGE.plan(form, wanted)
    assert bool(plan) == (assessment.state == "needed")
    texts_are_whole(assessment, plan)
    return assessment


def texts_are_whole(assessment: Assessment, plan: Plan) -> None:
    """Every code has both languages, and every parameter that they name is given."""
    shown = [("reason", assessment.code, assessment.params)]
    shown += [("note", note.code, note.params) for note in assessment.notes]
    shown += [("step", step.id, step.params) for step in plan]
    shown += [("risk", step.risk.code, step.risk.params) for step in plan if step.risk]
    for kind, code, params in shown:
        if not code.startswith("join."):
            continue
        assert code in catalogue()[kind], code
        for language in ("en", "ru"):
            text = sentence(kind, code, params, language) + next_step(kind, code, params, language)
            assert "<" not in text, (code, text)


def ids(plan: Plan) -> list[str]:
    return [step.id.removeprefix("join.") for step in plan]


def state_code(assessment: Assessment) -> str:
    settling = " settling" if assessment.settling else ""
    return f"{assessment.state} {assessment.code.removeprefix('join.')}{settling}"


WHOLE = ["token", "config", "download-installer", "show-checksum", "install", "enable", "start"]


# Members


def test_agent_is_adopted() -> None:
    assert state_code(judged(agent(AGENT_UP))) == "done agent"


def test_agent_that_the_guide_installed_is_adopted() -> None:
    by_environment = K3sFiles(client_certificate=True, node_password=True)
    form = agent(
        AGENT_UP,
        files=Known(by_environment),
        config=ABSENT,
        environment=Known(K3sEnvironment("https://10.0.0.11:6443", has_token=True)),
        journal=Known(K3sJournal(started_at=None, latest_at=NOW)),
    )
    assert state_code(judged(form)) == "done agent"


def test_server_that_is_the_gpu_machine_is_adopted() -> None:
    form = agent(
        NO_AGENT,
        units=Known(K3sUnits(NO_AGENT, SERVER_UP)),
        config=ABSENT,
        files=Known(K3sFiles(node_password=True)),
    )
    assessment = judged(form)
    assert state_code(assessment) == "done server"
    assert assessment.params["unit"] == "k3s"


def test_rebooted_member_that_says_its_new_boot_soon() -> None:
    form = agent(AGENT_UP, node=Known(replace(NODE, boot_id=OTHER_BOOT)))
    assert state_code(judged(form)) == "waiting node-not-ready settling"
    old = replace(WELL, started_at=NOW - 90)
    assert state_code(judged(replace(form, journal=Known(old)))) == "blocked node-is-other-host"


@pytest.mark.parametrize(
    ("kubelet", "server", "notes"),
    [
        ("v1.34.3+k3s1", "v1.34.3+k3s1", []),
        ("v1.34.3+k3s1", "v1.34.6+k3s1", []),
        ("v1.35.0+k3s1", "v1.34.3+k3s1", ["agent-newer"]),
        ("v1.31.0+k3s1", "v1.34.3+k3s1", []),
        ("v1.30.0+k3s1", "v1.34.3+k3s1", ["agent-older"]),
    ],
)
def test_version_skew_of_a_member_is_said(kubelet: str, server: str, notes: list[str]) -> None:
    form = agent(
        AGENT_UP,
        node=Known(replace(NODE, kubelet_version=kubelet)),
        api_version=Known(ApiVersion(Version(server))),
    )
    assessment = judged(form)
    assert assessment.state == "done"
    assert [note.code for note in assessment.notes] == [f"join.{note}" for note in notes]


def test_other_notes_of_a_member() -> None:
    form = agent(AGENT_UP, server_clock=Known(NOW - 100))
    codes = [note.code for note in judged(form, spec(version="v1.34.1+k3s1")).notes]
    assert codes == ["join.version-differs", "join.clock-drift"]


@pytest.mark.parametrize(
    ("code", "more"),
    [("no-cluster", ""), ("api-unauthorized", ""), ("api-unreachable", " settling")],
)
def test_cluster_that_can_not_be_seen_is_unknown(code: str, more: str) -> None:
    old = Known(replace(WELL, started_at=NOW - 1000))
    form = agent(AGENT_UP, node=Unknown(code), journal=old)
    assert state_code(judged(form)) == f"unknown {code}{more}"
    assert state_code(judged(facts(node=Unknown(code)))) == f"unknown {code}{more}"


def test_api_that_is_away_right_after_a_start_may_come_back() -> None:
    form = agent(AGENT_UP, node=Unknown("api-unreachable"))
    assert state_code(judged(form)) == "waiting api-away settling"


@pytest.mark.parametrize(
    ("units", "expected"),
    [(Unknown("sudo-refused", "x"), "unknown sudo-refused"), (ABSENT, "blocked needs-systemd")],
)
def test_without_systemd(units: Any, expected: str) -> None:
    form = facts(units=units)
    assert state_code(judged(form)) == expected
    assert STAGE.found(form, spec()) == ()


def test_agent_of_another_cluster() -> None:
    theirs = K3sConfig(
        {"server": "https://192.0.2.1:6443"}, {"server": "/etc/rancher/k3s/config.yaml"}
    )
    old = Known(replace(WELL, started_at=None))
    form = agent(AGENT_UP, node=ABSENT, config=Known(theirs), journal=old)
    assert state_code(judged(form)) == "blocked other-cluster"
    form = facts(
        units=Known(K3sUnits(NO_AGENT, SERVER_UP)), journal=Known(K3sJournal(started_at=None))
    )
    assert state_code(judged(form)) == "blocked server-of-other-cluster"


# On the way


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"node": ABSENT, "journal": Known(K3sJournal(NOW - 2))}, "waiting starting settling"),
        ({"node": ABSENT, "journal": ABSENT}, "blocked starting"),
        ({"node": ABSENT, "journal": Known(K3sJournal(NOW - 500))}, "blocked starting"),
    ],
)
def test_start_in_progress(changes: dict[str, Any], expected: str) -> None:
    assert state_code(judged(agent(AGENT_STARTING, **changes))) == expected


def test_queued_start_is_a_start() -> None:
    queued = replace(AGENT_IDLE, queued=True)
    form = agent(queued, node=ABSENT, journal=Known(K3sJournal(NOW - 1)))
    assert state_code(judged(form)) == "waiting starting settling"


@pytest.mark.parametrize("unit", [replace(AGENT_IDLE, queued=True), AGENT_STARTING])
def test_journal_that_has_not_heard_of_the_start_yet(unit: UnitState) -> None:
    """Seen with systemd 252: the first look after `--no-block start` may find the stop before it."""
    old = fault("token-rejected", 900)
    form = agent(unit, node=ABSENT, journal=Known(replace(old.value, stopped=True)))
    assert state_code(judged(form)) == "waiting starting settling"


def test_node_that_is_not_seen_yet() -> None:
    assert state_code(
        judged(agent(AGENT_UP, node=ABSENT, journal=Known(replace(WELL, started_at=NOW - 5))))
    ) == ("waiting node-not-ready settling")


def test_containerd_may_be_late() -> None:
    late = K3sJournal(NOW - 11, up=True, containerd=False)
    assert state_code(judged(agent(AGENT_UP, journal=Known(late)))) == (
        "waiting containerd-starting settling"
    )
    stuck = replace(late, started_at=NOW - 200)
    assert (
        state_code(judged(agent(AGENT_UP, journal=Known(stuck)))) == "blocked containerd-starting"
    )


def test_node_that_is_not_ready() -> None:
    node: dict[str, Any] = {"node": Known(replace(NODE, ready="False"))}
    node["identity"] = Known(NodeIdentity("m1", "cni plugin not initialized"))
    assessment = judged(agent(AGENT_UP, **node))
    assert state_code(assessment) == "waiting node-not-ready settling"
    assert assessment.params["text"] == "cni plugin not initialized"
    old = Known(replace(WELL, started_at=None))
    assert state_code(judged(agent(AGENT_UP, **node, journal=old))) == "blocked node-not-ready"


def test_busy_start_whose_first_line_is_out_of_reach_is_given_time() -> None:
    """Such as a server's: more lines in some seconds than are read."""
    node = Known(replace(NODE, ready="False"))
    busy = K3sJournal(started_at=None, oldest_at=NOW - 8, latest_at=NOW)
    form = agent(AGENT_UP, node=node, journal=Known(busy))
    assert state_code(judged(form)) == "waiting node-not-ready settling"
    quiet = replace(busy, oldest_at=NOW - 7200)
    form = agent(AGENT_UP, node=node, journal=Known(quiet))
    assert state_code(judged(form)) == "blocked node-not-ready"


def test_stopping_unit() -> None:
    stopping = replace(AGENT_UP, active="deactivating", sub="stop-sigterm")
    assert state_code(judged(agent(stopping))) == "waiting stopping settling"


CURED = {"node-deleted": "needed node-deleted"}


@pytest.mark.parametrize("code", CODES)
@pytest.mark.parametrize("unit", [AGENT_STARTING, AGENT_LOOPING], ids=["blocks", "fails"])
def test_every_fault_of_a_start_is_named_at_once(code: str, unit: UnitState) -> None:
    params = dict.fromkeys(
        [
            "text",
            "status",
            "file",
            "have",
            "want",
            "now",
            "limit",
            "names",
            "flag",
            "labels",
            "runtime",
            "port",
            "name",
        ],
        "x",
    )
    form = agent(unit, node=ABSENT, journal=fault(code, 10, **params))
    assert state_code(judged(form)) == CURED.get(code, f"blocked {code}")


def test_agent_that_came_up_and_then_lost_its_containerd() -> None:
    form = agent(AGENT_LOOPING, journal=fault("containerd-exited", text="exit status 1"))
    assert state_code(judged(form)) == "done member-without-containerd"
    form = agent(AGENT_UP, journal=fault("containerd-exited", text="exit status 1"))
    assert state_code(judged(form)) == "done member-without-containerd"


def test_fault_of_an_old_configuration_is_void() -> None:
    written = replace(JOINED_FILES, our_token_at=NOW - 3)
    form = agent(AGENT_STARTING, files=Known(written), journal=fault("token-rejected", 60))
    assert state_code(judged(form)) == "needed configured-since"
    assert ids(STAGE.plan(form, spec())) == ["stop", "start"]


def test_old_token_of_ours_gets_a_successor_and_a_new_one_does_not() -> None:
    form = agent(AGENT_STARTING, journal=fault("token-rejected", 15))
    assert state_code(judged(form)) == "blocked token-rejected"
    long_ago = replace(OURS, newest_mtime=NOW - 9999)
    files = replace(JOINED_FILES, our_token_at=NOW - 9999)
    form = agent(
        AGENT_STARTING,
        config=Known(long_ago),
        files=Known(files),
        journal=fault("token-rejected", 900),
    )
    assert state_code(judged(form)) == "needed token-stale"
    assert ids(STAGE.plan(form, spec())) == ["token", "stop", "start"]


def test_token_file_of_ours_that_is_gone_is_written_again() -> None:
    gone = replace(JOINED_FILES, our_token_at=0)
    form = agent(AGENT_STARTING, files=Known(gone), journal=fault("token-file-missing", 15))
    assert state_code(judged(form)) == "needed token-stale"
    assert ids(STAGE.plan(form, spec())) == ["token", "stop", "start"]


def test_token_of_somebody_else_is_left_alone() -> None:
    theirs = K3sConfig(
        {"server": "https://10.0.0.10:6443", "token-file": "/etc/k"},
        {"server": "/etc/rancher/k3s/config.yaml", "token-file": "/etc/rancher/k3s/config.yaml"},
    )
    form = agent(AGENT_STARTING, config=Known(theirs), journal=fault("token-rejected", 9999))
    assert state_code(judged(replace(form, node=ABSENT))) == "blocked token-rejected"


# Traps


@pytest.mark.parametrize(
    ("unit", "journal", "steps"),
    [
        (AGENT_STARTING, fault("node-deleted"), "token stop drop-certificate drop-key start"),
        (
            AGENT_UP,
            Known(replace(WELL, started_at=None)),
            "token stop drop-certificate drop-key start",
        ),
        (AGENT_IDLE, Known(WELL), "token drop-certificate drop-key start"),
        (AGENT_OFF, Known(WELL), "token drop-certificate drop-key enable start"),
    ],
    ids=["blocks", "runs", "stopped", "disabled"],
)
def test_deleted_node_joins_again(unit: UnitState, journal: Known[K3sJournal], steps: str) -> None:
    form = agent(unit, node=ABSENT, identity=ABSENT, journal=journal)
    plan = STAGE.plan(form, spec())
    assert judged(form).state == "needed"
    assert ids(plan) == steps.split(" ")
    gone = [
        step.action.path
        for step in plan
        if isinstance(step.action, PutFile) and step.action.content is None
    ]
    assert gone == [
        "/var/lib/rancher/k3s/agent/client-kubelet.crt",
        "/var/lib/rancher/k3s/agent/client-kubelet.key",
    ]


def test_orphaned_node_password() -> None:
    rejected = fault("node-password-rejected")
    form = agent(AGENT_STARTING, node=ABSENT, password=Known(False), journal=rejected)
    form = replace(form, files=Known(replace(JOINED_FILES, client_certificate=False)))
    assert state_code(judged(form)) == "needed stale-password"
    plan = STAGE.plan(form, spec())
    assert ids(plan) == ["stale-password", "token", "stop", "start"]
    assert plan[0].action == DeleteObject(
        "Secret", "gpu1.node-password.k3s", "kube-system", only_ownerless=True
    )
    owned = replace(form, password=Known(True))
    assert state_code(judged(owned)) == "blocked node-password-rejected"


def test_orphaned_node_password_is_seen_before_a_join() -> None:
    form = facts(password=Known(False))
    assert ids(STAGE.plan(form, spec())) == ["stale-password", *WHOLE]
    keeps = facts(
        password=Known(False), files=Known(K3sFiles(node_password=True, downloader="curl"))
    )
    assert ids(STAGE.plan(keeps, spec())) == WHOLE, "it may well be this host's own"


def test_node_password_of_another_machine_names_it() -> None:
    stranger = replace(NODE, boot_id=OTHER_BOOT, addresses=("10.0.0.99",))
    form = agent(
        AGENT_STARTING,
        node=Known(stranger),
        identity=Known(NodeIdentity("m9")),
        journal=fault("node-password-rejected"),
    )
    assessment = judged(form)
    assert state_code(assessment) == "blocked name-taken"
    assert assessment.params["addresses"] == "10.0.0.99"


@pytest.mark.parametrize(
    ("ready", "machine", "expected"),
    [
        ("True", "m9", "blocked name-taken"),
        ("False", "m9", "blocked name-left-behind"),
        ("Unknown", "", "blocked name-left-behind"),
        ("True", "m1", "waiting node-still-ready settling"),
        ("Unknown", "m1", "needed stopped"),
    ],
)
def test_node_of_this_name_from_another_boot(ready: str, machine: str, expected: str) -> None:
    node = Known(replace(NODE, boot_id=OTHER_BOOT, ready=ready))
    form = agent(AGENT_IDLE, node=node, identity=Known(NodeIdentity(machine)))
    assert state_code(judged(form)) == expected


# Outside


def test_bare_machine_is_joined() -> None:
    form = facts()
    assessment = judged(form)
    assert state_code(assessment) == "needed missing"
    assert assessment.params["version"] == "v1.34.3+k3s1"
    plan = STAGE.plan(form, spec())
    assert ids(plan) == WHOLE
    install = plan[4].action
    assert isinstance(install, Run)
    assert install.argv == ("sh", INSTALLER)
    assert dict(install.environment) == {
        "INSTALL_K3S_VERSION": "v1.34.3+k3s1",
        "INSTALL_K3S_EXEC": "agent",
        "INSTALL_K3S_SKIP_ENABLE": "true",
        "INSTALL_K3S_SKIP_START": "true",
    }
    start = plan[-1].action
    assert isinstance(start, Run)
    assert start.argv == ("systemctl", "--no-block", "start", "k3s-agent")


def test_download_is_private_and_shown() -> None:
    plan = STAGE.plan(facts(), spec())
    download, shown = plan[2].action, plan[3]
    assert isinstance(download, Run)
    script = download.argv[-1]
    assert script.startswith("umask 077 && mkdir -p /var/lib/gpu-wizard && curl -fsSL -o ")
    assert script.endswith(f"{INSTALLER} https://get.k3s.io && chmod 0700 {INSTALLER}")
    assert shown.action == Run(("sha256sum", INSTALLER))
    assert not shown.change


def test_download_by_wget_and_an_address_with_odd_characters() -> None:
    form = facts(
        files=Known(K3sFiles(downloader="wget")),
        curl=ABSENT,
        wget=Known(ServerPort("k3s", CA, 200)),
    )
    action = STAGE.plan(form, spec(installer_url="https://m/a b;rm -rf"))[2].action
    assert isinstance(action, Run)
    assert f"wget -q -O {INSTALLER} 'https://m/a b;rm -rf' &&" in action.argv[-1]


def test_pinned_installer_is_compared_before_it_runs() -> None:
    plan = STAGE.plan(facts(), spec(installer_sha256="AB" * 32))
    assert ids(plan)[2:5] == ["download-installer", "check-checksum", "install"]
    check = plan[3].action
    assert isinstance(check, Run)
    assert check.argv == ("sha256sum", "-c", "-")
    assert check.stdin == f"{'ab' * 32}  {INSTALLER}\n".encode()


def test_air_gap() -> None:
    local = {
        "installer_file": "/m/install.sh",
        "binary_file": "/m/k3s",
        "images_file": "/m/a.tar.zst",
    }
    form = facts(files=Known(K3sFiles()), server_version=ABSENT, api_version=Unknown("api-error"))
    wanted = spec(**local, token=SecretSource("env", "T"))
    assert state_code(judged(form, wanted)) == "needed missing"
    plan = STAGE.plan(form, wanted)
    assert ids(plan) == [
        *("token", "config", "upload-installer", "show-checksum", "upload-binary"),
        *("upload-images", "install", "enable", "start"),
    ]
    puts = [step.action for step in plan if isinstance(step.action, PutFile)][2:]
    assert [(put.path, put.mode, put.content) for put in puts] == [
        (INSTALLER, 0o700, LocalFile("/m/install.sh")),
        ("/usr/local/bin/k3s", 0o755, LocalFile("/m/k3s")),
        ("/var/lib/rancher/k3s/agent/images/a.tar.zst", 0o600, LocalFile("/m/a.tar.zst")),
    ]
    install = plan[6].action
    assert isinstance(install, Run)
    assert dict(install.environment)["INSTALL_K3S_SKIP_DOWNLOAD"] == "true"


def test_proxies_reach_download_and_installer() -> None:
    plan = STAGE.plan(facts(), spec(https_proxy="http://p:3128", no_proxy="10.0.0.0/8"))
    for number in (2, 4):
        action = plan[number].action
        assert isinstance(action, Run)
        given = dict(action.environment)
        assert given["https_proxy"] == given["HTTPS_PROXY"] == "http://p:3128"
        assert given["NO_PROXY"] == "10.0.0.0/8"
        assert "http_proxy" not in given


def token_of(form: JoinFacts, wanted: Spec) -> object:
    return next(
        step.action.content
        for step in STAGE.plan(form, wanted)
        if isinstance(step.action, PutFile) and step.action.path == OUR_TOKEN
    )


def test_token_is_a_short_lived_one_from_the_control_plane() -> None:
    source = token_of(facts(), spec())
    assert isinstance(source, SecretFrom)
    assert source.run.on == "control_plane"
    assert source.run.argv[:5] == ("/usr/local/bin/k3s", "token", "create", "--ttl", "1h")
    assert source.undo_argv == ("/usr/local/bin/k3s", "token", "delete", "{id}")
    assert source.ca_sha256 == CA


def test_token_of_an_old_server_is_the_agents_file() -> None:
    old = Version("v1.25.3+k3s1")
    form = facts(server_version=Known(old), api_version=Known(ApiVersion(old)))
    source = token_of(form, spec())
    assert isinstance(source, SecretFrom)
    assert source.run.argv == ("cat", "/var/lib/rancher/k3s/server/agent-token")
    assert source.undo_argv == ()


def test_token_of_the_user_must_be_this_clusters() -> None:
    wanted = replace(spec(token=SecretSource("env", "GPU_WIZARD_TOKEN")), has_control_plane=False)
    form = facts(ca_hash=ABSENT, server_version=ABSENT, server_clock=ABSENT, token_files=ABSENT)
    assert token_of(form, wanted) == SecretNamed("token", CA), "as /cacerts is served"


def test_secrets_stand_in_no_command() -> None:
    for step in STAGE.plan(facts(), spec()):
        if isinstance(step.action, Run):
            assert not any("K10" in word or "TOKEN=" in word for word in step.action.argv)
            assert not any("TOKEN" in key for key, _ in step.action.environment)


def test_our_configuration_holds_agent_keys_only() -> None:
    plan = STAGE.plan(facts(), spec(node_name="gpu1", node_ip="10.0.0.21"))
    put = next(step.action for step in plan if step.id == "join.config")
    assert isinstance(put, PutFile)
    assert (put.path, put.mode) == (OUR_CONFIG, 0o600)
    assert put.content == (
        b"server: https://10.0.0.10:6443\n"
        b"token-file: /etc/rancher/k3s/gpu-wizard.token\n"
        b"node-name: gpu1\nnode-ip: 10.0.0.21\n"
    )


def test_what_is_taken_back_after_a_failed_start() -> None:
    plan = STAGE.plan(facts(), spec())
    assert [step.id for step in plan if step.revert] == [
        *("join.token", "join.config", "join.download-installer", "join.enable", "join.start")
    ]
    off, node, secret = plan[-1].undo
    assert isinstance(off, Run)
    assert off.argv == ("systemctl", "stop", "k3s-agent")
    assert off.timeout_seconds > 90, "1.34 hears no stop while it waits for a token file"
    assert node == DeleteObject("Node", "gpu1")
    assert secret == DeleteObject(
        "Secret", "gpu1.node-password.k3s", "kube-system", only_ownerless=True
    )


def test_next_run_goes_on_from_binary_and_unit() -> None:
    form = facts(units=Known(K3sUnits(AGENT_OFF, NO_SERVER)), version=Known(V34))
    assert state_code(judged(form)) == "needed unfinished"
    assert ids(STAGE.plan(form, spec())) == ["token", "config", "enable", "start"]


def test_idle_attempt_of_another_version_is_installed_again() -> None:
    form = facts(
        units=Known(K3sUnits(AGENT_OFF, NO_SERVER)), version=Known(Version("v1.36.2+k3s1"))
    )
    plan = STAGE.plan(form, spec())
    assert ids(plan) == WHOLE
    assert plan[4].undo == (), "there was an agent before"


def test_member_that_is_stopped_is_started_as_it_is() -> None:
    for unit, steps in ((AGENT_IDLE, ["start"]), (AGENT_OFF, ["enable", "start"])):
        form = agent(unit)
        assert state_code(judged(form)) == "needed stopped"
        assert ids(STAGE.plan(form, spec())) == steps
    undo = STAGE.plan(agent(AGENT_IDLE), spec())[-1].undo
    assert undo == (Run(("systemctl", "stop", "k3s-agent"), timeout_seconds=150.0),)


BY_THE_GUIDE = Known(K3sEnvironment("https://10.0.0.10:6443", has_token=True))


def test_agent_of_the_guide_that_is_stopped_keeps_its_environment() -> None:
    files = K3sFiles(client_certificate=True, node_password=True, downloader="curl")
    form = agent(AGENT_IDLE, files=Known(files), config=ABSENT, environment=BY_THE_GUIDE)
    form = replace(form, version=Known(Version("v1.33.1+k3s1")))
    assert ids(STAGE.plan(form, spec())) == ["start"]
    gone = replace(form, node=ABSENT, identity=ABSENT)
    assert ids(STAGE.plan(gone, spec())) == ["drop-certificate", "drop-key", "start"]


def test_environment_with_proxies_alone_gives_no_token() -> None:
    """As it is left by a join of ours, through a proxy, whose start failed."""
    form = facts(
        units=Known(K3sUnits(AGENT_OFF, NO_SERVER)),
        version=Known(V34),
        environment=Known(K3sEnvironment()),
    )
    assert ids(STAGE.plan(form, spec())) == ["token", "config", "enable", "start"]


def test_member_by_a_unit_of_another_name() -> None:
    form = facts(node=Known(NODE), identity=Known(NodeIdentity("m1")))
    assert state_code(judged(form)) == "blocked other-unit"


def test_member_whose_agent_was_uninstalled_joins_again() -> None:
    form = facts(node=Known(replace(NODE, ready="Unknown")), identity=Known(NodeIdentity("m1")))
    assert ids(STAGE.plan(form, spec())) == WHOLE
    assert len(STAGE.plan(form, spec())[-1].undo) == 1, "the Node was there before"


def test_server_that_is_stopped_is_started() -> None:
    idle = replace(SERVER_UP, active="inactive", sub="dead")
    form = facts(units=Known(K3sUnits(NO_AGENT, idle)), node=Unknown("api-unreachable"))
    assert state_code(judged(form)) == "needed server-stopped"
    (start,) = STAGE.plan(form, spec())
    assert isinstance(start.action, Run)
    assert start.action.argv == ("systemctl", "--no-block", "start", "k3s")


def theirs(**values: str) -> Known[K3sConfig]:
    keys = {key.replace("_", "-"): value for key, value in values.items()}
    return Known(K3sConfig(keys, dict.fromkeys(keys, "/etc/rancher/k3s/config.yaml")))


def test_configuration_of_somebody_else_is_respected() -> None:
    form = facts(config=theirs(server="https://10.0.0.10:6443/", token_file="/etc/k"))
    assert ids(STAGE.plan(form, spec())) == WHOLE[2:]
    form = facts(config=theirs(token="***"))
    put = next(step.action for step in STAGE.plan(form, spec()) if step.id == "join.config")
    assert isinstance(put, PutFile)
    assert put.content == b"server: https://10.0.0.10:6443\n", "their token stays the one"


@pytest.mark.parametrize(
    ("config", "options", "key"),
    [
        (theirs(server="https://192.0.2.1:6443"), {}, "server"),
        (theirs(node_name="other"), {"node_name": "gpu1"}, "node-name"),
        (theirs(node_ip="10.0.0.1"), {"node_ip": "10.0.0.2"}, "node-ip"),
    ],
)
def test_configuration_that_contradicts_is_never_overwritten(
    config: Known[K3sConfig], options: dict[str, str], key: str
) -> None:
    assessment = judged(facts(config=config), spec(**options))
    assert state_code(assessment) == "blocked config-conflict"
    assert assessment.params["key"] == key


def test_our_own_configuration_follows_the_spec() -> None:
    moved = replace(OURS, values={**OUR_KEYS, "server": "https://10.0.0.99:6443"})
    form = facts(
        units=Known(K3sUnits(AGENT_OFF, NO_SERVER)),
        version=Known(V34),
        config=Known(moved),
        files=Known(replace(JOINED_FILES, client_certificate=False)),
    )
    assert ids(STAGE.plan(form, spec())) == ["token", "config", "enable", "start"]


def test_address_of_several_servers() -> None:
    form = agent(AGENT_UP)
    assert judged(form, replace(spec(), server="https://10.0.0.100:6443")).state == "done"


PORT = ServerPort("k3s", CA, 200)


@pytest.mark.parametrize(
    ("changes", "options", "expected"),
    [
        (
            {"node": Unknown("api-unreachable"), "curl": Known(ServerPort("refused"))},
            {},
            "blocked port-refused settling",
        ),
        *(
            ({"curl": Known(ServerPort(state))}, {}, f"blocked port-{state}")
            for state in (
                *("no-route", "unresolved", "timed-out", "not-tls", "not-k3s", "bad-url"),
                "unreachable",
            )
        ),
        *(
            # A server that starts anew: the run waits for it.
            ({"curl": Known(ServerPort(state))}, {}, f"blocked port-{state} settling")
            for state in ("refused", "not-ready")
        ),
        ({"curl": Known(replace(PORT, ca_sha256="0" * 64))}, {}, "blocked ca-differs"),
        ({"clock": Known(NOW - 4000)}, {}, "blocked clock-behind"),
        ({"clock": Known(NOW + 4000)}, {}, "blocked clock-ahead"),
        ({"clock": Known(NOW - 200)}, {}, "needed missing"),
        ({"api_version": ABSENT, "server_version": ABSENT}, {}, "blocked version-unknown"),
        ({}, {"version": "v1.35.0+k3s1"}, "blocked version-newer"),
        ({}, {"version": "v1.34.9+k3s1"}, "needed missing"),
        ({"files": Known(K3sFiles())}, {}, "blocked no-downloader"),
        ({"files": Known(K3sFiles())}, {"installer_file": "/i"}, "needed missing"),
        ({"server_version": Unknown("no-control-plane")}, {}, "needed missing"),
        (
            {"server_version": Unknown("unreachable"), "token_files": Unknown("unreachable")},
            {},
            "unknown unreachable",
        ),
        ({"server_version": ABSENT, "token_files": ABSENT}, {}, "blocked no-token-source"),
        (
            {"config": Known(K3sConfig({}, {}, ("/etc/rancher/k3s/config.yaml.d/1.yaml",)))},
            {},
            "blocked config-unreadable",
        ),
        ({"files": Unknown("sudo-refused")}, {}, "unknown sudo-refused"),
        ({"config": Unknown("not-readable")}, {}, "unknown not-readable"),
        ({"version": Unknown("timed-out")}, {}, "unknown timed-out"),
        ({"curl": ABSENT}, {}, "needed missing"),
        ({"curl": Unknown("timed-out")}, {}, "needed missing"),
    ],
)
def test_obstacles_are_named_before_anything_is_changed(
    changes: dict[str, Any], options: dict[str, str], expected: str
) -> None:
    assert state_code(judged(facts(**changes), spec(**options))) == expected


def test_obstacles_of_the_spec() -> None:
    assert (
        state_code(judged(facts(curl=ABSENT), replace(spec(), server="")))
        == "blocked server-unknown"
    )
    http = replace(spec(), server="http://10.0.0.10:6443")
    assert state_code(judged(facts(), http)) == "blocked server-not-https"
    alone = replace(spec(), has_control_plane=False)
    assert state_code(judged(facts(server_version=ABSENT), alone)) == "blocked no-token-source"


@pytest.mark.parametrize("name", ["gpu_two", "-gpu", "gpu-", "a..b", "ü", "x" * 64, "a.-b"])
def test_name_that_kubernetes_refuses(name: str) -> None:
    assert (
        state_code(judged(facts(), replace(spec(), kubernetes_node=name))) == "blocked name-invalid"
    )


def test_found_rows() -> None:
    rows = {row.id: (row.value, row.state) for row in STAGE.found(agent(AGENT_UP), spec())}
    assert rows == {
        "join.unit": ("k3s-agent: active (running), enabled", "done"),
        "join.version": ("v1.34.3+k3s1", None),
        "join.server": ("https://10.0.0.10:6443", None),
        "join.port": ("k3s", "done"),
        "join.node": ("gpu1, Ready True", "done"),
        "join.clock": ("+2 s", None),
    }
    bare = {row.id: row.value for row in STAGE.found(facts(), spec())}
    assert (bare["join.unit"], bare["join.version"], bare["join.node"]) == ("", "", "")
    assert set(rows) <= set(catalogue()["found"])
