"""Spans of time as kubectl shows them.

Source: k8s.io/apimachinery, pkg/util/duration.
"""

from __future__ import annotations

import time

from gpu_wizard.lab.api import times


def duration(seconds: float) -> str:
    """A span of time as kubectl shows it: `45s`, `2m38s`, `3h`, `5d`."""
    whole = max(0, int(seconds))
    minutes, hours, days = whole // 60, whole // 3600, whole // 86400
    if whole < 120:
        return f"{whole}s"
    if minutes < 10:
        return _pair(minutes, "m", whole % 60, "s")
    if minutes < 180:
        return f"{minutes}m"
    if hours < 8:
        return _pair(hours, "h", minutes % 60, "m")
    if hours < 48:
        return f"{hours}h"
    return _pair(days, "d", hours % 24, "h") if days < 8 else f"{days}d"


def age(timestamp: str | None) -> str:
    return duration(time.time() - times.parse(timestamp)) if timestamp else "<unknown>"


def _pair(large: int, large_unit: str, small: int, small_unit: str) -> str:
    return f"{large}{large_unit}{small}{small_unit}" if small else f"{large}{large_unit}"
