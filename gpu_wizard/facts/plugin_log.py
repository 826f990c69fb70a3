"""What a device plugin's log says: registered, or why not.

Source: recorded logs of k8s-device-plugin v0.14.5, v0.15.1, v0.17.4, v0.18.2, v0.19.3 and v0.20.0.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from functools import lru_cache

_STAMP = r"^(?P<at>\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)\S*?(?:Z|[+-]\d\d:\d\d)? "
_LINE = re.compile(rf"{_STAMP}(?P<text>.*)$")
_STAMPS = re.compile(_STAMP, re.MULTILINE)
_REGISTERED = re.compile(r"Registered device plugin for '(?P<resource>[^']+)' with Kubelet")
_CONFIG = "Running with config:"
_FAILURES = (
    ("plugin-no-nvml", "incompatible strategy detected"),
    ("plugin-no-nvml", "incompatible platform detected"),
    ("plugin-no-nvml", "error_library_not_found"),
    ("plugin-no-nvml", "could not load nvml library"),
    ("plugin-driver-not-loaded", "driver not loaded"),
    ("plugin-driver-not-loaded", "driver_not_loaded"),
    ("plugin-driver-mismatch", "error_lib_rm_version_mismatch"),
    ("plugin-driver-mismatch", "driver/library version mismatch"),
    ("plugin-no-devices", "no devices found. waiting indefinitely"),
    ("plugin-not-registered", "could not register device plugin"),
    ("plugin-not-registered", "failed to start one or more plugins"),
    ("plugin-not-registered", "failed to create fs watcher"),
    ("plugin-config", "unable to load config"),
    ("plugin-config", "unable to parse config"),
    ("plugin-config", "error parsing"),
    ("plugin-config", "error unmarshal"),
    ("plugin-config", "cannot unmarshal"),
)
"""Code and words in lower case; of one line the first counts."""
LAST = 4
"""Logs that are kept with what they say: stage, rows and overview of a node read the same one in turn."""


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


@lru_cache(maxsize=LAST)
def read_plugin_log(text: str) -> PluginLog:
    """Read a log whose lines begin with the time that the API server adds."""
    lower, registered = text.lower(), dict[str, str]()
    told = [(code, words) for code, words in _FAILURES if words in lower]
    failure = line_of_failure = ""
    for raw in text.splitlines():
        found = _REGISTERED.search(raw)
        code = next((code for code, words in told if words in raw.lower()), "") if told else ""
        if not found and not code:
            continue
        stamped = _LINE.match(raw)
        at, line = (stamped["at"], stamped["text"]) if stamped else ("", raw)
        if found:
            registered[found["resource"]], failure = at, ""
        # The first cause stands; "waiting indefinitely" after it is only its consequence.
        elif not failure:
            failure, line_of_failure = code, line
    return PluginLog(registered, failure, line_of_failure if failure else "", _replicas(text))


def _replicas(text: str) -> dict[str, int]:
    """Replicas from the configuration that the plugin prints at its start."""
    config_at = text.rfind(_CONFIG)
    if config_at < 0 or '"replicas"' not in text:
        return {}
    printed = _STAMPS.sub("", text[config_at:])
    try:
        config, _ = json.JSONDecoder().raw_decode(printed[printed.index("{") :])
        sharing = config.get("sharing") or {}
        shared = (sharing.get("timeSlicing") or {}).get("resources") or (
            sharing.get("mps") or {}
        ).get("resources")
        return {str(each["name"]): int(each["replicas"]) for each in shared or ()}
    except (ValueError, KeyError, TypeError, AttributeError):
        return {}
