"""Recorded event lists: one JSON object a line, each value with its type, read back as the events that they were."""

from __future__ import annotations

import base64
import dataclasses
import importlib
import json
from collections.abc import Iterable, Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

from gpu_wizard.model.errors import WizardError
from gpu_wizard.model.events import Event

FOLDER = Path(__file__).parent / "recorded"


def load(name: str) -> list[Event]:
    """The events of one recording."""
    text = (FOLDER / f"{name}.jsonl").read_text(encoding="utf-8")
    return [decode(json.loads(line)) for line in text.splitlines()]


def save(name: str, events: Iterable[Event]) -> None:
    """Write a recording."""
    lines = [json.dumps(encode(event), ensure_ascii=False) + "\n" for event in events]
    (FOLDER / f"{name}.jsonl").write_text("".join(lines), encoding="utf-8")


def encode(value: Any) -> Any:
    """A value as JSON that says its type."""
    match value:
        case None | bool() | int() | float() | str():
            return value
        case bytes():
            return {"$": "bytes", "base64": base64.b64encode(value).decode()}
        case datetime():
            return {"$": "datetime", "iso": value.isoformat()}
        case Mapping():
            return {"$": "dict", "items": [[encode(k), encode(v)] for k, v in value.items()]}
        case tuple() if type(value) is tuple:
            return [encode(item) for item in value]
        case list() | set() | frozenset():
            return {
                "$": type(value).__name__,
                "items": [encode(item) for item in sorted(value, key=str)],
            }
        case _:
            return _encode_object(value)


def _encode_object(value: Any) -> dict[str, Any]:
    kind = type(value)
    if isinstance(value, tuple):
        names = list(kind.__annotations__)
    elif dataclasses.is_dataclass(value):
        names = [field.name for field in dataclasses.fields(value)]
    else:
        names = list(vars(value))
    fields = {name: encode(getattr(value, name)) for name in names}
    return {"$": f"{kind.__module__}:{kind.__qualname__}", **fields}


def decode(value: Any) -> Any:
    """The value that `encode` was given."""
    if isinstance(value, list):
        return tuple(decode(item) for item in value)
    if not isinstance(value, dict):
        return value
    match value["$"]:
        case "bytes":
            return base64.b64decode(value["base64"])
        case "datetime":
            return datetime.fromisoformat(value["iso"])
        case "dict":
            return {decode(k): decode(v) for k, v in value["items"]}
        case "list" | "set" | "frozenset" as name:
            kind = {"list": list, "set": set, "frozenset": frozenset}[name]
            return kind(decode(item) for item in value["items"])
        case name:
            return _decode_object(name, {k: decode(v) for k, v in value.items() if k != "$"})


def _decode_object(name: str, fields: dict[str, Any]) -> Any:
    module, _, qualname = name.partition(":")
    if not module.startswith("gpu_wizard."):
        raise ValueError(f"not a type of ours: {name}")
    kind = getattr(importlib.import_module(module), qualname)
    if issubclass(kind, tuple):
        return kind(**fields)
    made = kind.__new__(kind)
    for key, item in fields.items():
        object.__setattr__(made, key, item)
    if isinstance(made, WizardError):
        made.args = (made.code, made.message)
    return made
