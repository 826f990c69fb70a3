"""The driver's facts as a person reads them, and its modes explained."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from gpu_wizard.facts.kernel import UVM_NODE, DriverState, Service
from gpu_wizard.facts.nvidia_smi import Gpu, SmiReport, SmiVersions, same_version
from gpu_wizard.facts.pci import PciCard
from gpu_wizard.model.fact import Fact, Known
from gpu_wizard.model.stage import Found, Note, State


def rows(
    report: SmiReport, state: DriverState, cards: Sequence[PciCard], cuda: str
) -> Iterator[Found]:
    """Cards on the bus, cards that the driver shows, versions, module, nodes, modes."""
    for card in cards:
        held: State = "done" if card.driver == "nvidia" else "needed"
        yield Found("driver.card", f"{card}, {card.driver or '-'}", held)
    for gpu in report.gpus:
        memory = f", {gpu.memory_bytes >> 20} MiB" if gpu.memory_bytes else ""
        yield Found("driver.gpu", f"{gpu.index}: {gpu.name}{memory}", "done")
    yield Found("driver.version", state.version, "done" if state.version else "needed")
    yield Found("driver.cuda", cuda)
    if not state.wsl:
        uvm = state.has(UVM_NODE)
        yield Found("driver.uvm", UVM_NODE if uvm else "", "done" if uvm else "needed")
    if state.open_module is not None:
        yield Found("driver.module", "open" if state.open_module else "proprietary")
    if state.secure_boot is not None:
        yield Found("driver.secure-boot", _switch(state.secure_boot))
    yield from _modes(report.gpus)


def _modes(gpus: Sequence[Gpu]) -> Iterator[Found]:
    """One row a mode: `on`, `off`, or both where the cards differ; none where no card has it."""
    for name in ("persistence", "ecc", "mig"):
        values = {getattr(gpu, name) for gpu in gpus} - {None}
        if values:
            yield Found(
                f"driver.{name}", "/".join(_switch(v) for v in sorted(values, reverse=True))
            )


def _switch(value: bool) -> str:
    return "on" if value else "off"


def mode_notes(gpus: Sequence[Gpu], persistenced: Fact[Service]) -> Iterator[Note]:
    """What persistence mode, ECC and MIG mean here, where that is worth a word."""
    if any(gpu.persistence is False for gpu in gpus):
        installed = isinstance(persistenced, Known)
        yield Note("driver.persistence-off" if installed else "driver.persistence-off-no-daemon")
    if any(gpu.ecc is False for gpu in gpus):
        yield Note("driver.ecc-off")
    if any(gpu.mig is not gpu.mig_pending for gpu in gpus):
        yield Note("driver.mig-pending")


def bus_notes(gpus: Sequence[Gpu], cards: Sequence[PciCard]) -> Iterator[Note]:
    """Cards on the bus that the driver does not show, and cards that another driver holds."""
    here = [card for card in cards if card.driver in ("nvidia", "")]
    others = [card for card in cards if card not in here]
    if len(here) > len(gpus):
        yield Note("driver.cards-missing", {"found": str(len(gpus)), "bus": str(len(here))})
    if others:
        names = ", ".join(f"{card} ({card.driver})" for card in others)
        yield Note("driver.card-held", {"cards": names})


def version_notes(versions: SmiVersions) -> Iterator[Note]:
    """nvidia-smi and its library from different packages."""
    if versions.smi and versions.library and not same_version(versions.smi, versions.library):
        yield Note("driver.smi-differs", {"smi": versions.smi, "library": versions.library})
