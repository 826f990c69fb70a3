"""The patches that change an object: merge, strategic merge and JSON patch."""

from __future__ import annotations

import copy
from typing import Any

from gpu_wizard.lab.api.errors import bad_request, rejected_patch
from gpu_wizard.lab.api.schema import Shape
from gpu_wizard.lab.ports import JsonObject

MERGE = "application/merge-patch+json"
STRATEGIC = "application/strategic-merge-patch+json"
JSON_PATCH = "application/json-patch+json"
APPLY = "application/apply-patch+yaml"
TYPES = (JSON_PATCH, MERGE, APPLY, STRATEGIC)


def patched(media_type: str, shape: Shape, old: JsonObject, patch: Any) -> JsonObject:
    """The object that a patch makes of `old`, which is left as it is.

    Raises:
        ApiError: 400, the patch is of the wrong form; 422, a JSON patch that does not apply.
    """
    if media_type == JSON_PATCH:
        return _json_patch(old, patch)
    if not isinstance(patch, dict):
        raise bad_request(
            f"error decoding patch: {_unlike(patch)} of type map[string]interface {{}}"
        )
    if media_type == MERGE:
        return copy.deepcopy(_merge(old, patch))
    return copy.deepcopy(_strategic(shape, old, patch))


def _merge(old: Any, patch: Any) -> Any:
    if not isinstance(patch, dict):
        return patch
    merged = dict(old) if isinstance(old, dict) else {}
    for name, value in patch.items():
        if value is None:
            merged.pop(name, None)
        else:
            merged[name] = _merge(merged.get(name), value)
    return merged


def _strategic(shape: Shape, old: JsonObject, patch: JsonObject) -> JsonObject:
    directive = patch.get("$patch")
    fresh = {k: v for k, v in patch.items() if not k.startswith("$")}
    if directive in ("replace", "delete"):
        return fresh if directive == "replace" else {}
    kept = patch.get("$retainKeys")
    merged = {k: v for k, v in old.items() if kept is None or k in kept}
    for name, value in fresh.items():
        merged[name] = _strategic_value(shape.child(name), merged.get(name), value)
    for name, dropped in patch.items():
        if name.startswith("$deleteFromPrimitiveList/"):
            field = name.partition("/")[2]
            merged[field] = [item for item in merged.get(field, ()) if item not in dropped]
    return {name: value for name, value in merged.items() if value is not None}


def _strategic_value(shape: Shape, old: Any, value: Any) -> Any:
    if isinstance(value, dict):
        return _strategic(shape, old if isinstance(old, dict) else {}, value)
    if isinstance(value, list) and isinstance(old, list):
        if shape.form == "list":
            return _strategic_items(shape, old, value)
        if shape.form == "set":
            return old + [item for item in value if item not in old]
    return _without_directives(value)


def _strategic_items(shape: Shape, old: list[Any], patch: list[Any]) -> list[Any]:
    if any(item.get("$patch") == "replace" for item in patch):
        return [item for item in patch if "$patch" not in item]
    inner, key = shape.inner or shape, shape.keys[0]
    places = {item.get(key): index for index, item in enumerate(old)}
    merged = {item.get(key): item for item in old}
    touched = []
    for item in patch:
        name = item.get(key)
        if item.get("$patch") == "delete":
            merged.pop(name, None)
        else:
            merged[name] = _strategic(inner, merged.get(name, {}), item)
            touched.append(name)
    rest = [name for name in merged if name not in touched]
    return [merged[name] for name in _interleaved(touched, rest, places)]


def _interleaved(touched: list[Any], rest: list[Any], places: dict[Any, int]) -> list[Any]:
    """The order of a merged list: a new item comes before what the patch does not name (e19)."""
    order: list[Any] = []
    while touched and rest:
        first = places.get(touched[0], -1)
        order.append(rest.pop(0) if places[rest[0]] < first else touched.pop(0))
    return order + touched + rest


def _without_directives(value: Any) -> Any:
    if isinstance(value, list):
        return [
            _without_directives(item)
            for item in value
            if not (isinstance(item, dict) and "$patch" in item)
        ]
    if isinstance(value, dict):
        return {k: _without_directives(v) for k, v in value.items() if not k.startswith("$")}
    return value


def _json_patch(old: JsonObject, patch: Any) -> JsonObject:
    if not isinstance(patch, list):
        text = f"error decoding patch: {_unlike(patch)} of type []handlers.jsonPatchOp"
        raise bad_request(text)
    document: Any = copy.deepcopy(old)
    for operation in patch:
        try:
            document = _operate(document, operation)
        except (KeyError, IndexError, ValueError, TypeError, AttributeError) as error:
            raise rejected_patch() from error
    if not isinstance(document, dict):
        raise rejected_patch()
    return document


def _operate(document: Any, operation: JsonObject) -> Any:
    verb, path = operation["op"], _pointer(operation["path"])
    if verb == "test":
        if _look(document, path) != operation.get("value"):
            raise ValueError("test failed")
        return document
    if verb in ("remove", "move"):
        source = path if verb == "remove" else _pointer(operation["from"])
        value = _take(document, source)
        return document if verb == "remove" else _put(document, path, value)
    if verb == "copy":
        return _put(document, path, copy.deepcopy(_look(document, _pointer(operation["from"]))))
    if verb == "replace":
        _look(document, path)
        if path and isinstance(_look(document, path[:-1]), list):
            _take(document, path)
        return _put(document, path, operation["value"])
    if verb == "add":
        return _put(document, path, operation["value"])
    raise ValueError(verb)


def _pointer(text: str) -> list[str]:
    if text and not text.startswith("/"):
        raise ValueError(text)
    return [part.replace("~1", "/").replace("~0", "~") for part in text.split("/")[1:]]


def _look(document: Any, path: list[str]) -> Any:
    for part in path:
        document = document[int(part)] if isinstance(document, list) else document[part]
    return document


def _take(document: Any, path: list[str]) -> Any:
    parent = _look(document, path[:-1])
    return parent.pop(int(path[-1])) if isinstance(parent, list) else parent.pop(path[-1])


def _put(document: Any, path: list[str], value: Any) -> Any:
    if not path:
        return value
    parent, name = _look(document, path[:-1]), path[-1]
    if isinstance(parent, list):
        index = len(parent) if name == "-" else int(name)
        if index > len(parent):
            raise IndexError(name)
        parent.insert(index, value)
    elif isinstance(parent, dict):
        parent[name] = value
    else:
        raise TypeError(name)
    return document


def _unlike(value: Any) -> str:
    words = {dict: "object", list: "array", str: "string", bool: "bool", type(None): "null"}
    return f"json: cannot unmarshal {words.get(type(value), 'number')} into Go value"
