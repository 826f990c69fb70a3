"""What K3s's configuration on a host says, and what a join would have to add to it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from gpu_wizard.facts.identity import K3sConfig
from gpu_wizard.facts.k3s import OUR_CONFIG, OUR_TOKEN, K3sEnvironment
from gpu_wizard.model.spec import Spec
from gpu_wizard.model.stage import Note
from gpu_wizard.model.version import Version

NO_CONFIG = K3sConfig({}, {})
OLDEST_MINORS = 3
_NAME = re.compile(r"[a-z0-9](?:[-a-z0-9.]{0,61}[a-z0-9])?")


@dataclass(frozen=True)
class Conflict:
    """A key of K3s's configuration that somebody set to another value than wanted."""

    key: str
    have: str
    want: str
    file: str


def is_valid_name(name: str) -> bool:
    """Whether the API takes this as a Node's name and as the label kubernetes.io/hostname.

    Source: K3s v1.34.3 as recorded (join failure 39): a lower-case RFC 1123 subdomain.
    """
    return (
        bool(_NAME.fullmatch(name)) and ".." not in name and ".-" not in name and "-." not in name
    )


def conflict_of(config: K3sConfig, spec: Spec) -> Conflict | None:
    """The first foreign key that contradicts the Spec; ours may be rewritten, others never."""
    options = spec.options.join
    wanted = {
        "server": spec.server.rstrip("/"),
        "node-name": options.node_name,
        "node-ip": options.node_ip,
    }
    for key, want in wanted.items():
        have, file = config.text(key).rstrip("/"), config.origins.get(key, "")
        if have and want and have != want and file != OUR_CONFIG:
            return Conflict(key, have, want, file)
    return None


def has_foreign_token(config: K3sConfig, environment: K3sEnvironment) -> bool:
    """Whether somebody else gave the agent a token, by configuration or environment: then it stays theirs."""
    keys = [key for key in ("token", "token-file") if key in config.values]
    return environment.has_token or any(config.origins[key] != OUR_CONFIG for key in keys)


def config_values(config: K3sConfig, environment: K3sEnvironment, spec: Spec) -> dict[str, str]:
    """What our part of the configuration must say: only what nobody else says. Empty: nothing."""
    options = spec.options.join
    wanted = {
        "server": "" if environment.server else spec.server.rstrip("/"),
        "token-file": "" if has_foreign_token(config, environment) else OUR_TOKEN,
        "node-name": options.node_name,
        "node-ip": options.node_ip,
    }
    return {
        key: value
        for key, value in wanted.items()
        if value and config.origins.get(key, OUR_CONFIG) == OUR_CONFIG
    }


def is_configured(config: K3sConfig, environment: K3sEnvironment) -> bool:
    """Whether the agent has a server and a token, whoever gave them."""
    has_token = "token" in config.values or "token-file" in config.values or environment.has_token
    return has_token and bool(config.text("server") or environment.server)


def is_written(values: Mapping[str, str], config: K3sConfig) -> bool:
    """Whether our part says so already; a path that was redacted on the way counts as ours."""
    return all(
        config.origins.get(key) == OUR_CONFIG and config.text(key) in (value, "***")
        for key, value in values.items()
    )


def version_skew(kubelet: Version | None, server: Version | None) -> Note | None:
    """What the skew policy says of a kubelet beside its API server; None where all is well or not known.

    Source: kubernetes.io, version skew policy: up to three minor versions older, never newer. K3s itself
    compares nothing (K3s v1.36.2 as recorded: join 36).
    """
    if not kubelet or not server:
        return None
    versions = {"have": str(kubelet), "server": str(server)}
    if is_newer_minor(kubelet, server):
        return Note("join.agent-newer", versions)
    behind = minor(server)[1] - minor(kubelet)[1]
    return Note("join.agent-older", versions) if behind > OLDEST_MINORS else None


def is_newer_minor(kubelet: Version, server: Version) -> bool:
    """Whether a kubelet's minor version is above its server's."""
    return minor(kubelet) > minor(server)


def minor(version: Version) -> tuple[int, int]:
    """(1, 34) of `v1.34.3+k3s1`."""
    numbers = (*version.key[0], 0, 0)
    return numbers[0], numbers[1]
