"""Why containerd's CRI plugin refuses a configuration that loads, or the daemon a configuration that it can print."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TypeAlias

from gpu_wizard.facts.containerd_loaded import Loaded
from gpu_wizard.facts.containerd_schema import CRI, IMAGES, RUNTIME
from gpu_wizard.facts.containerd_toml import Path, Tree
from gpu_wizard.facts.containerd_types import at, is_duration

Fault: TypeAlias = tuple[str, Path, dict[str, str]]
"""A finding's code, the path below `plugins` that it is about, and its parameters."""

_LINUX_V1 = "io.containerd.runtime.v1.linux"
_SNAPSHOTTERS = frozenset(
    (
        "overlayfs",
        "native",
        "btrfs",
        "zfs",
        "devmapper",
        "erofs",
        "blockfile",
        "aufs",
        "fuse-overlayfs",
        "stargz",
    )
)


def cri_faults(loaded: Loaded, fitted: Tree, runtimes: Tree, default: str) -> Iterator[Fault]:
    """Each reason why CRI does not run. `fitted`: full plugin name → its settings."""
    yield from _daemon_faults(loaded)
    disabled = tuple(_disabled(loaded))
    if disabled:
        yield from disabled
        return
    plugin = CRI if loaded.legacy else RUNTIME
    pods = fitted.get(plugin, {})
    yield from _default_faults(loaded, plugin, pods, runtimes, default)
    for name, runtime in runtimes.items():
        yield from _runtime_faults(loaded, (plugin, "containerd", "runtimes", name), runtime)
    if loaded.legacy:
        yield from _legacy_faults(plugin, pods, runtimes, default)
    elif (
        at(pods, "cni", "bin_dir")
        and at(pods, "cni", "bin_dirs")
        and loaded.release.at_least("2.1")
    ):
        yield (
            "settings-contradict",
            (plugin, "cni", "bin_dir"),
            {"first": "bin_dir", "second": "bin_dirs"},
        )
    yield from _image_faults(loaded, plugin if loaded.legacy else IMAGES, fitted)
    for where, key in ((plugin, "drain_exec_sync_io_timeout"), (CRI, "stream_idle_timeout")):
        yield from _duration(fitted, where, key)


def _daemon_faults(loaded: Loaded) -> Iterator[Fault]:
    for name, value in loaded.top.get("timeouts", {}).items():
        if not is_duration(value):
            yield "duration-bad", ("timeouts", name), {"key": f"timeouts.{name}", "value": value}
    disabled = loaded.top.get("disabled_plugins", ())
    for name in loaded.top.get("required_plugins", ()):
        if name in disabled or (
            not name.startswith("io.containerd.") and not (loaded.legacy and loaded.version < 2)
        ):
            yield "required-plugin-missing", ("required_plugins",), {"name": name}


def _disabled(loaded: Loaded) -> Iterator[Fault]:
    names: tuple[str, ...] = (CRI,) if loaded.legacy else (CRI, RUNTIME, IMAGES)
    if loaded.legacy and loaded.version < 2:
        names = ("cri",)
    for name in loaded.top.get("disabled_plugins", ()):
        if name in names:
            yield "cri-disabled", ("disabled_plugins",), {"name": name}


def _default_faults(
    loaded: Loaded, plugin: str, pods: Tree, runtimes: Tree, default: str
) -> Iterator[Fault]:
    key = (plugin, "containerd", "default_runtime_name")
    if loaded.legacy and at(pods, "containerd", "default_runtime", "runtime_type"):
        return
    if not default:
        yield "default-runtime-empty", key, {}
    elif default not in runtimes:
        stated = at(pods, "containerd", "default_runtime_name") is not None
        # containerd 1: naming any runtime replaces the built-in table, so that `runc` is gone.
        code = "default-runtime-undefined" if stated else "runc-lost"
        yield code, key if stated else (plugin, "containerd", "runtimes"), {"name": default}


def _runtime_faults(loaded: Loaded, path: Path, runtime: Tree) -> Iterator[Fault]:
    all_devices = "privileged_without_host_devices_all_devices_allowed"
    if (
        runtime.get(all_devices)
        and not runtime.get("privileged_without_host_devices")
        and loaded.release.at_least("1.7")
    ):
        yield (
            "settings-contradict",
            (*path, all_devices),
            {"first": all_devices, "second": "privileged_without_host_devices"},
        )
    if not loaded.legacy and runtime.get("io_type", "") not in ("", "fifo", "streaming"):
        yield "value-bad", (*path, "io_type"), {"key": "io_type", "value": runtime["io_type"]}
    if loaded.legacy and runtime.get("runtime_type") != _LINUX_V1:
        for key in ("runtime_engine", "runtime_root"):
            if runtime.get(key):
                yield "value-bad", (*path, key), {"key": key, "value": runtime[key]}


def _legacy_faults(plugin: str, pods: Tree, runtimes: Tree, default: str) -> Iterator[Fault]:
    linux = at(runtimes, default, "runtime_type") == _LINUX_V1
    for path in (("systemd_cgroup",), ("containerd", "no_pivot")):
        if at(pods, *path) and not linux:
            yield "value-bad", (plugin, *path), {"key": path[-1], "value": "true"}
    if (
        at(pods, "containerd", "untrusted_workload_runtime", "runtime_type")
        and "untrusted" in runtimes
    ):
        yield (
            "settings-contradict",
            (plugin, "containerd", "untrusted_workload_runtime"),
            {"first": "untrusted_workload_runtime", "second": "runtimes.untrusted"},
        )


def _image_faults(loaded: Loaded, plugin: str, fitted: Tree) -> Iterator[Fault]:
    images = fitted.get(plugin, {})
    registry = images.get("registry", {})
    if registry.get("config_path"):
        configs = registry.get("configs", {}).values()
        for key in ("mirrors", "tls"):
            if (
                registry.get("mirrors")
                if key == "mirrors"
                else any("tls" in each for each in configs)
            ):
                yield (
                    "settings-contradict",
                    (plugin, "registry"),
                    {"first": key, "second": "config_path"},
                )
    name = at(images, "containerd", "snapshotter") if loaded.legacy else images.get("snapshotter")
    known = _SNAPSHOTTERS | set(loaded.top.get("proxy_plugins", {}))
    if name is not None and name not in known:
        path = (plugin, "containerd", "snapshotter") if loaded.legacy else (plugin, "snapshotter")
        yield "snapshotter-unknown", path, {"name": name}
    if loaded.release.at_least("1.7"):
        yield from _duration(fitted, plugin, "image_pull_progress_timeout")


def _duration(fitted: Tree, plugin: str, key: str) -> Iterator[Fault]:
    value = at(fitted, plugin, key)
    if value and not is_duration(value):
        yield "duration-bad", (plugin, key), {"key": key, "value": value}
