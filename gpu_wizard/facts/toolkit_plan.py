"""From the toolkit that a host has to the one that it should have, as steps."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath

from gpu_wizard.facts import apt, rpm
from gpu_wizard.facts.objects import PodObject, gpu_pods
from gpu_wizard.facts.openpgp import normal_fingerprint
from gpu_wizard.facts.packages import TOOLKIT_PACKAGES, Package, Packages
from gpu_wizard.facts.signing_key import Environment
from gpu_wizard.facts.toolkit import CONFIG, ToolkitFiles
from gpu_wizard.model.action import Action, Plan, Risk, Run, Step
from gpu_wizard.model.fact import Fact, Known
from gpu_wizard.model.spec import ToolkitOptions
from gpu_wizard.model.version import Version

CDI_FILE = "/var/run/cdi/nvidia.yaml"
"""Written by nvidia-cdi-refresh, from 1.18 on. Source: domain.md stage 3."""
_EMPTY_FOLDER = Run(
    ("rmdir", "--ignore-fail-on-non-empty", str(PurePosixPath(CONFIG).parent)), ok=(0, 1)
)


@dataclass(frozen=True)
class Installation:
    """What a plan needs to know. `before`: every package that the database knows, prerequisites too."""

    options: ToolkitOptions
    before: Packages
    files: ToolkitFiles
    pods: Fact[tuple[PodObject, ...]]
    sources: apt.AptSources
    interrupted: bool = False

    @property
    def wanted(self) -> str:
        """The version to install, with the packages' revision: the option's, or the newest that is there already."""
        version = self.options.version
        full = Version(version if "-" in version else f"{version}-1")
        return str(max((full, *(package.version for package in self.mine.values()))))

    @property
    def mine(self) -> dict[str, Package]:
        """The toolkit's packages that are unpacked or installed."""
        known = self.before.items()
        return {name: p for name, p in known if name in TOOLKIT_PACKAGES and not p.residue}

    @property
    def environment(self) -> Environment:
        """The proxies, in the spelling that curl, wget, apt and dnf all read."""
        given = (("http_proxy", self.options.http_proxy), ("https_proxy", self.options.https_proxy))
        return tuple((name, value) for name, value in given if value)

    @property
    def fingerprint(self) -> str:
        """The expected key's fingerprint as gpg prints it."""
        return normal_fingerprint(self.options.fingerprint)

    @property
    def repository(self) -> str:
        """What stands before `/deb` and `/rpm`."""
        return self.options.repository.rstrip("/")


def plan_for(family: str, installation: Installation) -> Plan:
    """The steps for a family of distributions: `ubuntu`, `debian`, `redhat` or `suse`."""
    if family in ("ubuntu", "debian"):
        return _apt(installation)
    build = rpm.dnf_steps if family == "redhat" else rpm.zypper_steps
    options = installation.options
    source = (installation.repository, options.key_url, installation.fingerprint)
    return build(
        TOOLKIT_PACKAGES,
        installation.wanted,
        installation.mine,
        source,
        _risk(installation.pods),
        installation.environment,
    )


def _apt(it: Installation) -> Plan:
    missing = _missing_programs(it.before)
    has = {name for name, package in it.before.items() if package.installed} | set(missing)
    lists = it.files.apt_lists or missing
    environment = it.environment
    return (
        *((_repair(),) if it.interrupted or _half_done(it.mine) else ()),
        *apt.prerequisite_steps(missing, environment),
        *apt.source_steps(
            it.sources,
            it.repository,
            it.options.key_url,
            it.fingerprint,
            "curl" if "curl" in has else "wget",
            environment,
        ),
        *(() if lists else (apt.refresh_all_step(environment),)),
        apt.refresh_step(environment),
        apt.available_step(TOOLKIT_PACKAGES[0], it.wanted),
        apt.install_step(
            TOOLKIT_PACKAGES, it.wanted, _apt_undo(it), _risk(it.pods), environment, *_reinstall(it)
        ),
    )


def _missing_programs(before: Packages) -> tuple[str, ...]:
    """Packages to install for: certificates, something that downloads, something that checks keys."""

    def lacks(*names: str) -> bool:
        return not any(name in before and before[name].installed for name in names)

    needs = (("ca-certificates",), ("curl", "wget"), ("gpg", "gnupg"))
    return tuple(names[0] for names in needs if lacks(*names))


def _half_done(mine: Packages) -> bool:
    return any(not package.installed for package in mine.values())


def _reinstall(it: Installation) -> Sequence[str]:
    """Packages that are whole by dpkg's account, and yet their program is gone."""
    mine = it.mine
    whole = len(mine) == len(TOOLKIT_PACKAGES) and not _half_done(mine)
    same = {str(package.version) for package in mine.values()} == {it.wanted}
    return ("--reinstall",) if whole and same else ()


def _repair() -> Step:
    """A package that still lacks another one fails here (status 1) and is served by the installation behind."""
    environment = (("DEBIAN_FRONTEND", "noninteractive"),)
    run = Run(
        ("dpkg", "--force-confdef", "--force-confold", "--configure", "-a"),
        environment=environment,
        ok=(0, 1),
    )
    return Step("toolkit.dpkg-configure", run)


def _apt_undo(it: Installation) -> tuple[Action, ...]:
    """Old versions back, new packages purged, and what their scripts made, as far as it was not there before."""
    old = tuple(f"{name}={p.version}" for name, p in it.mine.items() if p.installed)
    known = {name for name, package in it.before.items() if package.installed or package.residue}
    fresh = tuple(name for name in TOOLKIT_PACKAGES if name not in known)
    residue = tuple(n for n in TOOLKIT_PACKAGES if n in it.before and it.before[n].residue)
    made = (CDI_FILE,) if it.files.config else (CDI_FILE, CONFIG)
    return (
        *((apt.change("install", "--allow-downgrades", *old),) if old else ()),
        *((apt.change("remove", *residue),) if residue else ()),
        *((apt.change("purge", *fresh),) if fresh else ()),
        *((Run(("rm", "-f", *made)), _EMPTY_FOLDER) if not old else ()),
    )


def _risk(pods: Fact[tuple[PodObject, ...]]) -> Risk | None:
    """The packages' scripts reload systemd. Source: domain.md appendix C, last item."""
    if not isinstance(pods, Known):
        return Risk("toolkit.daemon-reload-pods-unknown")
    names = ", ".join(f"{pod.namespace}/{pod.name}" for pod in gpu_pods(pods.value))
    return Risk("toolkit.daemon-reload-gpu-pods", {"pods": names}) if names else None
