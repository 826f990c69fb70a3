"""The steps that give a host NVIDIA's packages through dnf or zypper. Not tried on a real system."""

from __future__ import annotations

from collections.abc import Sequence

from gpu_wizard.facts.packages import Packages
from gpu_wizard.facts.signing_key import Environment, checked_key_steps
from gpu_wizard.model.action import Plan, PutFile, Risk, Run, Step

KEY = "/etc/pki/rpm-gpg/RPM-GPG-KEY-nvidia-container-toolkit"
NAME = "nvidia-container-toolkit"
DNF_REPOSITORY = f"/etc/yum.repos.d/{NAME}.repo"
ZYPPER_REPOSITORY = f"/etc/zypp/repos.d/{NAME}.repo"
_INSTALL_SECONDS = 1800.0


def repository_text(repository: str) -> str:
    """A .repo file: the signed metadata is checked with the key that we checked, packages by their digests there.

    Source: NVIDIA's nvidia-container-toolkit.repo (repo_gpgcheck on, gpgcheck off), with a local key.
    """
    lines = (
        f"[{NAME}]",
        f"name={NAME}",
        f"baseurl={repository}/rpm/$basearch",
        "enabled=1",
        "repo_gpgcheck=1",
        "gpgcheck=0",
        f"gpgkey=file://{KEY}",
    )
    return "\n".join(lines) + "\n"


def dnf_steps(
    wanted: Sequence[str],
    version: str,
    before: Packages,
    source: tuple[str, str, str],
    risk: Risk | None,
    environment: Environment,
) -> Plan:
    """Key, repository, packages by dnf. `source`: repository, key's address, fingerprint."""
    refresh = ("dnf", "-y", "makecache", "--repo", NAME)
    install = ("dnf", "-y", "install", *(f"{name}-{version}" for name in wanted))
    return (
        *_source(DNF_REPOSITORY, source, environment),
        Step(
            "toolkit.refresh",
            _run(refresh, environment),
            change=False,
            params=_file(DNF_REPOSITORY),
        ),
        Step(
            "toolkit.install",
            _run(install, environment),
            undo=_dnf_undo(wanted, before, environment),
            risk=risk,
            params={"packages": " ".join(wanted), "version": version},
        ),
    )


def zypper_steps(
    wanted: Sequence[str],
    version: str,
    before: Packages,
    source: tuple[str, str, str],
    risk: Risk | None,
    environment: Environment,
) -> Plan:
    """Key, repository, packages by zypper, which checks with rpm's own keys and waits for its lock if told to."""
    environment = (*environment, ("ZYPP_LOCK_TIMEOUT", "300"))
    zypper = ("zypper", "--non-interactive")
    forget = Run(("rpm", "-e", "--allmatches", f"gpg-pubkey-{source[2][-8:].lower()}"), ok=(0, 1))
    refresh = (*zypper, "refresh", NAME)
    install = (*zypper, "install", *(f"{name}={version}" for name in wanted))
    return (
        *_source(ZYPPER_REPOSITORY, source, environment),
        Step("toolkit.key-import", Run(("rpm", "--import", KEY)), undo=(forget,), revert=True),
        Step(
            "toolkit.refresh",
            _run(refresh, environment),
            change=False,
            params=_file(ZYPPER_REPOSITORY),
        ),
        Step(
            "toolkit.install",
            _run(install, environment),
            undo=_zypper_undo(wanted, before, environment),
            risk=risk,
            params={"packages": " ".join(wanted), "version": version},
        ),
    )


def _source(file: str, source: tuple[str, str, str], environment: Environment) -> Plan:
    repository, key_url, fingerprint = source
    put = PutFile(file, repository_text(repository).encode())
    return (
        *checked_key_steps(key_url, fingerprint, KEY, "curl", environment, binary=False),
        Step("toolkit.source", put, revert=True, params=_file(file)),
    )


def _file(path: str) -> dict[str, str]:
    return {"file": path}


def _run(argv: tuple[str, ...], environment: Environment) -> Run:
    return Run(argv, environment=environment, timeout_seconds=_INSTALL_SECONDS)


def _dnf_undo(wanted: Sequence[str], before: Packages, environment: Environment) -> tuple[Run, ...]:
    return _undo(
        wanted, before, environment, ("dnf", "-y", "remove"), ("dnf", "-y", "downgrade"), "-"
    )


def _zypper_undo(
    wanted: Sequence[str], before: Packages, environment: Environment
) -> tuple[Run, ...]:
    zypper = ("zypper", "--non-interactive")
    back = (*zypper, "install", "--oldpackage")
    return _undo(wanted, before, environment, (*zypper, "remove"), back, "=")


def _undo(
    wanted: Sequence[str],
    before: Packages,
    environment: Environment,
    remove: tuple[str, ...],
    restore: tuple[str, ...],
    joint: str,
) -> tuple[Run, ...]:
    """What was there gets its old version back first, since a dependent one could not go alone."""
    old = tuple(f"{name}{joint}{before[name].version}" for name in wanted if name in before)
    new = tuple(name for name in wanted if name not in before)
    runs = (
        _run((*restore, *old), environment) if old else None,
        _run((*remove, *new), environment) if new else None,
    )
    return tuple(run for run in runs if run is not None)
