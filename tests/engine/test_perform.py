"""What stands in the journal at the moment when a file is changed."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from gpu_wizard.engine.perform import Performer
from gpu_wizard.host.local import local_host
from gpu_wizard.host.writing import BACKUP_ROOT
from gpu_wizard.journal.journal import FileJournal
from gpu_wizard.model.action import Action, PutFile, RestoreFile, Step
from gpu_wizard.model.line import Chunk
from gpu_wizard.model.ports import Node

# One process for all that remove the backups' folder once it is empty.
pytestmark = pytest.mark.xdist_group("backups")
RUN_ID = f"perform-{os.getpid()}"


class Crash(BaseException):
    """The program is gone."""


class CrashingJournal(FileJournal):
    """Its writer dies as soon as the way back is on disk."""

    def prepared(self, entry: int, inverse: Sequence[Action], detail: Mapping[str, str]) -> None:
        super().prepared(entry, inverse, detail)
        if inverse:
            raise Crash


async def unheard(_chunk: Chunk) -> None:
    """Nothing is printed."""


def prepared(folder: Path) -> list[dict[str, Any]]:
    records = [json.loads(line) for line in (folder / "journal.jsonl").read_text().splitlines()]
    return [each for record in records for each in record.get("inverse", [])]


@pytest.mark.skipif(os.geteuid() != 0, reason="files are written as root")
@pytest.mark.parametrize("crashes", [True, False])
async def test_the_way_back_is_in_the_journal_before_the_file_is_changed(
    tmp_path: Path, crashes: bool
) -> None:
    file = tmp_path / "file"
    file.write_text("old")
    journal = (CrashingJournal if crashes else FileJournal)(tmp_path / "run")
    host = local_host()
    performer = Performer(Node("n", host), journal, RUN_ID, "runtime")
    step = Step("runtime.drop-in", PutFile(str(file), b"new", 0o600))
    try:
        if crashes:
            with pytest.raises(Crash):
                await performer.perform(step, unheard)
        else:
            performed = await performer.perform(step, unheard)
            (restore,) = performed.inverse
            assert isinstance(restore, RestoreFile)
        (noted,) = prepared(tmp_path / "run")
        assert file.read_text() == ("old" if crashes else "new")
        assert noted["path"] == str(file)
        assert noted["backup"].startswith(f"{BACKUP_ROOT}/{RUN_ID}/")
        if not crashes:
            await host.restore(RestoreFile(noted["path"], noted["backup"], noted["sha256"]))
            assert file.read_text() == "old"
    finally:
        journal.close()
        await host.close()
        shutil.rmtree(f"{BACKUP_ROOT}/{RUN_ID}", ignore_errors=True)
