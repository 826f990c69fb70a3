"""A pod's volumes, as far as their absence stops it."""

from __future__ import annotations

import re
from collections.abc import Callable

from gpu_wizard.lab.api.registry import Registry
from gpu_wizard.lab.ports import JsonObject

StatusChange = Callable[[JsonObject], None]
# The lab's machines have these directories; a hostPath elsewhere is taken to be absent.
_ROOTS = ("bin", "boot", "dev", "etc", "home", "lib", "lib64", "mnt", "opt", "proc", "root", "run")
_MORE_ROOTS = ("sbin", "srv", "sys", "tmp", "usr", "var", "")
_CREATING = ("", "DirectoryOrCreate", "FileOrCreate")


def fault(registry: Registry, pod: JsonObject) -> str:
    """Why a volume of a pod can't be mounted; "" if all can."""
    namespace = pod["metadata"]["namespace"]
    for volume in pod["spec"].get("volumes", ()):
        head = f'MountVolume.SetUp failed for volume "{volume["name"]}" : '
        path = volume.get("hostPath", {})
        if path.get("type", "") not in _CREATING and not _exists(path["path"]):
            what = "directory" if path["type"] == "Directory" else "file"
            return f"{head}hostPath type check failed: {path['path']} is not a {what}"
        wanted = volume.get("configMap")
        if wanted and not wanted.get("optional") and not _config(registry, namespace, wanted):
            return f'{head}configmap "{wanted["name"]}" not found'
    return ""


def files(registry: Registry, pod: JsonObject, container: JsonObject) -> dict[str, str]:
    """The files that ConfigMaps, and annotations by the downward API, mount into a container, by path."""
    found: dict[str, str] = {}
    volumes = {each["name"]: each for each in pod["spec"].get("volumes", ())}
    for mount in container.get("volumeMounts", ()):
        downward = volumes.get(mount["name"], {}).get("downwardAPI") or {}
        found |= {
            f"{mount['mountPath'].rstrip('/')}/{item['path']}": _annotation(pod, item)
            for item in downward.get("items", ())
        }
        wanted = volumes.get(mount["name"], {}).get("configMap")
        config = _config(registry, pod["metadata"]["namespace"], wanted) if wanted else None
        if not wanted or not config:
            continue
        data = config.get("data", {})
        items = wanted.get("items") or [{"key": key, "path": key} for key in data]
        folder = mount["mountPath"].rstrip("/")
        for item in items:
            path = folder if mount.get("subPath") == item["path"] else f"{folder}/{item['path']}"
            found[path] = data.get(item["key"], "")
    return found


def _annotation(pod: JsonObject, item: JsonObject) -> str:
    name = re.fullmatch(r"metadata\.annotations\['(.+)'\]", item["fieldRef"]["fieldPath"])
    return str(pod["metadata"].get("annotations", {}).get(name[1] if name else "", ""))


def _config(registry: Registry, namespace: str, wanted: JsonObject) -> JsonObject | None:
    return registry.find("ConfigMap", namespace, wanted["name"])


def _exists(path: str) -> bool:
    return path.strip("/").partition("/")[0] in (*_ROOTS, *_MORE_ROOTS)
