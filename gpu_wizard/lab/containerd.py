"""K3s's containerd on one machine: what it makes of its configuration, and its log."""

from __future__ import annotations

import fnmatch
import re
import tomllib
from dataclasses import dataclass
from typing import Any

from gpu_wizard.lab.clock import wall
from gpu_wizard.lab.containerd_config import DIRECTORY, RUNC, V2_PLUGIN, V3_PLUGIN
from gpu_wizard.lab.ports import Files
from gpu_wizard.lab.releases import Release

LOG = "/var/lib/rancher/k3s/agent/containerd/containerd.log"
CONFIG = f"{DIRECTORY}/config.toml"
_WINDOWS = "runhcs-wcow-process"


class BadConfigError(Exception):
    """containerd exits at its start; `lines` are what it writes to its log."""

    def __init__(self, lines: tuple[str, ...]) -> None:
        super().__init__(lines[-1])
        self.lines = lines


@dataclass(frozen=True)
class Runtimes:
    """The runtimes of a running containerd: each name and its table, and the default's name."""

    tables: dict[str, dict[str, Any]]
    default: str = "runc"
    imports: tuple[str, ...] = ()

    @property
    def handlers(self) -> tuple[str, ...]:
        """Names as the node's status lists them, `runc` first."""
        return ("runc", *sorted(name for name in self.tables if name != "runc"))

    def binary(self, name: str) -> str:
        """The binary that a runtime starts; "" for containerd's own runc."""
        options = self.tables.get(name, {}).get("options", {})
        return str(options.get("BinaryName", ""))


def load(files: Files, release: Release) -> Runtimes:
    """Read config.toml and what it imports, as this release's containerd does.

    Raises: BadConfigError.
    """
    main = _parse(files, CONFIG)
    tables: dict[str, dict[str, Any]] = {"runc": {"runtime_type": RUNC}}
    default = "runc"
    own = V3_PLUGIN if main.get("version", 0) >= 3 else V2_PLUGIN
    documents: list[tuple[dict[str, Any], tuple[str, ...]]] = [
        (main, (own,) if own == V3_PLUGIN else (V2_PLUGIN, V3_PLUGIN))
    ]
    imported = tuple(str(pattern) for pattern in main.get("imports", ()))
    for pattern in imported:
        directory, _, glob = pattern.rpartition("/")
        for name in files.list(directory):
            if fnmatch.fnmatch(name, glob):
                dropin = _parse(files, f"{directory}/{name}")
                documents.append((dropin, _counted(dropin, release)))
    for document, plugins in documents:
        for plugin in plugins:
            containerd = document.get("plugins", {}).get(plugin, {}).get("containerd", {})
            for name, table in containerd.get("runtimes", {}).items():
                tables[name] = _merged(tables.get(name, {}), table)
            default = containerd.get("default_runtime_name", default)
    return Runtimes(tables, default, imported)


def _counted(dropin: dict[str, Any], release: Release) -> tuple[str, ...]:
    """Plugin names of a drop-in that count: 2.1 takes version 3's only, 2.3 migrates by version."""
    migrates = release.imports and dropin.get("version", 1) < 3
    return (V2_PLUGIN, V3_PLUGIN) if migrates else (V3_PLUGIN,)


def _merged(old: dict[str, Any], new: dict[str, Any]) -> dict[str, Any]:
    both = dict(old)
    for key, value in new.items():
        nested = isinstance(value, dict) and isinstance(old.get(key), dict)
        both[key] = _merged(old[key], value) if nested else value
    return both


_AT = re.compile(r" \(at (?:line (\d+), column (\d+)|end of document)\)$")


def _parse(files: Files, path: str) -> dict[str, Any]:
    text = files.read(path).decode(errors="replace")
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as broken:
        raise BadConfigError(_words(str(broken), text, path)) from broken


def _words(error: str, text: str, path: str) -> tuple[str, ...]:
    """Python's complaint in the words of containerd's TOML library."""
    place = _AT.search(error)
    row = int(place[1] or 0) if place else 0
    column = int(place[2] or 0) if place else 0
    declared = re.match(r"Cannot (?:declare|mutate) \((.*)\) twice", error)
    if declared:
        name = declared[1].rstrip(",").rpartition(",")[2].strip().strip("'\"")
        return (f"containerd: failed to unmarshal TOML: toml: table {name} already exists",)
    if "Cannot overwrite" in error:
        key = text.splitlines()[row - 1].partition("=")[0].strip() if row else ""
        return (f"containerd: failed to unmarshal TOML: toml: key {key} is already defined",)
    reason = "toml: expected character ]" if "']'" in error else f"toml: {_AT.sub('', error)}"
    stamp = wall().strftime("%Y-%m-%dT%H:%M:%SZ")
    return (
        f'time="{stamp}" level=error msg="Failure unmarshaling TOML" column={column} '
        f'error="{reason}" file={path} row={row}',
        f"containerd: failed to unmarshal TOML at row {row} column {column}: {reason}",
    )


def log(files: Files, *lines: str) -> None:
    """Append to containerd.log."""
    old = files.read(LOG) if files.exists(LOG) else b""
    files.write(LOG, old + "".join(f"{line}\n" for line in lines).encode(), mode=0o644)


def log_line(message: str, *, level: str = "info", **fields: str) -> str:
    """A line in containerd's own form."""
    stamp = wall().strftime("%Y-%m-%dT%H:%M:%S.%f000Z")
    more = "".join(f" {key}={value}" for key, value in fields.items())
    return f'time="{stamp}" level={level} msg="{message}"{more}'


def crictl_info(runtimes: Runtimes) -> dict[str, Any]:
    """The parts of `crictl info` that tell about runtimes. Source: `k3s-1.34/08`."""
    features = {"recursive_read_only_mounts": True, "user_namespaces": True}
    handlers: list[dict[str, Any]] = [{"features": features}]
    handlers += [
        {"name": name} if name == _WINDOWS else {"features": features, "name": name}
        for name in sorted(runtimes.tables)
    ]
    return {
        "cniconfig": {"PluginConfDir": "/var/lib/rancher/k3s/agent/etc/cni/net.d", "Prefix": "eth"},
        "config": {
            "cdiSpecDirs": ["/etc/cdi", "/var/run/cdi"],
            "containerd": {
                "defaultRuntimeName": runtimes.default,
                "ignoreBlockIONotEnabledErrors": False,
                "ignoreRdtNotEnabledErrors": False,
                "runtimes": {
                    name: _described(runtimes.tables[name]) for name in sorted(runtimes.tables)
                },
            },
            "containerdEndpoint": "/run/k3s/containerd/containerd.sock",
            "containerdRootDir": "/var/lib/rancher/k3s/agent/containerd",
            "enableCDI": True,
        },
        "golang": "go1.24.11",
        "lastCNILoadStatus": "OK",
        "runtimeHandlers": handlers,
        "status": {
            "conditions": [
                {"message": "", "reason": "", "status": True, "type": "RuntimeReady"},
                {"message": "", "reason": "", "status": True, "type": "NetworkReady"},
                {
                    "message": "",
                    "reason": "",
                    "status": True,
                    "type": "ContainerdHasNoDeprecationWarnings",
                },
            ]
        },
    }


def _described(table: dict[str, Any]) -> dict[str, Any]:
    return {
        "ContainerAnnotations": None,
        "PodAnnotations": None,
        "baseRuntimeSpec": "",
        "cgroupWritable": False,
        "options": table.get("options"),
        "privileged_without_host_devices": False,
        "runtimePath": "",
        "runtimeType": table.get("runtime_type", ""),
        "sandboxer": "podsandbox",
        "snapshotter": "",
    }
