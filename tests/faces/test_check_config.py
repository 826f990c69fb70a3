"""`check-config`: exit status, JSON and text."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from gpu_wizard.faces.check_config import LARGEST_BYTES, DiskFiles, check_config

INPUTS = Path(__file__).parents[1] / "recorded" / "containerd" / "inputs"
GOOD = "[plugins.'io.containerd.cri.v1.runtime'.containerd.runtimes.nvidia]\n  runtime_type = 'io.containerd.runc.v2'\n  options = {BinaryName = '/usr/bin/nvidia-container-runtime', SystemdCgroup = true}\n"


def test_json_has_the_documented_keys(capsys: pytest.CaptureFixture[str]) -> None:
    assert check_config(INPUTS / "k3s-v3-nvidia.toml", as_json=True) == 0
    assert json.loads(capsys.readouterr().out) == {
        "version": 1,
        "config_version": 3,
        "loads": True,
        "cri": "ok",
        "nvidia": {
            "plugin": "io.containerd.cri.v1.runtime",
            "runtime_type": "io.containerd.runc.v2",
            "binary": "/usr/bin/nvidia-container-runtime",
            "systemd_cgroup": True,
        },
        "default_runtime": "runc",
        "findings": [],
    }


@pytest.mark.parametrize(
    ("name", "containerd", "status"),
    [
        ("ok-v3-nvidia", "2.1", 0),
        ("ok-v3-nvidia", "1.7", 3),
        ("ok-v2-nvidia", "1.7", 3),
        ("k3s-v2-nvidia", "1.7", 0),
        ("bad-unclosed-bracket", "2.1", 3),
        ("odd-default-runtime-not-defined", "2.1", 3),
        ("odd-runtime-without-type", "2.1", 3),
    ],
)
def test_exit_status(
    name: str, containerd: str, status: int, capsys: pytest.CaptureFixture[str]
) -> None:
    assert check_config(INPUTS / f"{name}.toml", containerd, as_json=False) == status
    assert name in capsys.readouterr().out


@pytest.mark.parametrize(
    ("containerd", "root"), [("2.1", ""), ("new", ""), ("2.1", "/no/such/root")]
)
def test_bad_usage_is_2_and_says_what(
    containerd: str, root: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    there = tmp_path / "config.toml"
    if containerd != "2.1" or root:
        there.write_text("")
    assert check_config(there, containerd, root, as_json=True) == 2
    output = capsys.readouterr()
    assert output.out == ""
    assert output.err.strip()


def test_findings_have_line_text_and_file(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "d").mkdir()
    (tmp_path / "d" / "a.toml").write_text("version = 3\n[x\n")
    (tmp_path / "config.toml").write_text("version = 3\nimports = ['d/*.toml']\n")
    assert check_config(tmp_path / "config.toml", as_json=True) == 3
    (finding,) = json.loads(capsys.readouterr().out)["findings"]
    assert (finding["code"], finding["line"]) == ("toml-broken", 2)
    assert finding["file"] == str(tmp_path / "d" / "a.toml")
    assert finding["text"]


@pytest.mark.parametrize("inside", [True, False])
def test_root_stands_before_imported_paths(
    inside: bool, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    root = tmp_path / "root"
    (root / "etc" / "d").mkdir(parents=True)
    (root / "etc" / "d" / ".nvidia.toml").write_text(f"version = 3\n{GOOD}")
    main = (root / "etc" if inside else tmp_path) / "config.toml"
    main.write_text(f"version = 3\nimports = ['{'d' if inside else '/etc/d'}/*.toml']\n")
    assert check_config(main, "2.1", str(root), as_json=False) == 0


def test_relative_imports_of_a_file_outside_the_root(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "root").mkdir()
    (tmp_path / "more.toml").write_text(f"version = 3\n{GOOD}")
    (tmp_path / "config.toml").write_text("version = 3\nimports = ['more.toml']\n")
    assert check_config(tmp_path / "config.toml", "2.1", str(tmp_path / "root"), as_json=False) == 0


def test_a_file_does_not_steer_the_terminal(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "config.toml").write_text('version = 3\nx\x1b[31m\u202e = {{ "y" }}\n')
    check_config(tmp_path / "config.toml", as_json=False)
    shown = capsys.readouterr().out
    assert "\x1b" not in shown
    assert "\u202e" not in shown


def test_texts_in_russian(capsys: pytest.CaptureFixture[str]) -> None:
    check_config(INPUTS / "odd-empty.toml", as_json=False, language="ru")
    assert "не в порядке" in capsys.readouterr().out


def test_glob_of_go(tmp_path: Path) -> None:
    for name in ("a.toml", ".b.toml", "c.txt", "d[.toml"):
        (tmp_path / name).touch()
    (tmp_path / "e.toml").mkdir()
    files = DiskFiles(str(tmp_path))
    assert files.glob("/*.toml") == ["/.b.toml", "/a.toml", "/d[.toml", "/e.toml"]
    assert files.glob("/[ab]*.toml") == ["/a.toml"]
    assert files.glob("/[^a]*.toml") == ["/.b.toml", "/d[.toml", "/e.toml"]
    assert files.glob("/?.toml") == ["/a.toml", "/e.toml"]
    assert files.glob("/no/*.toml") == []


@pytest.mark.parametrize("what", ["pipe", "device", "long"])
def test_what_is_no_plain_file_of_sensible_length_is_a_finding_and_not_waited_for(
    what: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    odd = tmp_path / "odd.toml"
    if what == "pipe":
        os.mkfifo(odd)
    elif what == "device":
        odd.symlink_to("/dev/zero")
    else:
        odd.touch()
        os.truncate(odd, LARGEST_BYTES + 1)
    why = "Longer than 16 MiB" if what == "long" else "Not a regular file"
    assert check_config(odd, as_json=False) == 2
    assert f"{odd} can't be read: {why}." in capsys.readouterr().err
    main = tmp_path / "config.toml"
    main.write_text(f"version = 3\nimports = ['{odd}']\n")
    assert check_config(main, as_json=True) == 3
    texts = [one["text"] for one in json.loads(capsys.readouterr().out)["findings"]]
    assert f"The imported file {odd} can't be read: {why}." in texts
