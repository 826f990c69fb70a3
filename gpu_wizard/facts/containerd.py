"""What a host knows of K3s's containerd: its files, NVIDIA's programs, what runs, and its last words.

Source: K3s pkg/agent/config and pkg/agent/containerd; K3s v1.34.3 and v1.36.2 as recorded (04-containerd).
"""

from __future__ import annotations

import json
import posixpath
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from gpu_wizard.facts.k3s import BINARY as K3S
from gpu_wizard.model.fact import ABSENT, Fact, Known, Unknown
from gpu_wizard.model.question import Command, FileFound, Files, FilesFound, Output, Probe
from gpu_wizard.model.spec import Spec

DIRECTORY = "/var/lib/rancher/k3s/agent/etc/containerd"
CONFIG = f"{DIRECTORY}/config.toml"
TEMPLATE_V3 = f"{DIRECTORY}/config-v3.toml.tmpl"
TEMPLATE_V2 = f"{DIRECTORY}/config.toml.tmpl"
DROPINS_V3 = f"{DIRECTORY}/config-v3.toml.d"
DROPINS_V2 = f"{DIRECTORY}/config.toml.d"
LOG = "/var/lib/rancher/k3s/agent/containerd/containerd.log"
FOREIGN_DROPINS = ("/etc/containerd/conf.d", "/etc/containerd/config.d")
"""Where nvidia-ctk 1.18 and newer writes; K3s's containerd reads nothing there."""

PROGRAM = "nvidia-container-runtime"
OPERATOR_DIRECTORY = "/usr/local/nvidia/toolkit"
FIRST = (OPERATOR_DIRECTORY, "/opt/kwasm/bin")
FIXED = (*FIRST, "/usr/sbin", "/usr/local/sbin", "/usr/bin", "/usr/local/bin")
DEFAULT_PATH = ("/usr/local/sbin", "/usr/local/bin", "/usr/sbin", "/usr/bin", "/sbin", "/bin")
_ELSEWHERE = ("/opt/nvidia/bin", "/opt/nvidia-container-toolkit/bin")
_PLACES = tuple(dict.fromkeys((*FIXED, *DEFAULT_PATH, *_ELSEWHERE)))

_NO_PROGRAM = (126, 127)
_REDACTED = re.compile(r"^([^#\n]*[:=][ \t]*)\*\*\*[ \t]*$", re.MULTILINE)
_LAST_LINES = 40
_PATH_LINE = re.compile(r"^\s*(?:export\s+)?PATH\s*=\s*[\"']?([^\"'\n]*)", re.MULTILINE)
_UNMARSHAL = re.compile(r"file=(?P<file>\S+?) .*?row=(?P<row>\d+)|row=(?P<only_row>\d+)")


@dataclass(frozen=True)
class ContainerdFiles:
    """K3s's containerd directory. `files`: path → file with its content, secrets made `"***"`."""

    files: Mapping[str, FileFound]

    def at(self, path: str) -> FileFound | None:
        """The regular file of this path."""
        file = self.files.get(path)
        return file if file is not None and file.content is not None else None

    @property
    def template(self) -> FileFound | None:
        """The template that K3s uses: version 3's name goes first."""
        return self.at(TEMPLATE_V3) or self.at(TEMPLATE_V2)

    def below(self, directory: str) -> tuple[FileFound, ...]:
        """The files of one directory, in the order that containerd reads them."""
        names = sorted(path for path in self.files if posixpath.dirname(path) == directory)
        return tuple(file for path in names if (file := self.at(path)) is not None)


@dataclass(frozen=True)
class RuntimeProgram:
    """`nvidia-container-runtime` at one place. `since`: it is there since then at the latest, seconds since 1970."""

    path: str
    executable: bool
    since: int = 0


@dataclass(frozen=True)
class RuntimePrograms:
    """Every place where a `nvidia-container-runtime` was found. `cdi`: the places of `….cdi`."""

    found: tuple[RuntimeProgram, ...] = ()
    cdi: tuple[str, ...] = ()

    def at(self, path: str) -> RuntimeProgram | None:
        """The program of exactly this path."""
        return next((program for program in self.found if program.path == path), None)

    def first_in(self, directories: tuple[str, ...]) -> RuntimeProgram | None:
        """The first that can be executed, as K3s searches."""
        for directory in directories:
            program = self.at(f"{directory}/{PROGRAM}")
            if program is not None and program.executable:
                return program
        return None


@dataclass(frozen=True)
class UnitPath:
    """The directories of a `PATH=` given to K3s's unit, () where none is; and the files that could give one."""

    directories: tuple[str, ...] = ()
    files: Mapping[str, FileFound] = field(default_factory=dict)


@dataclass(frozen=True)
class LoadedRuntime:
    """A runtime that containerd has loaded. `binary` "": containerd's own choice; `type` as it is configured."""

    binary: str = ""
    type: str = "io.containerd.runc.v2"
    systemd_cgroup: bool | None = None


@dataclass(frozen=True)
class CriInfo:
    """`crictl info`: what the running containerd has. `failure` "": CRI answers.

    `failure` is `not-answering` (containerd does not run, or not yet), `cri-not-loaded` or `timed-out`.
    """

    runtimes: Mapping[str, LoadedRuntime] = field(default_factory=dict)
    default: str = ""
    failure: str = ""
    text: str = ""


@dataclass(frozen=True)
class LogFailure:
    """containerd's last word before it ended. `file`, `row`: where it saw the fault, "" and 0 where it didn't say."""

    text: str
    file: str = ""
    row: int = 0


def parse_files(found: FilesFound) -> Fact[ContainerdFiles]:
    """Absent where there is nothing of it: K3s has never started here."""
    if not found.files:
        return ABSENT
    return Known(ContainerdFiles({file.path: _restored(file) for file in found.files}))


def _restored(file: FileFound) -> FileFound:
    """With redacted values as TOML strings again, so that the rest can be judged."""
    if file.content is None or b"***" not in file.content:
        return file
    text = _REDACTED.sub(r'\1"***"', file.content.decode("utf-8", "surrogateescape"))
    content = text.encode("utf-8", "surrogateescape")
    return file._replace(content=content)


def parse_programs(found: FilesFound) -> Fact[RuntimePrograms]:
    """Absent where no program is at any of the places."""
    directories = {file.path: file.mtime for file in found.files if file.kind == "directory"}
    programs = [
        RuntimeProgram(
            file.path,
            file.kind == "file" and bool(file.mode & 0o111),
            # A package keeps the time of its build: the directory's tells when the name came.
            max(file.mtime, directories.get(posixpath.dirname(file.path), 0)),
        )
        for file in found.files
        if posixpath.basename(file.path) not in (f"{PROGRAM}.cdi",) and file.kind != "directory"
    ]
    cdi = tuple(file.path for file in found.files if file.path.endswith(f"{PROGRAM}.cdi"))
    return Known(RuntimePrograms(tuple(programs), cdi)) if programs or cdi else ABSENT


def parse_unit_path(found: FilesFound) -> Fact[UnitPath]:
    """A `PATH=` that somebody gave K3s's unit, the last file wins; absent where there is none of these files."""
    texts = [match[1] for file in found.files for match in _PATH_LINE.finditer(file.text)]
    if not found.files:
        return ABSENT
    directories = tuple(part for part in texts[-1].split(":") if part) if texts else ()
    return Known(UnitPath(directories, {file.path: file for file in found.files}))


def parse_crictl_info(answer: Output) -> Fact[CriInfo]:
    """Read `k3s crictl info`. Source: K3s v1.34.3 as recorded (08, 04-containerd, 07-pods/b)."""
    if answer.status in _NO_PROGRAM:
        return ABSENT
    if answer.status != 0:
        text = answer.error_text.strip()[-400:]
        loaded = "unknown service runtime.v1" not in text
        return Known(CriInfo(failure="not-answering" if loaded else "cri-not-loaded", text=text))
    try:
        containerd = json.loads(answer.text)["config"]["containerd"]
        runtimes = containerd["runtimes"] or {}
        loaded_runtimes = {str(name): _loaded(table) for name, table in runtimes.items()}
        return Known(CriInfo(loaded_runtimes, str(containerd.get("defaultRuntimeName", ""))))
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        return Unknown("unreadable", f"{type(error).__name__} in the answer of crictl info")


def _loaded(table: Mapping[str, Any]) -> LoadedRuntime:
    options = table.get("options") or {}
    cgroup = options.get("SystemdCgroup")
    return LoadedRuntime(
        str(options.get("BinaryName") or ""),
        str(table.get("runtimeType") or ""),
        cgroup if isinstance(cgroup, bool) else None,
    )


def parse_log(answer: Output) -> Fact[LogFailure]:
    """The end of containerd.log; absent where containerd did not end with an error there."""
    if answer.status != 0:
        return ABSENT
    lines = [line for line in answer.text.splitlines() if line.strip()]
    if not lines or not lines[-1].startswith("containerd: "):
        return ABSENT
    place = next(
        (match for line in reversed(lines[-3:]) if (match := _UNMARSHAL.search(line))), None
    )
    row = (place["row"] or place["only_row"]) if place else "0"
    return Known(
        LogFailure(
            lines[-1].removeprefix("containerd: ")[:300],
            (place["file"] or "") if place else "",
            int(row),
        )
    )


def _programs(spec: Spec) -> Files:
    wanted = spec.options.runtime.binary
    places = tuple(dict.fromkeys((*_PLACES, *((posixpath.dirname(wanted),) if wanted else ()))))
    names = (PROGRAM, f"{PROGRAM}.cdi")
    programs = tuple(f"{place}/{name}" for place in places for name in names)
    paths = (*programs, *((wanted,) if wanted else ()), *places)
    return Files(paths, content=False, times=True)


FILES: Probe[FilesFound, ContainerdFiles] = Probe(
    "containerd.files",
    Files(
        (
            *(CONFIG, TEMPLATE_V3, TEMPLATE_V2, f"{DROPINS_V3}/*.toml", f"{DROPINS_V2}/*.toml"),
            *(f"{directory}/*.toml" for directory in FOREIGN_DROPINS),
        ),
        root=True,
        redact=True,
        times=True,
    ),
    parse_files,
)
PROGRAMS: Probe[FilesFound, RuntimePrograms] = Probe(
    "containerd.programs", _programs, parse_programs
)
UNIT_PATH: Probe[FilesFound, UnitPath] = Probe(
    "containerd.unit-path",
    Files(
        tuple(
            f"{directory}{unit}{suffix}"
            for unit in ("k3s-agent", "k3s")
            for directory, suffix in (
                ("/etc/default/", ""),
                ("/etc/sysconfig/", ""),
                ("/etc/systemd/system/", ".service.env"),
            )
        ),
        root=True,
        redact=True,
        times=True,
    ),
    parse_unit_path,
)
CRICTL_INFO: Probe[Output, CriInfo] = Probe(
    "containerd.crictl-info", Command((K3S, "crictl", "info"), root=True), parse_crictl_info
)
LAST_WORDS: Probe[Output, LogFailure] = Probe(
    "containerd.log", Command(("tail", "-n", str(_LAST_LINES), LOG), root=True), parse_log
)
