"""A kubelet's device manager: what plugins registered, and what pods were given.

Source: recordings/k3s-h100 (restart, sharing, timeline), kube-api l08, l12.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from gpu_wizard.lab.api import quantity
from gpu_wizard.lab.ports import JsonObject


class AdmissionError(Exception):
    """The kubelet can't give a pod the devices that it asks for."""


@dataclass
class Offer:
    """The devices of one resource that a plugin offers."""

    devices: tuple[str, ...]
    """Ids; a shared card's replicas are `UUID::N`."""
    single: bool = False
    """True: a request for more than one is refused."""
    connected: bool = True
    """False once the plugin is gone, or has not come back after the kubelet's restart."""
    capacity: int = 0
    """What the Node object says of it; it lags behind."""
    allocatable: int = 0


@dataclass
class Devices:
    """Offers by resource, and what each pod holds."""

    offers: dict[str, Offer] = field(default_factory=dict)
    held: dict[str, dict[str, tuple[str, ...]]] = field(default_factory=dict)
    """By pod uid: resource to device ids."""

    def register(self, resource: str, devices: tuple[str, ...], *, single: bool) -> None:
        """A plugin registers."""
        known = self.offers.get(resource, Offer(()))
        self.offers[resource] = Offer(
            devices, single, capacity=known.capacity, allocatable=known.allocatable
        )

    def disconnect(self, resource: str) -> None:
        """A plugin's socket closed."""
        if resource in self.offers:
            self.offers[resource].connected = False

    def restart(self) -> None:
        """The kubelet restarts: its checkpoint keeps the counts, and no plugin is connected."""
        for offer in self.offers.values():
            offer.connected = False

    def forget(self) -> None:
        """The node is new: there is no checkpoint."""
        self.offers.clear()
        self.held.clear()

    def settle(self, resource: str) -> None:
        """The kubelet takes note: what is connected counts, what is gone keeps its capacity only."""
        offer = self.offers.get(resource)
        if offer is None:
            return
        offer.allocatable = len(offer.devices) if offer.connected else 0
        if offer.connected:
            offer.capacity = len(offer.devices)

    def amounts(self) -> tuple[dict[str, str], dict[str, str]]:
        """Capacity and allocatable, as the Node object says them."""
        known = {name: offer for name, offer in self.offers.items() if offer.capacity}
        capacity = {name: str(offer.capacity) for name, offer in known.items()}
        return capacity, {name: str(offer.allocatable) for name, offer in known.items()}

    def allocate(self, uid: str, resource: str, count: int) -> tuple[str, ...]:
        """Give a pod devices.

        Raises:
            AdmissionError: with the kubelet's words.
        """
        offer = self.offers.get(resource)
        if offer is None or not offer.connected or not offer.devices:
            raise AdmissionError(
                "Allocate failed due to no healthy devices present; cannot allocate unhealthy "
                f"devices {resource}, which is unexpected"
            )
        if offer.single and count > 1:
            raise AdmissionError(
                "Allocate failed due to rpc error: code = Unknown desc = invalid allocation "
                f'request for "{resource}": invalid request: maximum request size for shared '
                f"resources is 1; found {count}, which is unexpected"
            )
        taken = {each for given in self.held.values() for each in given.get(resource, ())}
        free = [each for each in offer.devices if each not in taken]
        if len(free) < count:
            raise AdmissionError(
                "Allocate failed due to requested number of devices unavailable for "
                f"{resource}. Requested: {count}, Available: {len(free)}, which is unexpected"
            )
        given = tuple(_spread(free, taken)[:count])
        self.held.setdefault(uid, {})[resource] = given
        return given

    def release(self, uid: str) -> None:
        """A pod ended."""
        self.held.pop(uid, None)


def _spread(free: list[str], taken: set[str]) -> list[str]:
    """Free devices, those of the least shared card first."""
    used = [each.partition("::")[0] for each in taken]
    return sorted(free, key=lambda each: used.count(each.partition("::")[0]))


def cards(devices: tuple[str, ...]) -> tuple[str, ...]:
    """The cards behind device ids, each once."""
    return tuple(dict.fromkeys(each.partition("::")[0] for each in devices))


def asked(container: JsonObject) -> dict[str, int]:
    """The extended resources that a container asks for."""
    limits = container.get("resources", {}).get("limits", {})
    wanted = {name: int(quantity.amount(text)) for name, text in limits.items() if "/" in name}
    return {name: count for name, count in wanted.items() if count}
