"""What a device plugin's log says: registered, or why not.

Source: recorded logs of k8s-device-plugin v0.14.5, v0.15.1, v0.17.4, v0.18.2, v0.19.3 and v0.20.0.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field

_LINE = re.compile(r"^(?P<at>\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)\S*?(?:Z|[+-]\d\d:\d\d)? (?P<text>.*)$")
_REGISTERED = re.compile(r"Registered device plugin for '(?P<resource>[^']+)' with Kubelet")
_FAILURES = (
    (
        "plugin-no-nvml",
        re.compile(
            r"Incompatible (?:strategy|platform) detected|ERROR_LIBRARY_NOT_FOUND|could not load NVML library"
        ),
    ),
    (
        "plugin-driver-not-loaded",
        re.compile(r"Driver[ _]Not[ _]Loaded|ERROR_DRIVER_NOT_LOADED", re.IGNORECASE),
    ),
    (
        "plugin-driver-mismatch",
        re.compile(r"ERROR_LIB_RM_VERSION_MISMATCH|Driver/library version mismatch", re.IGNORECASE),
    ),
    ("plugin-no-devices", re.compile(r"No devices found\. Waiting indefinitely")),
    (
        "plugin-not-registered",
        re.compile(
            r"Could not register device plugin|Failed to start one or more plugins|failed to create FS watcher"
        ),
    ),
    (
        "plugin-config",
        re.compile(
            r"unable to (?:load|parse) config|error (?:parsing|unmarshal)|cannot unmarshal",
            re.IGNORECASE,
        ),
    ),
)


@dataclass(frozen=True)
class PluginLog:
    """The last state of a plugin's log.

    `registered`: resource → RFC 3339 second (UTC) of its newest registration, "" where lines carry no time.
    `failure`: a code, only where it stands after the last registration. `replicas`: of the shared resources.
    """

    registered: dict[str, str] = field(default_factory=dict)
    failure: str = ""
    line: str = ""
    replicas: dict[str, int] = field(default_factory=dict)


def read_plugin_log(text: str) -> PluginLog:
    """Read a log whose lines begin with the time that the API server adds."""
    registered: dict[str, str] = {}
    failure = line_of_failure = ""
    plain: list[str] = []
    for raw in text.splitlines():
        stamped = _LINE.match(raw)
        at, line = (stamped["at"], stamped["text"]) if stamped else ("", raw)
        plain.append(line)
        if found := _REGISTERED.search(line):
            registered[found["resource"]], failure = at, ""
            continue
        code = next((code for code, pattern in _FAILURES if pattern.search(line)), "")
        # The first cause stands; "waiting indefinitely" after it is only its consequence.
        if code and not failure:
            failure, line_of_failure = code, line
    return PluginLog(
        registered, failure, line_of_failure if failure else "", _replicas("\n".join(plain))
    )


def _replicas(text: str) -> dict[str, int]:
    """Replicas from the configuration that the plugin prints at its start."""
    start = text.rfind("Running with config:")
    opening = text.find("{", start)
    if start < 0 or opening < 0:
        return {}
    try:
        config, _ = json.JSONDecoder().raw_decode(text[opening:])
        sharing = config.get("sharing") or {}
        shared = (sharing.get("timeSlicing") or {}).get("resources") or (
            sharing.get("mps") or {}
        ).get("resources")
        return {str(each["name"]): int(each["replicas"]) for each in shared or ()}
    except (ValueError, KeyError, TypeError, AttributeError):
        return {}
