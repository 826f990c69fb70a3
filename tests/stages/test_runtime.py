"""Stage 4: facts → judgement and plan, for what K3s was recorded doing."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from gpu_wizard.facts.containerd import (
    CONFIG,
    DROPINS_V3,
    PROGRAM,
    TEMPLATE_V3,
    ContainerdFiles,
    CriInfo,
    LoadedRuntime,
    LogFailure,
    RuntimeProgram,
    RuntimePrograms,
    UnitPath,
)
from gpu_wizard.facts.identity import K3sConfig
from gpu_wizard.facts.k3s import K3sFiles
from gpu_wizard.facts.k3s_journal import Cause, K3sJournal
from gpu_wizard.facts.objects import NodeObject, PodObject
from gpu_wizard.facts.operator import Operator
from gpu_wizard.facts.systemd import K3sUnits, UnitState
from gpu_wizard.model.action import PutFile, Run
from gpu_wizard.model.fact import ABSENT, Fact, Known, Unknown
from gpu_wizard.model.question import FileFound
from gpu_wizard.model.spec import RuntimeOptions, Spec, StageOptions
from gpu_wizard.model.version import Version
from gpu_wizard.stages.runtime import Runtime, RuntimeFacts

RECORDED = Path(__file__).parents[1] / "recorded" / "containerd"
FOUND_134 = (RECORDED / "k3s-1.34.3-config.toml").read_text()
"""What K3s 1.34.3 renders with the toolkit in /usr/bin."""
PLAIN_134 = FOUND_134.replace(
    FOUND_134[
        FOUND_134.index(
            "[plugins.'io.containerd.cri.v1.runtime'.containerd.runtimes.'nvidia']"
        ) : FOUND_134.index("[plugins.'io.containerd.cri.v1.images'.registry]")
    ],
    "",
)
PLAIN_136 = (RECORDED / "inputs" / "k3s-v3-plain.toml").read_text()
USR_BIN = f"/usr/bin/{PROGRAM}"
ELSEWHERE = f"/opt/nvidia/bin/{PROGRAM}"
GUARDED = """# mine
{{ template "base" . }}
[plugins.'io.containerd.cri.v1.runtime'.containerd.runtimes.'extra']
  runtime_type = "io.containerd.runc.v2"
"""
STAGE = Runtime()
SPEC = Spec("gpu1", kubernetes_node="gpu1")
TOKEN = "/etc/rancher/k3s/token"
STARTED, NOW = 1000, 2000


def file(path: str, text: str, mtime: int = STARTED) -> FileFound:
    content = text.encode()
    return FileFound(path, "file", 0o644, "root", len(content), mtime, content=content)


def files(config: str = PLAIN_134, **more: str) -> Fact[ContainerdFiles]:
    places = {
        "template": TEMPLATE_V3,
        "dropin": f"{DROPINS_V3}/50-nvidia.toml",
        "other": f"{DROPINS_V3}/10-x.toml",
    }
    found = [file(CONFIG, config), *(file(places[name], text) for name, text in more.items())]
    return Known(ContainerdFiles({each.path: each for each in found}))


def programs(*paths: str, since: int = STARTED - 100) -> Fact[RuntimePrograms]:
    return Known(RuntimePrograms(tuple(RuntimeProgram(path, True, since) for path in paths)))


def loaded(binary: str | None = None, **more: Any) -> Fact[CriInfo]:
    runc = LoadedRuntime("", systemd_cgroup=True)
    nvidia = {} if binary is None else {"nvidia": LoadedRuntime(binary, systemd_cgroup=True)}
    return Known(CriInfo({"runc": runc, **nvidia}, "runc", **more))


def units(server: bool = False, **state: Any) -> Fact[K3sUnits]:
    unit = UnitState(
        "k3s" if server else "k3s-agent",
        loaded=True,
        **{"active": "active", "sub": "running", **state},
    )
    return Known(
        K3sUnits(UnitState("k3s-agent"), unit) if server else K3sUnits(unit, UnitState("k3s"))
    )


def node(runtime: str = "containerd://2.1.5-k3s1", **labels: str) -> Fact[NodeObject]:
    return Known(NodeObject("gpu1", "u", "True", "b", labels, {}, {}, "", runtime, ()))


GOOD = RuntimeFacts(
    units=units(),
    journal=Known(K3sJournal(STARTED, STARTED + 3, up=True, containerd=True)),
    clock=Known(NOW),
    k3s=Known(Version("v1.34.3+k3s1")),
    config=Known(K3sConfig({}, {})),
    files=files(FOUND_134),
    programs=programs(USR_BIN),
    k3s_files=Known(K3sFiles(beside=frozenset({TOKEN}))),
    unit_path=ABSENT,
    loaded=loaded(USR_BIN),
    last_words=ABSENT,
    node=node(),
    pods=Known(()),
    operator=ABSENT,
)
MISSING = replace(GOOD, files=files(), loaded=loaded())
NEW_K3S = replace(
    MISSING,
    k3s=Known(Version("v1.36.2+k3s1")),
    node=node("containerd://2.3.2-k3s2"),
    files=files(PLAIN_136),
)


BASE = '{{ template "base" . }}\n'


def with_template(config: str, template: str, mtime: int = NOW - 50) -> Fact[ContainerdFiles]:
    """A template that was written at that time, after the last start where none is given."""
    found = (file(CONFIG, config), file(TEMPLATE_V3, template, mtime))
    return Known(ContainerdFiles({each.path: each for each in found}))


def spoilt(template: str, mtime: int = NOW - 50) -> RuntimeFacts:
    """A healthy node that needs a restart: for a toolkit that is new, or one that moved under a template tried."""
    moved = mtime < STARTED
    return replace(
        GOOD if moved else MISSING,
        files=with_template(FOUND_134 if moved else PLAIN_134, template, mtime),
        programs=programs(USR_BIN, since=STARTED - 100 if moved else STARTED + 50),
        loaded=loaded("/usr/local/nvidia/toolkit/x") if moved else loaded(),
    )


def failing(code: str, line: str = "", **params: str) -> dict[str, Any]:
    cause = Cause(code, params, line, STARTED, STARTED + 1)
    return {
        "units": units(active="activating", sub="auto-restart"),
        "journal": Known(K3sJournal(STARTED, STARTED + 1, cause=cause)),
        "loaded": Known(CriInfo(failure="not-answering", text="")),
    }


CASES: list[tuple[str, RuntimeFacts, str, str]] = [
    ("ready", GOOD, "done", "runtime.ready"),
    ("bare host", replace(GOOD, units=Known(K3sUnits(UnitState("k3s-agent"), UnitState("k3s"))), files=ABSENT, loaded=ABSENT, programs=ABSENT, journal=ABSENT, k3s=ABSENT, config=ABSENT), "waiting", "runtime.join-first"),
    ("no systemd", replace(GOOD, units=ABSENT), "waiting", "runtime.join-first"),
    ("could not look", replace(GOOD, files=Unknown("sudo-refused")), "unknown", "sudo-refused"),
    ("no toolkit", replace(MISSING, programs=ABSENT), "waiting", "runtime.toolkit-first"),
    ("toolkit newer than the start", replace(MISSING, programs=programs(USR_BIN, since=STARTED + 50)), "needed", "runtime.restart-needed"),
    ("just restarted", replace(GOOD, clock=Known(STARTED + 1)), "waiting", "runtime.settling"),
    ("restart is queued", replace(GOOD, units=units(queued=True, active="deactivating")), "waiting", "runtime.starting"),
    ("containerd is late", replace(GOOD, journal=Known(K3sJournal(STARTED, STARTED + 3, up=True)), loaded=Known(CriInfo(failure="not-answering"))), "waiting", "runtime.containerd-starting"),
    ("unit stopped", replace(GOOD, units=units(active="inactive")), "waiting", "runtime.unit-stopped"),
    ("outside the search list, 1.34.3", replace(MISSING, programs=programs(ELSEWHERE)), "needed", "runtime.template-needed"),
    ("outside the search list, 1.36", replace(NEW_K3S, programs=programs(ELSEWHERE)), "needed", "runtime.dropin-needed"),
    ("in the unit's PATH", replace(MISSING, programs=programs(ELSEWHERE, since=STARTED + 9), unit_path=Known(UnitPath(("/opt/nvidia/bin",)))), "needed", "runtime.restart-needed"),
    ("containerd 1.7", replace(MISSING, programs=programs(ELSEWHERE), node=node("containerd://1.7.23-k3s2")), "blocked", "runtime.no-safe-repair"),
    ("hiding template", replace(MISSING, files=files(template=PLAIN_134)), "blocked", "runtime.template-hides"),
    ("foreign template, program outside", replace(MISSING, files=files(template=GUARDED), programs=programs(ELSEWHERE)), "blocked", "runtime.template-foreign"),
    ("foreign drop-in without use", replace(NEW_K3S, files=files(PLAIN_136, dropin="version = 3\n"), programs=programs(ELSEWHERE)), "blocked", "runtime.dropin-foreign"),
    ("a restart would break: unguarded template", replace(MISSING, programs=programs(USR_BIN, since=STARTED + 50), files=files(template=GUARDED.replace("extra", "nvidia"))), "blocked", "runtime.template-names-nvidia"),
    ("a restart would break: imports twice", replace(NEW_K3S, programs=programs(USR_BIN, since=STARTED + 50), files=files(PLAIN_136, template='imports = ["x"]\n{{ template "base" . }}\n')), "blocked", "runtime.template-imports"),
    ("a restart would break: drop-in", replace(NEW_K3S, programs=programs(USR_BIN, since=STARTED + 50), files=files(PLAIN_136, other="[x\n")), "blocked", "runtime.dropin-breaks"),
    ("a restart would break: drop-in of a wrong type", replace(NEW_K3S, programs=programs(USR_BIN, since=STARTED + 50), files=files(PLAIN_136, other="version = 3\n[plugins.'io.containerd.cri.v1.runtime']\nenable_selinux = 'x'\n")), "blocked", "runtime.dropin-breaks"),
    ("a restart would break: no template", spoilt(BASE + "{{ }\n"), "blocked", "runtime.restart-breaks"),
    ("a restart would break: unknown field", spoilt(BASE + "{{ .NoSuchField }}\n"), "blocked", "runtime.restart-breaks"),
    ("a restart would break: renders no TOML", spoilt(BASE + "[plugins\n"), "blocked", "runtime.restart-breaks"),
    ("a restart might break: only K3s knows", spoilt(BASE + "{{ if .NodeConfig.SELinux }}[plugins{{ end }}\n"), "blocked", "runtime.template-untried"),
    ("a restart is fine: a template that asks", spoilt(BASE + '{{ if .NodeConfig.SELinux }}[debug]\nlevel = "debug"{{ end }}\n'), "needed", "runtime.restart-needed"),
    ("a restart is fine: tried with the template", spoilt(BASE + "[plugins\n", STARTED - 50), "needed", "runtime.binary-moved"),
    ("a restart would break: config.yaml", replace(MISSING, programs=programs(USR_BIN, since=STARTED + 50), config=Known(K3sConfig({}, {}, ("/etc/rancher/k3s/config.yaml",)))), "blocked", "runtime.config-unreadable"),
    ("a restart would break: token gone", replace(MISSING, programs=programs(USR_BIN, since=STARTED + 50), config=Known(K3sConfig({"token-file": "/etc/rancher/k3s/other"}, {}))), "blocked", "runtime.token-gone"),
    ("a restart is fine: token there", replace(MISSING, programs=programs(USR_BIN, since=STARTED + 50), config=Known(K3sConfig({"token-file": TOKEN}, {}))), "needed", "runtime.restart-needed"),
    ("a restart is fine: token elsewhere", replace(MISSING, programs=programs(USR_BIN, since=STARTED + 50), config=Known(K3sConfig({"token-file": "/srv/token"}, {}))), "needed", "runtime.restart-needed"),
    ("a new file would break: the template that is there", replace(NEW_K3S, programs=programs(ELSEWHERE), files=with_template(PLAIN_136, BASE + "{{ }")), "blocked", "runtime.restart-breaks"),
    ("binary gone, another found", replace(GOOD, loaded=loaded("/usr/local/nvidia/toolkit/x")), "needed", "runtime.binary-moved"),
    ("binary gone, template's", replace(GOOD, loaded=loaded("/gone"), files=files(FOUND_134, template=GUARDED.replace("extra", "nvidia"))), "blocked", "runtime.binary-missing"),
    ("not executable", replace(MISSING, programs=Known(RuntimePrograms((RuntimeProgram(USR_BIN, False),)))), "blocked", "runtime.not-executable"),
    ("wrong type", replace(GOOD, loaded=Known(CriInfo({"nvidia": LoadedRuntime(USR_BIN, "")}, "runc"))), "blocked", "runtime.type-wrong"),
    ("CRI off", replace(GOOD, loaded=Known(CriInfo(failure="cri-not-loaded", text="unknown service"))), "blocked", "runtime.cri-not-loaded"),
    ("docker", replace(GOOD, config=Known(K3sConfig({"docker": True}, {"docker": "/f"}))), "blocked", "runtime.docker"),
    ("another containerd", replace(GOOD, config=Known(K3sConfig({"container-runtime-endpoint": "/run/containerd/containerd.sock"}, {}))), "blocked", "runtime.foreign-endpoint"),
    ("its own socket named", replace(GOOD, config=Known(K3sConfig({"container-runtime-endpoint": "unix:///run/k3s/containerd/containerd.sock"}, {}))), "done", "runtime.ready"),
    ("operator is ready", replace(MISSING, operator=Known(Operator("p", "ready"))), "done", "runtime.operator"),
    ("operator is not ready", replace(MISSING, operator=Known(Operator("p", "notReady"))), "blocked", "runtime.operator-not-ready"),
    ("operator keeps off", replace(MISSING, operator=Known(Operator("p", "ready")), node=node(**{"nvidia.com/gpu.deploy.operands": "false"}), programs=programs(USR_BIN, since=STARTED + 5)), "needed", "runtime.restart-needed"),
    ("template: panic", replace(MISSING, **failing("template-broken", text="compiled_template:1"), files=files(template="{{ }")), "blocked", "runtime.template-broken"),
    ("template renders no TOML", replace(MISSING, **failing("containerd-exited"), files=files(template=GUARDED), last_words=Known(LogFailure("toml: expected character ]"))), "blocked", "runtime.template-renders-broken"),
    ("template names nvidia twice", replace(MISSING, **failing("containerd-exited"), files=files(template=GUARDED.replace("extra", "nvidia")), last_words=Known(LogFailure("failed to unmarshal TOML: toml: table nvidia already exists"))), "blocked", "runtime.template-names-nvidia"),
    ("drop-in broken, by containerd's word", replace(NEW_K3S, **failing("containerd-exited"), last_words=Known(LogFailure("toml", f"{DROPINS_V3}/10-x.toml", 7))), "blocked", "runtime.dropin-broken"),
    ("our own drop-in broken", replace(NEW_K3S, **failing("containerd-exited"), files=files(PLAIN_136, dropin="# Written by gpu-wizard.\n[x")), "needed", "runtime.dropin-needed"),
    ("default runtime without toolkit", replace(MISSING, **failing("default-runtime-missing", runtime="nvidia"), programs=ABSENT), "waiting", "runtime.toolkit-first"),
    ("default runtime, toolkit just came", replace(MISSING, **failing("default-runtime-missing", runtime="nvidia")), "waiting", "runtime.starting"),
    ("foreign default runtime", replace(MISSING, **failing("default-runtime-missing", runtime="crun")), "blocked", "runtime.default-runtime-missing"),
    ("another failure of the start", replace(MISSING, **failing("token-rejected", "not authorized")), "blocked", "runtime.start-failed"),
]  # fmt: skip


@pytest.mark.parametrize(
    ("facts", "state", "code"), [case[1:] for case in CASES], ids=[case[0] for case in CASES]
)
def test_judgement(facts: RuntimeFacts, state: str, code: str) -> None:
    assessment = STAGE.assess(facts, SPEC)
    assert (assessment.state, assessment.code) == (state, code)
    plan = STAGE.plan(facts, SPEC)
    assert (
        bool(plan) == (state == "needed" or code in ("runtime.toolkit-first",))
        or code == "runtime.join-first"
    )
    STAGE.found(facts, SPEC)


def test_settling_is_polled() -> None:
    for name, facts, state, code in CASES:
        if state == "waiting" and code not in (
            "runtime.join-first",
            "runtime.toolkit-first",
            "runtime.unit-stopped",
        ):
            assert STAGE.assess(facts, SPEC).settling, name


def test_restart_alone_where_k3s_finds_it_by_itself() -> None:
    facts = replace(MISSING, programs=programs(USR_BIN, since=STARTED + 50))
    (step,) = STAGE.plan(facts, SPEC)
    assert isinstance(step.action, Run)
    assert step.action.argv == ("systemctl", "--no-block", "restart", "k3s-agent")
    assert step.risk is not None
    assert step.risk.code == "restarts-agent"


def test_drop_in_is_taken_back_before_a_restart() -> None:
    write, again = STAGE.plan(replace(NEW_K3S, programs=programs(ELSEWHERE)), SPEC)
    assert isinstance(write.action, PutFile)
    assert write.action.path == f"{DROPINS_V3}/50-nvidia.toml"
    assert isinstance(write.action.content, bytes)
    assert f'BinaryName = "{ELSEWHERE}"' in write.action.content.decode()
    assert "SystemdCgroup = true" in write.action.content.decode()
    assert write.revert
    # The file's own inverse goes first, then this: the restart comes after the file is as it was.
    assert [action.argv[2] for action in write.undo if isinstance(action, Run)] == ["restart"]
    assert again.id == "runtime.restart"
    assert not again.revert


def test_template_is_guarded() -> None:
    write, _ = STAGE.plan(replace(MISSING, programs=programs(ELSEWHERE)), SPEC)
    assert isinstance(write.action, PutFile)
    assert isinstance(write.action.content, bytes)
    assert write.action.path == TEMPLATE_V3
    text = write.action.content.decode()
    assert '{{ template "base" . }}' in text
    assert '{{ if not (index .ExtraRuntimes "nvidia").RuntimeType }}' in text
    assert "SystemdCgroup = {{ .SystemdCgroup }}" in text
    assert text.rstrip().endswith("{{ end }}")
    assert "imports" not in text


def test_no_plan_ever_writes_the_generated_file() -> None:
    for _, facts, _, _ in CASES:
        for step in STAGE.plan(facts, SPEC):
            assert not (isinstance(step.action, PutFile) and step.action.path == CONFIG)


def test_what_we_wrote_is_not_written_again() -> None:
    facts = replace(NEW_K3S, programs=programs(ELSEWHERE))
    write, _ = STAGE.plan(facts, SPEC)
    assert isinstance(write.action, PutFile)
    assert isinstance(write.action.content, bytes)
    text = write.action.content.decode()
    now = replace(facts, files=files(PLAIN_136, dropin=text))
    assert STAGE.assess(now, SPEC).code == "runtime.restart-needed"
    found = replace(facts, files=Known(ContainerdFiles({
        CONFIG: file(CONFIG, PLAIN_136, NOW - 5), write.action.path: file(write.action.path, text, NOW - 50)
    })))  # fmt: skip
    assert STAGE.assess(found, SPEC).code == "runtime.still-missing"
    assert STAGE.assess(replace(found, loaded=loaded(ELSEWHERE)), SPEC).state == "done"


@pytest.mark.parametrize(
    ("server", "pods", "code"),
    [
        (True, Known(()), "restarts-server"),
        (True, Unknown("api-unreachable"), "restarts-server-pods-unknown"),
        (False, ABSENT, "restarts-agent-pods-unknown"),
    ],
)
def test_risk(server: bool, pods: Fact[tuple[PodObject, ...]], code: str) -> None:
    facts = replace(
        MISSING, units=units(server), pods=pods, programs=programs(USR_BIN, since=STARTED + 50)
    )
    (step,) = STAGE.plan(facts, SPEC)
    assert step.risk is not None
    assert step.risk.code == code
    assert step.params["unit"] == ("k3s" if server else "k3s-agent")


def test_risk_names_the_gpu_pods() -> None:
    pod = PodObject(
        "ml", "train", "u", "gpu1", "Running", True, {"nvidia.com/gpu": 1}, (), {}, "nvidia", ""
    )
    facts = replace(MISSING, pods=Known((pod,)), programs=programs(USR_BIN, since=STARTED + 50))
    risk = STAGE.plan(facts, SPEC)[0].risk
    assert risk is not None
    assert (risk.code, risk.params["pods"], risk.params["count"]) == (
        "restarts-agent-gpu-pods",
        "ml/train",
        "1",
    )


@pytest.mark.parametrize(
    ("facts", "note"),
    [
        (replace(GOOD, loaded=loaded("/usr/local/nvidia/toolkit/x"), programs=programs("/usr/local/nvidia/toolkit/x")), "runtime.operator-directory"),
        (replace(GOOD, loaded=Known(CriInfo({"nvidia": LoadedRuntime(USR_BIN)}, "nvidia"))), "runtime.default-nvidia"),
        (replace(GOOD, loaded=Known(CriInfo({"nvidia": LoadedRuntime(USR_BIN), "nvidia-cdi": LoadedRuntime()}, "runc"))), "runtime.cdi"),
        (replace(GOOD, files=files(FOUND_134, template=PLAIN_134)), "runtime.next-start-hides"),
        (replace(GOOD, files=files(PLAIN_136 + "[x"), node=node("containerd://2.3.2")), "runtime.next-start-fails"),
        (replace(GOOD, loaded=Known(CriInfo({"nvidia": LoadedRuntime(USR_BIN, systemd_cgroup=False), "runc": LoadedRuntime(systemd_cgroup=True)}, "runc"))), "runtime.cgroup-differs"),
    ],
)  # fmt: skip
def test_notes(facts: RuntimeFacts, note: str) -> None:
    assessment = STAGE.assess(facts, SPEC)
    assert assessment.state == "done"
    assert note in [each.code for each in assessment.notes]


def test_a_fault_for_the_next_start_names_file_and_line() -> None:
    facts = replace(
        GOOD, files=files(PLAIN_136, other="version = 3\n[x"), node=node("containerd://2.3.2")
    )
    (note,) = (
        each for each in STAGE.assess(facts, SPEC).notes if each.code == "runtime.next-start-fails"
    )
    assert note.params["text"] == f"toml-broken {DROPINS_V3}/10-x.toml:2"


def wanting(binary: str) -> Spec:
    return replace(SPEC, options=StageOptions(runtime=RuntimeOptions(binary)))


def test_a_program_of_the_users_choice() -> None:
    spec = wanting(ELSEWHERE)
    assert STAGE.assess(MISSING, spec).code == "runtime.option-missing"
    both = programs(USR_BIN, ELSEWHERE)
    new = replace(NEW_K3S, programs=both, loaded=loaded(USR_BIN))
    assert STAGE.assess(new, spec).code == "runtime.dropin-needed"


def test_a_program_of_the_users_choice_goes_before_k3ss_own_by_a_path() -> None:
    """Source: K3s v1.34.3 as recorded (04-containerd/05): drop-ins are not read, PATH in /etc/default is."""
    spec = wanting(ELSEWHERE)
    facts = replace(GOOD, programs=programs(USR_BIN, ELSEWHERE))
    assert STAGE.assess(facts, spec).code == "runtime.path-needed"
    write, again = STAGE.plan(facts, spec)
    assert isinstance(write.action, PutFile)
    assert write.action.path == "/etc/default/k3s-agent"
    assert write.action.content == (
        b"# Written by gpu-wizard.\n"
        b"PATH=/opt/nvidia/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin\n"
    )
    assert (write.revert, again.id) == (True, "runtime.restart")

    def given(text: str, mtime: int) -> RuntimeFacts:
        there = file("/etc/default/k3s-agent", text, mtime)
        directories = ("/opt/nvidia/bin", "/usr/bin") if "/opt" in text else ()
        return replace(facts, unit_path=Known(UnitPath(directories, {there.path: there})))

    ours = write.action.content.decode()
    assert STAGE.assess(given(ours, NOW - 50), spec).code == "runtime.restart-needed"
    tried = STAGE.assess(given(ours, STARTED - 50), spec)
    assert (tried.state, tried.notes[0].code) == ("done", "runtime.other-binary")
    running = replace(given(ours, STARTED - 50), loaded=loaded(ELSEWHERE))
    assert STAGE.assess(running, spec).notes == ()
    foreign = STAGE.assess(given("HTTP_PROXY=x\n", STARTED - 50), spec)
    assert (foreign.state, foreign.code) == ("blocked", "runtime.path-foreign")


@pytest.mark.parametrize(
    "more",
    [
        {"k3s": Known(Version("v1.28.9+k3s1"))},
        {"programs": programs(USR_BIN, ELSEWHERE, f"/usr/local/nvidia/toolkit/{PROGRAM}")},
    ],
    ids=["a K3s that does not search PATH", "a place that goes before PATH"],
)
def test_no_path_where_it_would_not_help(more: dict[str, Any]) -> None:
    facts = replace(GOOD, programs=programs(USR_BIN, ELSEWHERE))
    assessment = STAGE.assess(replace(facts, **more), wanting(ELSEWHERE))
    assert (assessment.state, assessment.notes[0].code) == ("done", "runtime.other-binary")


def test_unreadable_cluster_does_not_matter() -> None:
    away = Unknown("api-unreachable")
    facts = replace(GOOD, node=away, pods=away, operator=away)
    assert STAGE.assess(facts, SPEC).state == "done"
