"""`diagnose` and `bundle` from outside: inputs, documents, exit statuses, what is written."""

from __future__ import annotations

import io
import json
import subprocess
import sys
import tarfile
from pathlib import Path

import pytest

from gpu_wizard.cli import main

TOKEN = 'level=error msg="token CA hash does not match the Cluster CA certificate hash: aa != bb"\n'
LOG = f"Jan 05 10:00:00 atlas k3s[812]: {TOKEN}"


def test_document_of_several_files(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    one, two = tmp_path / "one.log", tmp_path / "two.log"
    one.write_text("fine\nno end", encoding="utf-8")
    two.write_text("fine\n" + TOKEN, encoding="utf-8")
    assert main(["diagnose", "--json", str(one), str(two)]) == 0
    document = json.loads(capsys.readouterr().out)
    assert document["version"] == 1
    record = document["diagnoses"][0]
    assert record["id"] == "k3s-token-ca-hash-mismatch"
    assert record["severity"] == "blocker"
    assert record["stage"] == "join"
    assert record["lines"] == [4]
    assert record["fix"]
    assert record["sources"]
    assert [each["first"] for each in document["files"]] == [1, 3]


def test_text_in_russian_says_where(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    log = tmp_path / "k3s.log"
    log.write_text("fine\n" + TOKEN, encoding="utf-8")
    assert main(["diagnose", "--lang", "ru", str(log)]) == 0
    shown = capsys.readouterr().out
    assert "[k3s-token-ca-hash-mismatch]" in shown
    assert "2: level=error" in shown
    assert "Источники" in shown


@pytest.mark.parametrize("arguments", [[], ["-"]])
def test_standard_input(
    arguments: list[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(TOKEN.encode())))
    assert main(["diagnose", *arguments]) == 0
    assert "k3s-token-ca-hash-mismatch" in capsys.readouterr().out


@pytest.mark.parametrize("encoding", ["utf-16", "utf-8-sig", "utf-16-be"])
def test_what_windows_writes(
    encoding: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    mark = "\ufeff" if encoding == "utf-16-be" else ""
    log = tmp_path / "log.txt"
    log.write_bytes((mark + TOKEN.replace("\n", "\r\n")).encode(encoding))
    assert main(["diagnose", str(log)]) == 0
    assert "k3s-token-ca-hash-mismatch" in capsys.readouterr().out


def test_nothing_recognised_is_no_failure(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    log = tmp_path / "log.txt"
    log.write_text("NVRM: an error nobody has seen: 0x77\n", encoding="utf-8")
    assert main(["diagnose", "--json", str(log)]) == 0
    document = json.loads(capsys.readouterr().out)
    assert document["diagnoses"] == []
    assert document["unknown"]["layer"] == "driver"
    assert len(document["unknown"]["commands"]) == 3


def test_a_file_that_cannot_be_read_is_2_and_nothing_is_printed(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["diagnose", str(tmp_path / "none.log")]) == 2
    shown = capsys.readouterr()
    assert shown.out == ""
    assert "none.log" in shown.err


@pytest.fixture
def run(tmp_path: Path) -> Path:
    folder = tmp_path / "run"
    folder.mkdir()
    token = "K10" + "ab" * 32 + "::server:hunter2"
    begin = {"record": "begin", "node": "atlas", "text": f"server: https://10.1.2.3\n{token}"}
    records = "".join(json.dumps(record) + "\n" for record in ({"record": "run"}, begin))
    (folder / "journal.jsonl").write_text(records, encoding="utf-8")
    (folder / "atlas.log").write_text(f"bob@atlas:~$ x\n{LOG}", encoding="utf-8")
    (folder / "other.bin").write_bytes(b"hunter2")
    return folder


def held(archive: Path) -> dict[str, str]:
    with tarfile.open(archive) as opened:
        members = [(member, opened.extractfile(member)) for member in opened]
        return {member.name: file.read().decode() for member, file in members if file}


def test_bundle_is_shown_and_holds_no_names_and_secrets(
    run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    target = tmp_path / "bundle.tar.gz"
    assert main(["bundle", str(run), "--yes", "--output", str(target)]) == 0
    files, shown = held(target), capsys.readouterr().out
    whole = "".join([*files, *files.values(), shown])
    assert not [each for each in ("atlas", "bob", "10.1.2.3", "hunter2", "K10ab") if each in whole]
    assert "k3s-token-ca-hash-mismatch" in files["bundle/findings.txt"]
    assert "token CA hash does not match" in shown
    assert target.stat().st_mode & 0o777 == 0o600


def test_bundle_without_a_yes_is_not_written(
    run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    target = tmp_path / "bundle.tar.gz"
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO()))
    assert main(["bundle", str(run), "--output", str(target)]) == 0
    assert not target.exists()
    assert "--yes" in capsys.readouterr().err


def test_bundle_overwrites_nothing(run: Path, tmp_path: Path) -> None:
    target = tmp_path / "bundle.tar.gz"
    target.write_text("mine", encoding="utf-8")
    assert main(["bundle", str(run), "--yes", "--output", str(target)]) == 2
    assert target.read_text(encoding="utf-8") == "mine"


def test_bundle_is_written_whole_or_not_at_all(run: Path, tmp_path: Path) -> None:
    command = f"""
import resource, sys
from gpu_wizard.cli import main
resource.setrlimit(resource.RLIMIT_FSIZE, (50, resource.RLIM_INFINITY))
sys.exit(main(["bundle", {str(run)!r}, "--yes", "--output", "bundle.tar.gz"]))
"""
    folder = tmp_path / "here"
    folder.mkdir()
    ran = subprocess.run(
        [sys.executable, "-c", command], cwd=folder, capture_output=True, text=True, check=False
    )
    assert (ran.returncode, list(folder.iterdir())) == (2, [])
    assert ran.stderr.startswith("Can't write the file: File too large.")


def test_bundle_of_no_run_is_2(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    assert main(["bundle"]) == 2
    assert main(["bundle", str(tmp_path / "none")]) == 2
    (tmp_path / "gpu-wizard" / "runs" / "empty").mkdir(parents=True)
    assert main(["bundle", "empty"]) == 1


def test_bundle_takes_the_newest_run(
    run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    runs = tmp_path / "gpu-wizard" / "runs"
    (runs / "20260101-000000").mkdir(parents=True)
    run.rename(runs / "20260105-100000")
    (runs / "20260106-100000").mkdir()
    # A look since then has a journal too, with nothing behind its head.
    (runs / "20260106-100000" / "journal.jsonl").write_text('{"record": "run"}\n')
    target = tmp_path / "bundle.tar.gz"
    assert main(["bundle", "--yes", "--output", str(target)]) == 0
    assert "begin" in held(target)["bundle/journal.jsonl"]


def test_a_long_log_is_taken_from_a_whole_line(
    run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("gpu_wizard.cli.bundle.LARGEST_BYTES", 200)
    lines = "".join(f"number {n}\n" for n in range(100))
    (run / "atlas.log").write_text(lines, encoding="utf-8")
    target = tmp_path / "bundle.tar.gz"
    assert main(["bundle", str(run), "--yes", "--output", str(target)]) == 0
    text = next(text for name, text in held(target).items() if name.endswith(".log"))
    assert text.startswith("number ")
    assert text.endswith("number 99\n")
    assert len(text) <= 200
