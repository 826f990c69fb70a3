"""Building a lab: machines, their K3s, their driver and toolkit, as an administrator would have."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable, Mapping
from datetime import timedelta

from gpu_wizard.lab import archive, console, internet
from gpu_wizard.lab.boot import boot
from gpu_wizard.lab.driver import DRIVER_VERSION
from gpu_wizard.lab.k3s_control import ControlPlane
from gpu_wizard.lab.k3s_scripts import INSTALLER
from gpu_wizard.lab.kernel import Kernel
from gpu_wizard.lab.machine import Machine
from gpu_wizard.lab.openpgp import NVIDIA_KEY
from gpu_wizard.lab.ports import Gpu, JsonObject
from gpu_wizard.lab.programs.hardware import persistence_unit
from gpu_wizard.lab.world import SERVER_ADDRESS, World

TOOLKIT_VERSION = "1.20.0"
URL = f"https://{SERVER_ADDRESS}:6443"
_PATIENCE_SECONDS = 120.0
"""Real seconds that a step of the building may take; a tenth of one where the machine has nothing else to do."""


def card(number: int = 0) -> Gpu:
    """One of the lab's cards."""
    return Gpu(f"GPU-5f1c9e3a-7d20-4b8e-9c41-2a6f0d83b71{number}", "NVIDIA RTX A6000", minor=number)


class SiteError(Exception):
    """The lab could not be built: a mistake of the lab's own."""


class Site:
    """A world under construction. `targets`: the machines that a setup file names as nodes."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.kernels: dict[str, Kernel] = {}
        self.targets: list[str] = []
        self.join_token = ""
        """What a setup file's token file holds; "": tokens come from the control plane."""
        self.finishing: list[Callable[[], None]] = []
        """What happens at the very end, when the clock has its own speed again."""

    @property
    def control(self) -> ControlPlane:
        """The cluster's control plane."""
        if self.world.control is None:
            raise SiteError("this world has no cluster")
        return self.world.control

    def machine(
        self, name: str, address: str, cards: int = 0, *, driver: str = DRIVER_VERSION
    ) -> Machine:
        """Install a machine and boot it; `driver` "": none is installed."""
        machine = self.world.add(name, address, tuple(card(at) for at in range(cards)))
        self.kernels[name] = boot(machine)
        if cards and driver:
            machine.driver.install(driver)
            persistence_unit(machine)
        machine.start()
        return machine

    async def run(self, machine: Machine, script: str) -> None:
        """Run a script as root; it must succeed. Raises: SiteError."""
        result = await console.run(self.kernels[machine.hostname], script)
        if result.status:
            raise SiteError(f"{machine.hostname}: {script}: {result.err or result.out}")

    async def server(self, name: str = "control", cards: int = 0, config: str = "") -> Machine:
        """The cluster's server, running."""
        machine = self.machine(name, SERVER_ADDRESS, cards)
        if config:
            machine.files.write("/etc/rancher/k3s/config.yaml", config.encode(), mode=0o600)
        await self._install(machine, "server")
        await self.until(lambda: bool(self.control.cluster.get("RuntimeClass", "", "wws")))
        return machine

    async def agent(self, machine: Machine) -> None:
        """Join a machine as its administrator did: a token in a file, a line in config.yaml."""
        token = self.control.create_token(timedelta(hours=24), "")
        directory = "/etc/rancher/k3s"
        machine.files.write(f"{directory}/join-token", f"{token}\n".encode(), mode=0o600)
        text = f"server: {URL}\ntoken-file: {directory}/join-token\n"
        machine.files.write(f"{directory}/config.yaml", text.encode(), mode=0o600)
        await self._install(machine, "agent")
        await self.until(lambda: machine.node.kubelet_started is not None)
        self.control.delete_token(token.rpartition("::")[2].partition(".")[0])

    async def _install(self, machine: Machine, role: str) -> None:
        version = self.world.k3s_version
        machine.files.write("/usr/local/bin/k3s", internet.binary(version), mode=0o755)
        machine.files.write("/root/install.sh", INSTALLER.encode(), mode=0o700)
        variables = f"INSTALL_K3S_SKIP_DOWNLOAD=true INSTALL_K3S_EXEC={role}"
        await self.run(machine, f"{variables} sh /root/install.sh; rm /root/install.sh")

    def toolkit(self, machine: Machine, version: str = TOOLKIT_VERSION) -> None:
        """Install the container toolkit from NVIDIA's archive."""
        key = "/usr/share/keyrings/nvidia-container-toolkit-keyring.gpg"
        machine.files.write(key, NVIDIA_KEY.binary())
        line = f"deb [signed-by={key}] {archive.NVIDIA_URI}/$(ARCH) /\n"
        path = "/etc/apt/sources.list.d/nvidia-container-toolkit.list"
        machine.files.write(path, line.encode())
        for package in archive.toolkit_packages(version):
            machine.dpkg.install(package)

    async def restart(self, machine: Machine, unit: str = "k3s-agent") -> None:
        """Restart K3s and wait for containerd and kubelet."""
        await self.run(machine, f"systemctl restart {unit}")
        await self.until(lambda: machine.node.kubelet_started is not None)

    def put(self, *objects: JsonObject) -> None:
        """Put objects into the cluster."""
        for one in objects:
            self.control.cluster.put(one)

    def label(self, name: str, labels: Mapping[str, str]) -> None:
        """Label a node."""
        node = self.control.cluster.get("Node", "", name)
        if node is None:
            raise SiteError(f"there is no node {name}")
        node["metadata"].setdefault("labels", {}).update(labels)
        self.control.cluster.put(node)

    def allocatable(self, name: str) -> int:
        """Cards that a node offers."""
        node = self.control.cluster.get("Node", "", name) or {}
        return int(node.get("status", {}).get("allocatable", {}).get("nvidia.com/gpu", "0"))

    def pods(self, pattern: str, phase: str = "Running") -> list[JsonObject]:
        """Pods whose name matches, in a phase."""
        return [
            pod
            for pod in self.control.cluster.list("Pod")
            if re.search(pattern, pod["metadata"]["name"])
            and pod.get("status", {}).get("phase") == phase
        ]

    async def until(self, holds: Callable[[], bool]) -> None:
        """Wait until something holds. Raises: SiteError."""
        try:
            async with asyncio.timeout(_PATIENCE_SECONDS):
                while not holds():  # noqa: ASYNC110 what is waited for tells nobody
                    await asyncio.sleep(0.005)
        except TimeoutError as late:
            raise SiteError("a step of the lab's building did not come about") from (
                self._failure() or late
            )

    def _failure(self) -> BaseException | None:
        """What ended a service that should run."""
        machines = self.world.machines.values()
        tasks = (state.task for machine in machines for state in machine.systemd.states())
        ended = (task for task in tasks if task and task.done() and not task.cancelled())
        return next(filter(None, (task.exception() for task in ended)), None)
