"""Why K3s's containerd does not start, or would not start again: the file at fault, named.

Source: K3s v1.34.3 and v1.36.2 as recorded (04-containerd/06, 06c, 06d, 07b, 08, 09, 11).
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Mapping
from types import MappingProxyType
from typing import TypeAlias

from gpu_wizard.facts.containerd import DROPINS_V2, DROPINS_V3, LogFailure
from gpu_wizard.facts.containerd_host import extends_base
from gpu_wizard.facts.containerd_next import NextStart, foresee
from gpu_wizard.facts.containerd_repair import Repair
from gpu_wizard.facts.containerd_situation import NVIDIA, Situation
from gpu_wizard.facts.containerd_toml import Broken, read_toml
from gpu_wizard.facts.identity import K3sConfig
from gpu_wizard.facts.k3s import CONFIGURATION, K3sFiles
from gpu_wizard.facts.k3s_journal import Cause
from gpu_wizard.model.fact import Known, value_or

Explanation: TypeAlias = tuple[str, Mapping[str, str]]
"""A reason behind `runtime.` and its parameters."""

OF_CONTAINERD = ("containerd-exited", "template-broken", "default-runtime-missing")
"""Causes of `facts/k3s_causes.py` that are about containerd's configuration."""

_OWN_SOCKET = "/run/k3s/containerd/containerd.sock"
_NAMES_NVIDIA = re.compile(rf"^[^#\n]*runtimes\.[\"']?{NVIDIA}[\"']?\s*\]", re.MULTILINE)
_IMPORTS = re.compile(r"^\s*imports\s*=", re.MULTILINE)
_RENDERS_IMPORTS = ("1.36", "1.35.3", "1.34.6", "1.33.10")


def explain_start(situation: Situation, cause: Cause, words: LogFailure | None) -> Explanation:
    """Why the unit starts and ends again and again. `words`: what containerd said last."""
    text = words.text if words else cause.params.get("text", cause.line)
    if cause.code == "default-runtime-missing":
        return _say("default-runtime-missing", name=cause.params.get("runtime", NVIDIA))
    template = situation.template
    if cause.code == "template-broken":
        return _say("template-broken", path=template, text=cause.params.get("text", ""))
    broken = _broken_dropin(situation, words)
    if broken:
        return _say("dropin-broken", path=broken, text=text)
    if template and "already exists" in text and _names_nvidia(situation):
        return _say("template-names-nvidia", path=template)
    if template and "imports is already defined" in text:
        return _say("template-imports", path=template)
    if template:
        return _say("template-renders-broken", path=template, text=text)
    return _say("containerd-exits", text=text)


def foreign_containerd(config: K3sConfig) -> Explanation | None:
    """Why the containers of this node are not run by K3s's own containerd, None where they are."""
    endpoint = config.text("container-runtime-endpoint")
    if endpoint and not endpoint.endswith(_OWN_SOCKET):
        file = config.origins.get("container-runtime-endpoint", "")
        return _say("foreign-endpoint", endpoint=endpoint, file=file)
    if config.values.get("docker") in (True, "true"):
        return _say("docker", file=config.origins.get("docker", ""))
    return None


def restart_hazard(situation: Situation, repair: Repair | None = None) -> Explanation | None:
    """Why the next restart would break the node, None where nothing is known to. `repair`: a file that comes first.

    Judged from what K3s would render and containerd load then, not from what runs.
    """
    config = situation.config
    if isinstance(config, Known) and (spoilt := _config_hazard(situation, config.value)):
        return spoilt
    start, template = _next_start(situation, repair), situation.template
    if start.fails and not situation.template_is_tried:
        return _say("restart-breaks", path=template, text=start.text)
    fault = start.fault
    if fault is None:
        return None
    file = fault.params.get("file", "")
    keys = ("detail", "key", "name", "path")
    text = next((fault.params[key] for key in keys if fault.params.get(key)), fault.code)
    if posixpath.dirname(file) in (DROPINS_V3, DROPINS_V2):
        return _say("dropin-breaks", path=file, text=text)
    if not template or situation.template_is_tried:
        return None
    if _names_nvidia(situation) and situation.found is not None:
        return _say("template-names-nvidia", path=template)
    if _IMPORTS.search(_template_text(situation)) and _k3s_imports(situation):
        return _say("template-imports", path=template)
    code = "template-untried" if start.guessed else "restart-breaks"
    return _say(code, path=template, text=text)


def _config_hazard(situation: Situation, config: K3sConfig) -> Explanation | None:
    """A file of K3s's configuration with which it does not start, or an agent's token that it waits for in vain.

    Source: K3s v1.34.3 as recorded (03-join-failures/21, 27; 06/g): without it a restart does not come back.
    """
    if config.broken:
        return _say("config-unreadable", path=config.broken[0])
    token, units, files = config.text("token-file"), situation.units, situation.k3s_files
    is_agent = isinstance(units, Known) and not units.value.is_server
    is_listed = isinstance(files, Known) and posixpath.dirname(token) == CONFIGURATION
    if is_agent and is_listed and token not in value_or(files, K3sFiles()).beside:
        return _say("token-gone", path=token)
    return None


def _next_start(situation: Situation, repair: Repair | None) -> NextStart:
    """How the next start goes, with a repair in place where one is given."""
    kind = repair.kind if repair else ""
    program = situation.program if kind == "path" else situation.found
    return foresee(
        situation.directory,
        situation.containerd,
        program.path if program else "",
        template=repair.content.decode() if repair and kind == "template" else None,
        more={repair.path: repair.content} if repair and kind == "dropin" else None,
    )


def _broken_dropin(situation: Situation, words: LogFailure | None) -> str:
    """The drop-in at fault: as containerd says, else the first that does not parse; "" where none."""
    if words is not None and posixpath.dirname(words.file) in (DROPINS_V3, DROPINS_V2):
        return words.file
    for directory in (DROPINS_V3, DROPINS_V2):
        for file in situation.directory.below(directory):
            if isinstance(read_toml(file.content or b"", lenient=False), Broken):
                return file.path
    return ""


def _template_text(situation: Situation) -> str:
    template = situation.directory.template
    return template.text if template is not None else ""


def _names_nvidia(situation: Situation) -> bool:
    """Whether a template that extends K3s's own names the runtime without asking whether K3s found it."""
    text = _template_text(situation)
    return extends_base(text) and ".ExtraRuntimes" not in text and bool(_NAMES_NVIDIA.search(text))


def _k3s_imports(situation: Situation) -> bool:
    version = situation.k3s_version
    if version is None:
        return False
    newest, *patches = _RENDERS_IMPORTS
    same_branch = (
        patch for patch in patches if version.plain.split(".")[:2] == patch.split(".")[:2]
    )
    return version.at_least(newest) or any(version.at_least(patch) for patch in same_branch)


def _say(code: str, **params: str) -> Explanation:
    return code, MappingProxyType(params)
