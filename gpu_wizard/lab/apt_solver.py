"""What apt would do: candidates of the indexes at hand, and the packages that a request brings."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from functools import cmp_to_key
from typing import TYPE_CHECKING

from gpu_wizard.lab import archive
from gpu_wizard.lab.packages import Package, compare

if TYPE_CHECKING:
    from gpu_wizard.lab.archive import Source
    from gpu_wizard.lab.machine import Machine


class AptError(Exception):
    """apt gives up with exit status 100; `lines` go to standard error."""

    def __init__(self, *lines: str) -> None:
        super().__init__(lines[0])
        self.lines = lines


@dataclass(frozen=True)
class Offer:
    """A package that some index lists."""

    package: Package
    source: Source


@dataclass
class Plan:
    """What a command would change."""

    new: list[Offer] = field(default_factory=list)
    upgraded: list[Offer] = field(default_factory=list)
    downgraded: list[Offer] = field(default_factory=list)
    removed: list[str] = field(default_factory=list)
    extra: list[str] = field(default_factory=list)
    """Names that come along for others' sake."""

    @property
    def installs(self) -> list[Offer]:
        """Everything that is unpacked."""
        return [*self.new, *self.upgraded, *self.downgraded]


def offers(machine: Machine) -> dict[str, list[Offer]]:
    """Every version of every package in the downloaded indexes, newest first."""
    found: dict[str, list[Offer]] = {}
    for source in archive.sources(machine.files):
        served = archive.repository(machine.system, source)
        if served and machine.files.exists(source.list_file):
            for package in served.packages:
                found.setdefault(package.name, []).append(Offer(package, source))
    newest = cmp_to_key(compare)
    return {
        name: sorted(listed, key=lambda offer: newest(offer.package.version), reverse=True)
        for name, listed in found.items()
    }


def install(
    machine: Machine, words: Sequence[str], *, downgrades: bool, reinstall: bool = False
) -> Plan:
    """Work out an installation.

    Raises: AptError.
    """
    listed, plan = offers(machine), Plan()
    wanted = [_asked(machine, listed, word) for word in words]
    chosen = {offer.package.name: offer for offer in wanted}
    queue = list(wanted)
    while queue:
        offer = queue.pop(0)
        for need in _missing(machine, offer.package, chosen):
            found = _needed(listed, offer.package, need, chosen)
            chosen[found.package.name] = found
            plan.extra.append(found.package.name)
            queue.append(found)
    for offer in chosen.values():
        _sort_in(machine, plan, offer, reinstall=reinstall)
    _check_dependents(machine, chosen)
    if plan.downgraded and not downgrades:
        raise AptError("E: Packages were downgraded and -y was used without --allow-downgrades.")
    return plan


def _asked(machine: Machine, listed: dict[str, list[Offer]], word: str) -> Offer:
    name, equals, version = word.partition("=")
    versions = listed.get(name, [])
    installed = machine.dpkg.installed.get(name)
    if not equals and installed and not versions:
        return Offer(installed, _LOCAL)
    if not versions:
        raise AptError(f"E: Unable to locate package {name}")
    if not equals:
        return versions[0]
    for offer in versions:
        if offer.package.version == version:
            return offer
    raise AptError(f"E: Version '{version}' for '{name}' was not found")


_LOCAL = archive.Source("/var/lib/dpkg/status", "", (), "", "")


def _missing(machine: Machine, package: Package, chosen: dict[str, Offer]) -> list[str]:
    needs = []
    for need in package.depends:
        name, _, version = need.partition("=")
        offer, installed = chosen.get(name), machine.dpkg.installed.get(name)
        have = offer.package if offer else installed
        if have is None or (version and have.version != version):
            needs.append(need)
    return needs


def _needed(
    listed: dict[str, list[Offer]], package: Package, need: str, chosen: dict[str, Offer]
) -> Offer:
    name, equals, version = need.partition("=")
    candidates = listed.get(name, [])
    newest = candidates[0].package.version if candidates else "none"
    # apt takes the candidate for a dependency: another version only if the user named it.
    fits = bool(candidates) and name not in chosen and (not equals or newest == version)
    if fits:
        return candidates[0]
    going = chosen[name].package.version if name in chosen else newest
    wants = f"{package.name} : Depends: {name} (= {version})" if equals else package.name
    raise AptError(
        "The following packages have unmet dependencies:",
        f" {wants} but {going} is to be installed",
        "E: Unable to correct problems, you have held broken packages.",
    )


def _sort_in(machine: Machine, plan: Plan, offer: Offer, *, reinstall: bool) -> None:
    installed = machine.dpkg.installed.get(offer.package.name)
    if installed is None:
        plan.new.append(offer)
        return
    order = compare(offer.package.version, installed.version)
    if order > 0 or (order == 0 and reinstall and offer.source is not _LOCAL):
        plan.upgraded.append(offer)
    elif order < 0:
        plan.downgraded.append(offer)


def _check_dependents(machine: Machine, chosen: dict[str, Offer]) -> None:
    """Refuse to leave an installed package behind whose exact dependency moves away."""
    for package in machine.dpkg.installed.values():
        if package.name in chosen:
            continue
        for need in package.depends:
            name, equals, version = need.partition("=")
            offer = chosen.get(name)
            if equals and offer and offer.package.version != version:
                raise AptError(
                    "The following packages have unmet dependencies:",
                    f" {package.name} : Depends: {need.replace('=', ' (= ')}) but "
                    f"{offer.package.version} is to be installed",
                    "E: Unable to correct problems, you have held broken packages.",
                )


def remove(machine: Machine, words: Iterable[str], *, purge: bool) -> Plan:
    """Work out a removal: the packages named, and those that depend on them.

    Raises: AptError.
    """
    plan = Plan()
    for name in words:
        known = machine.dpkg.status(name)
        if known is None and name not in offers(machine):
            raise AptError(f"E: Unable to locate package {name}")
        there = name in machine.dpkg.installed or (purge and name in machine.dpkg.removed)
        if there and name not in plan.removed:
            plan.removed.append(name)
    grown = True
    while grown:
        grown = False
        for package in machine.dpkg.installed.values():
            needs = {need.partition("=")[0] for need in package.depends}
            if package.name not in plan.removed and needs & set(plan.removed):
                plan.removed.append(package.name)
                grown = True
    return plan
