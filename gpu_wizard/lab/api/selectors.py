"""Label and field selectors of lists and watches."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

from gpu_wizard.lab.api.errors import bad_request
from gpu_wizard.lab.api.kinds import Kind
from gpu_wizard.lab.ports import JsonObject

Test = Callable[[JsonObject], bool]
_TOKENS = re.compile(r"\s*(?:(==|=|!=|!|,|\(|\)|<|>)|([^\s=!,()<>]+))")
_EVERYWHERE = ("metadata.name", "metadata.namespace")
_FIELDS: dict[str, tuple[str, ...]] = {
    "Pod": (
        "spec.nodeName",
        "spec.restartPolicy",
        "spec.schedulerName",
        "spec.serviceAccountName",
        "spec.hostNetwork",
        "status.phase",
        "status.podIP",
        "status.nominatedNodeName",
    ),
    "Node": ("spec.unschedulable",),
    "Namespace": ("status.phase",),
    "Secret": ("type",),
    "ResourceSlice": ("spec.nodeName", "spec.driver"),
    "Event": (
        "involvedObject.kind",
        "involvedObject.namespace",
        "involvedObject.name",
        "involvedObject.uid",
        "involvedObject.apiVersion",
        "involvedObject.resourceVersion",
        "involvedObject.fieldPath",
        "reason",
        "reportingComponent",
        "source",
        "type",
    ),
}


def everything(obj: JsonObject) -> bool:
    """The selector that selects all."""
    return obj is not None


def labels(text: str) -> Test:
    """A label selector: `a=b,c!=d,e in (f,g),h,!i`.

    Raises:
        ApiError: 400, it cannot be parsed.
    """
    if not text.strip():
        return everything
    tests = _Requirements(_tokens(text)).parse()
    return lambda obj: all(test(obj["metadata"].get("labels") or {}) for test in tests)


def matches(selector: Mapping[str, Any], found: Mapping[str, str]) -> bool:
    """Whether labels match a LabelSelector object (`matchLabels`, `matchExpressions`)."""
    for key, value in (selector.get("matchLabels") or {}).items():
        if found.get(key) != value:
            return False
    return all(expression(each, found) for each in selector.get("matchExpressions") or ())


def expression(each: Mapping[str, Any], found: Mapping[str, str]) -> bool:
    """One `matchExpressions` item: In, NotIn, Exists, DoesNotExist, Gt, Lt."""
    key, operator, values = each["key"], each["operator"], each.get("values") or []
    if operator in ("Exists", "DoesNotExist"):
        return (key in found) is (operator == "Exists")
    if operator in ("In", "NotIn"):
        return (found.get(key) in values) is (operator == "In")
    if key not in found or not re.fullmatch(r"-?\d+", found[key]):
        return False
    above = int(found[key]) - int(values[0])
    return above > 0 if operator == "Gt" else above < 0


def fields(kind: Kind, text: str) -> Test:
    """A field selector: `metadata.name=x,status.phase!=Running`.

    Raises:
        ApiError: 400, a field that this kind cannot be selected by.
    """
    tests: list[tuple[str, bool, str]] = []
    known = (*_EVERYWHERE, *_FIELDS.get(kind.name, ()))
    for term in filter(None, text.split(",")):
        match = re.fullmatch(r"([^=!]+)(!=|==|=)(.*)", term)
        if match is None:
            raise bad_request(f"invalid selector: '{term}'; can't understand '{term}'")
        name, operator, value = match.groups()
        if name not in known:
            raise bad_request(f"field label not supported: {name}")
        tests.append((name, operator != "!=", value))
    if not tests:
        return everything
    return lambda obj: all((_field(obj, name) == value) == wanted for name, wanted, value in tests)


def _field(obj: JsonObject, path: str) -> str:
    if path == "source":
        return str(obj.get("source", {}).get("component", "") or obj.get("reportingComponent", ""))
    value: Any = obj
    for part in path.split("."):
        value = value.get(part) if isinstance(value, dict) else None
    if path in ("spec.unschedulable", "spec.hostNetwork"):
        return "true" if value else "false"
    return "" if value is None else str(value)


def _tokens(text: str) -> list[str]:
    found: list[str] = []
    position = 0
    text = text.rstrip()
    while position < len(text):
        match = _TOKENS.match(text, position)
        if match is None:
            raise bad_request(f"unable to parse requirement: unexpected {text[position:]!r}")
        found.append(match[1] or match[2])
        position = match.end()
    return found


class _Requirements:
    def __init__(self, tokens: list[str]) -> None:
        self._tokens = tokens

    def parse(self) -> list[Callable[[Mapping[str, str]], bool]]:
        tests = [self._requirement()]
        while self._tokens:
            self._demand(",", "',', or ')'")
            tests.append(self._requirement())
        return tests

    def _requirement(self) -> Callable[[Mapping[str, str]], bool]:
        if self._next() == "!":
            self._tokens.pop(0)
            absent = self._identifier()
            return lambda found: absent not in found
        key = self._identifier()
        operator = self._next()
        if operator in ("", ","):
            return lambda found: key in found
        self._tokens.pop(0)
        if operator in ("in", "notin"):
            values = self._values()
            return lambda found: (found.get(key) in values) == (operator == "in")
        if operator in ("=", "==", "!="):
            value = "" if self._next() in ("", ",") else self._identifier()
            return lambda found: (found.get(key) == value) == (operator != "!=")
        raise _unexpected(operator, "in, notin, =, ==, !=, gt, lt")

    def _values(self) -> list[str]:
        self._demand("(", "'('")
        values = [self._identifier()]
        while self._next() == ",":
            self._tokens.pop(0)
            values.append(self._identifier())
        self._demand(")", "',', or ')'")
        return values

    def _next(self) -> str:
        return self._tokens[0] if self._tokens else ""

    def _identifier(self) -> str:
        token = self._next()
        if not re.match(r"[^=!,()<>]", token):
            raise _unexpected(token, "identifier")
        return self._tokens.pop(0)

    def _demand(self, token: str, wanted: str) -> None:
        if self._next() != token:
            raise _unexpected(self._next(), wanted)
        self._tokens.pop(0)


def _unexpected(token: str, wanted: str) -> Exception:
    return bad_request(f"unable to parse requirement: found '{token}', expected: {wanted}")
