"""Request bodies as objects, and the texts of those that are none.

Source: recorded c15, c16, c27-c30, c47, c48, d11, d12, e26, e30, f28 with kube-apiserver v1.36.2.
"""

from __future__ import annotations

import copy
import json
from dataclasses import dataclass, field
from typing import Any

from gpu_wizard.lab.api import errors, patches, schema
from gpu_wizard.lab.api.access import ADMIN, Identity
from gpu_wizard.lab.api.kinds import Kind
from gpu_wizard.lab.ports import JsonObject


@dataclass(frozen=True)
class Caller:
    """Who writes, and how."""

    user: Identity = ADMIN
    manager: str = "kubectl"
    """The field manager: as asked for, or the first part of the User-Agent."""
    dry_run: bool = False
    validation: str = "Warn"
    """`Strict`, `Warn` or `Ignore`: what is done about unknown fields."""
    force: bool = False
    subresource: str = ""
    """`status`, or nothing."""
    named: bool = True
    """True where the request itself names the field manager."""
    warnings: list[str] = field(default_factory=list)
    """Filled with the warnings of the request."""


def accepted(kind: Kind, body: Any, caller: Caller) -> JsonObject:
    """A body as an object of this kind; what it does not know becomes a warning.

    Raises:
        ApiError: 400.
    """
    check_type(kind, body)
    title = f'{kind.name} in version "{kind.version}" cannot be handled as a {kind.name}'
    try:
        obj, unknown = schema.decode(schema.of_kind(kind.name), body)
    except schema.DecodeError as error:
        raise errors.bad_request(f"{title}: {error}") from error
    if unknown and caller.validation == "Strict":
        raise errors.bad_request(f"{title}: {strict_text(unknown)}")
    warn(unknown, caller)
    copied: JsonObject = copy.deepcopy(obj)
    return {"apiVersion": kind.api_version, "kind": kind.name} | copied


def patched(kind: Kind, old: JsonObject, media_type: str, body: Any, caller: Caller) -> JsonObject:
    """What a patch makes of an object, as an object of this kind.

    Raises:
        ApiError: 400 or 422.
    """
    # A list's items carry no type of their own; a patch may name one.
    typed = {"apiVersion": kind.api_version, "kind": kind.name} | old
    shape = schema.of_kind(kind.name)
    made = patches.patched(media_type, shape, typed, body)
    try:
        wanted, unknown = schema.decode(shape, made)
    except schema.DecodeError as error:
        if media_type == patches.STRATEGIC:
            raise errors.invalid_patch(as_go(body), "unrecognized type: string") from error
        raise errors.invalid_patch(_quoted(made), str(error)) from error
    if unknown and caller.validation == "Strict":
        raise errors.invalid_patch(_quoted(made), strict_text(unknown))
    warn(unknown, caller)
    found: JsonObject = wanted
    return found


def warn(unknown: list[str], caller: Caller) -> None:
    """Turn unknown fields into warnings, unless they are to be ignored."""
    if caller.validation != "Ignore":
        caller.warnings.extend(f'unknown field "{path}"' for path in unknown)


def check_type(kind: Kind, body: Any) -> None:
    if not isinstance(body, dict):
        raise errors.bad_request("the object provided is unrecognized")
    version, name = body.get("apiVersion", kind.api_version), body.get("kind", kind.name)
    if version != kind.api_version:
        raise errors.bad_request(
            f"the API version in the data ({version}) does not match the expected API version "
            f"({kind.api_version})"
        )
    if name != kind.name:
        raise errors.bad_request(
            f'{name} in version "{kind.version}" cannot be handled as a {kind.name}: no kind '
            f'"{name}" is registered for version "{version}" in scheme "pkg/runtime/scheme.go:111"'
        )


def place(kind: Kind, obj: JsonObject, namespace: str) -> None:
    """Put an object into the namespace of the request."""
    metadata = obj.setdefault("metadata", {})
    if not kind.namespaced:
        metadata.pop("namespace", None)
    elif metadata.setdefault("namespace", namespace) != namespace:
        raise errors.bad_request(
            "the namespace of the provided object does not match the namespace sent on the request"
        )


def other_name(found: str, wanted: str) -> errors.ApiError:
    return errors.bad_request(
        f"the name of the object ({found}) does not match the name on the URL ({wanted})"
    )


def applied(kind: Kind, namespace: str, name: str, body: Any) -> JsonObject:
    """An applied configuration, its nulls kept."""
    if not isinstance(body, dict) or not body.get("kind") or not body.get("apiVersion"):
        found = body if isinstance(body, dict) else {}
        group, _, version = str(found.get("apiVersion", "")).rpartition("/")
        raise errors.bad_request(
            f"invalid object type: {group}/{version}, Kind={found.get('kind', '')}"
        )
    check_type(kind, body)
    metadata = body.setdefault("metadata", {})
    if metadata.setdefault("name", name) != name:
        raise other_name(metadata["name"], name)
    where = f"{namespace}/{name}; {kind.group}/{kind.version}, Kind={kind.name}"
    try:
        wanted, unknown = schema.decode(schema.of_kind(kind.name), body)
    except schema.DecodeError as error:
        text = f"failed to create typed patch object ({where}): {error}"
        raise errors.internal(text) from error
    if unknown:
        faults = [f".{path}: field not declared in schema" for path in unknown]
        shown = faults[0] if len(faults) == 1 else "errors:\n" + "\n".join(f"  {f}" for f in faults)
        raise errors.internal(f"failed to create typed patch object ({where}): {shown}")
    kept: JsonObject = _with_nulls(wanted, body)
    return kept


def _with_nulls(value: Any, raw: Any) -> Any:
    if isinstance(value, dict) and isinstance(raw, dict):
        return {name: _with_nulls(value.get(name), raw.get(name)) for name in raw}
    return value


def strict_text(unknown: list[str]) -> str:
    faults = ", ".join(f'unknown field "{path}"' for path in unknown)
    return f"strict decoding error: {faults}"


def _quoted(value: Any) -> str:
    text = json.dumps(value, separators=(",", ":"), sort_keys=True)
    return json.dumps(text, ensure_ascii=False)[1:-1]


def as_go(value: Any) -> str:
    """A value as Go's `%v` prints it."""
    if isinstance(value, dict):
        return f"map[{' '.join(f'{k}:{as_go(value[k])}' for k in sorted(value))}]"
    if isinstance(value, list):
        return f"[{' '.join(map(as_go, value))}]"
    if value is None:
        return "<nil>"
    return str(value).lower() if isinstance(value, bool) else str(value)
