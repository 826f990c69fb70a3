"""What the package database of a host says, dpkg's or rpm's."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from gpu_wizard.model.fact import ABSENT, Fact, Known, Unknown
from gpu_wizard.model.question import Command, Files, FilesFound, Output, Probe
from gpu_wizard.model.version import Version

TOOLKIT_PACKAGES = (
    "nvidia-container-toolkit",
    "nvidia-container-toolkit-base",
    "libnvidia-container-tools",
    "libnvidia-container1",
)
"""One release, one version for all four. Source: domain.md stage 3."""
OLD_PACKAGES = ("nvidia-container-runtime", "nvidia-docker2")
"""Ended with 1.15. Source: as above."""
PREREQUISITES = ("ca-certificates", "curl", "wget", "gnupg", "gpg")
_ALL = (*TOOLKIT_PACKAGES, *OLD_PACKAGES, *PREREQUISITES)
UPDATES = "/var/lib/dpkg/updates/"
"""Not empty: dpkg was interrupted, and apt refuses to go on. Source: apt's own check before it locks."""


@dataclass(frozen=True)
class Package:
    """One package. `installed`: whole, not merely unpacked. `held`: not to be changed. `residue`: configuration alone."""

    version: Version
    installed: bool = True
    held: bool = False
    residue: bool = False


Packages = Mapping[str, Package]


def parse_dpkg(answer: Output) -> Fact[Packages]:
    """Package → state, for those that dpkg knows; absent where there is no dpkg.

    Source: dpkg-query(1): `Status` is want, error and state; status 1 where a name is not known.
    """
    if answer.status == 127:
        return ABSENT
    if answer.status > 1:
        return Unknown("unreadable", answer.error_text.strip()[:200])
    found: dict[str, Package] = {}
    for line in answer.text.splitlines():
        words = line.split()
        if len(words) == 4 or (len(words) == 5 and words[4]):
            name, want, _error, state, *version = words
            if state != "not-installed":
                found[name.partition(":")[0]] = Package(
                    Version(version[0] if version else ""),
                    installed=state == "installed",
                    held=want == "hold",
                    residue=state == "config-files",
                )
    return Known(found)


def parse_rpm(answer: Output) -> Fact[Packages]:
    """Package → state; absent where there is no rpm. A name that is not installed prints another kind of line."""
    if answer.status == 127:
        return ABSENT
    lines = (line.split() for line in answer.text.splitlines() if "not installed" not in line)
    return Known({words[0]: Package(Version(words[1])) for words in lines if len(words) == 2})


def parse_interrupted(found: FilesFound) -> Fact[bool]:
    """Whether dpkg left work half-way: files with numbers for names."""
    names = (file.path.removeprefix(UPDATES) for file in found.files)
    return Known(any(name.isdecimal() for name in names))


DPKG: Probe[Output, Packages] = Probe(
    "dpkg.packages",
    Command(("dpkg-query", "-W", "-f", "${Package} ${Status} ${Version}\\n", *_ALL)),
    parse_dpkg,
)
RPM: Probe[Output, Packages] = Probe(
    "rpm.packages",
    Command(
        ("rpm", "-q", "--qf", "%{NAME} %{VERSION}-%{RELEASE}\\n", *TOOLKIT_PACKAGES, *OLD_PACKAGES)
    ),
    parse_rpm,
)
DPKG_INTERRUPTED: Probe[FilesFound, bool] = Probe(
    "dpkg.interrupted", Files((f"{UPDATES}*",), content=False, root=True), parse_interrupted
)
