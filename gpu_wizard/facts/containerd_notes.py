"""What is worth saying of a runtime `nvidia` that works."""

from __future__ import annotations

import posixpath
from collections.abc import Iterator

from gpu_wizard.facts.containerd import (
    FOREIGN_DROPINS,
    OPERATOR_DIRECTORY,
    CriInfo,
    LoadedRuntime,
)
from gpu_wizard.facts.containerd_faults import restart_hazard
from gpu_wizard.facts.containerd_situation import NVIDIA, Situation
from gpu_wizard.model.fact import value_or
from gpu_wizard.model.stage import Note


def runtime_notes(situation: Situation, nvidia: LoadedRuntime) -> tuple[Note, ...]:
    """Notes on the running runtime, then on what the files hold for the next start."""
    return (*_of_what_runs(situation, nvidia), *_of_the_files(situation))


def _of_what_runs(situation: Situation, nvidia: LoadedRuntime) -> Iterator[Note]:
    info = value_or(situation.loaded, CriInfo())
    runc = info.runtimes.get("runc", LoadedRuntime())
    if posixpath.dirname(nvidia.binary) == OPERATOR_DIRECTORY:
        yield Note("runtime.operator-directory", {"binary": nvidia.binary})
    if situation.wanted and nvidia.binary != situation.wanted:
        yield Note("runtime.other-binary", {"binary": nvidia.binary, "want": situation.wanted})
    if info.default == NVIDIA:
        yield Note("runtime.default-nvidia")
    if "nvidia-cdi" in info.runtimes:
        yield Note("runtime.cdi")
    cgroups = (nvidia.systemd_cgroup, runc.systemd_cgroup)
    if None not in cgroups and cgroups[0] != cgroups[1]:
        yield Note(
            "runtime.cgroup-differs", {"nvidia": _word(cgroups[0]), "runc": _word(cgroups[1])}
        )


def _of_the_files(situation: Situation) -> Iterator[Note]:
    origin = situation.origin
    if situation.verdict is not None and not situation.verdict.loads:
        yield Note("runtime.next-start-fails", {"text": situation.fault})
    elif hazard := restart_hazard(situation):
        words = (hazard[1]["path"], hazard[1].get("text", ""))
        yield Note("runtime.next-start-fails", {"text": ": ".join(filter(None, words))})
    if situation.hiding_template and origin.kind != "template":
        yield Note("runtime.next-start-hides", {"path": situation.hiding_template})
    if origin.kind in ("template", "dropin") and not origin.ours:
        yield Note(f"runtime.from-{origin.kind}", {"path": origin.path})
    for path in situation.paths:
        if posixpath.dirname(path) in FOREIGN_DROPINS:
            yield Note("runtime.orphan-dropin", {"path": path})


def _word(cgroup: bool | None) -> str:
    return str(cgroup).lower()
