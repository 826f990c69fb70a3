"""What makes an object invalid (422), in Kubernetes' words.

Source: recorded c12-c14, d06-d10, e20-e28, f25-f36; for pod-level resources the guide's test pod in
recordings/k3s-h100 (guide.txt).
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

from gpu_wizard.lab.api import quantity, selectors
from gpu_wizard.lab.api.errors import Cause, required, wrong
from gpu_wizard.lab.api.kinds import Kind
from gpu_wizard.lab.ports import JsonObject

_LABEL = r"[a-z0-9]([-a-z0-9]*[a-z0-9])?"
_SUBDOMAIN = rf"{_LABEL}(\.{_LABEL})*"
_NAME_PART = r"([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]"
_VALUE = r"(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?"

BAD_LABEL_VALUE = (
    "a valid label must be an empty string or consist of alphanumeric characters, '-', '_' or '.', "
    "and must start and end with an alphanumeric character (e.g. 'MyValue',  or 'my_value',  or "
    f"'12345', regex used for validation is '{_VALUE}')"
)
_BAD_LABEL_KEY = (
    "name part must consist of alphanumeric characters, '-', '_' or '.', and must start and end "
    "with an alphanumeric character (e.g. 'MyName',  or 'my.name',  or '123-abc', regex used for "
    f"validation is '{_NAME_PART}')"
)
_BAD_SUBDOMAIN = (
    "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or "
    "'.', and must start and end with an alphanumeric character (e.g. 'example.com', regex used "
    f"for validation is '{_SUBDOMAIN}')"
)
_BAD_LABEL = (
    "a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and "
    "must start and end with an alphanumeric character (e.g. 'my-name',  or '123-abc', regex used "
    f"for validation is '{_LABEL}')"
)
_POD_UPDATE = (
    "Forbidden: pod updates may not change fields other than `spec.containers[*].image`,"
    "`spec.initContainers[*].image`,`spec.activeDeadlineSeconds`,`spec.tolerations` (only "
    "additions to existing tolerations),`spec.terminationGracePeriodSeconds` (allow it to be set "
    "to 1 if it was previously negative)\n"
)
_POD_MAY_CHANGE = ("activeDeadlineSeconds", "tolerations", "terminationGracePeriodSeconds")


def check(kind: Kind, new: JsonObject, old: JsonObject | None) -> list[Cause]:
    """Why an object, or what an update made of `old`, is refused; empty if it is fine."""
    causes = list(_metadata(kind, new))
    # The server checks a node's metadata four times over on an update (recorded c12).
    if kind.name == "Node" and old is not None:
        causes *= 4
    if kind.name == "RuntimeClass":
        causes += _runtime_class(new, old)
    elif kind.name == "Pod":
        causes += _pod_spec("spec", new["spec"]) if old is None else _pod_update(new, old)
    elif kind.name == "DaemonSet":
        causes += _daemon_set(new, old)
    return causes


def label_value_fault(value: str) -> str:
    """Why a text can't be a label's value; "" if it can."""
    if len(value.encode()) > 63:
        return "must be no more than 63 bytes"
    return "" if re.fullmatch(_VALUE, value) else BAD_LABEL_VALUE


def label_key_fault(key: str) -> str:
    """Why a text can't be a label's key; "" if it can."""
    prefix, slash, name = key.rpartition("/")
    if slash and not re.fullmatch(_SUBDOMAIN, prefix):
        return f"prefix part {_BAD_SUBDOMAIN}"
    return "" if re.fullmatch(_NAME_PART, name) else _BAD_LABEL_KEY


def _metadata(kind: Kind, new: JsonObject) -> Iterator[Cause]:
    metadata = new["metadata"]
    name = metadata.get("name", "")
    pattern, fault = (
        (_LABEL, _BAD_LABEL) if kind.name == "Namespace" else (_SUBDOMAIN, _BAD_SUBDOMAIN)
    )
    # Roles and their bindings may carry names such as system:node.
    if not kind.group.startswith("rbac.") and not re.fullmatch(pattern, name):
        yield wrong("metadata.name", json.dumps(name), fault)
    for key, value in (metadata.get("labels") or {}).items():
        if fault := label_key_fault(key):
            yield wrong("metadata.labels", json.dumps(key), fault)
        if fault := label_value_fault(value):
            yield wrong("metadata.labels", json.dumps(value), fault)


def _runtime_class(new: JsonObject, old: JsonObject | None) -> list[Cause]:
    handler = new.get("handler", "")
    if old is not None and handler != old.get("handler"):
        return [wrong("handler", json.dumps(handler), "field is immutable")]
    if not handler:
        return [required("handler")]
    if not re.fullmatch(_LABEL, handler):
        return [wrong("handler", json.dumps(handler), _BAD_LABEL)]
    return []


def _daemon_set(new: JsonObject, old: JsonObject | None) -> list[Cause]:
    spec = new["spec"]
    selector = spec.get("selector") or {}
    template_labels = spec["template"].get("metadata", {}).get("labels") or {}
    causes = []
    if old is not None and selector != old["spec"].get("selector"):
        causes.append(wrong("spec.selector", _compact(selector), "field is immutable"))
    if not selector.get("matchLabels") and not selector.get("matchExpressions"):
        text = "empty selector is invalid for daemonset"
        causes.append(wrong("spec.selector", _compact(selector), text))
    elif not selectors.matches(selector, template_labels):
        text = "`selector` does not match template `labels`"
        field = "spec.template.metadata.labels"
        causes.append(wrong(field, _compact(template_labels), text))
    return causes + _pod_spec("spec.template.spec", spec["template"]["spec"])


def _pod_spec(path: str, spec: JsonObject) -> list[Cause]:
    containers = spec.get("containers")
    if not containers:
        return [required(f"{path}.containers")]
    causes = list(_pod_level(path, spec))
    for index, container in enumerate(containers):
        where = f"{path}.containers[{index}]"
        causes += [
            required(f"{where}.{key}") for key in ("name", "image") if not container.get(key)
        ]
        causes += _resources(f"{where}.resources", container.get("resources", {}))
    return causes


def _pod_level(path: str, spec: JsonObject) -> Iterator[Cause]:
    # Since 1.34 pod-level resources are on, and hold cpu, memory and huge pages only.
    for side in ("limits", "requests"):
        for name in spec.get("resources", {}).get(side, {}):
            if name not in ("cpu", "memory") and not name.startswith("hugepages-"):
                text = (
                    f'Unsupported value: "{name}": supported values: "cpu", "hugepages-", "memory"'
                )
                field = f"{path}.resources.{side}[{name}]"
                yield Cause(field, "FieldValueNotSupported", text)


def _resources(path: str, resources: JsonObject) -> Iterator[Cause]:
    limits, requests = resources.get("limits", {}), resources.get("requests", {})
    for side, amounts in (("limits", limits), ("requests", requests)):
        for name, text in amounts.items():
            if "/" in name and quantity.amount(text).denominator != 1:
                yield wrong(f"{path}.{side}[{name}]", json.dumps(text), "must be an integer")
    for name, text in requests.items():
        if "/" not in name:
            continue
        if name not in limits:
            why = "Limit must be set for non overcommitable resources"
            yield required(f"{path}.limits", why)
        elif quantity.amount(limits[name]) != quantity.amount(text):
            why = f"must be equal to {name} limit of {limits[name]}"
            yield wrong(f"{path}.requests", json.dumps(text), why)


def _pod_update(new: JsonObject, old: JsonObject) -> list[Cause]:
    changed = _fixed(new["spec"]), _fixed(old["spec"])
    if changed[0] == changed[1]:
        return []
    lines = ""
    for name in sorted(changed[0].keys() | changed[1].keys()):
        after, before = changed[0].get(name), changed[1].get(name)
        if after != before:
            go_name = name[0].upper() + name[1:]
            lines += f'- "{go_name}": {_compact(before)},\n+ "{go_name}": {_compact(after)},\n'
    return [Cause("spec", "FieldValueForbidden", _POD_UPDATE + lines)]


def _fixed(spec: JsonObject) -> JsonObject:
    """The part of a pod's spec that no update may change."""
    kept = {name: value for name, value in spec.items() if name not in _POD_MAY_CHANGE}
    for part in ("containers", "initContainers"):
        kept[part] = [
            {name: value for name, value in container.items() if name != "image"}
            for container in spec.get(part, ())
        ]
    return kept


def _compact(value: Any) -> str:
    return json.dumps(value, separators=(",", ":"))
