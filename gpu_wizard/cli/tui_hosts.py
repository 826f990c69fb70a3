"""What a machine that the wizard's first screen names is: asked briefly, without sudo."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from gpu_wizard.cli.edges import Edges
from gpu_wizard.cluster.api import KubeReader
from gpu_wizard.faces.exchanged import Asker, Tested
from gpu_wizard.facts.identity import OS_RELEASE, OsRelease
from gpu_wizard.facts.nvidia_smi import SMI_QUERY, SmiReport
from gpu_wizard.facts.pci import CARDS
from gpu_wizard.facts.systemd import UNITS, K3sUnits
from gpu_wizard.host.local import local_reader
from gpu_wizard.host.ssh import connect_reader
from gpu_wizard.model.errors import InputError, UnreachableError, Where
from gpu_wizard.model.fact import Fact, Known
from gpu_wizard.model.setup_file import ClusterEntry, HostEntry
from gpu_wizard.model.spec import Spec


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


def contexts_of(path: str) -> tuple[str, ...]:
    """The contexts of a kubeconfig, the current one first. Raises: InputError: there is none, or it is no kubeconfig."""
    import yaml

    try:
        document = yaml.safe_load(Path(path).expanduser().read_bytes())
        names = [str(each["name"]) for each in document["contexts"]]
        current = str(document.get("current-context") or "")
    except OSError as error:
        reason = f"The kubeconfig can't be read: {error.strerror}."
        raise InputError("kubeconfig-unreadable", reason, Where(file=path)) from error
    except (yaml.YAMLError, KeyError, TypeError, AttributeError):
        # The parser's text may quote what it read, and that holds keys.
        reason = "This is not a kubeconfig."
        raise InputError("kubeconfig-unreadable", reason, Where(file=path)) from None
    return tuple(sorted(names, key=lambda name: name != current))


async def api_of(entry: ClusterEntry) -> Tested:
    """Ask the API of a kubeconfig's context for its version. Raises: WizardError."""
    from gpu_wizard.cli.edges import load_kubernetes

    await load_kubernetes()
    from gpu_wizard.cluster.kube import from_file

    api = await from_file(str(Path(entry.kubeconfig).expanduser()), entry.context or None)  # noqa: ASYNC240 - looks at no file
    try:
        answer = await api.request("GET", "/version")
    finally:
        await api.close()
    document = answer.document() if answer.ok else None
    if not isinstance(document, dict):
        raise UnreachableError(
            "api-refused", f"The API answers with status {answer.status}.", Where(host=api.server)
        )
    return Tested(f"Kubernetes {document.get('gitVersion', '')}", role="api")
