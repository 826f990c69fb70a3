"""Log lines in the forms that K3s writes: logrus's and klog's."""

from __future__ import annotations

import re

from gpu_wizard.lab.clock import wall

_PLAIN = re.compile(r"[A-Za-z0-9\-._/@^+]+")


def quoted(text: str) -> str:
    """A Go-quoted string."""
    escaped = text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
    return f'"{escaped}"'


def logrus(level: str, message: str, **fields: str) -> str:
    """`time="…" level=… msg="…"`, values quoted only where they need it."""
    stamp = wall().strftime("%Y-%m-%dT%H:%M:%SZ")
    shown = message if _PLAIN.fullmatch(message) else quoted(message)
    more = "".join(
        f" {key}={value if _PLAIN.fullmatch(value) else quoted(value)}"
        for key, value in fields.items()
    )
    return f'time="{stamp}" level={level} msg={shown}{more}'


def klog(letter: str, pid: int, place: str, message: str, **fields: str) -> str:
    """`E1125 22:42:23.880519    4626 kubelet_node_status.go:107] "…" err="…"`."""
    stamp = wall().strftime("%m%d %H:%M:%S.%f")
    more = "".join(f" {key}={quoted(value)}" for key, value in fields.items())
    return f"{letter}{stamp} {pid:7d} {place}] {quoted(message)}{more}"
