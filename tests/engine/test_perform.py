"""One action at a time on this machine: what is told where several things fail at once."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from gpu_wizard.engine.perform import Performer
from gpu_wizard.host.local import local_host
from gpu_wizard.journal.journal import FileJournal
from gpu_wizard.model.action import PutFile, Run, SecretFrom, Step
from gpu_wizard.model.errors import CommandError
from gpu_wizard.model.line import Chunk
from gpu_wizard.model.ports import Node
from tests.host.conftest import needs_root

TOKEN = "K10" + "a" * 64 + "::abcdef.0123456789abcdef"


def performer(journal: FileJournal) -> Performer:
    return Performer(Node("here", local_host()), journal, "run", "join")


async def unheard(_chunk: Chunk) -> None:
    """Nobody listens."""


def records(folder: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (folder / "journal.jsonl").read_text().splitlines()]


async def test_a_failure_that_can_not_be_written_down_is_told_all_the_same(tmp_path: Path) -> None:
    journal = FileJournal(tmp_path)

    async def heard(_chunk: Chunk) -> None:
        journal.close()

    step = Step("join.start", Run(("sh", "-c", "echo up; exit 3"), root=False))
    with pytest.raises(CommandError) as caught:
        await performer(journal).perform(step, heard)
    assert caught.value.code == "command-failed"


@needs_root
async def test_a_token_whose_file_can_not_be_written_is_taken_back_and_the_file_is_told(
    tmp_path: Path,
) -> None:
    made, journal = tmp_path / "made", FileJournal(tmp_path / "run")
    (tmp_path / "file").touch()
    make = Run(("sh", "-c", f"touch {made}; echo {TOKEN}"), root=False)
    delete = ("sh", "-c", f"rm {made}; exit 3", "sh", "{id}")
    put = PutFile(f"{tmp_path}/file/token", SecretFrom(make, undo_argv=delete), 0o600)
    with pytest.raises(CommandError) as caught:
        await performer(journal).perform(Step("join.token", put), unheard)
    journal.close()
    assert caught.value.code == "file-not-written"
    assert not made.exists()
    begun = [record["step"] for record in records(tmp_path / "run") if record["record"] == "begin"]
    assert begun == ["join.token", "join.token.undo"]
