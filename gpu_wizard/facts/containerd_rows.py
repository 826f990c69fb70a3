"""containerd's configuration as rows for a person: what was found, and the screen's key by key."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from gpu_wizard.facts.containerd import CONFIG, CriInfo
from gpu_wizard.facts.containerd_judge import RUNC, Verdict
from gpu_wizard.facts.containerd_schema import CRI, RUNTIME
from gpu_wizard.facts.containerd_situation import Situation
from gpu_wizard.model.fact import Absent, Known, value_or
from gpu_wizard.model.stage import Found, State


@dataclass(frozen=True)
class ConfigRow:
    """One key of the section `nvidia`. `meaning`: a knowledge id behind `containerd.`; `wanted` "": as found.

    `ok` None: neither right nor wrong. `file`, `line`: where it stands; 0: nowhere.
    """

    key: str
    found: str
    wanted: str
    meaning: str
    ok: bool | None
    file: str = CONFIG
    line: int = 0


def found_rows(situation: Situation) -> tuple[Found, ...]:
    """The facts of stage 4 as a person reads them."""
    program, running, info = (
        situation.program,
        situation.running,
        value_or(situation.loaded, CriInfo()),
    )
    program_state: State = "done" if program else "waiting"
    runtime_state: State = "done" if running and situation.program_of(running.binary) else "needed"
    rows = [
        Found("runtime.containerd", situation.containerd if situation.k3s_version else ""),
        Found(
            "runtime.program", program.path if program else situation.not_executable, program_state
        ),
        Found("runtime.handler", (running.binary or "runc") if running else "", runtime_state),
        Found("runtime.default", info.default),
        Found("runtime.origin", situation.origin.path),
    ]
    if situation.template:
        rows.append(
            Found(
                "runtime.template",
                situation.template,
                "blocked" if situation.hiding_template else None,
            )
        )
    if isinstance(situation.programs, Known) and situation.programs.value.cdi:
        rows.append(Found("runtime.cdi", ", ".join(situation.programs.value.cdi)))
    if isinstance(situation.files, Absent):
        rows = rows[:2]
    return tuple(rows)


def config_rows(situation: Situation) -> tuple[ConfigRow, ...]:
    """The rendered configuration judged key by key, for the screen that shows the file beside it.

    A file that does not load gives one row, its fault. Empty: K3s has not rendered it yet.
    """
    verdict = situation.verdict
    if verdict is None:
        return ()
    fatal = next((finding for finding in verdict.findings if finding.fatal), None)
    if not verdict.loads and fatal is not None:
        detail = fatal.params.get("key") or fatal.params.get("detail", "")
        return (
            ConfigRow(
                "config.toml",
                detail,
                "",
                fatal.code,
                False,
                fatal.params.get("file", CONFIG),
                fatal.line,
            ),
        )
    rows = list(_nvidia_rows(verdict, situation))
    undefined = verdict.default_runtime not in verdict.runtimes
    meaning = (
        "default-runtime-undefined"
        if undefined
        else f"default-{'nvidia' if verdict.default_runtime == 'nvidia' else 'other'}"
    )
    rows.append(
        ConfigRow(
            "default_runtime_name",
            verdict.default_runtime,
            "",
            meaning,
            False if undefined else None,
        )
    )
    return tuple(rows)


def _nvidia_rows(verdict: Verdict, situation: Situation) -> Iterator[ConfigRow]:
    nvidia = verdict.nvidia
    plugin = CRI if situation.containerd.startswith("1.") else RUNTIME
    if nvidia is None:
        yield _missing_row(verdict, plugin)
        return
    at = {"plugin": (nvidia.file or CONFIG, nvidia.line), **nvidia.lines}
    yield ConfigRow("plugin", nvidia.plugin, "", "plugin-right", True, *at["plugin"])
    typed, kind = nvidia.runtime_type == RUNC, nvidia.runtime_type
    meaning = "type-runc" if typed else "runtime-type-other"
    wanted = "" if typed else RUNC
    yield ConfigRow("runtime_type", kind, wanted, meaning, typed, *at["runtime_type"])
    there = situation.program_of(nvidia.binary) is not None
    wanted = situation.program.path if situation.program and not there else ""
    meaning = "binary-there" if there else "binary-gone" if nvidia.binary else "binary-missing"
    yield ConfigRow("BinaryName", nvidia.binary, wanted, meaning, there, *at["BinaryName"])
    same = nvidia.systemd_cgroup in (None, verdict.runc_cgroup)
    meaning = "cgroup-same" if same else "cgroup-differs"
    wanted = "" if same else _word(bool(verdict.runc_cgroup))
    found = "" if nvidia.systemd_cgroup is None else _word(nvidia.systemd_cgroup)
    yield ConfigRow("SystemdCgroup", found, wanted, meaning, same, *at["SystemdCgroup"])


def _missing_row(verdict: Verdict, plugin: str) -> ConfigRow:
    ignored = (finding for finding in verdict.findings if finding.code == "nvidia-ignored")
    finding = next(ignored, None)
    if finding is None:
        return ConfigRow("plugin", "", plugin, "nvidia-missing", False)
    file, found = finding.params.get("file", CONFIG), finding.params["plugin"]
    return ConfigRow("plugin", found, plugin, "nvidia-ignored", False, file, finding.line)


def _word(flag: bool) -> str:
    return str(flag).lower()
