"""NVIDIA cards as the PCI bus shows them, with or without a driver."""

from __future__ import annotations

from dataclasses import dataclass

from gpu_wizard.model.fact import Fact, Known, Unknown
from gpu_wizard.model.question import Files, FilesFound, Probe

DEVICES = "/sys/bus/pci/devices"
_NVIDIA = 0x10DE
_DISPLAY_CLASSES = (0x0300, 0x0302)
"""VGA and 3D controllers; a card's audio, USB and NVSwitch functions are none. Source: domain.md stage 2."""
_GENERATIONS = ((0x2900, "blackwell"), (0x1E02, "turing"), (0x1340, "maxwell"))
"""Lowest PCI device id of each group of generations: Blackwell and newer; Turing, Ampere, Ada, Hopper; Maxwell,
Pascal, Volta. Below are Kepler and older. Source: the PCI id list, in which 1e02 is the first TU102, 2901 the
first GB100 and 1340 the first GM108."""


@dataclass(frozen=True)
class PciCard:
    """One card. `address`: `0000:01:00.0`. `device`: its PCI device id. `driver` "": no kernel driver holds it."""

    address: str
    device: int
    driver: str = ""

    @property
    def generation(self) -> str:
        """`blackwell` (and newer), `turing` (to Hopper and Ada), `maxwell` (to Volta) or `kepler` (and older)."""
        return next((name for first, name in _GENERATIONS if self.device >= first), "kepler")

    def __str__(self) -> str:
        return f"{self.address} [10de:{self.device:04x}]"


def parse_cards(found: FilesFound) -> Fact[tuple[PciCard, ...]]:
    """Every NVIDIA display function, in the order of addresses; unknown where there is no PCI in /sys at all."""
    if not found.files:
        return Unknown("no-pci", f"{DEVICES} is empty")
    values: dict[str, dict[str, str]] = {}
    for file in found.files:
        address, _, name = file.path.removeprefix(f"{DEVICES}/").partition("/")
        value = file.target.rsplit("/", 1)[-1] if name == "driver" else file.text.strip()
        values.setdefault(address, {})[name] = value
    cards = (_card(address, device) for address, device in sorted(values.items()))
    return Known(tuple(card for card in cards if card is not None))


def _card(address: str, values: dict[str, str]) -> PciCard | None:
    vendor, kind, device = (_hexadecimal(values, name) for name in ("vendor", "class", "device"))
    if vendor != _NVIDIA or kind >> 8 not in _DISPLAY_CLASSES:
        return None
    return PciCard(address, device, values.get("driver", ""))


def _hexadecimal(values: dict[str, str], name: str) -> int:
    try:
        return int(values.get(name, ""), 16)
    except ValueError:
        return 0


CARDS: Probe[FilesFound, tuple[PciCard, ...]] = Probe(
    "pci.cards",
    Files(tuple(f"{DEVICES}/*/{name}" for name in ("vendor", "class", "device", "driver"))),
    parse_cards,
)
