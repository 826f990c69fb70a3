"""Fetching a repository's signing key, and checking it before anything trusts it."""

from __future__ import annotations

from typing import TypeAlias

from gpu_wizard.model.action import Plan, Run, Step

Environment: TypeAlias = tuple[tuple[str, str], ...]
FOLDER = "/var/lib/gpu-wizard"
FETCHED = f"{FOLDER}/nvidia-container-toolkit.asc"

_CURL = 'umask 077; mkdir -p "$1" && curl -fsSL --retry 3 --connect-timeout 20 -o "$2" "$3"'
_WGET = 'umask 077; mkdir -p "$1" && wget -nv -t 3 -T 20 -O "$2" "$3"'
_CHECK = """home=$(mktemp -d) || exit 1; trap 'rm -rf "$home"' EXIT
found=$(gpg --batch --quiet --homedir "$home" --show-keys --with-colons "$1" |
  awk -F: '$1 == "pub" { key = 1 } $1 == "fpr" && key { print $10; key = 0 }')
[ "$found" = "$2" ] && { echo "fingerprint $found"; exit 0; }
echo "The key is not the one expected. Fingerprint:" ${found:-none} "expected: $2" >&2; exit 1"""
"""Every primary key in the file must be the expected one: a second key would be trusted as well."""
_DEARMOR = """home=$(mktemp -d) || exit 1; trap 'rm -rf "$home"' EXIT
mkdir -p "${2%/*}" && gpg --batch --quiet --yes --homedir "$home" --dearmor -o "$2.part" "$1" &&
  chmod 0644 "$2.part" && mv -f "$2.part" "$2" && rm -f "$1"
"""
_COPY = """mkdir -p "${2%/*}" && cp "$1" "$2.part" && chmod 0644 "$2.part" &&
  mv -f "$2.part" "$2" && rm -f "$1"
"""


def checked_key_steps(
    url: str,
    fingerprint: str,
    target: str,
    downloader: str,
    environment: Environment,
    *,
    binary: bool = True,
) -> Plan:
    """Fetch, check, put in place. `downloader`: `curl` or `wget`. `binary`: as apt wants it; rpm takes it as it is.

    A step that fails leaves nothing behind: the fetched file goes with its undo.
    """
    place = _DEARMOR if binary else _COPY
    return (
        _fetch(url, downloader, environment),
        Step(
            "toolkit.key-check",
            Run(("sh", "-c", _CHECK, "sh", FETCHED, fingerprint)),
            change=False,
            params={"fingerprint": fingerprint},
        ),
        Step(
            "toolkit.key",
            Run(("sh", "-c", place, "sh", FETCHED, target)),
            undo=(Run(("rm", "-f", target, f"{target}.part")),),
            revert=True,
            params={"file": target},
        ),
    )


def _fetch(url: str, downloader: str, environment: Environment) -> Step:
    get = _WGET if downloader == "wget" else _CURL
    run = Run(
        ("sh", "-c", get, "sh", FOLDER, FETCHED, url),
        environment=environment,
        timeout_seconds=180.0,
    )
    undo = (Run(("rm", "-f", FETCHED)),)
    params = {"url": url}
    return Step("toolkit.key-fetch", run, undo=undo, revert=True, change=False, params=params)
