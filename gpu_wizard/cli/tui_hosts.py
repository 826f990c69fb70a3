"""What the wizard's first screen asks: which machines there are, what one of them is, which runs did not end."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from pathlib import Path

from gpu_wizard.cli.edges import Edges
from gpu_wizard.cluster.api import KubeReader
from gpu_wizard.faces.tui.services import Asker, Candidate, Tested, Unfinished
from gpu_wizard.facts.identity import OS_RELEASE, OsRelease
from gpu_wizard.facts.nvidia_smi import SMI_QUERY, SmiReport
from gpu_wizard.facts.pci import CARDS
from gpu_wizard.facts.systemd import UNITS, K3sUnits
from gpu_wizard.host.local import local_reader
from gpu_wizard.host.ssh import connect_reader
from gpu_wizard.journal.recording import read_setup
from gpu_wizard.model.errors import WizardError
from gpu_wizard.model.fact import Fact, Known
from gpu_wizard.model.setup_file import HostEntry
from gpu_wizard.model.spec import Spec

_SETUP_NAME = "unfinished-setup.toml"
_SHOWN = 3


async def look_at(entry: HostEntry, asker: Asker) -> Tested:
    """Log in and ask four questions, without sudo. Raises: WizardError."""
    edges = Edges(connect_reader, local_reader, KubeReader, trust=asker.trust, ask=asker.secret)
    host = await edges.host(entry)
    try:
        spec = Spec(entry.host)
        probes = (OS_RELEASE, SMI_QUERY, CARDS, UNITS)
        asks = [probe.question(spec) for probe in probes]
        answers = await host.ask([ask for ask in asks if ask is not None])  # type: ignore[misc]  # all four are a host's
        facts: list[Fact[object]] = [p.read(a) for p, a in zip(probes, answers, strict=True)]  # type: ignore[attr-defined]  # as above
    finally:
        await host.close()
    return _tested(facts)


def _tested(facts: Sequence[Fact[object]]) -> Tested:
    system, smi, cards, units = (fact.value if isinstance(fact, Known) else None for fact in facts)
    card = ""
    if isinstance(smi, SmiReport) and smi.gpus:
        names = [gpu.name.removeprefix("NVIDIA ") for gpu in smi.gpus]
        card = names[0] if len(names) == 1 else f"{len(names)} × {names[0]}"
    elif isinstance(cards, tuple) and cards:
        card = str(cards[0])
    role = ""
    if isinstance(units, K3sUnits) and units.current.loaded:
        role = "server" if units.is_server else "agent"
    return Tested(system.name if isinstance(system, OsRelease) else "", card, role)


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
    """Runs that did not end well, newest first; one that can't be read is left out."""
    found: list[Unfinished] = []
    try:
        paths = sorted(folder.glob(f"*/{_SETUP_NAME}"), reverse=True)
    except OSError:
        return ()
    for path in paths:
        try:
            setup = read_setup(path)
        except WizardError:
            continue
        found.append(
            Unfinished(setup, setup.nodes[0].name, _last_stage(path.parent), path.stat().st_mtime)
        )
        if len(found) == _SHOWN:
            break
    return tuple(found)


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
        if record.get("record") == "begin":
            return str(record.get("stage", ""))
    return ""
