"""Repairs that survive a restart: a drop-in, a PATH, the guarded template; tried on the judge before they are planned.

Source: domain.md appendix G; K3s v1.34.3 as recorded (04-containerd/07b, 07c), v1.36.2 (04-containerd/06).
"""

from __future__ import annotations

import posixpath
import re
from dataclasses import dataclass

from gpu_wizard.facts.containerd import (
    CONFIG,
    DEFAULT_PATH,
    DROPINS_V2,
    PROGRAM,
    TEMPLATE_V2,
    TEMPLATE_V3,
    ContainerdFiles,
)
from gpu_wizard.facts.containerd_host import imports_dropins, judge_host
from gpu_wizard.facts.containerd_judge import RUNC, Verdict
from gpu_wizard.facts.containerd_schema import CRI, RUNTIME
from gpu_wizard.facts.objects import PodObject, gpu_pods
from gpu_wizard.facts.systemd import K3sUnits
from gpu_wizard.model.action import PutFile, Risk, Run, Step
from gpu_wizard.model.fact import Fact, Known

DEFAULTS = "/etc/default"
"""K3s's units read the file of their name there. Source: K3s install.sh."""
DROPIN_NAME = "50-nvidia.toml"
MARK = "# Written by gpu-wizard."
_TOML = """{mark}
version = {version}
[plugins.'{plugin}'.containerd.runtimes.'nvidia']
  runtime_type = "{type}"
[plugins.'{plugin}'.containerd.runtimes.'nvidia'.options]
  BinaryName = "{binary}"
  SystemdCgroup = {cgroup}
"""
_TEMPLATE = """{mark}
{{{{ template "base" . }}}}
{{{{ if not (index .ExtraRuntimes "nvidia").RuntimeType }}}}
{table}{{{{ end }}}}
"""
_RESTART_SECONDS = 60.0


@dataclass(frozen=True)
class Repair:
    """A file that brings the runtime back at every start. `kind`: `dropin`, `template` or `path`."""

    kind: str
    path: str
    content: bytes


def is_ours(content: bytes | None) -> bool:
    """Whether we wrote a file."""
    return content is not None and content.startswith(MARK.encode())


def repair_for(
    files: ContainerdFiles, verdict: Verdict, containerd: str, binary: str
) -> Repair | None:
    """The repair that fits this host, or None where none is known to be safe.

    Only where the result, judged as containerd would, has a usable runtime: a node is never left worse. None on
    containerd 1, where a drop-in replaces K3s's whole section and the template's fields were not recorded.
    """
    if containerd.startswith("1.") or any(quote in binary for quote in '"\\\n{'):
        return None
    directory = imports_dropins(verdict)
    repair = _dropin(directory, verdict, binary) if directory else _template(verdict, binary)
    if directory:
        after = judge_host(files, containerd, more={repair.path: repair.content})
    else:
        rendered = files.at(CONFIG)
        before = (rendered.content if rendered else None) or b""
        after = judge_host(
            files, containerd, main=before + _table(verdict, binary, _cgroup(verdict)).encode()
        )
    good = (
        after is not None
        and after.usable
        and after.nvidia is not None
        and after.nvidia.binary == binary
    )
    return repair if good else None


def path_repair(binary: str, unit: str, directories: tuple[str, ...]) -> Repair | None:
    """A PATH for K3s's unit that begins where this program lies, so that K3s finds it first; None where that can't be.

    `directories`: the unit's PATH now. Source: K3s v1.34.3 as recorded (04-containerd/05).
    """
    folder, name = posixpath.split(binary)
    if name != PROGRAM or not re.fullmatch(r"[\w./-]+", folder):
        return None
    path = ":".join(dict.fromkeys((folder, *(directories or DEFAULT_PATH))))
    return Repair("path", f"{DEFAULTS}/{unit}", f"{MARK}\nPATH={path}\n".encode())


def _dropin(directory: str, verdict: Verdict, binary: str) -> Repair:
    old = directory == DROPINS_V2
    text = _TOML.format(
        mark=MARK,
        version=2 if old else 3,
        plugin=CRI if old else RUNTIME,
        type=RUNC,
        binary=binary,
        cgroup=_cgroup(verdict),
    )
    return Repair("dropin", f"{directory}/{DROPIN_NAME}", text.encode())


def _template(verdict: Verdict, binary: str) -> Repair:
    table = _table(verdict, binary, "{{ .SystemdCgroup }}")
    path = TEMPLATE_V2 if verdict.config_version == 2 else TEMPLATE_V3
    return Repair("template", path, _TEMPLATE.format(mark=MARK, table=table).encode())


def _table(verdict: Verdict, binary: str, cgroup: str) -> str:
    plugin = CRI if verdict.config_version == 2 else RUNTIME
    text = _TOML.format(mark="", version=0, plugin=plugin, type=RUNC, binary=binary, cgroup=cgroup)
    return text.split("version = 0\n", 1)[1]


def _cgroup(verdict: Verdict) -> str:
    """As K3s rendered it for runc."""
    return "true" if verdict.runc_cgroup else "false"


def restart(unit: str) -> Run:
    """Restart a K3s unit without waiting: with its server away an agent's restart blocks for ever."""
    return Run(("systemctl", "--no-block", "restart", unit), timeout_seconds=_RESTART_SECONDS)


def restart_step(units: K3sUnits, pods: Fact[tuple[PodObject, ...]]) -> Step:
    """Restart K3s, so that it looks for the runtime and starts containerd anew."""
    unit = units.current.name
    return Step(
        "runtime.restart", restart(unit), risk=restart_risk(units, pods), params={"unit": unit}
    )


def write_step(repair: Repair, units: K3sUnits) -> Step:
    """Write the repair; taken back, with one more restart, where the stage does not get done."""
    unit = units.current.name
    return Step(
        f"runtime.write-{repair.kind}",
        PutFile(repair.path, repair.content),
        undo=(restart(unit),),
        revert=True,
        params={"path": repair.path, "unit": unit},
    )


def restart_risk(units: K3sUnits, pods: Fact[tuple[PodObject, ...]]) -> Risk:
    """What a restart disturbs: the GPU pods of the node by name, on a server the API as well."""
    who = "server" if units.is_server else "agent"
    params = {"unit": units.current.name}
    if not isinstance(pods, Known):
        return Risk(f"restarts-{who}-pods-unknown", params)
    names = [f"{pod.namespace}/{pod.name}" for pod in gpu_pods(pods.value)]
    if not names:
        return Risk(f"restarts-{who}", params)
    return Risk(
        f"restarts-{who}-gpu-pods", {**params, "pods": ", ".join(names), "count": str(len(names))}
    )
