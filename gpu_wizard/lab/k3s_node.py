"""A machine as K3s makes it a node: the running containerd and kubelet that the cluster sees."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from gpu_wizard.lab import containerd, k3s_control
from gpu_wizard.lab.containerd import Runtimes
from gpu_wizard.lab.driver import NVML_ERRORS
from gpu_wizard.lab.ports import Gpu, Visible
from gpu_wizard.lab.releases import Release
from gpu_wizard.lab.stubs import decode

if TYPE_CHECKING:
    from gpu_wizard.lab.machine import Machine

_NO_LIBRARY = "ERROR_LIBRARY_NOT_FOUND"
KUBELET_SOCKET = "/var/lib/kubelet/device-plugins/kubelet.sock"


class K3sNode:
    """The `Worker` of one machine."""

    def __init__(self, machine: Machine) -> None:
        self._machine = machine
        self._told: list[Callable[[], None]] = []
        self.runtimes: Runtimes | None = None
        self.kubelet_started: float | None = None
        self.node_name = machine.hostname
        self.boot_id = machine.boot_id
        self.machine_id = machine.machine_id
        self.internal_ip = machine.address
        self.kubelet_version = ""
        self.container_runtime_version = ""
        self.os_image = machine.system.pretty_name
        self.kernel_version = machine.system.kernel
        self.is_server = False
        self.cpu = 8
        self.memory_kib = 32826856

    @property
    def handlers(self) -> tuple[str, ...]:
        """Handlers of the running containerd; `runc` alone while it is down."""
        return self.runtimes.handlers if self.runtimes else ("runc",)

    @property
    def default_handler(self) -> str:
        """The handler of pods without a runtime class."""
        return self.runtimes.default if self.runtimes else "runc"

    def visible(
        self, handler: str, allocated: tuple[str, ...] | None, image_asks_all: bool
    ) -> Visible:
        """What NVML answers in a container; see `Worker.visible`.

        Source: `k3s-h100/pods.txt`: the class without a request shows every card to an image that
        asks for all, and none to a plain one.
        """
        binary = self.runtimes.binary(handler) if self.runtimes else ""
        files = self._machine.files
        stub = decode(files.read(binary)) if binary and files.exists(binary) else None
        nvidia = stub is not None and stub.name == "nvidia-container-runtime"
        if not nvidia or (allocated is None and not image_asks_all):
            return Visible(error=_NO_LIBRARY)
        answer = self._machine.driver.answer()
        if answer.status:
            return Visible(error=NVML_ERRORS.get(answer.status, _NO_LIBRARY))
        return Visible(gpus=self._cards(allocated))

    def _cards(self, allocated: tuple[str, ...] | None) -> tuple[Gpu, ...]:
        cards = self._machine.driver.cards
        if allocated is None:
            return cards
        return tuple(card for card in cards if card.uuid in allocated)

    def on_change(self, told: Callable[[], None]) -> None:
        """Call `told` after each change."""
        self._told.append(told)

    def changed(self) -> None:
        """Tell the cluster that something changed."""
        for told in self._told:
            told()

    def configure(self, release: Release) -> Runtimes:
        """What containerd makes of config.toml as it stands; it is not running yet.

        Raises: BadConfigError.
        """
        files = self._machine.files
        containerd.log(files, *_starting(release))
        try:
            return containerd.load(files, release)
        except containerd.BadConfigError as bad:
            containerd.log(files, *bad.lines)
            raise

    def containerd_up(self, release: Release, runtimes: Runtimes) -> None:
        """containerd runs from here on."""
        self.runtimes = runtimes
        self.container_runtime_version = f"containerd://{release.containerd.removeprefix('v')}"
        self._machine.files.write("/run/k3s/containerd/containerd.sock", b"", mode=0o660)
        self.changed()

    def kubelet_up(self, release: Release, labels: dict[str, str]) -> None:
        """Start the kubelet and register with the cluster."""
        machine = self._machine
        self.kubelet_version = release.version
        self.boot_id = machine.boot_id
        self.kubelet_started = machine.clock.now()
        machine.files.write("/var/lib/kubelet/cpu_manager_state", b"{}", mode=0o600)
        machine.files.write(KUBELET_SOCKET, b"", mode=0o755)
        if machine.world.control:
            machine.world.control.cluster.register(self, labels)
        self.changed()

    def down(self) -> None:
        """Both are gone; containers live on."""
        self.runtimes, self.kubelet_started = None, None
        for path in ("/run/k3s/containerd/containerd.sock", KUBELET_SOCKET):
            self._machine.files.remove(path)
        self.changed()

    @property
    def known(self) -> bool:
        """Whether the cluster has a Node object of this name."""
        control: k3s_control.ControlPlane | None = self._machine.world.control
        return bool(control and control.cluster.get("Node", "", self.node_name))


def _starting(release: Release) -> tuple[str, ...]:
    return (containerd.log_line("starting containerd", revision="", version=release.containerd),)
