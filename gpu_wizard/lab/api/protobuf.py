"""Bodies in Kubernetes' protobuf, which kubectl's typed commands send.

Only what such commands create: `kubectl create namespace`, `auth can-i`, and their like. Source:
the `generated.proto` files of k8s.io/api and k8s.io/apimachinery.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from gpu_wizard.lab.api import errors
from gpu_wizard.lab.ports import JsonObject

MEDIA_TYPE = "application/vnd.kubernetes.protobuf"
_MAGIC = b"k8s\x00"
# By message: field number to name and type; `map` is of strings, `bytes` become base64.
_Fields = dict[int, tuple[str, str]]
_MESSAGES: dict[str, _Fields] = {
    "Unknown": {1: ("typeMeta", "TypeMeta"), 2: ("raw", "raw")},
    "TypeMeta": {1: ("apiVersion", "string"), 2: ("kind", "string")},
    "ObjectMeta": {
        1: ("name", "string"),
        2: ("generateName", "string"),
        3: ("namespace", "string"),
        11: ("labels", "map"),
        12: ("annotations", "map"),
    },
    "Namespace": {1: ("metadata", "ObjectMeta")},
    "ServiceAccount": {1: ("metadata", "ObjectMeta")},
    "ConfigMap": {1: ("metadata", "ObjectMeta"), 2: ("data", "map")},
    "SelfSubjectReview": {1: ("metadata", "ObjectMeta")},
    "SelfSubjectAccessReview": {1: ("metadata", "ObjectMeta"), 2: ("spec", "AccessSpec")},
    "AccessSpec": {1: ("resourceAttributes", "Attributes")},
    "Attributes": {
        number: (name, "string")
        for number, name in enumerate(
            ("namespace", "verb", "group", "version", "resource", "subresource", "name"), start=1
        )
    },
    "Eviction": {1: ("metadata", "ObjectMeta"), 2: ("deleteOptions", "DeleteOptions")},
    "DeleteOptions": {
        1: ("gracePeriodSeconds", "integer"),
        2: ("preconditions", "Preconditions"),
        4: ("propagationPolicy", "string"),
    },
    "Preconditions": {1: ("uid", "string"), 2: ("resourceVersion", "string")},
}


def decode(body: bytes) -> JsonObject:
    """The object in a protobuf body.

    Raises:
        ApiError: 415, a kind that is not read here; 400, a broken body.
    """
    if not body.startswith(_MAGIC):
        raise errors.bad_request("the body is no protobuf of Kubernetes")
    try:
        envelope = _message("Unknown", body[len(_MAGIC) :])
        kind = envelope["typeMeta"].get("kind", "")
        if kind not in _MESSAGES:
            raise errors.ApiError(415, "UnsupportedMediaType", "415: Unsupported Media Type", {})
        found: JsonObject = envelope["typeMeta"] | _message(kind, envelope.get("raw", b""))
    except (IndexError, KeyError, UnicodeDecodeError) as error:
        raise errors.bad_request("the body is broken protobuf") from error
    return found


def _message(name: str, data: bytes) -> dict[str, Any]:
    known = _MESSAGES[name]
    found: dict[str, Any] = {}
    for number, value in _fields(data):
        if number not in known:
            continue
        field, type_ = known[number]
        if type_ == "map" and isinstance(value, bytes):
            entry = dict(_fields(value))
            pairs = found.setdefault(field, {})
            pairs[_text(entry.get(1, b""))] = _text(entry.get(2, b""))
        elif isinstance(value, bytes):
            found[field] = _value(type_, value)
        else:
            found[field] = value
    return {field: value for field, value in found.items() if value != ""}


def _value(type_: str, value: bytes) -> Any:
    if type_ == "raw":
        return value
    return _text(value) if type_ == "string" else _message(type_, value)


def _text(value: bytes | int) -> str:
    return value.decode() if isinstance(value, bytes) else str(value)


def _fields(data: bytes) -> Iterator[tuple[int, bytes | int]]:
    position = 0
    while position < len(data):
        tag, position = _varint(data, position)
        number, wire = tag >> 3, tag & 7
        if wire == 0:
            value, position = _varint(data, position)
            yield number, value
        elif wire == 2:
            length, position = _varint(data, position)
            yield number, data[position : position + length]
            position += length
        else:
            position += {1: 8, 5: 4}[wire]


def _varint(data: bytes, position: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        byte = data[position]
        position += 1
        value |= (byte & 0x7F) << shift
        shift += 7
        if byte < 0x80:
            return value, position
