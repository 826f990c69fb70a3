"""NVIDIA's device plugin: what it logs, and what it registers.

Its texts are those of the recorded versions (`plugin_logs.toml`). Where another version runs, the
nearest recorded one speaks for it.
"""

from __future__ import annotations

import datetime
import json
import re
import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cache
from importlib import resources
from typing import Any

import yaml

from gpu_wizard.lab.ports import Visible

_FOLDER = "/var/lib/kubelet/device-plugins"
# What NVML itself says, once its library is loaded; older plugins print the constant's name.
_REASONS = {
    "ERROR_DRIVER_NOT_LOADED": "Driver Not Loaded",
    "ERROR_LIB_RM_VERSION_MISMATCH": "Driver/library version mismatch",
}
_WRONG_TYPE = (
    "error starting plugins: unable to load config: unable to finalize config: unable to parse "
    "config file: error parsing config file: unmarshal error: error unmarshaling JSON: while "
    "decoding JSON: json: cannot unmarshal string into Go value of type int"
)


@dataclass(frozen=True)
class Setup:
    """How a plugin's pod is set up."""

    tag: str
    """The image's tag, `v0.20.0`."""
    environment: Mapping[str, str]
    mounts: Mapping[str, str]
    """Files that a ConfigMap mounts, by path."""
    kubelet_folder: bool
    """True where the kubelet's directory for plugins is mounted."""


@dataclass
class Registration:
    """What a plugin offers to the kubelet; empty if it waits without devices."""

    resource: str = "nvidia.com/gpu"
    devices: tuple[str, ...] = ()
    single: bool = False


class PluginFailedError(Exception):
    """The plugin ended with exit code 1; its log says why."""


@dataclass
class Plugin:
    """One run of the plugin's container."""

    setup: Setup
    write: Callable[[str], None]
    """Takes what it logs."""
    _texts: dict[str, Any] = field(init=False)

    def __post_init__(self) -> None:
        self._texts = _nearest(self.setup.tag)

    @property
    def tolerant(self) -> bool:
        """Whether it goes on without NVML (`FAIL_ON_INIT_ERROR=false`)."""
        return self.setup.environment.get("FAIL_ON_INIT_ERROR", "true").lower() == "false"

    def start(self) -> None:
        """Begin to log.

        Raises:
            PluginFailedError: the kubelet's directory is not mounted.
        """
        if not self.setup.kubelet_folder:
            watcher = next(i for i, t in enumerate(self._texts["start"]) if "FS watcher" in t)
            self._say(self._texts["start"][: watcher + 1])
            self._die(f"failed to create FS watcher for {_FOLDER}/: no such file or directory")
        self._say(self._texts["start"])

    def load(self, visible: Visible) -> Registration:
        """Read the configuration, look for devices and say what came of it.

        Raises:
            PluginFailedError: it gives up.
        """
        config = self._config()
        shown = json.dumps(config, indent=2)
        self._say(line.replace("{config}", shown) for line in self._texts["load"])
        if visible.error:
            self._without_nvml(visible.error)
            return Registration()
        if not visible.gpus:
            self._say(self._texts["no_devices"])
            return Registration()
        found = self._registration(config, visible)
        socket = f"{_FOLDER}/nvidia-{found.resource.partition('/')[2]}.sock"
        self._say(
            line.replace("{resource}", found.resource).replace("{socket}", socket)
            for line in self._texts["success"]
        )
        return found

    def again(self, resource: str) -> None:
        """The kubelet made its socket anew, so the plugin starts over."""
        # Not recorded: the words are those of the plugin's source, cmd/nvidia-device-plugin/main.go.
        self._say([f"I {self._source}] inotify: {_FOLDER}/kubelet.sock created, restarting."])
        if resource:
            name = resource.partition("/")[2]
            socket = f"{_FOLDER}/nvidia-{name}.sock"
            self._say([f"I server.go:174] Stopping to serve '{resource}' on {socket}"])

    def _without_nvml(self, error: str) -> None:
        kind = "no_library" if error == "ERROR_LIBRARY_NOT_FOUND" else "init_failed"
        reason = _REASONS.get(error, error)
        if "ERROR_" in "".join(self._texts["no_library"]) and kind == "no_library":
            reason = error
        if self.setup.tag.startswith(("v0.14", "v0.15", "v0.16")):
            reason = error
        name = f"{kind}_tolerated" if self.tolerant else kind
        self._say(line.replace("{reason}", reason) for line in self._texts[name])
        if not self.tolerant:
            raise PluginFailedError

    def _config(self) -> dict[str, Any]:
        config: dict[str, Any] = json.loads(self._texts["config"])
        config["flags"]["failOnInitError"] = not self.tolerant
        text = self.setup.mounts.get(self.setup.environment.get("CONFIG_FILE", ""), "")
        shared = (
            (yaml.safe_load(text) or {}).get("sharing", {}).get("timeSlicing") if text else None
        )
        if shared:
            listed = shared.get("resources") or []
            if any(not isinstance(each.get("replicas", 1), int) for each in listed):
                self._say([*self._texts["load"][:2]])
                self._die(_WRONG_TYPE)
            kept = {key: value for key, value in shared.items() if key != "resources" and value}
            resources_shown = [
                {"name": each["name"], "devices": "all", "replicas": each["replicas"]}
                for each in listed
            ]
            config["sharing"]["timeSlicing"] = kept | {"resources": resources_shown}
        return config

    def _registration(self, config: Mapping[str, Any], visible: Visible) -> Registration:
        shared = config["sharing"]["timeSlicing"]
        uuids = tuple(gpu.uuid for gpu in visible.gpus)
        for each in shared.get("resources", ()):
            count = each["replicas"]
            if each["name"] != "nvidia.com/gpu" or count < 2:
                continue
            renamed = "nvidia.com/gpu.shared" if shared.get("renameByDefault") else each["name"]
            replicas = tuple(f"{uuid}::{n}" for uuid in uuids for n in range(count))
            single = bool(shared.get("failRequestsGreaterThanOne"))
            return Registration(renamed, replicas, single)
        return Registration("nvidia.com/gpu", uuids)

    def _die(self, text: str) -> None:
        line = next(t for t in self._texts["no_library"] if "error starting plugins" in t)
        self._say([f"{line.partition(']')[0]}] {text}"])
        raise PluginFailedError

    @property
    def _source(self) -> str:
        """Some line of main.go, for a text of which none is recorded."""
        text: str = self._texts["load"][0]
        return text[2:].partition("]")[0]

    def _say(self, lines: Any) -> None:
        for line in lines:
            now = datetime.datetime.now(datetime.UTC)
            stamp = now.strftime("%m%d %H:%M:%S.%f")
            text = line.replace("{version}", self.setup.tag)
            self.write(f"{text[0]}{stamp}       1 {text[2:]}\n")


@cache
def _recorded() -> dict[str, dict[str, Any]]:
    text = resources.files(__package__ or "").joinpath("plugin_logs.toml").read_text("utf-8")
    return tomllib.loads(text)


def _nearest(tag: str) -> dict[str, Any]:
    """The recorded version that speaks most like this one."""
    match = re.match(r"v(\d+)\.(\d+)\.(\d+)", tag)
    wanted = tuple(map(int, match.groups())) if match else (0, 20, 0)
    # v0.19.0 still has the texts of v0.18 (domain.md, stage 5).
    if wanted == (0, 19, 0):
        wanted = (0, 18, 99)
    known = {tuple(map(int, name[1:].split("."))): name for name in _recorded()}
    same = [each for each in known if each[:2] <= wanted[:2]]
    return _recorded()[known[max(same) if same else min(known)]]
