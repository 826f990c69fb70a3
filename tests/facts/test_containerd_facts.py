"""What a host answers → facts of its containerd, and the rows a person reads."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from gpu_wizard.facts import containerd
from gpu_wizard.facts.containerd import (
    CONFIG,
    DROPINS_V3,
    ContainerdFiles,
    CriInfo,
    LoadedRuntime,
    LogFailure,
)
from gpu_wizard.facts.containerd_host import (
    HostFiles,
    containerd_version,
    extends_base,
    judge_host,
    search_list,
)
from gpu_wizard.facts.containerd_judge import judge
from gpu_wizard.facts.containerd_rows import config_rows
from gpu_wizard.facts.containerd_situation import Situation
from gpu_wizard.knowledge.texts import catalogue
from gpu_wizard.model.fact import ABSENT, Known, Unknown
from gpu_wizard.model.question import FileFound, Files, FilesFound, Output
from gpu_wizard.model.spec import RuntimeOptions, Spec, StageOptions
from gpu_wizard.model.version import Version

ROOT = Path(__file__).parents[2]
RECORDED = ROOT / "tests" / "recorded" / "containerd"
NVIDIA = "/usr/bin/nvidia-container-runtime"


def found(
    path: str, content: bytes | None = b"", kind: str = "file", mode: int = 0o755, mtime: int = 10
) -> FileFound:
    return FileFound(path, kind, mode, "root", 0, mtime, content=content)


def situation(config: bytes, *more: FileFound, programs: tuple[str, ...] = (NVIDIA,)) -> Situation:
    files = ContainerdFiles({each.path: each for each in (found(CONFIG, config), *more)})
    there = containerd.RuntimePrograms(
        tuple(containerd.RuntimeProgram(path, True) for path in programs)
    )
    info = CriInfo({"runc": LoadedRuntime()}, "runc")
    return Situation(
        Known(files),
        Known(there),
        ABSENT,
        Known(info),
        Known(Version("v1.36.2+k3s1")),
        ABSENT,
        ABSENT,
        ABSENT,
        ABSENT,
        ABSENT,
    )


def test_crictl_info_as_recorded() -> None:
    fact = containerd.parse_crictl_info(
        Output(0, (RECORDED / "crictl-info.json").read_bytes(), b"")
    )
    assert isinstance(fact, Known)
    assert fact.value.default == "runc"
    assert fact.value.runtimes["nvidia"] == LoadedRuntime(NVIDIA, "io.containerd.runc.v2", True)
    assert fact.value.runtimes["runhcs-wcow-process"] == LoadedRuntime(
        "", "io.containerd.runhcs.v1"
    )


@pytest.mark.parametrize(
    ("error", "failure"),
    [
        (b'level=fatal msg="validate service connection: validate CRI v1 runtime API for endpoint \\"unix:///run/k3s/containerd/containerd.sock\\": rpc error: code = Unavailable desc = connection error"', "not-answering"),
        (b'rpc error: code = Unimplemented desc = unknown service runtime.v1.RuntimeService', "cri-not-loaded"),
    ],
)  # fmt: skip
def test_crictl_that_fails(error: bytes, failure: str) -> None:
    fact = containerd.parse_crictl_info(Output(1, b"", error))
    assert isinstance(fact, Known)
    assert fact.value.failure == failure


@pytest.mark.parametrize(
    "text",
    [
        b"",
        b"{}",
        b"[]",
        b'{"config": {"containerd": {"runtimes": [1]}}}',
        b"\xff",
        b'{"config": {"containerd": null}}',
    ],
)
def test_crictl_that_says_something_odd(text: bytes) -> None:
    assert isinstance(containerd.parse_crictl_info(Output(0, text, b"")), Unknown)


def test_no_crictl_is_absent() -> None:
    assert containerd.parse_crictl_info(Output(127, b"", b"")) == ABSENT


@pytest.mark.parametrize(
    ("log", "want"),
    [
        (
            'time="x" level=error msg="Failure unmarshaling TOML" column=9 error="toml: expected character ]" file=/d/50-nvidia.toml row=7\ncontainerd: failed to unmarshal TOML at row 7 column 9: toml: expected character ]\n',
            Known(LogFailure("failed to unmarshal TOML at row 7 column 9: toml: expected character ]", "/d/50-nvidia.toml", 7)),
        ),
        ("containerd: failed to unmarshal TOML: toml: table nvidia already exists\n", Known(LogFailure("failed to unmarshal TOML: toml: table nvidia already exists"))),
        ('containerd: old\ntime="x" level=info msg="serving"\n', ABSENT),
        ("", ABSENT),
    ],
)  # fmt: skip
def test_last_words(log: str, want: object) -> None:
    assert containerd.parse_log(Output(0, log.encode(), b"")) == want


def test_programs_count_since_their_directory_changed() -> None:
    answer = FilesFound(
        (
            found("/usr/bin", None, "directory", mtime=500),
            found(NVIDIA, None, mtime=3),
            found(f"{NVIDIA}.cdi", None),
        )
    )
    fact = containerd.parse_programs(answer)
    assert isinstance(fact, Known)
    assert (fact.value.found[0].since, fact.value.found[0].executable) == (500, True)
    assert fact.value.cdi == (f"{NVIDIA}.cdi",)
    assert containerd.parse_programs(FilesFound((found("/usr/bin", None, "directory"),))) == ABSENT


@pytest.mark.parametrize(("kind", "mode"), [("file", 0o644), ("link", 0o777), ("device", 0o777)])
def test_what_k3s_passes_over(kind: str, mode: int) -> None:
    fact = containerd.parse_programs(FilesFound((found(NVIDIA, None, kind, mode),)))
    assert isinstance(fact, Known)
    assert not fact.value.found[0].executable


def test_the_users_program_is_asked_for() -> None:
    spec = Spec(
        "n", options=StageOptions(runtime=RuntimeOptions("/srv/x/nvidia-container-runtime"))
    )
    ask = containerd.PROGRAMS.question(spec)
    assert isinstance(ask, Files)
    assert "/srv/x/nvidia-container-runtime" in ask.patterns
    assert "/srv/x" in ask.patterns
    assert not ask.content


def test_redacted_values_do_not_break_the_file() -> None:
    text = b"version = 3\n[plugins.'io.containerd.cri.v1.images'.registry.configs.x.auth]\n  password = ***\n"
    fact = containerd.parse_files(FilesFound((found(CONFIG, text),)))
    assert isinstance(fact, Known)
    verdict = judge_host(fact.value, "2.1")
    assert verdict is not None
    assert verdict.loads


def test_unit_path() -> None:
    text = b'# PATH=/no\nexport PATH="/opt/x:/usr/bin"\n'
    file = found("/etc/default/k3s-agent", text)
    there = {file.path: file}
    wanted = containerd.UnitPath(("/opt/x", "/usr/bin"), there)
    assert containerd.parse_unit_path(FilesFound((file,))) == Known(wanted)
    other = found(file.path, b"HTTP_PROXY=x\n")
    nothing = containerd.UnitPath((), {file.path: other})
    assert containerd.parse_unit_path(FilesFound((other,))) == Known(nothing)
    assert containerd.parse_unit_path(FilesFound(())) == ABSENT


@pytest.mark.parametrize(
    ("k3s", "first", "knows_path"),
    [("v1.34.3+k3s1", "/usr/local/nvidia/toolkit", True), ("v1.30.6+k3s1", "/usr/local/nvidia/toolkit", True), ("v1.30.5+k3s1", "/usr/local/nvidia/toolkit", False), ("v1.28.1+k3s1", "/usr/local/nvidia/toolkit", False)],
)  # fmt: skip
def test_search_list(k3s: str, first: str, knows_path: bool) -> None:
    searched = search_list(Version(k3s), ("/opt/mine",))
    assert searched[0] == first
    assert ("/opt/mine" in searched) == knows_path


@pytest.mark.parametrize(
    ("k3s", "told", "want"),
    [("v1.34.3+k3s1", "containerd://2.1.5-k3s1", "2.1.5-k3s1"), ("v1.36.2+k3s1", "", "2.3"), ("v1.34.6+k3s1", "", "2.2"), ("v1.34.3+k3s1", "docker://28", "2.1"), ("v1.30.1+k3s1", "", "1.7")],
)  # fmt: skip
def test_containerd_version(k3s: str, told: str, want: str) -> None:
    assert containerd_version(Version(k3s), told) == want


@pytest.mark.parametrize(
    ("text", "want"),
    [('{{ template "base" . }}', True), ('{{- template "base" . -}}', True), ("{{template `base` .}}", True), ('# {{ template "other" . }}', False), ("", False)],
)  # fmt: skip
def test_template_that_extends_base(text: str, want: bool) -> None:
    assert extends_base(text) == want


def test_imports_that_were_not_read_are_named() -> None:
    source = HostFiles(ContainerdFiles({CONFIG: found(CONFIG)}))
    assert source.glob("/srv/*.toml") == []
    assert source.glob(f"{DROPINS_V3}/*.toml") == []
    assert source.unread == ["/srv/*.toml"]


def test_rows_of_a_good_file() -> None:
    rows = config_rows(situation((RECORDED / "inputs" / "k3s-v3-nvidia.toml").read_bytes()))
    assert [(row.key, row.found, row.ok) for row in rows] == [
        ("plugin", "io.containerd.cri.v1.runtime", True),
        ("runtime_type", "io.containerd.runc.v2", True),
        ("BinaryName", NVIDIA, True),
        ("SystemdCgroup", "true", True),
        ("default_runtime_name", "runc", None),
    ]
    assert [row.line for row in rows[:4]] == [57, 58, 61, 62]


def test_rows_of_bad_files() -> None:
    gone = config_rows(
        situation((RECORDED / "inputs" / "k3s-v3-nvidia.toml").read_bytes(), programs=("/opt/x",))
    )
    assert (gone[2].ok, gone[2].wanted, gone[2].meaning) == (False, "/opt/x", "binary-gone")
    broken = config_rows(
        situation((RECORDED / "inputs" / "bad-duplicate-nvidia-table.toml").read_bytes())
    )
    assert [(row.meaning, row.line, row.ok) for row in broken] == [("toml-duplicate", 8, False)]
    dropin = found(f"{DROPINS_V3}/a.toml", b"version = 3\n[x\n")
    imported = config_rows(
        situation((RECORDED / "inputs" / "k3s-v3-plain.toml").read_bytes(), dropin)
    )
    assert (imported[0].file, imported[0].line) == (f"{DROPINS_V3}/a.toml", 2)
    none = replace(situation(b""), files=ABSENT)
    assert config_rows(none) == ()


def said(pattern: str, *names: str) -> Iterator[str]:
    for name in names:
        yield from re.findall(pattern, (ROOT / "gpu_wizard" / name).read_text())


def test_every_code_has_its_texts() -> None:
    texts = catalogue()
    cri, load, judged = (
        "facts/containerd_cri.py",
        "facts/containerd_load.py",
        "facts/containerd_judge.py",
    )
    findings = {
        *said(r'(?:fail|note|Broken|Finding)\(\s*"([a-z0-9-]+)"', load, judged, "facts/containerd_toml.py", cri),
        *said(r'yield "([a-z-]+)", ', cri),
        *said(r'"([a-z]+-[a-z-]+)"', "facts/containerd_rows.py"),
        "default-runtime-undefined", "runc-lost", "settings-contradict",
    } - {"default-", "config-toml"}  # fmt: skip
    reasons = {
        *said(r'"(runtime\.[a-z-]+)"', "stages/runtime.py"),
        *(
            f"runtime.{code}"
            for code in said(r'_say\(\s*"([a-z-]+)"', "facts/containerd_faults.py")
        ),
    }
    assert len(findings) > 25
    assert len(reasons) > 25
    assert {code for code in findings if f"containerd.{code}" not in texts["finding"]} == set()
    assert {code for code in reasons if code not in texts["reason"]} == set()
    notes = set(said(r'Note\(\s*f?"(runtime\.[a-z-]+)"', "facts/containerd_notes.py")) - {
        "runtime.from-"
    }
    assert notes <= set(texts["note"])
    for kind in ("finding", "reason", "step", "risk", "note", "found", "probe", "word"):
        for code, entry in texts[kind].items():
            if code.startswith(("runtime.", "containerd.")):
                assert entry["en"].strip(), code
                assert entry["ru"].strip(), code
                assert holes(entry["en"]) == holes(entry["ru"]), code


def holes(text: str) -> set[str]:
    return set(re.findall(r"(?<!\{)\{(\w+)\}", text))


def test_judge_takes_any_bytes() -> None:
    for content in (
        b"\x00",
        b"\xff\xfe",
        b"[" * 5000,
        b"a.b.c=1\n[a.b]\n",
        json.dumps({"a": 1}).encode(),
    ):
        for version in ("2.1", "1.7", "1.6", "2.3"):
            judge(content, version)
