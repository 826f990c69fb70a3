"""What the values of a setup file must look like, beyond their type: told with line and key before anything is done.

A value that equals its default is not looked at, so an empty one means what it means there.
"""

from __future__ import annotations

import ipaddress
import math
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from gpu_wizard.model.setup_file import LOCAL, ClusterEntry, HostEntry
from gpu_wizard.model.spec import (
    DevicePluginOptions,
    JoinOptions,
    LabelsOptions,
    ProofOptions,
    RuntimeClassOptions,
    RuntimeOptions,
    ToolkitOptions,
)
from gpu_wizard.model.target import parsed


@dataclass(frozen=True)
class Form:
    """`holds`: whether a value is well formed; `sentence`: what it must be."""

    holds: Callable[[Any], bool]
    sentence: str


def _like(pattern: str, sentence: str) -> Form:
    compiled = re.compile(pattern)
    return Form(lambda value: compiled.fullmatch(value) is not None, sentence)


def _are_addresses(value: str) -> bool:
    try:
        return bool([ipaddress.ip_address(part.strip()) for part in value.split(",")])
    except ValueError:
        return False


_WEB = r"https?://[^\s'\"]+"
_LABEL = r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?"
_SOURCE = _like(
    r"(?:https?|file)://[^\s'\"\[\]]+", "must be an https://, http:// or file:// address."
)
_PROXY = _like(r"(?:https?|socks5h?)://[^\s'\"]+", "must be http://HOST:PORT or https://HOST:PORT.")
_PATH = _like(r"[^\x00-\x1f]+", "must be a path.")

FORMS: Mapping[tuple[type, str], Form] = {
    (HostEntry, "host"): Form(
        # An empty one is told as missing.
        lambda value: value in ("", LOCAL) or parsed(value) is not None,
        "must be [user@]host[:port], an alias of ~/.ssh/config, or local.",
    ),
    (HostEntry, "user"): _like(r"[^@\s:]+", "must be a login name."),
    (HostEntry, "host_key"): _like(
        r"SHA256:[A-Za-z0-9+/]{43}=?",
        "must be a fingerprint, SHA256: and 43 characters, as `ssh-keygen -lf` prints it.",
    ),
    (HostEntry, "identity_file"): _PATH,
    (HostEntry, "known_hosts"): _PATH,
    (ClusterEntry, "kubeconfig"): _PATH,
    (ClusterEntry, "server"): _like(
        r"https://[^/\s'\"@]+", "must be https://HOST:PORT and nothing behind it."
    ),
    (JoinOptions, "version"): _like(
        r"v\d+\.\d+\.\d+(?:-[a-z0-9.]+)?\+k3s\d+",
        "must be K3s's full version, such as v1.34.3+k3s1.",
    ),
    (JoinOptions, "installer_url"): _like(_WEB, "must be an https:// or http:// address."),
    (JoinOptions, "installer_sha256"): _like(r"[0-9a-f]{64}", "must be 64 hexadecimal digits."),
    (JoinOptions, "installer_file"): _PATH,
    (JoinOptions, "binary_file"): _PATH,
    (JoinOptions, "images_file"): _PATH,
    (JoinOptions, "node_name"): _like(
        r"[A-Za-z0-9](?:[A-Za-z0-9.-]{0,251}[A-Za-z0-9])?",
        "must be letters, digits, dots and dashes.",
    ),
    (JoinOptions, "node_ip"): Form(_are_addresses, "must be an IP address, or two with a comma."),
    (JoinOptions, "http_proxy"): _PROXY,
    (JoinOptions, "https_proxy"): _PROXY,
    (JoinOptions, "no_proxy"): _like(
        r"[^\s'\"]+", "must be names and addresses with commas, no blanks."
    ),
    (ToolkitOptions, "version"): _like(
        r"\d+\.\d+\.\d+(?:~[a-z0-9.]+)?", "must be a version such as 1.20.0."
    ),
    (ToolkitOptions, "repository"): _SOURCE,
    (ToolkitOptions, "key_url"): _SOURCE,
    (ToolkitOptions, "fingerprint"): _like(
        r"(?:[0-9A-Fa-f][ :]?){40}", "must be the key's fingerprint, 40 hexadecimal digits."
    ),
    (ToolkitOptions, "http_proxy"): _PROXY,
    (ToolkitOptions, "https_proxy"): _PROXY,
    (RuntimeOptions, "binary"): _like(r"/[^\s'\"]+", "must be an absolute path on the node."),
    (DevicePluginOptions, "version"): _like(r"\w[\w.-]{0,127}", "must be an image's tag."),
    (DevicePluginOptions, "image"): _like(
        r"[\w.-]+(?::\d+)?(?:/[\w.-]+)*", "must be registry and name of an image, without a tag."
    ),
    (DevicePluginOptions, "replicas"): Form(
        lambda value: 0 <= value <= 100, "must be between 0 and 100."
    ),
    (RuntimeClassOptions, "name"): _like(
        rf"{_LABEL}(?:\.{_LABEL})*", "must be lower-case letters, digits, dots and dashes."
    ),
    (LabelsOptions, "gpu_present"): _like("auto|always|never", "must be auto, always or never."),
    (ProofOptions, "image"): _like(
        r"[\w.-]+(?::\d+)?(?:/[\w.-]+)*(?::[\w.-]+)?(?:@sha256:[0-9a-f]{64})?", "must be an image."
    ),
    (ProofOptions, "namespace"): _like(_LABEL, "must be lower-case letters, digits and dashes."),
    (ProofOptions, "timeout_seconds"): Form(
        lambda value: math.isfinite(value) and 10 <= value <= 3600, "must be between 10 and 3600."
    ),
}
"""(class, field) → its form."""


def ill_formed(form: type, name: str, value: Any) -> str:
    """What a value must be instead; "" where it is well formed, or anything goes."""
    wanted = FORMS.get((form, name))
    return "" if wanted is None or wanted.holds(value) else wanted.sentence
