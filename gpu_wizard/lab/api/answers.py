"""How an answer looks: JSON or YAML, whole, as a table, or metadata only."""

from __future__ import annotations

import base64
import json
from dataclasses import dataclass
from typing import Any

import yaml

from gpu_wizard.lab.api import errors, tables
from gpu_wizard.lab.api.kinds import Kind
from gpu_wizard.lab.ports import JsonObject

JSON = "application/json"
YAML = "application/yaml"
_OFFERED = (
    "application/json, application/yaml, application/vnd.kubernetes.protobuf, "
    "application/json;stream=watch, application/vnd.kubernetes.protobuf;stream=watch"
)


@dataclass(frozen=True)
class View:
    """What a client's Accept header asks for."""

    media_type: str = JSON
    form: str = ""
    """"", `Table`, `PartialObjectMetadata` or `PartialObjectMetadataList`."""
    include: str = "Metadata"
    """What the rows of a table carry along."""


def view(accept: str, include: str) -> View:
    """The first of the client's wishes that can be met.

    Raises:
        ApiError: 406.
    """
    for wish in accept.split(",") if accept else ["*/*"]:
        media_type, *parameters = (part.strip() for part in wish.split(";"))
        wanted = dict(each.split("=", 1) for each in parameters if "=" in each)
        form = wanted.get("as", "")
        if form and wanted.get("v") != "v1":
            continue
        if media_type in ("*/*", "application/*", JSON):
            return View(JSON, form, include or "Metadata")
        if media_type == YAML:
            return View(YAML, form, include or "Metadata")
    text = f"406: Not Acceptable\n\nAvailable representations: {_OFFERED}"
    raise errors.ApiError(406, "NotAcceptable", text, {})


def one(shown: View, kind: Kind, obj: JsonObject) -> JsonObject:
    """One object as the client wants it."""
    if obj.get("kind") == "Status":
        return obj
    if shown.form == "Table":
        metadata = {"resourceVersion": obj["metadata"].get("resourceVersion", "")}
        return tables.table(kind, [obj], metadata, shown.include)
    if shown.form == "PartialObjectMetadata":
        return tables.partial(obj)
    return {"kind": kind.name, "apiVersion": kind.api_version} | obj


def many(shown: View, kind: Kind, objects: list[JsonObject], metadata: JsonObject) -> JsonObject:
    """A list as the client wants it."""
    if shown.form == "Table":
        return tables.table(kind, objects, metadata, shown.include)
    if shown.form == "PartialObjectMetadataList":
        head: JsonObject = {"kind": shown.form, "apiVersion": "meta.k8s.io/v1"}
        return head | {"metadata": metadata, "items": [tables.partial(obj) for obj in objects]}
    head = {"kind": f"{kind.name}List", "apiVersion": kind.api_version, "metadata": metadata}
    if kind.custom:
        return head | {"items": [one(View(), kind, obj) for obj in objects]}
    plain = [{k: v for k, v in o.items() if k not in ("kind", "apiVersion")} for o in objects]
    return head | {"items": plain}


def encode(media_type: str, body: JsonObject) -> bytes:
    if media_type == YAML:
        return yaml.safe_dump(body, default_flow_style=False, allow_unicode=True).encode()
    return json.dumps(body, separators=(",", ":"), ensure_ascii=False).encode() + b"\n"


def decode(body: bytes, *, patch: bool = False) -> Any:
    """A request's body, JSON or (where it does not begin as JSON) YAML.

    Raises:
        ApiError: 400, in the words of Go's decoder.
    """
    try:
        return json.loads(body)
    except json.JSONDecodeError as error:
        if body.lstrip()[:1] not in (b"{", b"[") and not patch:
            return _yaml(body)
        prefix = (
            "error decoding patch: " if patch else "couldn't get version/kind; json parse error: "
        )
        raise errors.bad_request(prefix + _as_go(error)) from error
    except UnicodeDecodeError as error:
        raise errors.bad_request("the body is no UTF-8") from error


def decode_apply(body: bytes) -> Any:
    """The body of a server-side apply: YAML, of which JSON is a part.

    Raises:
        ApiError: 400.
    """
    return json.loads(body) if body.lstrip()[:1] == b"{" and _is_json(body) else _yaml(body)


def _is_json(body: bytes) -> bool:
    try:
        json.loads(body)
    except ValueError:
        return False
    return True


def _yaml(body: bytes) -> Any:
    try:
        return yaml.safe_load(body)
    except yaml.YAMLError as error:
        raise errors.bad_request(f"error decoding YAML: {error}") from error


def _as_go(error: json.JSONDecodeError) -> str:
    if error.pos >= len(error.doc):
        return "unexpected end of JSON input"
    what = "object key string" if "property name" in error.msg else "value"
    return f"invalid character '{error.doc[error.pos]}' looking for beginning of {what}"


def next_page(revision: int, last: JsonObject, *, namespaced: bool) -> str:
    """The token with which a list goes on after an object."""
    metadata = last["metadata"]
    path = f"/{metadata['namespace']}" if namespaced else ""
    token = {"v": "meta.k8s.io/v1", "rv": revision, "start": f"{path}/{metadata['name']}\0"}
    text = json.dumps(token, separators=(",", ":")).encode()
    return base64.urlsafe_b64encode(text).decode().rstrip("=")


def page_start(token: str) -> tuple[int, str]:
    """The version and the key after which a list goes on.

    Raises:
        ApiError: 400, it is no such token.
    """
    raw = b""
    try:
        raw = base64.urlsafe_b64decode(token + "=" * (-len(token) % 4))
        found = json.loads(raw)
        return int(found["rv"]), str(found["start"]).rstrip("\0")
    except (ValueError, KeyError, TypeError) as error:
        first = raw[:1].decode("latin-1")
        raise errors.bad_request(
            f"invalid continue token: continue key is not valid: invalid character '{first}' "
            "looking for beginning of value"
        ) from error
