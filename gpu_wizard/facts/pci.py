"""NVIDIA cards as the PCI bus shows them, with or without a driver."""

from __future__ import annotations

from dataclasses import dataclass

from gpu_wizard.model.fact import Fact, Known
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
    """Every NVIDIA display function, in the order of addresses.

    Source: a PCI device's uevent as recorded on a real H100: `DRIVER` (not there where nothing holds the card),
    `PCI_CLASS` and `PCI_ID` in hexadecimal, `PCI_SLOT_NAME`.
    """
    cards = (_card(file.text) for file in found.files)
    return Known(tuple(sorted((card for card in cards if card), key=lambda card: card.address)))


def _card(uevent: str) -> PciCard | None:
    values = dict(line.split("=", 1) for line in uevent.splitlines() if "=" in line)
    vendor, _, device = values.get("PCI_ID", "").partition(":")
    kind = _hexadecimal(values.get("PCI_CLASS", "")) >> 8
    if _hexadecimal(vendor) != _NVIDIA or kind not in _DISPLAY_CLASSES:
        return None
    address = values.get("PCI_SLOT_NAME", "?")
    return PciCard(address, _hexadecimal(device), values.get("DRIVER", ""))


def _hexadecimal(text: str) -> int:
    try:
        return int(text, 16)
    except ValueError:
        return 0


CARDS: Probe[FilesFound, tuple[PciCard, ...]] = Probe(
    "pci.cards", Files((f"{DEVICES}/*/uevent",), holding="PCI_ID=10DE:"), parse_cards
)
"""One file a device, of NVIDIA's alone: a server has hundreds of devices."""
