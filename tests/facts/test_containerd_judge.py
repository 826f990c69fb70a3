"""The judge against real containerds: what `config dump` said, and whether CRI ran after a start."""

from __future__ import annotations

import json
import re
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from gpu_wizard.facts.containerd_judge import Verdict, judge

RECORDED = Path(__file__).parents[1] / "recorded" / "containerd"
VERDICTS: dict[str, Any] = json.loads((RECORDED / "config-dump-verdicts.json").read_text())
MORE: dict[str, Any] = json.loads((RECORDED / "more-verdicts.json").read_text())
STARTS = sorted((RECORDED / "daemon-start").glob("*.txt"))

QUIRKS = {
    # A key with an escape in a table's header: containerd 1 keeps the escape as it is written.
    ("v2-escaped", "1.7.24"),
    ("v2-escaped", "1.6.20"),
    # Leniencies of go-toml v1's numbers and line ends, and its trouble with dates in inline tables.
    *(
        (case, version)
        for case in ("t-cr", "t-inlnl", "t-ctrlc", "t-lead", "t-hdr2", "t-sur", "t-quo5")
        for version in ("1.7.24", "1.6.20")
    ),
    *(
        (case, "1.6.20")
        for case in ("vunder", "vunder-rt", "q3-opt-date", "q2-opt-date", "q3-dd2", "v2-impr-1-")
    ),
    ("q2-opt-date", "1.7.24"),
    # go-toml v2 does not look at values of unknown keys, and takes `\e`.
    *(
        (case, version)
        for case in ("t-us", "t-fl", "t-fl2", "t-dt", "t-tm", "t-esc", "t-super2")
        for version in ("2.1.9", "2.3.6")
    ),
    # The dump of a disabled plugin is the raw table; we say what the daemon has.
    *(
        (f"v{number}-disabled-runtime", version)
        for number in (2, 3, 4)
        for version in ("2.1.9", "2.3.6")
    ),
}
"""Where the judge is known to differ from the real one, each harmless for a file that K3s or a person writes."""


class Folder:
    """Imported files by path."""

    def __init__(self, files: dict[str, bytes]) -> None:
        self._files = files

    def read(self, path: str) -> bytes:
        if path in self._files:
            return self._files[path]
        if any(name.startswith(f"{path}/") for name in self._files):
            raise IsADirectoryError(path)
        raise FileNotFoundError(path)

    def glob(self, pattern: str) -> list[str]:
        wanted = re.escape(pattern).replace(r"\*", "[^/]*").replace(r"\?", "[^/]")
        wanted = re.sub(r"\\\[(.*?)\\\]", r"[\1]", wanted)
        return sorted(path for path in self._files if re.fullmatch(wanted, path))


@cache
def dropins() -> Folder:
    root = RECORDED / "dropins"
    return Folder(
        {
            f"/etc/containerd/{path.relative_to(root)}": path.read_bytes()
            for path in root.rglob("*.toml")
        }
    )


@pytest.mark.parametrize("name", sorted(VERDICTS))
@pytest.mark.parametrize("version", ["2.1.9", "1.7.24", "1.6.20"])
def test_recorded_dump(name: str, version: str) -> None:
    seen = VERDICTS[name][version]
    content = (RECORDED / "inputs" / f"{name}.toml").read_bytes()
    verdict = judge(content, version, source=dropins())
    assert verdict.loads == (seen["exit"] == 0)
    plugins = [verdict.nvidia.plugin] if verdict.nvidia else []
    assert plugins == seen["runtime_nvidia_in_dump_under"]
    assert verdict.default_runtime == (seen["default_runtime_name"] or "")


@pytest.mark.parametrize("name", sorted(VERDICTS))
def test_every_fault_has_a_line_that_exists(name: str) -> None:
    content = (RECORDED / "inputs" / f"{name}.toml").read_bytes()
    rows = content.count(b"\n") + 1
    for version in ("2.1", "1.7", "2.3"):
        verdict = judge(content, version, source=dropins())
        assert all(0 <= finding.line <= rows for finding in verdict.findings)
        assert verdict.loads or any(finding.fatal for finding in verdict.findings)


@pytest.mark.parametrize("start", STARTS, ids=lambda path: path.stem)
def test_recorded_start(start: Path) -> None:
    text = start.read_text()
    config = text.split("\n", 1)[1].split("# still running")[0]
    state = re.search(r"io\.containerd\.grpc\.v1 +cri +\S+ +(\w+)", text)
    verdict = judge(config.encode(), start.stem.rsplit("-", 1)[1])
    assert verdict.cri == (state is not None and state[1] == "ok")
    if "still running after 2 s: yes" in text:
        assert verdict.loads


@pytest.mark.parametrize("name", sorted(MORE))
def test_more_files_against_real_containerds(name: str) -> None:
    files = {
        f"/x/{path}": text.encode("utf-8", "surrogateescape")
        for path, text in MORE[name]["files"].items()
    }
    for version, seen in MORE[name]["seen"].items():
        if (name, version) in QUIRKS:
            continue
        verdict = judge(files["/x/config.toml"], version, "/x/config.toml", Folder(files))
        assert _shown(verdict, seen) == (seen["loads"], seen["nvidia"], seen["default"]), version
        if "cri" in seen:
            assert verdict.cri == seen["cri"], version


def _shown(verdict: Verdict, seen: dict[str, Any]) -> tuple[bool, list[Any] | None, str]:
    nvidia = verdict.nvidia
    if nvidia is None:
        return verdict.loads, None, verdict.default_runtime
    # The dump shows a BinaryName of any type and spelling as it is; the shim takes text alone, in any case.
    binary = (
        seen["nvidia"][2]
        if seen["nvidia"] and not isinstance(seen["nvidia"][2], str)
        else nvidia.binary
    )
    if seen["nvidia"] and not seen["nvidia"][2]:
        binary = ""
    return verdict.loads, [nvidia.plugin, nvidia.runtime_type, binary], verdict.default_runtime


def code_of(text: str, version: str = "2.1") -> list[tuple[str, int]]:
    verdict = judge(text.encode(), version)
    return [(finding.code, finding.line) for finding in verdict.findings if finding.fatal]


@pytest.mark.parametrize(
    ("text", "version", "want"),
    [
        ('version = "3"\n', "2.1", [("wrong-type", 1)]),
        ("version = 3.0\n", "2.1", [("wrong-type", 1)]),
        ("version = nan\n", "1.7", [("wrong-type", 1)]),
        ("\nversion = 4\n", "2.1", [("version-unsupported", 2)]),
        ("version = 3\n", "1.7", [("version-unsupported", 1)]),
        ("version = 3\n\n[a]\nx = 1\n[a]\n", "2.1", [("toml-duplicate", 5)]),
        ('version = 3\n{{ template "base" . }}\n', "2.1", [("template-not-rendered", 2)]),
        ("version = 3\nx = \n", "2.1", [("toml-broken", 2)]),
        ("version = 2\n[plugins.cri]\n", "1.7", [("plugin-name-short", 2)]),
        ("version = 2\ndisabled_plugins = ['cri']\n", "2.1", [("plugin-name-short", 2)]),
        (
            "version = 2\n\ndisabled_plugins = ['io.containerd.grpc.v1.cri']\n",
            "2.1",
            [("cri-disabled", 3)],
        ),
        ("version = 3\nimports = ['/no/such']\n", "2.1", [("import-missing", 2)]),
        (
            "version = 3\n[plugins.'io.containerd.cri.v1.runtime'.containerd]\n  default_runtime_name = 'x'\n",
            "2.1",
            [("default-runtime-undefined", 3)],
        ),
        (
            "version = 2\n[plugins.'io.containerd.grpc.v1.cri'.containerd.runtimes.nvidia]\nruntime_type = 'x'\n",
            "1.7",
            [("runc-lost", 2)],
        ),
        ("version = 3\n" + "a = " + "[" * 3000 + "]" * 3000, "2.1", [("toml-broken", 0)]),
    ],
)
def test_fault_and_its_line(text: str, version: str, want: list[tuple[str, int]]) -> None:
    assert code_of(text, version) == want


def test_import_by_a_relative_path_names_its_own_file_and_line() -> None:
    source = Folder(
        {
            "/x/d/a.toml": b"version = 3\n\n[plugins.'io.containerd.cri.v1.runtime'.containerd.runtimes.nvidia]\n  runtime_type = 7\n"
        }
    )
    verdict = judge(b"version = 3\nimports = ['d/*.toml']\n", "2.1", "/x/config.toml", source)
    (finding,) = (each for each in verdict.findings if each.fatal)
    assert (finding.code, finding.line, finding.params["file"]) == ("wrong-type", 4, "/x/d/a.toml")


def test_usable_needs_type_and_binary() -> None:
    runtime = "version = 3\n[plugins.'io.containerd.cri.v1.runtime'.containerd.runtimes.nvidia]\n"
    typed = "runtime_type = 'io.containerd.runc.v2'\n"
    assert not judge(f"{runtime}{typed}".encode()).usable
    assert not judge(f"{runtime}options = {{BinaryName = '/x/nvidia'}}\n".encode()).usable
    assert judge(f"{runtime}{typed}options = {{BinaryName = '/x/nvidia'}}\n".encode()).usable


def test_drop_in_newer_than_the_main_file_is_refused_by_early_2_3_alone() -> None:
    source = Folder({"/x/d/a.toml": b"version = 3\n"})
    main = b"version = 2\nimports = ['d/*.toml']\n"
    assert not judge(main, "2.3.2-k3s2", "/x/config.toml", source).loads
    assert judge(main, "2.3.6", "/x/config.toml", source).loads
