"""The record of one run: JSON lines, each on disk before the next action begins; and the cleaned output.

An entry is one action. Its records share `entry`: `begin` (what is about to be done), `prepared` (how it would be
taken back, as soon as that is known), `end` (how it ended). A `begin` without an `end` was cut off by a crash.
"""

from __future__ import annotations

import contextlib
import dataclasses
import errno
import json
import os
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from gpu_wizard.model.action import Action, LocalFile, SecretFrom, SecretNamed, Step
from gpu_wizard.model.errors import CommandError, Where
from gpu_wizard.model.line import Chunk

VERSION = 1
OUTPUT_QUOTA_BYTES = 256 << 20


class FileJournal:
    """A journal in a run folder (0700; its files 0600): `journal.jsonl` and one `NODE.log` a node."""

    def __init__(self, folder: Path) -> None:
        """`folder` is made where it is not there yet. Raises: CommandError: it can't be, or not be written to."""
        self.folder = folder
        try:
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._file = _append(folder / "journal.jsonl")
            for place in (folder, folder.parent):
                _sync(place)
        except OSError as error:
            raise self._unwritable(error) from error
        self._entry = 0
        self._torn = b""
        """What ends a line that a full disk cut off."""
        self._logs: dict[str, int] = {}
        self._written: dict[str, int] = {}
        self._record({"record": "run", "version": VERSION})

    def begin(self, node: str, stage: str, step: Step) -> int:
        """Write what is about to be done; the entry's number. Raises: CommandError, as each of these."""
        self._entry += 1
        self._record(
            {
                "record": "begin",
                "entry": self._entry,
                "node": node,
                "stage": stage,
                "step": step.id,
                "action": plain(step.action),
            }
        )
        return self._entry

    def prepared(self, entry: int, inverse: Sequence[Action], detail: Mapping[str, str]) -> None:
        """Write how it would be taken back."""
        actions = [plain(action) for action in inverse]
        self._record(
            {"record": "prepared", "entry": entry, "inverse": actions, "detail": dict(detail)}
        )

    def end(self, entry: int, outcome: str, status: int | None) -> None:
        """Write how it ended."""
        self._record({"record": "end", "entry": entry, "outcome": outcome, "status": status})

    def output(self, node: str, chunk: Chunk) -> None:
        """Append cleaned output to the node's log, up to a quota; where it is cut the log says so."""
        written = self._written.get(node, 0)
        if written > OUTPUT_QUOTA_BYTES:
            return
        data = chunk.text.encode()
        self._written[node] = written + len(data)
        if self._written[node] > OUTPUT_QUOTA_BYTES:
            data = b"\n[the log's quota is reached; later output is not kept]\n"
        # A full disk costs the log, not the step that is running; the journal's next entry tells of it.
        with contextlib.suppress(OSError):
            if node not in self._logs:
                safe = "".join(c if c.isalnum() or c in "-._" else "_" for c in node)
                self._logs[node] = _append(self.folder / f"{safe}.log")
            os.write(self._logs[node], data)

    def close(self) -> None:
        """Close the files."""
        for descriptor in (self._file, *self._logs.values()):
            os.close(descriptor)
        self._logs = {}

    def _record(self, record: Mapping[str, Any]) -> None:
        line = json.dumps({"at": datetime.now(UTC).isoformat(timespec="milliseconds"), **record})
        data = self._torn + line.encode() + b"\n"
        try:
            written = os.write(self._file, data)
            os.fsync(self._file)
        except OSError as error:
            raise self._unwritable(error) from error
        self._torn = b"" if written == len(data) else b"\n"
        if self._torn:
            raise self._unwritable(OSError(errno.ENOSPC, os.strerror(errno.ENOSPC)))

    def _unwritable(self, error: OSError) -> CommandError:
        return CommandError(
            "journal-unwritable",
            f"The run's folder can't be written: {error.strerror}.",
            Where(file=str(self.folder)),
            "Free some space there, or name another place by XDG_STATE_HOME.",
            params={"reason": error.strerror or str(error)},
        )


def plain(action: Action) -> dict[str, Any]:
    """An action as JSON: contents by their size and first 4096 bytes, secrets by their source alone."""
    fields = {field.name: getattr(action, field.name) for field in dataclasses.fields(action)}
    return {
        "action": type(action).__name__,
        **{key: _value(value) for key, value in fields.items()},
    }


def _value(value: Any) -> Any:
    match value:
        case bytes():
            return {"bytes": len(value), "text": value[:4096].decode(errors="replace")}
        case SecretFrom() | SecretNamed() | LocalFile():
            return {"from": type(value).__name__, **_fields(value)}
        case tuple():
            return [_value(item) for item in value]
        case Mapping():
            return {str(key): _value(item) for key, item in value.items()}
        case _ if dataclasses.is_dataclass(value):
            return _fields(value)
        case _:
            return value


def _fields(value: Any) -> dict[str, Any]:
    return {field.name: _value(getattr(value, field.name)) for field in dataclasses.fields(value)}


def _append(path: Path) -> int:
    return os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)


def _sync(folder: Path) -> None:
    """A file's name is on disk once its folder is."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
