"""Who a host is: its name, its boot, its system, and what K3s on it is told to call it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any

import yaml

from gpu_wizard.model.fact import ABSENT, KINDS, Fact, Known, Unknown
from gpu_wizard.model.question import Command, Files, FilesFound, Output, Probe, asks, facts
from gpu_wizard.model.spec import Spec

BOOT_ID_FILE = "/proc/sys/kernel/random/boot_id"
OS_RELEASE_FILE = "/etc/os-release"
K3S_CONFIG_FILE = "/etc/rancher/k3s/config.yaml"
K3S_CONFIG_PARTS = "/etc/rancher/k3s/config.yaml.d/*.y*ml"


@dataclass(frozen=True)
class OsRelease:
    """/etc/os-release: `id` such as `debian`, `version_id` such as `13`, `like` the families, `name` for people."""

    id: str
    version_id: str
    like: tuple[str, ...]
    name: str
    codename: str = ""


@dataclass(frozen=True)
class K3sConfig:
    """config.yaml and config.yaml.d merged as K3s merges them, secrets replaced by `***` on the host.

    `values`: key → value, a list's items plain values; what is nested deeper is no flag's value, and stands as "".
    `origins`: key → file that had the last word. `broken`: files that are no YAML mapping.
    Source: K3s pkg/configfilearg: parts in alphabetical order, later wins, `key+` appends.
    """

    values: Mapping[str, Any]
    origins: Mapping[str, str]
    broken: tuple[str, ...] = ()
    newest_mtime: int = 0

    def text(self, key: str) -> str:
        """A value as text; "" where the key is not set."""
        value = self.values.get(key)
        return "" if value is None else str(value)


def one_line(answer: Output) -> Fact[str]:
    """The first line of a command that answers with one."""
    text = answer.text.strip()
    if answer.status != 0 or not text:
        return Unknown("unreadable", answer.error_text.strip()[-200:])
    return Known(text.splitlines()[0])


def first_file_line(found: FilesFound) -> Fact[str]:
    """The first line of the first file; absent where no file is there or it is empty."""
    if not found.files or not found.files[0].text.strip():
        return ABSENT
    return Known(found.files[0].text.strip().splitlines()[0])


def parse_os_release(found: FilesFound) -> Fact[OsRelease]:
    """Source: os-release(5): `KEY=value` lines, values perhaps quoted."""
    if not found.files:
        return ABSENT
    pairs = (line.split("=", 1) for line in found.files[0].text.splitlines() if "=" in line)
    values = {key.strip(): value.strip().strip("\"'") for key, value in pairs}
    return Known(
        OsRelease(
            id=values.get("ID", ""),
            version_id=values.get("VERSION_ID", ""),
            like=tuple(values.get("ID_LIKE", "").split()),
            name=values.get("PRETTY_NAME", values.get("ID", "")),
            codename=values.get("VERSION_CODENAME", ""),
        )
    )


def parse_k3s_config(found: FilesFound) -> Fact[K3sConfig]:
    """Merge K3s's configuration files; absent where there is none."""
    if not found.files:
        return ABSENT
    values: dict[str, Any] = {}
    origins: dict[str, str] = {}
    broken: list[str] = []
    for file in sorted(found.files, key=lambda file: (file.path != K3S_CONFIG_FILE, file.path)):
        part = _yaml_mapping(file.text)
        if part is None:
            broken.append(file.path)
            continue
        for written, value in part.items():
            key, appends = written.removesuffix("+"), written.endswith("+")
            given = _flag_value(value)
            values[key] = [*_list(values.get(key)), *_list(given)] if appends else given
            origins[key] = file.path
    return Known(K3sConfig(values, origins, tuple(broken), max(file.mtime for file in found.files)))


@lru_cache(maxsize=KINDS)
def _yaml_mapping(text: str) -> Mapping[str, Any] | None:
    try:
        document = yaml.safe_load(text)
    except yaml.YAMLError:
        return None
    if document is None:
        return {}
    return (
        {str(key): value for key, value in document.items()} if isinstance(document, dict) else None
    )


def _flag_value(value: Any) -> Any:
    """A few lines of YAML aliases stand for lists without end: nobody may write such a one out."""
    if isinstance(value, list):
        return ["" if isinstance(item, list | dict) else item for item in value]
    return "" if isinstance(value, dict) else value


def _list(value: Any) -> list[Any]:
    if value is None:
        return []
    return value if isinstance(value, list) else [value]


HOSTNAME: Probe[Output, str] = Probe("host.name", Command(("hostname",)), one_line)
BOOT_ID: Probe[FilesFound, str] = Probe("host.boot-id", Files((BOOT_ID_FILE,)), first_file_line)
OS_RELEASE: Probe[FilesFound, OsRelease] = Probe(
    "host.os-release", Files((OS_RELEASE_FILE,)), parse_os_release
)
K3S_CONFIG: Probe[FilesFound, K3sConfig] = Probe(
    "k3s.config",
    Files((K3S_CONFIG_FILE, K3S_CONFIG_PARTS), root=True, redact=True, times=True),
    parse_k3s_config,
)


@facts
class Identity:
    """What the engine needs to find the host's Node object."""

    hostname: Fact[str] = asks(HOSTNAME)
    boot_id: Fact[str] = asks(BOOT_ID)
    config: Fact[K3sConfig] = asks(K3S_CONFIG)


def resolve(spec: Spec, identity: Identity) -> Spec:
    """The Spec with the node's name in the cluster.

    The user's `node_name`, else K3s's own `node-name`, else the host's name; lower-cased, as K3s does.
    Source: K3s as recorded (03-join-failures/39: `GPU_Two` becomes `gpu_two`).
    """
    configured = (
        identity.config.value.text("node-name") if isinstance(identity.config, Known) else ""
    )
    hostname = identity.hostname.value if isinstance(identity.hostname, Known) else ""
    name = spec.options.join.node_name or configured or hostname
    return replace(spec, kubernetes_node=name.lower())
