"""Debian packages: versions and their order, what a package ships, and the dpkg database."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field

from gpu_wizard.lab.ports import Files
from gpu_wizard.lab.stubs import Stub

STATUS_FILE = "/var/lib/dpkg/status"


def _order(character: str) -> int:
    if character == "~":
        return -1
    return ord(character) if character.isalpha() else ord(character) + 256


def _key(part: str) -> tuple[tuple[tuple[int, ...], int], ...]:
    pieces = re.findall(r"(\D*)(\d*)", part)
    return tuple(
        ((*(_order(character) for character in text), 0), int(number or 0))
        for text, number in pieces
    )


def compare(left: str, right: str) -> int:
    """Below, at or above 0 as `left` is older than, equal to or newer than `right`.

    Source: deb-version(7).
    """

    def split(version: str) -> tuple[int, str, str]:
        epoch, colon, rest = version.partition(":")
        upstream, _, revision = (rest if colon else version).rpartition("-")
        whole = rest if colon else version
        return int(epoch) if colon else 0, upstream or whole, revision if upstream else ""

    one, two = split(left), split(right)
    a = (one[0], _key(one[1]), _key(one[2]))
    b = (two[0], _key(two[1]), _key(two[2]))
    return (a > b) - (a < b)


@dataclass(frozen=True)
class Package:
    """One version of a package, in an archive or installed."""

    name: str
    version: str
    depends: tuple[str, ...] = ()
    """Names, or `name=version` where the very version is needed."""
    programs: tuple[tuple[str, str], ...] = ()
    """(path, program of the lab) of the executables it ships."""
    contents: tuple[tuple[str, str], ...] = ()
    """(path, text) of its other files."""
    conffiles: tuple[tuple[str, str], ...] = ()
    """Files that stay when the package is removed, and go when it is purged."""
    description: str = ""
    kilobytes: int = 100
    component: str = "main"
    links_enabled: tuple[str, ...] = ()
    """Units that its installation enables and starts."""

    @property
    def upstream(self) -> str:
        """The version without Debian's revision."""
        return self.version.rpartition("-")[0] or self.version

    def stanza(self, status: str) -> str:
        """The package's paragraph of /var/lib/dpkg/status."""
        depends = ", ".join(
            f"{name} (= {version})" if version else name
            for name, _, version in (item.partition("=") for item in self.depends)
        )
        lines = [
            f"Package: {self.name}",
            f"Status: {status}",
            f"Installed-Size: {self.kilobytes * 3}",
            "Architecture: amd64",
            f"Version: {self.version}",
            *([f"Depends: {depends}"] if depends else []),
            f"Description: {self.description or self.name}",
        ]
        return "\n".join(lines) + "\n\n"


@dataclass
class Dpkg:
    """The dpkg database of one machine: installed packages and removed ones with files left."""

    files: Files
    installed: dict[str, Package] = field(default_factory=dict)
    removed: dict[str, Package] = field(default_factory=dict)
    hooks: list[Callable[[Package, bool], None]] = field(default_factory=list)
    """Called after each installation (True) or removal (False)."""

    def install(self, package: Package) -> None:
        """Lay out the package's files and record it, in place of another version of it."""
        old = self.installed.get(package.name)
        if old:
            self._take_away(old)
        for path, program in package.programs:
            self.files.write(path, Stub(program, package.upstream).encode(), mode=0o755)
        for path, text in package.contents:
            self.files.write(path, text.encode())
        for path, text in package.conffiles:
            if not self.files.exists(path):
                self.files.write(path, text.encode())
        self.removed.pop(package.name, None)
        self.installed[package.name] = package
        self._record()
        for hook in self.hooks:
            hook(package, True)

    def remove(self, name: str, *, purge: bool = False) -> None:
        """Take a package away; its configuration files stay unless it is purged."""
        package = self.installed.pop(name, None) or self.removed.pop(name, None)
        if package is None:
            return
        self._take_away(package)
        if purge:
            for path, _ in package.conffiles:
                self.files.remove(path)
        elif package.conffiles:
            self.removed[name] = package
        self._record()
        for hook in self.hooks:
            hook(package, False)

    def status(self, name: str) -> tuple[str, Package] | None:
        """(status words, package), or None where dpkg never heard of it."""
        if name in self.installed:
            return "install ok installed", self.installed[name]
        if name in self.removed:
            return "deinstall ok config-files", self.removed[name]
        return None

    def names(self) -> tuple[str, ...]:
        """Every package that the database knows, sorted."""
        return tuple(sorted({*self.installed, *self.removed}))

    def owner(self, path: str) -> str:
        """The installed package that ships a path, or ""."""
        for package in self.installed.values():
            shipped = (*package.programs, *package.contents, *package.conffiles)
            if any(path == own for own, _ in shipped):
                return package.name
        return ""

    def _take_away(self, package: Package) -> None:
        for path, _ in (*package.programs, *package.contents):
            self.files.remove(path)

    def _record(self) -> None:
        found = ((name, self.status(name)) for name in self.names())
        text = "".join(known[1].stanza(known[0]) for _, known in found if known)
        self.files.write(STATUS_FILE, text.encode())
