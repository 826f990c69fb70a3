"""Unit files: the part of systemd's syntax that services of lab machines use."""

from __future__ import annotations

import shlex
from dataclasses import dataclass

from gpu_wizard.lab.ports import Files

UNIT_DIRECTORIES = ("/etc/systemd/system", "/run/systemd/system", "/usr/lib/systemd/system")


@dataclass(frozen=True)
class UnitFile:
    """A parsed unit file. Values of a repeated key stand in order."""

    name: str
    path: str
    text: str
    values: dict[str, tuple[str, ...]]

    def first(self, key: str, default: str = "") -> str:
        """The last value given for a key, as systemd takes it for single-valued ones."""
        found = self.values.get(key)
        return found[-1] if found else default

    @property
    def description(self) -> str:
        """The unit's description, its name where it has none."""
        return self.first("Description", self.name)

    @property
    def argv(self) -> tuple[str, ...]:
        """The main process's command, without systemd's prefix characters."""
        return tuple(shlex.split(self.first("ExecStart").lstrip("-@:+!")))

    @property
    def enabled_by(self) -> tuple[str, ...]:
        """Targets that want the unit once it is enabled; empty for a static one."""
        return tuple(
            target for value in self.values.get("WantedBy", ()) for target in value.split()
        )


def full_name(name: str) -> str:
    """A unit's name with its suffix: `.service` is what systemctl adds."""
    known = (".service", ".target", ".timer", ".socket", ".path", ".mount", ".slice")
    return name if name.endswith(known) else f"{name}.service"


def load(files: Files, name: str) -> UnitFile | None:
    """Find and parse a unit; None where no directory has it."""
    for directory in UNIT_DIRECTORIES:
        path = f"{directory}/{name}"
        if files.exists(path):
            text = files.read(path).decode(errors="replace")
            return UnitFile(name, path, text, _parse(text))
    return None


def names(files: Files) -> tuple[str, ...]:
    """Every service that some directory defines."""
    found = {name for directory in UNIT_DIRECTORIES for name in files.list(directory)}
    return tuple(sorted(name for name in found if name.endswith(".service")))


def _parse(text: str) -> dict[str, tuple[str, ...]]:
    values: dict[str, tuple[str, ...]] = {}
    for line in text.replace("\\\n", " ").splitlines():
        key, equals, value = line.strip().partition("=")
        if equals and not key.startswith(("#", ";", "[")):
            values[key.strip()] = (*values.get(key.strip(), ()), value.strip())
    return values


def environment(files: Files, unit: UnitFile) -> dict[str, str]:
    """The variables that `EnvironmentFile=` and `Environment=` lines give the unit's processes."""
    short = unit.name.removesuffix(".service")
    given: dict[str, str] = {}
    for value in unit.values.get("Environment", ()):
        given.update(_assignments("\n".join(shlex.split(value))))
    for value in unit.values.get("EnvironmentFile", ()):
        path = value.lstrip("-").replace("%N", short)
        if files.exists(path):
            given.update(_assignments(files.read(path).decode(errors="replace")))
    return given


def _assignments(text: str) -> dict[str, str]:
    given: dict[str, str] = {}
    for line in text.splitlines():
        name, equals, value = line.strip().partition("=")
        if equals and not name.startswith("#"):
            given[name] = value.strip().strip("'\"")
    return given


def _link(name: str, target: str) -> str:
    return f"/etc/systemd/system/{target}.wants/{name}"


def enabled(files: Files, name: str) -> str:
    """`enabled`, `disabled`, `static`, or "" where there is no such unit."""
    unit = load(files, name)
    if unit is None:
        return ""
    if not unit.enabled_by:
        return "static"
    there = any(files.exists(_link(name, target)) for target in unit.enabled_by)
    return "enabled" if there else "disabled"


def enable(files: Files, name: str) -> tuple[tuple[str, str], ...]:
    """Make the links that start a unit at boot; gives (link, target) of those newly made."""
    unit = load(files, name)
    made = []
    for target in unit.enabled_by if unit else ():
        link = _link(name, target)
        if unit and not files.exists(link):
            files.link(unit.path, link)
            made.append((link, unit.path))
    return tuple(made)


def disable(files: Files, name: str) -> tuple[str, ...]:
    """Remove those links; gives the paths that were there."""
    unit = load(files, name)
    targets = unit.enabled_by if unit else ("multi-user.target",)
    gone = tuple(link for target in targets if files.exists(link := _link(name, target)))
    for link in gone:
        files.remove(link)
    return gone
