"""Old names of CRI's settings made new, as containerd 2 does it.

Source: containerd v2.1.9 cmd/containerd/server/config/config.go (v1Migrate) and the `configMigration` functions of
plugins/cri/runtime, plugins/cri/images and plugins/cri.
"""

from __future__ import annotations

from typing import Any

from gpu_wizard.facts.containerd_schema import CRI, IMAGES, RUNTIME
from gpu_wizard.facts.containerd_toml import Path, Tree

_VERSION_1 = {
    "cri": CRI,
    "cgroups": "io.containerd.monitor.v1.cgroups",
    "linux": "io.containerd.runtime.v1.linux",
    "scheduler": "io.containerd.gc.v1.scheduler",
    "bolt": "io.containerd.metadata.v1.bolt",
    "task": "io.containerd.runtime.v2.task",
    "opt": "io.containerd.internal.v1.opt",
    "restart": "io.containerd.internal.v1.restart",
    "tracing": "io.containerd.internal.v1.tracing",
    "otlp": "io.containerd.tracing.processor.v1.otlp",
}
_SNAPSHOTTERS = (
    "aufs",
    "btrfs",
    "devmapper",
    "native",
    "overlayfs",
    "zfs",
    "windows",
    "windows-lcow",
)
_OF_IMAGES = (
    "registry",
    "image_decryption",
    "max_concurrent_downloads",
    "image_pull_progress_timeout",
    "image_pull_with_sync_fs",
    "stats_collect_period",
)
_OF_SERVER = (
    "disable_tcp_service",
    "stream_server_address",
    "stream_server_port",
    "stream_idle_timeout",
    "enable_tls_streaming",
    "x509_key_pair_streaming",
)
_OF_SNAPSHOTS = ("snapshotter", "disable_snapshot_annotations", "discard_unpacked_layers")


class MigrationError(Exception):
    """The migration meets a value of another type and containerd ends in a panic. `path`: below `plugins`."""

    def __init__(self, want: str, *path: str) -> None:
        """`want`: the type that would do."""
        super().__init__(want, path)
        self.want = want
        self.path: Path = path


def full_name(name: str) -> str:
    """The name of a plugin in version 2 for its name in version 1."""
    if "." in name:
        return name
    if name in _VERSION_1:
        return _VERSION_1[name]
    if name.endswith("-service"):
        return f"io.containerd.service.v1.{name}"
    kind = "snapshotter" if name in _SNAPSHOTTERS else "grpc"
    return f"io.containerd.{kind}.v1.{name}"


def rename_version_1(tree: Tree) -> None:
    """Give the plugins of a file of version 1, or without a version, their full names."""
    if "plugins" in tree:
        tree["plugins"] = {full_name(name): value for name, value in tree["plugins"].items()}
    for key in ("disabled_plugins", "required_plugins"):
        if key in tree:
            tree[key] = [full_name(name) for name in tree[key]]


def migrate_cri(plugins: Tree) -> None:
    """Move the settings of version 2's one CRI plugin to version 3's three.

    Raises: MigrationError: containerd ends in a panic.
    """
    if CRI not in plugins:
        return
    old = _table(plugins[CRI], CRI)
    runtime = plugins.get(RUNTIME)
    plugins[RUNTIME] = runtime = dict(runtime) if isinstance(runtime, dict) else {}
    _to_runtime(runtime, old)
    plugins[IMAGES] = images = dict(_table(plugins.get(IMAGES, {}), IMAGES))
    _to_images(images, old)
    plugins[CRI] = {key: old[key] for key in _OF_SERVER if key in old}


def _table(value: Any, *path: str) -> Tree:
    if not isinstance(value, dict):
        raise MigrationError("table", *path)
    return value


def _to_runtime(new: Tree, old: Tree) -> None:
    elsewhere = {"cni", "containerd", "sandbox_image", *_OF_IMAGES, *_OF_SERVER}
    for key, value in old.items():
        if key not in elsewhere:
            new.setdefault(key, value)
    if isinstance(old.get("cni"), dict):
        new["cni"] = _cni(new.get("cni"), old["cni"])
    if not isinstance(old.get("containerd"), dict):
        return
    have = new.get("containerd")
    new["containerd"] = containerd = dict(have) if isinstance(have, dict) else {}
    for key, value in old["containerd"].items():
        if key not in _OF_SNAPSHOTS:
            # A runtimes table that is there already stays as it is: old-style runtimes are lost beside it.
            containerd.setdefault(key, value)
    for name, runtime in _table(
        containerd.get("runtimes", {}), CRI, "containerd", "runtimes"
    ).items():
        row = _table(runtime, CRI, "containerd", "runtimes", name)
        if "sandbox_mode" in row and "sandboxer" not in row:
            row["sandboxer"] = row.pop("sandbox_mode")


def _cni(new: Any, old: Tree) -> Tree:
    cni = dict(new) if isinstance(new, dict) else {}
    for key, value in old.items():
        if key == "bin_dir":
            if not isinstance(value, str):
                raise MigrationError("string", CRI, "cni", "bin_dir")
            cni["bin_dirs"] = [value]
        else:
            cni.setdefault(key, value)
    return cni


def _to_images(new: Tree, old: Tree) -> None:
    pinned = dict(_table(new.get("pinned_images", {}), IMAGES, "pinned_images"))
    if "sandbox_image" in old:
        pinned["sandbox"] = old["sandbox_image"]
    if pinned:
        new["pinned_images"] = pinned
    new.update({key: old[key] for key in _OF_IMAGES if key in old})
    if "containerd" not in old:
        return
    containerd = _table(old["containerd"], CRI, "containerd")
    if "runtimes" not in containerd:
        return
    for name, runtime in _table(containerd["runtimes"], CRI, "containerd", "runtimes").items():
        _table(runtime, CRI, "containerd", "runtimes", name)
    new.update({key: containerd[key] for key in _OF_SNAPSHOTS if key in containerd})
