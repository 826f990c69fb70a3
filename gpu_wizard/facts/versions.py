"""Versions that matter: what is found, what is recommended, what has known holes, what does not fit together."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from gpu_wizard.model.version import Version

TOOLKIT_FLOOR = "1.17.4"
"""First release that reads and writes containerd's configuration version 3. Source: domain.md stage 3."""
TOOLKIT_SECURITY_FLOOR = "1.17.8"
"""Closes CVE-2025-23266 and -23267, both ways out of a container. Source: NVIDIA bulletin 5659 (domain.md stage 3)."""
TOOLKIT_RECOMMENDED = "1.20.0"
PLUGIN_RECOMMENDED = "v0.20.0"
DRIVER_RECOMMENDED = "580"
"""The branch of CUDA 13 and of the DRA driver, and the last for cards before Turing. Source: domain.md, baseline."""
MINOR_SKEW = 3
"""A kubelet may be as many minor versions behind its API server, never ahead. Source: Kubernetes' version skew policy."""

Component = Literal["k3s", "containerd", "driver", "cuda", "toolkit", "device-plugin"]
Verdict = Literal["ok", "old", "insecure", "skew", "unknown"]
COMPONENTS: tuple[Component, ...] = (
    *("k3s", "containerd", "driver", "cuda", "toolkit", "device-plugin"),
)


@dataclass(frozen=True, slots=True)
class VersionRow:
    """One line of the versions table.

    `found` "": not there or not known. `recommended`, `security_floor` "": nothing to say. `skew`: the version
    that it should fit, where it does not. `verdict`: the worst that holds.
    """

    component: Component
    found: str
    recommended: str = ""
    security_floor: str = ""
    skew: str = ""
    verdict: Verdict = "unknown"


def version_table(found: Mapping[Component, str], server: str = "") -> tuple[VersionRow, ...]:
    """All rows, in the order of COMPONENTS. `server`: the API server's version, which K3s is held to."""
    return tuple(_row(component, found.get(component, ""), server) for component in COMPONENTS)


def _row(component: Component, found: str, server: str) -> VersionRow:
    recommended, floor = _WANTED[component]
    if component == "k3s":
        recommended = server
    if not re.search(r"\d", found):
        return VersionRow(component, "", recommended, floor)
    skew = server if component == "k3s" and server and not _fits(found, server) else ""
    return VersionRow(
        component, found, recommended, floor, skew, _verdict(found, recommended, floor, skew)
    )


_WANTED: dict[Component, tuple[str, str]] = {
    "k3s": ("", ""),
    "containerd": ("", ""),
    "driver": (DRIVER_RECOMMENDED, ""),
    "cuda": ("", ""),
    "toolkit": (TOOLKIT_RECOMMENDED, TOOLKIT_SECURITY_FLOOR),
    "device-plugin": (PLUGIN_RECOMMENDED, ""),
}
"""Component → recommended version, security floor. K3s brings its containerd, the driver its CUDA."""


def _verdict(found: str, recommended: str, floor: str, skew: str) -> Verdict:
    if floor and not Version(found).at_least(floor):
        return "insecure"
    if skew:
        return "skew"
    return "ok" if not recommended or Version(found).at_least(recommended) else "old"


def _fits(agent: str, server: str) -> bool:
    """Source: Kubernetes' version skew policy; nothing enforces it (K3s as recorded)."""
    (one, minor), (other, server_minor) = _minor(agent), _minor(server)
    return one == other and server_minor - MINOR_SKEW <= minor <= server_minor


def _minor(text: str) -> tuple[int, int]:
    numbers = [int(part) for part in re.findall(r"\d+", text)[:2]]
    return (numbers[0], numbers[1]) if len(numbers) == 2 else (0, 0)
