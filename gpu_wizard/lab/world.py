"""The lab's world: its machines, the network between them, its cluster and a small internet."""

from __future__ import annotations

from collections.abc import Callable

from gpu_wizard.lab import system
from gpu_wizard.lab.k3s_control import ControlPlane
from gpu_wizard.lab.machine import Machine
from gpu_wizard.lab.network import Reply
from gpu_wizard.lab.ports import Clock, ClusterPort, Files, Gpu, Program
from gpu_wizard.lab.releases import DEFAULT_RELEASE
from gpu_wizard.lab.system import System

SERVER_ADDRESS = "10.20.0.10"
VIRTUAL_ADDRESS = "10.20.0.9"
API_PORT = 6443
_KUBELET_PORT = 10250


class World:
    """Everything that the lab's machines share. `kubeconfig` is what a server writes to k3s.yaml."""

    def __init__(
        self,
        clock: Clock,
        cluster: ClusterPort,
        ca_pem: bytes,
        *,
        kubeconfig: str = "",
        k3s_version: str = DEFAULT_RELEASE,
        distribution: System = system.DEBIAN_13,
    ) -> None:
        self.clock = clock
        self.k3s_version = k3s_version
        self.kubeconfig = kubeconfig
        self.distribution = distribution
        self.control: ControlPlane | None = ControlPlane(cluster, ca_pem)
        self.machines: dict[str, Machine] = {}
        self.names: dict[str, str] = {"control": SERVER_ADDRESS}
        """Host names of the lab's network and their addresses."""
        self.aliases = {VIRTUAL_ADDRESS: SERVER_ADDRESS}
        """Further addresses of a machine, such as a load balancer's for the servers."""
        self.internet = True
        self.kubectl: Callable[[Files], Program] | None = None
        """The cluster's kubectl, for a machine with these files; run by `k3s kubectl`."""

    def add(self, hostname: str, address: str, cards: tuple[Gpu, ...] = ()) -> Machine:
        """Put a freshly installed machine into the world."""
        self.names[hostname] = address
        machine = Machine(self, hostname, address, distribution=self.distribution, cards=cards)
        self.machines[hostname] = machine
        return machine

    def at(self, address: str) -> Machine | None:
        """The machine that has an address."""
        found = (machine for machine in self.machines.values() if machine.address == address)
        return next(found, None)

    def resolve(self, host: str, source: Machine) -> str:
        """The address of a name as seen from a machine; "" where it does not resolve."""
        if host.replace(".", "").isdigit() or ":" in host:
            return host
        if host in ("localhost", source.hostname):
            return "127.0.0.1"
        hosts = source.files.read("/etc/hosts").decode(errors="replace").splitlines()
        for line in hosts:
            words = line.partition("#")[0].split()
            if host in words[1:]:
                return words[0]
        return self.names.get(host, "")

    def dial(self, source: Machine, host: str, port: int) -> Reply:
        """What answers a TCP connection from one machine to a host and port."""
        address = self.resolve(host, source)
        if not address:
            return Reply.UNRESOLVED
        local = address.startswith("127.")
        machine = source if local else self.at(self.aliases.get(address, address))
        if machine is None or not machine.up:
            return Reply.UNREACHABLE
        if port == 22:
            return Reply.PLAIN
        if port == _KUBELET_PORT and machine.node.kubelet_started is not None:
            return Reply.OTHER_TLS
        serves = machine.node.is_server and self.control and self.control.health != "down"
        balanced = local and port == 6444 and machine.node.kubelet_started is not None
        if (port == API_PORT and serves) or (balanced and self.control):
            return Reply.K3S
        return Reply.REFUSED

    async def close(self) -> None:
        """End everything that runs."""
        for machine in self.machines.values():
            await machine.shut_down()
