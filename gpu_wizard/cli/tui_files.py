"""What the wizard's first screen finds on this machine: names of machines, and runs that did not end well.

Imports nothing heavy: the first frame waits for it.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

from gpu_wizard.faces.exchanged import Candidate, Recent, Unfinished
from gpu_wizard.model.errors import WizardError
from gpu_wizard.model.setup_file import SetupFile

SETUP_NAME = "unfinished-setup.toml"
"""In the folder of a run that has not ended well: how to go on with it."""
FINISHED_NAME = "finished-setup.toml"
"""The same, once the run has ended well."""
_SHOWN = 3


def ssh_config_hosts(path: Path) -> tuple[Candidate, ...]:
    """The names of an SSH configuration, patterns left out; empty where it can't be read."""
    try:
        text = path.read_text(errors="replace")
    except OSError:
        return ()
    found: list[Candidate] = []
    names: list[str] = []
    for line in text.splitlines():
        words = re.split(r"[\s=]+", line.strip(), maxsplit=1)
        if len(words) < 2 or words[0].startswith("#"):
            continue
        key, value = words[0].lower(), words[1]
        if key == "host":
            names = [name for name in value.split() if not set(name) & set("*?!")]
            found += [Candidate(name, "~/.ssh/config") for name in names]
        elif key == "hostname" and names:
            found = [
                Candidate(c.target, c.source, value) if c.target in names else c for c in found
            ]
    return tuple(found)


def unfinished_runs(folder: Path) -> tuple[Unfinished, ...]:
    """Runs that did not end well, newest first; one that can't be read, or not be gone on with now, is left out."""
    found = (
        Unfinished(setup, setup.nodes[0].name, _last_stage(Path(setup.path).parent), at)
        for setup, at in _setups(folder, SETUP_NAME)
    )
    return tuple(islice(found, _SHOWN))


def recent_runs(folder: Path) -> tuple[Recent, ...]:
    """Runs that ended well, newest first, one of the same machines; left out as above."""
    found: dict[tuple[str, ...], Recent] = {}
    for setup, at in _setups(folder, FINISHED_NAME):
        found.setdefault(tuple(node.host.host for node in setup.nodes), Recent(setup, at))
        if len(found) == _SHOWN:
            break
    return tuple(found.values())


def _setups(folder: Path, name: str) -> Iterator[tuple[SetupFile, float]]:
    """The setups of this name in the folders of runs, newest first, and when each was written."""
    try:
        paths = sorted(folder.glob(f"*/{name}"), reverse=True)
    except OSError:
        return
    if not paths:
        return
    from gpu_wizard.journal.recording import read_setup

    for path in paths:
        try:
            setup, at = read_setup(path), path.stat().st_mtime
        except (WizardError, OSError):
            continue
        if not _names_what_is_gone(setup):
            yield setup, at


def _names_what_is_gone(setup: SetupFile) -> bool:
    """Whether a key or known_hosts file that it needs is not there, on a stick that is not plugged in say."""
    hosts = [node.host for node in setup.nodes]
    hosts += [setup.control_plane] if setup.control_plane else []
    files = [file for host in hosts for file in (host.identity_file, host.known_hosts) if file]
    try:
        return not all(Path(file).expanduser().exists() for file in files)
    except RuntimeError:  # the home of nobody
        return True
    except OSError:  # a folder that may not be looked into: connecting will say so
        return False


def _last_stage(folder: Path) -> str:
    """The stage whose step was begun last."""
    try:
        lines = (folder / "journal.jsonl").read_text(errors="replace").splitlines()
    except OSError:
        return ""
    for line in reversed(lines):
        try:
            record = json.loads(line)
        except ValueError:
            continue
        if isinstance(record, dict) and record.get("record") == "begin":
            return str(record.get("stage", ""))
    return ""
