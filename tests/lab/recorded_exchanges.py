"""Recorded exchanges with a real API server, and how an answer of the lab is held against one."""

from __future__ import annotations

import json
import re
from functools import cache
from pathlib import Path
from typing import Any

from gpu_wizard.lab.ports import JsonObject

FOLDER = Path(__file__).parent.parent / "recorded" / "kube-api"
# What differs from run to run, or from machine to machine.
_VOLATILE = {
    "uid",
    "resourceVersion",
    "creationTimestamp",
    "deletionTimestamp",
    "lastHeartbeatTime",
    "lastTransitionTime",
    "startTime",
    "startedAt",
    "finishedAt",
    "timeAdded",
    "time",
    "containerID",
    "imageID",
    "podIP",
    "podIPs",
    "firstTimestamp",
    "lastTimestamp",
    "eventTime",
    "count",
    "images",
    "continue",
    "remainingItemCount",
    "serverAddressByClientCIDRs",
    "storageVersionHash",
    "reportingInstance",
    "authentication.kubernetes.io/credential-id",
    "description",
    "controller-revision-hash",
    "buildDate",
    "gitCommit",
    "goVersion",
}
# What a K3s node has and the recorded one had not, or the other way round; and the stand-in's own.
_MACHINE = {
    "beta.kubernetes.io/instance-type",
    "node.kubernetes.io/instance-type",
    "alpha.kubernetes.io/provided-node-ip",
    "k3s.io/hostname",
    "k3s.io/internal-ip",
    "runtimeHandlers",
    "declaredFeatures",
    "systemUUID",
    "machineID",
}


@cache
def names() -> tuple[str, ...]:
    """The names of all recordings here, sorted."""
    return tuple(sorted(path.stem for path in FOLDER.glob("*.json")))


def load(prefix: str) -> JsonObject:
    """The recording that begins with this key, as `c01`."""
    name = next(name for name in names() if name.split("-")[0] == prefix)
    found: JsonObject = json.loads((FOLDER / f"{name}.json").read_text("utf-8"))
    return found


def normal(value: Any) -> Any:
    """A body without what differs from run to run."""
    if isinstance(value, list):
        kept = [each for each in value if not _openshift(each)]
        if kept and isinstance(kept[0], dict) and "manager" in kept[0]:
            # They are in order of time, and seconds fall as they fall.
            kept.sort(key=lambda each: (each["operation"], each["manager"], "subresource" in each))
        return [normal(each) for each in kept]
    if isinstance(value, dict):
        found = {
            _text(name): normal(part)
            for name, part in value.items()
            if name not in _VOLATILE and name not in _MACHINE
        }
        # The runtime's idea of a container without a limit; it comes and goes.
        if found.get("resources") == {"limits": {"memory": "9007199254740988Ki"}}:
            found["resources"] = {}
        return found
    return _text(value) if isinstance(value, str) else value


def _openshift(value: Any) -> bool:
    return "openshift-service-ca.crt" in json.dumps(value) and "configMap" in value


def _text(text: str) -> str:
    text = re.sub(r"kube-api-access-\w{5}", "kube-api-access-X", text)
    text = re.sub(
        r"nvidia-device-plugin-daemonset-\w{5}\b", "nvidia-device-plugin-daemonset-X", text
    )
    text = re.sub(r"^([a-z0-9-]+)\.[0-9a-f]{16}$", r"\1.EVENT", text)
    text = re.sub(r"^\d+[smhd](\d+[smh])?$", "AGE", text)
    text = re.sub(r"dial tcp [\d.]+:10250", "dial tcp ADDRESS:10250", text)
    text = re.sub(r"gpu-test-\w{5}", "gpu-test-X", text)
    text = re.sub(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}", "UUID", text)
    text = re.sub(r"\b[0-9a-f]{64}\b", "HASH", text)
    text = re.sub(r"resource version: 99999999, current: \d+", "resource version", text)
    text = re.sub(r"(too old resource version): \d+ \(\d+\)", r"\1", text)
    # An object inside a message differs as objects do; what is said about it is compared.
    return re.sub(r'Invalid value: "\{.*\}": ', 'Invalid value: "OBJECT": ', text, flags=re.DOTALL)


def differences(expected: Any, found: Any, path: str = "") -> list[str]:
    """Where two normal bodies differ."""
    if isinstance(expected, dict) and isinstance(found, dict):
        faults = []
        for name in sorted(expected.keys() | found.keys()):
            where = f"{path}.{name}"
            if name not in found:
                faults.append(f"{where} is missing: {_short(expected[name])}")
            elif name not in expected:
                faults.append(f"{where} is too much: {_short(found[name])}")
            else:
                faults += differences(expected[name], found[name], where)
        return faults
    if isinstance(expected, list) and isinstance(found, list) and len(expected) == len(found):
        return [
            fault
            for index, (left, right) in enumerate(zip(expected, found, strict=True))
            for fault in differences(left, right, f"{path}[{index}]")
        ]
    if expected == found:
        return []
    return [f"{path}: wanted {_short(expected)}, found {_short(found)}"]


def _short(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False)[:300]
