"""The container toolkit as it lies on a host: programs, configuration, what else could have put it there."""

from __future__ import annotations

import re
import tomllib
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from gpu_wizard.model.fact import ABSENT, KINDS, Fact, Known, Unknown
from gpu_wizard.model.question import Command, Files, FilesFound, Output, Probe
from gpu_wizard.model.version import Version

RUNTIME = "/usr/bin/nvidia-container-runtime"
LOCAL_RUNTIME = "/usr/local/bin/nvidia-container-runtime"
OPERATOR_RUNTIME = "/usr/local/nvidia/toolkit/nvidia-container-runtime"
"""Where GPU Operator puts its own; K3s searches there first. Source: domain.md, K-look and stage 3."""
CONFIG = "/etc/nvidia-container-runtime/config.toml"
OSTREE = "/run/ostree-booted"
TRANSACTIONAL = "/usr/sbin/transactional-update"
APT_LISTS = "/var/lib/apt/lists/*Packages*"


@dataclass(frozen=True)
class ToolkitFiles:
    """Which of the interesting files are there. `read_only`: "", `ostree` or `transactional`.

    `apt_lists`: apt has package lists of something.
    """

    runtime: bool = False
    local_runtime: bool = False
    operator_runtime: bool = False
    config: bool = False
    read_only: str = ""
    apt_lists: bool = False


@dataclass(frozen=True)
class ToolkitConfig:
    """The runtime's own configuration. `mode` "" where not set (then `auto`). `broken`: no TOML."""

    mode: str = ""
    no_cgroups: bool = False
    broken: bool = False


def parse_ctk(answer: Output) -> Fact[Version]:
    """`nvidia-ctk --version`. Source: recorded on a real host (k3s-h100/nvidia-ctk.txt)."""
    if answer.status == 127:
        return ABSENT
    match = re.search(r"version v?(\d+\.\d+[\w.-]*)", answer.text)
    if answer.status != 0 or match is None:
        return Unknown("unreadable", (answer.text + answer.error_text).strip()[:200])
    return Known(Version(match[1]))


def parse_files(found: FilesFound) -> Fact[ToolkitFiles]:
    """Programs count where somebody may execute them."""
    there = {file.path: file for file in found.files}
    runs = {path: path in there and bool(there[path].mode & 0o111) for path in _RUNTIMES}
    read_only = "ostree" if OSTREE in there else ""
    return Known(
        ToolkitFiles(
            runtime=runs[RUNTIME],
            local_runtime=runs[LOCAL_RUNTIME],
            operator_runtime=runs[OPERATOR_RUNTIME],
            config=CONFIG in there,
            read_only=read_only or ("transactional" if TRANSACTIONAL in there else ""),
            apt_lists=any(path.startswith("/var/lib/apt/lists/") for path in there),
        )
    )


def parse_config(found: FilesFound) -> Fact[ToolkitConfig]:
    """Mode and cgroup switch; absent where there is no file."""
    if not found.files:
        return ABSENT
    return Known(_config(found.files[0].text))


@lru_cache(maxsize=KINDS)
def _config(text: str) -> ToolkitConfig:
    """Nodes of one cluster have mostly the same file, each its own time."""
    try:
        table = tomllib.loads(text)
    except tomllib.TOMLDecodeError:
        return ToolkitConfig(broken=True)
    mode = _table(table, "nvidia-container-runtime").get("mode", "")
    no_cgroups = _table(table, "nvidia-container-cli").get("no-cgroups") is True
    return ToolkitConfig(str(mode), no_cgroups)


def _table(table: dict[str, Any], name: str) -> dict[str, Any]:
    value = table.get(name)
    return value if isinstance(value, dict) else {}


_RUNTIMES = (RUNTIME, LOCAL_RUNTIME, OPERATOR_RUNTIME)
CTK_VERSION: Probe[Output, Version] = Probe(
    "nvidia-ctk.version", Command(("nvidia-ctk", "--version")), parse_ctk
)
TOOLKIT_FILES: Probe[FilesFound, ToolkitFiles] = Probe(
    "toolkit.files",
    Files((*_RUNTIMES, CONFIG, OSTREE, TRANSACTIONAL, APT_LISTS), content=False),
    parse_files,
)
TOOLKIT_CONFIG: Probe[FilesFound, ToolkitConfig] = Probe(
    "toolkit.config", Files((CONFIG,), max_bytes=1 << 16), parse_config
)
