"""Events as JSON lines: one object a line, the schema versioned and documented here.

The first line is `{"type": "version", "version": "1.0", "program": …}`. Every other has `type` (the event's name in
kebab-case), `seq` (counts from 1), `at` (UTC, RFC 3339), `node` (null for the whole run), `stage` ("" where none)
and the event's own fields, as `model/events.py` names them. A fact is `{"state": "known", "value": …}`,
`{"state": "absent"}` or `{"state": "unknown", "code": …, "detail": …}`. An assessment's `state` and `code` stand in
`stage-assessed` itself. A minor version adds, a major one breaks; readers ignore what they don't know.
"""

from __future__ import annotations

import dataclasses
import json
import re
from collections.abc import Mapping
from datetime import datetime
from typing import Any, Protocol

from gpu_wizard.faces.wording import error_advice
from gpu_wizard.model.errors import WizardError
from gpu_wizard.model.events import Event, FactRead, StageAssessed
from gpu_wizard.model.fact import Absent, Fact, Known
from gpu_wizard.model.secret import Secret

SCHEMA_VERSION = "1.0"
_HUMP = re.compile(r"(?<=[a-z])(?=[A-Z])")


class Writes(Protocol):
    """What lines are written to."""

    def write(self, text: str) -> None:
        """Take a text."""


class JsonLines:
    """Writes events to a stream, one object a line."""

    def __init__(self, stream: Writes, program_version: str) -> None:
        """Writes the version line at once; the stream hands each line on at once."""
        self._stream = stream
        self._seq = 0
        self._write({"type": "version", "version": SCHEMA_VERSION, "program": program_version})

    def write(self, event: Event) -> None:
        """Write one event."""
        self._seq += 1
        self._write({"type": type_of(event), "seq": self._seq, **fields_of(event)})

    def _write(self, record: Mapping[str, Any]) -> None:
        self._stream.write(json.dumps(record, ensure_ascii=True) + "\n")


def type_of(event: Event) -> str:
    """`StepFinished` → `step-finished`."""
    return _HUMP.sub("-", type(event).__name__).lower()


def fields_of(event: Event) -> dict[str, Any]:
    """An event's fields as JSON."""
    fields = {field.name: getattr(event, field.name) for field in dataclasses.fields(event)}
    if isinstance(event, FactRead):
        return {**_plain_fields(fields, but="fact"), "fact": _fact(event.fact)}
    if isinstance(event, StageAssessed):
        flat = as_json(event.assessment)
        return {**_plain_fields(fields, but="assessment"), **flat}
    return _plain_fields(fields)


def _plain_fields(fields: Mapping[str, Any], but: str = "") -> dict[str, Any]:
    return {name: as_json(value) for name, value in fields.items() if name != but}


def _fact(fact: Fact[object]) -> dict[str, Any]:
    if isinstance(fact, Known):
        return {"state": "known", "value": as_json(fact.value)}
    if isinstance(fact, Absent):
        return {"state": "absent"}
    return {"state": "unknown", "code": fact.code, "detail": fact.detail}


def as_json(value: Any) -> Any:
    """Any value of an event as JSON; a secret has no form here."""
    match value:
        case None | bool() | int() | float() | str():
            return value
        case datetime():
            return value.isoformat(timespec="milliseconds").replace("+00:00", "Z")
        case bytes():
            return value.decode(errors="replace")
        case Secret():
            raise TypeError("a secret has no JSON form")
        case WizardError():
            return _error(value)
        case Mapping():
            return {str(key): as_json(item) for key, item in value.items()}
        case tuple() if hasattr(value, "_asdict"):
            return {name: as_json(item) for name, item in value._asdict().items()}
        case list() | tuple() | set() | frozenset():
            return [as_json(item) for item in value]
        case _ if dataclasses.is_dataclass(value):
            return _tagged(value)
        case _:
            return str(value)


def _error(error: WizardError) -> dict[str, Any]:
    where = {key: value for key, value in as_json(error.where).items() if value not in ("", None)}
    return {
        "code": error.code,
        "message": error.message,
        "where": where,
        "next": error_advice(error, "en"),
        "lines": list(error.lines),
    }


def _tagged(value: Any) -> dict[str, Any]:
    """A dataclass as its fields; an action also says which one it is."""
    fields = {
        field.name: as_json(getattr(value, field.name)) for field in dataclasses.fields(value)
    }
    if type(value).__module__ == "gpu_wizard.model.action" and type(value).__name__ not in (
        "Step",
        "Risk",
    ):
        return {"action": type(value).__name__, **fields}
    return fields
