"""Where a node stands between what K3s searches, renders and loads: the questions of stage 4, answered once each."""

from __future__ import annotations

import posixpath
from dataclasses import dataclass
from functools import cached_property

from gpu_wizard.facts.containerd import (
    CONFIG,
    FIRST,
    TEMPLATE_V2,
    ContainerdFiles,
    CriInfo,
    LoadedRuntime,
    RuntimeProgram,
    RuntimePrograms,
    UnitPath,
)
from gpu_wizard.facts.containerd_host import (
    containerd_version,
    extends_base,
    judge_host,
    search_list,
    searches_path,
)
from gpu_wizard.facts.containerd_judge import Verdict
from gpu_wizard.facts.containerd_repair import Repair, is_ours, path_repair, repair_for
from gpu_wizard.facts.identity import K3sConfig
from gpu_wizard.facts.k3s import K3sFiles
from gpu_wizard.facts.k3s_journal import K3sJournal
from gpu_wizard.facts.objects import NodeObject
from gpu_wizard.facts.systemd import K3sUnits
from gpu_wizard.model.fact import Fact, Known, value_or
from gpu_wizard.model.question import FileFound
from gpu_wizard.model.version import Version

NVIDIA = "nvidia"


@dataclass(frozen=True)
class Origin:
    """Where the runtime `nvidia` comes from.

    `kind`: `detected` by K3s, `dropin`, `template`, `edited` by hand (loaded, and in no file), or `none`.
    """

    kind: str
    path: str = ""
    ours: bool = False


@dataclass(frozen=True)
class Situation:
    """The facts of stage 4 put together. `wanted`: the program that the user names, "" for K3s's own choice."""

    files: Fact[ContainerdFiles]
    programs: Fact[RuntimePrograms]
    unit_path: Fact[UnitPath]
    loaded: Fact[CriInfo]
    k3s: Fact[Version]
    node: Fact[NodeObject]
    journal: Fact[K3sJournal]
    config: Fact[K3sConfig]
    units: Fact[K3sUnits]
    k3s_files: Fact[K3sFiles]
    wanted: str = ""

    @cached_property
    def containerd(self) -> str:
        """containerd's version."""
        told = self.node.value.runtime_version if isinstance(self.node, Known) else ""
        return containerd_version(self.k3s_version, told)

    @cached_property
    def verdict(self) -> Verdict | None:
        """What containerd makes of the rendered file and its drop-ins; None: it is not there."""
        return judge_host(self.directory, self.containerd)

    @property
    def running(self) -> LoadedRuntime | None:
        """The runtime `nvidia` of the running containerd."""
        info = self.loaded.value if isinstance(self.loaded, Known) else CriInfo()
        return info.runtimes.get(NVIDIA)

    @cached_property
    def program(self) -> RuntimeProgram | None:
        """The program to use: the user's, else the first that K3s finds, else one elsewhere."""
        programs = value_or(self.programs, RuntimePrograms())
        if self.wanted:
            return self.program_of(self.wanted)
        return self.found or next((each for each in programs.found if each.executable), None)

    @property
    def found(self) -> RuntimeProgram | None:
        """The program that K3s finds by itself at its next start."""
        return value_or(self.programs, RuntimePrograms()).first_in(self._searched)

    @property
    def not_executable(self) -> str:
        """A program that is there and can't be executed, "" where none."""
        found = value_or(self.programs, RuntimePrograms()).found
        return next((each.path for each in found if not each.executable), "")

    def program_of(self, binary: str) -> RuntimeProgram | None:
        """The executable program of a path, or of a name that containerd looks for on its PATH."""
        programs = value_or(self.programs, RuntimePrograms())
        if binary and not posixpath.isabs(binary):
            return programs.first_in(self._searched)
        program = programs.at(binary)
        return program if program is not None and program.executable else None

    def is_searched(self, program: RuntimeProgram) -> bool:
        """Whether K3s finds this program by itself at its start, and no other before it."""
        return self.found is not None and self.found.path == program.path

    def searched_since(self, program: RuntimeProgram) -> bool:
        """Whether K3s has started, and so searched, since the program is there."""
        return self._started_at >= program.since + 1

    @property
    def template_is_tried(self) -> bool:
        """Whether K3s has started with the template as it is, and finds now what it found then."""
        template = self.directory.template
        started = template is None or self._started_at >= template.mtime + 1
        return started and (self.found is None or self.searched_since(self.found))

    @property
    def restarted_since_files(self) -> bool:
        """Whether K3s has started since its newest drop-in, template or environment was written."""
        files = {**self.directory.files, **self._unit_path.files}
        changed = [file.mtime for path, file in files.items() if path != CONFIG]
        return self._started_at >= max(changed, default=0) + 1

    @cached_property
    def template(self) -> str:
        """The path of the template that K3s uses, "" where none."""
        template = self.directory.template
        return template.path if template is not None else ""

    @property
    def k3s_version(self) -> Version | None:
        """K3s's version, None where unknown."""
        return value_or(self.k3s, None)

    @property
    def hiding_template(self) -> str:
        """A template that leaves out K3s's own part, and with it the runtimes that K3s finds; "" where none."""
        template = self.directory.template
        return template.path if template is not None and not extends_base(template.text) else ""

    @cached_property
    def origin(self) -> Origin:
        """Where the runtime that is loaded, or that the files promise, comes from."""
        nvidia = self.verdict.nvidia if self.verdict else None
        if nvidia is None:
            return Origin("edited" if self.running else "none")
        if nvidia.file and nvidia.file != CONFIG:
            file = self.directory.at(nvidia.file)
            return Origin("dropin", nvidia.file, is_ours(file.content if file else None))
        template = self.directory.template
        if template is not None and f".{NVIDIA}" in template.text.replace("'", "").replace('"', ""):
            return Origin("template", template.path, is_ours(template.content))
        return Origin("detected", CONFIG)

    @cached_property
    def repair(self) -> Repair | None:
        """The file that would bring the runtime, None where none is known to be safe."""
        if self.verdict is None or self.program is None:
            return None
        repair = repair_for(self.directory, self.verdict, self.containerd, self.program.path)
        if repair is not None and repair.kind == "dropin":
            return repair
        if self.found is not None:
            # The template leaves what K3s finds by itself alone.
            return self._by_path(self.program.path)
        # K3s would take a new config-v3.toml.tmpl instead of this one.
        return None if self.template == TEMPLATE_V2 else repair

    def _by_path(self, binary: str) -> Repair | None:
        """The unit's PATH, where K3s knows it and none of the places that go before it has a program."""
        programs = value_or(self.programs, RuntimePrograms())
        if not isinstance(self.units, Known) or not searches_path(self.k3s_version):
            return None
        if self.is_searched(RuntimeProgram(binary, True)) or programs.first_in(FIRST):
            return None
        return path_repair(binary, self.units.value.current.name, self._unit_path.directories)

    @property
    def overrides(self) -> bool:
        """Whether the repair goes before what K3s finds by itself."""
        return self.repair is not None and self.repair.kind != "template"

    def has(self, repair: Repair) -> bool:
        """Whether the file is there already, as it would be written."""
        file = self._at(repair.path)
        return file is not None and file.content == repair.content

    def rewrites(self, path: str) -> bool:
        """Whether this is a file of ours that the repair would make whole again."""
        repair = self.repair
        return (
            repair is not None
            and repair.path == path
            and not self.has(repair)
            and not self.is_foreign(repair)
        )

    def is_foreign(self, repair: Repair) -> bool:
        """Whether the place is taken by somebody else's file."""
        file = self._at(repair.path)
        return file is not None and not is_ours(file.content)

    @property
    def fault(self) -> str:
        """The first fatal finding of the files as `code key file:line`, "" where none."""
        findings = self.verdict.findings if self.verdict else ()
        fatal = next((finding for finding in findings if finding.fatal), None)
        if fatal is None:
            return ""
        place = f"{fatal.params.get('file', CONFIG)}:{fatal.line}" if fatal.line else ""
        parts = (fatal.code, fatal.params.get("key") or fatal.params.get("name", ""), place)
        return " ".join(part for part in parts if part)

    @property
    def paths(self) -> tuple[str, ...]:
        """Every file of the containerd directories that was read."""
        return tuple(self.directory.files)

    @property
    def directory(self) -> ContainerdFiles:
        """K3s's containerd directory, empty where it could not be read."""
        return value_or(self.files, ContainerdFiles({}))

    @property
    def _unit_path(self) -> UnitPath:
        return value_or(self.unit_path, UnitPath())

    def _at(self, path: str) -> FileFound | None:
        return self.directory.at(path) or self._unit_path.files.get(path)

    @cached_property
    def _searched(self) -> tuple[str, ...]:
        return search_list(self.k3s_version, self._unit_path.directories)

    @property
    def _started_at(self) -> float:
        """When K3s started last: it renders the file at every start."""
        rendered = self.directory.at(CONFIG)
        journal = self.journal.value if isinstance(self.journal, Known) else K3sJournal()
        return max(rendered.mtime if rendered else 0, journal.started_at or 0)
