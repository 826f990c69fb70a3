"""The journal: on disk before the next action, with the way back, and without a secret."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

from gpu_wizard.journal import journal as module
from gpu_wizard.journal.journal import FileJournal, plain
from gpu_wizard.model.action import (
    ApplyObject,
    PutFile,
    RestoreFile,
    Run,
    SecretFrom,
    SecretNamed,
    Step,
)
from gpu_wizard.model.line import Chunk

STEP = Step("toolkit.install", Run(("apt-get", "install", "x"), environment=(("A", "b"),)))


def records(folder: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (folder / "journal.jsonl").read_text().splitlines()]


def test_each_record_is_on_disk_at_once_and_for_its_owner_alone(tmp_path: Path) -> None:
    journal = FileJournal(tmp_path / "runs" / "one")
    entry = journal.begin("gpu-1", "toolkit", STEP)
    begun = records(journal.folder)[-1]
    assert (begun["record"], begun["entry"], begun["step"]) == ("begin", entry, "toolkit.install")
    assert begun["action"]["argv"] == ["apt-get", "install", "x"]
    journal.prepared(entry, (RestoreFile("/etc/x", "/backup/x", "sha"),), {"sha256": "old"})
    assert records(journal.folder)[-1]["inverse"][0]["backup"] == "/backup/x"
    journal.end(entry, "done", 0)
    assert records(journal.folder)[-1]["outcome"] == "done"
    journal.output("gpu-1/../x", Chunk("out", "text\n"))
    journal.close()
    assert journal.folder.stat().st_mode & 0o777 == 0o700
    assert {path.name for path in journal.folder.iterdir()} == {"journal.jsonl", "gpu-1_.._x.log"}
    assert all(path.stat().st_mode & 0o777 == 0o600 for path in journal.folder.iterdir())


def test_a_log_that_can_not_be_opened_costs_no_step(tmp_path: Path) -> None:
    journal = FileJournal(tmp_path)
    (tmp_path / "n.log").mkdir()
    journal.output("n", Chunk("out", "text"))
    journal.close()


def test_a_log_stops_at_its_quota_and_says_so(tmp_path: Path, monkeypatch: Any) -> None:
    monkeypatch.setattr(module, "OUTPUT_QUOTA_BYTES", 100)
    journal = FileJournal(tmp_path)
    for _ in range(50):
        journal.output("n", Chunk("out", "0123456789"))
    journal.close()
    text = (tmp_path / "n.log").read_text()
    assert text.startswith("0123456789" * 10)
    assert "quota" in text
    assert len(text) < 300


def test_secrets_are_written_by_their_source_alone() -> None:
    minted = plain(PutFile("/t", SecretFrom(Run(("k3s", "token", "create")), "hash"), 0o600))
    assert minted["content"]["run"]["argv"] == ["k3s", "token", "create"]
    named = plain(PutFile("/t", SecretNamed("token")))
    assert named["content"] == {"from": "SecretNamed", "name": "token", "ca_sha256": ""}


def test_every_action_has_a_plain_form() -> None:
    apply = plain(ApplyObject({"kind": "Node", "metadata": {"name": "n", "labels": {"a": "b"}}}))
    assert json.loads(json.dumps(apply))["manifest"]["metadata"]["labels"] == {"a": "b"}
    put = plain(PutFile("/x", b"\xff\x00text"))
    assert put["content"]["bytes"] == 6
    assert plain(PutFile("/x", None))["content"] is None


FULL_DISK = """
import resource, sys
from pathlib import Path
from gpu_wizard.journal.journal import FileJournal
from gpu_wizard.model.action import Run, Step
from gpu_wizard.model.errors import CommandError
from gpu_wizard.model.line import Chunk
journal = FileJournal(Path(sys.argv[1]))
resource.setrlimit(resource.RLIMIT_FSIZE, (200, resource.RLIM_INFINITY))
try:
    journal.begin("n", "join", Step("join.start", Run(("true",))))
except CommandError as error:
    print(error.code)
journal.output("n", Chunk("out", "x" * 500))
resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
journal.begin("n", "join", Step("join.start", Run(("true",))))
"""


def test_a_full_disk_is_told_before_the_action_and_costs_one_line(tmp_path: Path) -> None:
    said = subprocess.run(
        [sys.executable, "-c", FULL_DISK, str(tmp_path)], capture_output=True, text=True, check=True
    )
    assert said.stdout == "journal-unwritable\n"
    first, cut, last = (tmp_path / "journal.jsonl").read_text().splitlines()
    assert json.loads(first)["record"] == "run"
    assert not cut.endswith("}")
    assert json.loads(last)["step"] == "join.start"
