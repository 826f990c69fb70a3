"""apt's package sources, and the steps that give a host NVIDIA's packages through apt."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from gpu_wizard.facts.openpgp import fingerprints
from gpu_wizard.facts.signing_key import Environment, checked_key_steps
from gpu_wizard.model.action import Action, Plan, PutFile, Risk, Run, Step
from gpu_wizard.model.fact import Fact, Known
from gpu_wizard.model.question import Files, FilesFound, Probe

SOURCES = "/etc/apt/sources.list"
PARTS = "/etc/apt/sources.list.d"
LIST = f"{PARTS}/nvidia-container-toolkit.list"
KEYRING = "/usr/share/keyrings/nvidia-container-toolkit-keyring.gpg"
"""Source of both paths: NVIDIA Container Toolkit install guide (domain.md stage 3)."""
LOCK_SECONDS = 300
_INSTALL_SECONDS = 1800.0
_NVIDIA = re.compile(
    r"://nvidia\.github\.io/(?:libnvidia-container|nvidia-container-runtime|nvidia-docker)"
)
"""Addresses of the toolkit and of what was its predecessors."""


@dataclass(frozen=True)
class Source:
    """One package source. `uri` without user and password."""

    file: str
    uri: str


@dataclass(frozen=True)
class AptSources:
    """Every active source; the text of our own list; fingerprints of the keys in its keyring.

    `keys` None: there is no keyring; (): there is one, and no key can be read from it.
    """

    sources: tuple[Source, ...] = ()
    list_text: str = ""
    keys: tuple[str, ...] | None = None

    def foreign(self, repository: str) -> tuple[str, ...]:
        """Other files than our list that name NVIDIA's repository or this one.

        Source: NVIDIA's troubleshooting: such a file makes apt stop with conflicting values for Signed-By.
        """
        named = (s for s in self.sources if s.file != LIST and _is_ours(s.uri, repository))
        return tuple(dict.fromkeys(source.file for source in named))

    def mixed(self, repository: str) -> tuple[str, ...]:
        """Those of `foreign` that name other sources too, so that they can't simply go."""
        others = {s.file for s in self.sources if not _is_ours(s.uri, repository)}
        return tuple(file for file in self.foreign(repository) if file in others or file == SOURCES)


def _is_ours(uri: str, repository: str) -> bool:
    return bool(_NVIDIA.search(uri)) or uri.startswith(f"{repository}/deb")


def parse_sources(found: FilesFound) -> Fact[AptSources]:
    """Sources of one-line and deb822 files. Source: sources.list(5)."""
    sources: list[Source] = []
    for file in found.files:
        if file.path != KEYRING:
            uris = _deb822(file.text) if file.path.endswith(".sources") else _one_line(file.text)
            sources += [Source(file.path, _without_user(uri)) for uri in uris]
    ours, keyring = found.at(LIST), found.at(KEYRING)
    keys = fingerprints(keyring.content or b"") if keyring else None
    return Known(AptSources(tuple(sources), ours.text if ours else "", keys))


def _one_line(text: str) -> Iterator[str]:
    for line in text.splitlines():
        if match := re.match(r"\s*deb(?:-src)?\s+(?:\[[^\]]*\]\s*)?(\S+)", line):
            yield match[1]


def _deb822(text: str) -> Iterator[str]:
    for stanza in re.split(r"\n\s*\n", text):
        fields = dict(re.findall(r"^([\w-]+):[ \t]*(.*(?:\n[ \t]+.*)*)", stanza, re.MULTILINE))
        if fields.get("Enabled", "yes").strip().lower() not in ("no", "false", "0"):
            yield from fields.get("URIs", "").split()


def _without_user(uri: str) -> str:
    return re.sub(r"://[^/@\s]*@", "://", uri)


APT_SOURCES: Probe[FilesFound, AptSources] = Probe(
    "apt.sources",
    Files(
        (SOURCES, f"{PARTS}/*.list", f"{PARTS}/*.sources", KEYRING), root=True, max_bytes=1 << 16
    ),
    parse_sources,
)

_WAITING_FOR_LISTS = """log=$(mktemp) || exit 1; trap 'rm -f "$log"' EXIT; tries=0
while :; do
  "$@" 2>"$log"; status=$?; cat "$log" >&2
  grep -q 'Could not get lock' "$log" || exit "$status"
  tries=$((tries + 1)); [ "$tries" -lt 150 ] || exit "$status"
  sleep 2
done"""
"""apt waits for dpkg's lock if told to, never for that of the package lists. Source: tried with apt 2.6."""
_NAME_MISSING_VERSION = """all=$(apt-cache madison "$1" | cut -d '|' -f 2 | tr -d ' ' | sort -u)
printf '%s\\n' "$all" | grep -Fqx -- "$2" && exit 0
echo "The package lists have no version $2 of $1. They have:" ${all:-none} >&2; exit 1"""


def update(*options: str, environment: Environment = ()) -> Run:
    """`apt-get update`, waiting for another one to end."""
    return Run(
        ("sh", "-c", _WAITING_FOR_LISTS, "sh", "apt-get", "update", *options),
        environment=(*environment, ("DEBIAN_FRONTEND", "noninteractive")),
        timeout_seconds=900.0,
    )


def change(*arguments: str, environment: Environment = ()) -> Run:
    """An `apt-get` that changes packages: no questions, configuration files kept, dpkg's lock waited for."""
    return Run(
        (
            *("apt-get", arguments[0], "-y", "-o", f"DPkg::Lock::Timeout={LOCK_SECONDS}"),
            *("-o", "Dpkg::Options::=--force-confdef", "-o", "Dpkg::Options::=--force-confold"),
            *arguments[1:],
        ),
        environment=(*environment, ("DEBIAN_FRONTEND", "noninteractive")),
        timeout_seconds=_INSTALL_SECONDS,
    )


def list_text(repository: str) -> str:
    """The one line of our list; apt itself fills in `$(ARCH)`."""
    return f"deb [signed-by={KEYRING}] {repository}/deb/$(ARCH) /\n"


def prerequisite_steps(missing: Sequence[str], environment: Environment) -> Plan:
    """Programs that fetching and checking a key takes; only what is missing, and purged alone on undo."""
    if not missing:
        return ()
    return (
        refresh_all_step(environment),
        Step(
            "toolkit.prerequisites",
            change("install", "--no-install-recommends", *missing, environment=environment),
            undo=(Run(("dpkg", "--purge", *missing)),),
            params={"packages": " ".join(missing)},
        ),
    )


def source_steps(
    sources: AptSources,
    repository: str,
    key_url: str,
    fingerprint: str,
    downloader: str,
    environment: Environment,
) -> Plan:
    """Key and list of NVIDIA's repository, and conflicting lists out of the way; only what is not right yet."""
    steps: list[Step] = [
        Step("toolkit.old-source", PutFile(path, None), revert=True, params={"file": path})
        for path in sources.foreign(repository)
    ]
    if sources.keys != (fingerprint,):
        if sources.keys is not None:
            old = PutFile(KEYRING, None)
            steps.append(Step("toolkit.old-key", old, revert=True, params={"file": KEYRING}))
        steps += checked_key_steps(key_url, fingerprint, KEYRING, downloader, environment)
    if sources.list_text != list_text(repository):
        put = PutFile(LIST, list_text(repository).encode())
        steps.append(Step("toolkit.source", put, revert=True, params={"file": LIST}))
    return tuple(steps)


def refresh_all_step(environment: Environment) -> Step:
    """All package lists, for what the toolkit or its prerequisites depend on."""
    return Step("toolkit.refresh-all", update(environment=environment), change=False)


def refresh_step(environment: Environment) -> Step:
    """The lists of NVIDIA's repository alone, any failure of it fatal: other sources are not our matter."""
    run = update(
        *("-o", f"Dir::Etc::sourcelist={LIST}", "-o", "Dir::Etc::sourceparts=-"),
        *("-o", "APT::Get::List-Cleanup=0", "-o", "APT::Update::Error-Mode=any"),
        environment=environment,
    )
    return Step("toolkit.refresh", run, change=False, params={"file": LIST})


def available_step(package: str, version: str) -> Step:
    """Stop with the versions that there are, if the wanted one is not among them."""
    run = Run(("sh", "-c", _NAME_MISSING_VERSION, "sh", package, version), root=False)
    params = {"package": package, "version": version}
    return Step("toolkit.available", run, change=False, params=params)


def install_step(
    names: Sequence[str],
    version: str,
    undo: tuple[Action, ...],
    risk: Risk | None,
    environment: Environment,
    *options: str,
) -> Step:
    """All packages at one pinned version."""
    pinned = (f"{name}={version}" for name in names)
    return Step(
        "toolkit.install",
        change("install", *options, *pinned, environment=environment),
        undo=undo,
        risk=risk,
        params={"packages": " ".join(names), "version": version},
    )
