"""Stage 3, toolkit: the NVIDIA container toolkit, four packages of one version from a source whose key was checked."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from gpu_wizard.facts.apt import APT_SOURCES, AptSources
from gpu_wizard.facts.disk import ROOM, Room
from gpu_wizard.facts.driver_commands import family_of
from gpu_wizard.facts.identity import OS_RELEASE, OsRelease
from gpu_wizard.facts.objects import NODE, NODE_PODS, NodeObject, PodObject
from gpu_wizard.facts.operator import OPERATOR, Operator
from gpu_wizard.facts.packages import (
    DPKG,
    DPKG_INTERRUPTED,
    OLD_PACKAGES,
    RPM,
    TOOLKIT_PACKAGES,
    Package,
    Packages,
)
from gpu_wizard.facts.toolkit import (
    CTK_VERSION,
    OPERATOR_RUNTIME,
    RUNTIME,
    TOOLKIT_CONFIG,
    TOOLKIT_FILES,
    ToolkitConfig,
    ToolkitFiles,
)
from gpu_wizard.facts.toolkit_plan import Installation, plan_for
from gpu_wizard.facts.versions import TOOLKIT_FLOOR, TOOLKIT_SECURITY_FLOOR
from gpu_wizard.model.action import Plan
from gpu_wizard.model.fact import Absent, Fact, Known, Unknown, value_or
from gpu_wizard.model.question import asks, facts
from gpu_wizard.model.spec import Spec
from gpu_wizard.model.stage import (
    Assessment,
    Found,
    Note,
    Stage,
    blocked,
    done,
    needed,
    not_seen,
    unknown,
)
from gpu_wizard.model.version import Version

NEEDED_BYTES = 200 << 20
"""Room for package lists, downloads and the unpacked files (about 40 MB), with a margin."""
_READ_ONLY = {"ostree": "toolkit.ostree", "transactional": "toolkit.transactional"}


@facts
class ToolkitFacts:
    """What is installed, by whom, and what an installation would meet."""

    system: Fact[OsRelease] = asks(OS_RELEASE)
    dpkg: Fact[Packages] = asks(DPKG)
    rpm: Fact[Packages] = asks(RPM)
    interrupted: Fact[bool] = asks(DPKG_INTERRUPTED)
    ctk: Fact[Version] = asks(CTK_VERSION)
    files: Fact[ToolkitFiles] = asks(TOOLKIT_FILES)
    config: Fact[ToolkitConfig] = asks(TOOLKIT_CONFIG)
    sources: Fact[AptSources] = asks(APT_SOURCES)
    room: Fact[tuple[Room, ...]] = asks(ROOM)
    node: Fact[NodeObject] = asks(NODE)
    operator: Fact[Operator] = asks(OPERATOR)
    pods: Fact[tuple[PodObject, ...]] = asks(NODE_PODS)


class Toolkit(Stage[ToolkitFacts]):
    """The toolkit stage."""

    id = "toolkit"
    facts_type = ToolkitFacts
    settle_seconds = 15.0

    def assess(self, facts: ToolkitFacts, spec: Spec) -> Assessment:
        """What is there is judged first; what an installation would meet, only where one is needed."""
        packages = _packages(facts)
        if isinstance(packages, Unknown):
            return not_seen(packages)
        if isinstance(facts.files, Unknown):
            return not_seen(facts.files)
        verdict = self._present(facts, _installation(facts, spec))
        if verdict.state != "needed":
            return verdict
        if _family(facts) in ("redhat", "suse"):
            verdict = replace(verdict, notes=(*verdict.notes, Note("toolkit.untested-system")))
        return self._hindrance(facts, spec) or verdict

    def plan(self, facts: ToolkitFacts, spec: Spec) -> Plan:
        """Key, source, lists, packages: what of them is not right yet."""
        if self.assess(facts, spec).state != "needed":
            return ()
        return plan_for(_family(facts), _installation(facts, spec))

    def found(self, facts: ToolkitFacts, spec: Spec) -> tuple[Found, ...]:
        """Each package, the program's own version, the source."""
        return tuple(_rows(facts, spec))

    def _present(self, facts: ToolkitFacts, it: Installation) -> Assessment:
        notes = tuple(_notes(facts))
        if not it.mine:
            return _unpackaged(facts, notes) or needed(
                "toolkit.missing", *notes, want=it.options.version
            )
        versions = {str(package.version) for package in it.mine.values()}
        lacking = [name for name in TOOLKIT_PACKAGES if name not in it.mine]
        half = [name for name, package in it.mine.items() if not package.installed]
        newest = max(package.version for package in it.mine.values())
        if lacking or half:
            names = ", ".join(lacking or half)
            return needed("toolkit.incomplete", *notes, packages=names, want=it.wanted)
        if len(versions) > 1:
            listed = ", ".join(sorted(versions))
            return needed("toolkit.mixed", *notes, versions=listed, want=it.wanted)
        if not newest.at_least(TOOLKIT_FLOOR):
            return needed("toolkit.old", *notes, have=newest.plain, want=it.options.version)
        if not it.files.runtime:
            return needed("toolkit.program-gone", *notes, program=RUNTIME, want=it.wanted)
        return done("toolkit.installed", *notes, version=newest.plain)

    def _hindrance(self, facts: ToolkitFacts, spec: Spec) -> Assessment | None:
        """Why an installation can't begin, if it can't."""
        options, files = spec.options.toolkit, value_or(facts.files, ToolkitFiles())
        system = value_or(facts.system, OsRelease("", "", (), "?"))
        if files.read_only:
            return blocked(_READ_ONLY[files.read_only], packages=" ".join(TOOLKIT_PACKAGES))
        if isinstance(facts.system, Unknown):
            return not_seen(facts.system)
        if not _family(facts):
            return blocked("toolkit.unsupported-system", system=system.name)
        if not Version(options.version).at_least(TOOLKIT_FLOOR):
            return blocked("toolkit.pinned-too-old", version=options.version, floor=TOOLKIT_FLOOR)
        it = _installation(facts, spec)
        held = [name for name, package in it.mine.items() if package.held]
        if held:
            return blocked("toolkit.held", packages=" ".join(held))
        mixed = it.sources.mixed(it.repository)
        if mixed:
            return blocked("toolkit.source-conflict", files=", ".join(mixed))
        full = [room for room in value_or(facts.room, ()) if room.free_bytes < NEEDED_BYTES]
        if full:
            free = f"{full[0].free_bytes >> 20} MiB"
            want = f"{NEEDED_BYTES >> 20} MiB"
            return blocked("toolkit.disk-full", mount=full[0].mount, free=free, want=want)
        return None


def _packages(facts: ToolkitFacts) -> Fact[Packages]:
    """The database of the family that the host is of; the other may be there as a mere tool."""
    if _family(facts) in ("redhat", "suse") or isinstance(facts.dpkg, Absent):
        return facts.rpm if not isinstance(facts.rpm, Absent) else Known({})
    return facts.dpkg


def _family(facts: ToolkitFacts) -> str:
    return family_of(facts.system.value) if isinstance(facts.system, Known) else ""


def _installation(facts: ToolkitFacts, spec: Spec) -> Installation:
    packages: Packages = value_or(_packages(facts), dict[str, Package]())
    return Installation(
        options=spec.options.toolkit,
        before=packages,
        files=value_or(facts.files, ToolkitFiles()),
        pods=facts.pods,
        sources=value_or(facts.sources, AptSources()),
        interrupted=value_or(facts.interrupted, False),
    )


def _unpackaged(facts: ToolkitFacts, notes: tuple[Note, ...]) -> Assessment | None:
    """A toolkit that no package brought: GPU Operator's, or one put there by hand."""
    files = value_or(facts.files, ToolkitFiles())
    if _operator_manages(facts):
        return (
            done("toolkit.operator", program=OPERATOR_RUNTIME)
            if files.operator_runtime
            else blocked("toolkit.operator-pending")
        )
    if files.operator_runtime and isinstance(facts.operator, Unknown):
        return unknown("toolkit.operator-unknown", program=OPERATOR_RUNTIME)
    if not isinstance(facts.ctk, Known) or not (files.runtime or files.local_runtime):
        return None
    version = facts.ctk.value
    if version.at_least(TOOLKIT_FLOOR):
        return done("toolkit.unpackaged", *notes, version=version)
    return blocked("toolkit.unpackaged-old", *notes, version=version, floor=TOOLKIT_FLOOR)


def _operator_manages(facts: ToolkitFacts) -> bool:
    """Whether GPU Operator brings this node its toolkit, as far as the cluster could be asked."""
    if not isinstance(facts.operator, Known) or not facts.operator.value.toolkit:
        return False
    labels = facts.node.value.labels if isinstance(facts.node, Known) else {}
    return facts.operator.value.covers(labels)


def _notes(facts: ToolkitFacts) -> Iterator[Note]:
    packages: Packages = value_or(_packages(facts), dict[str, Package]())
    mine = [packages[name].version for name in TOOLKIT_PACKAGES if name in packages]
    oldest = min(mine, default=None) or (facts.ctk.value if isinstance(facts.ctk, Known) else None)
    if oldest is not None and not oldest.at_least(TOOLKIT_SECURITY_FLOOR):
        yield Note(
            "toolkit.security-floor", {"have": oldest.plain, "floor": TOOLKIT_SECURITY_FLOOR}
        )
    old = [name for name in OLD_PACKAGES if name in packages and not packages[name].residue]
    if old:
        yield Note("toolkit.old-packages", {"packages": ", ".join(old)})
    if value_or(facts.files, ToolkitFiles()).operator_runtime and not _operator_manages(facts):
        yield Note("toolkit.operator-left-over", {"program": OPERATOR_RUNTIME})
    config = value_or(facts.config, ToolkitConfig())
    if config.broken:
        yield Note("toolkit.config-broken")
    if config.no_cgroups:
        yield Note("toolkit.no-cgroups")
    if config.mode == "legacy":
        yield Note("toolkit.legacy-mode")


def _rows(facts: ToolkitFacts, spec: Spec) -> Iterator[Found]:
    it = _installation(facts, spec)
    for name in TOOLKIT_PACKAGES:
        package = it.mine.get(name)
        whole = package is not None and package.installed
        yield Found(
            "toolkit.package",
            f"{name} {package.version}" if package else f"{name} -",
            "done" if whole else "needed",
        )
    ctk = facts.ctk.value if isinstance(facts.ctk, Known) else ""
    yield Found("toolkit.ctk", str(ctk), "done" if ctk else "needed")
    mode = value_or(facts.config, ToolkitConfig()).mode
    if mode:
        yield Found("toolkit.mode", mode)
    if it.files.operator_runtime:
        yield Found("toolkit.operator-program", OPERATOR_RUNTIME)
    foreign = it.sources.foreign(it.repository)
    if it.sources.list_text or foreign:
        yield Found("toolkit.source", it.sources.list_text.strip() or ", ".join(foreign))
