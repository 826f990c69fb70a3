"""The practice lab as a whole: machines with SSH servers, a cluster with its API, and a folder of keys."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from pathlib import Path
from types import TracebackType

import yaml

from gpu_wizard.lab import folder, sshd
from gpu_wizard.lab.clock import ScaledClock
from gpu_wizard.lab.cluster.server import ClusterServer
from gpu_wizard.lab.folder import Access
from gpu_wizard.lab.kubectl.program import Kubectl
from gpu_wizard.lab.machine import Machine
from gpu_wizard.lab.pki import Authority
from gpu_wizard.lab.releases import DEFAULT_RELEASE, RELEASES
from gpu_wizard.lab.scenarios import SCENARIOS
from gpu_wizard.lab.site import Site
from gpu_wizard.lab.sshd import SshServer
from gpu_wizard.lab.system import SYSTEMS
from gpu_wizard.lab.world import SERVER_ADDRESS, World

__all__ = ["SCENARIOS", "Lab", "LabThread"]

_BUILDING_FACTOR = 400.0
"""How fast the clock runs while a scenario is built."""
_ENDING_SECONDS = 15.0
_NAMES = (SERVER_ADDRESS, "control", "gpu1", "10.43.0.1")


def full_version(version: str) -> str:
    """`1.34.3` as K3s writes it: `v1.34.3+k3s1`.

    Raises: ValueError for one that the lab doesn't have.
    """
    found = version if version.startswith("v") else f"v{version}+k3s1"
    if found not in RELEASES:
        raise ValueError(f"the lab has no K3s {version}; it has {', '.join(RELEASES)}")
    return found


class Lab:
    """`async with Lab(scenario, directory) as lab:` everything runs in the loop that enters it.

    `speed`: recorded seconds per second. `directory` gets key, known_hosts, ssh_config, kubeconfig
    and, last, setup.toml.
    """

    def __init__(
        self,
        scenario: str,
        directory: Path,
        *,
        speed: float = 5.0,
        k3s_version: str = DEFAULT_RELEASE,
        distribution: str = "debian",
    ) -> None:
        self.scenario = SCENARIOS[scenario]
        self.directory = directory
        self.clock = ScaledClock(speed)
        self._version = full_version(k3s_version)
        self._system = SYSTEMS[distribution]
        self._stack = contextlib.AsyncExitStack()
        self._site: Site | None = None
        self.api: ClusterServer | None = None
        self.ssh: dict[str, SshServer] = {}

    @property
    def site(self) -> Site:
        """The lab's machines and cluster. Raises: RuntimeError before the lab was entered."""
        if self._site is None:
            raise RuntimeError("the lab has not been started")
        return self._site

    @property
    def world(self) -> World:
        """The lab's world."""
        return self.site.world

    async def __aenter__(self) -> Lab:
        try:
            await self._start()
        except BaseException:
            await self._stack.aclose()
            raise
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self._stack.aclose()

    async def _start(self) -> None:
        authority = Authority()
        api = ClusterServer(
            self.clock, authority, version=self._version, names=_NAMES, available=False
        )
        self.api = await self._stack.enter_async_context(api)
        kubeconfig = yaml.safe_dump(api.kubeconfig(server="https://127.0.0.1:6443"))
        world = World(
            self.clock,
            api.cluster,
            authority.pem,
            kubeconfig=kubeconfig,
            k3s_version=self._version,
            distribution=self._system,
        )
        world.kubectl = Kubectl(api.cluster, self._version).on
        self._site = Site(world)
        self._stack.push_async_callback(world.close)
        await self._build(self._site)
        await self._open(world, api)

    async def _build(self, site: Site) -> None:
        speed, self.clock.factor = self.clock.factor, _BUILDING_FACTOR
        await self.scenario.build(site)
        self.clock.factor = speed
        for finish in site.finishing:
            finish()

    async def _open(self, world: World, api: ClusterServer) -> None:
        access = Access.new(self.directory)
        forwards = {(host, 6443): api.port for host in ("127.0.0.1", SERVER_ADDRESS)}
        for name, machine in world.machines.items():
            access.admit(machine)
            reaches = forwards if machine.node.is_server else {}
            server = await sshd.serve(machine, forwards=reaches)
            self._stack.push_async_callback(server.close)
            self.ssh[name] = server
            self.site.kernels[name] = server.kernel
            self._follow(machine, server)
        folder.write(
            access,
            self.site,
            {name: (server.port, server.host_public_key) for name, server in self.ssh.items()},
            yaml.safe_dump(api.kubeconfig()),
        )

    @staticmethod
    def _follow(machine: Machine, server: SshServer) -> None:
        """Close the machine's SSH port while it reboots."""
        machine.on_reboot(lambda: machine.work(server.stop()))
        machine.on_up(lambda: machine.work(server.start()))

    def commands_to_try(self) -> str:
        """What a person can do with the lab, for a terminal."""
        return folder.commands(self.directory, self.site)


class LabThread:
    """A lab in a thread and loop of its own, for a synchronous caller."""

    def __init__(
        self,
        *,
        scenario: str,
        directory: Path,
        speed: float = 5.0,
        k3s_version: str = DEFAULT_RELEASE,
    ) -> None:
        self._lab = Lab(scenario, directory, speed=speed, k3s_version=k3s_version)
        self._up = threading.Event()
        self._failure: BaseException | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._stop: asyncio.Event | None = None
        self._thread = threading.Thread(target=self._run, name="practice-lab", daemon=True)

    def __enter__(self) -> LabThread:
        self._thread.start()
        self._up.wait()
        if self._failure is not None:
            raise self._failure
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._loop is not None and self._stop is not None:
            with contextlib.suppress(RuntimeError):  # the loop has ended by itself
                self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join(_ENDING_SECONDS)

    def commands_to_try(self) -> str:
        """What a person can do with the lab, for a terminal."""
        return self._lab.commands_to_try()

    def _run(self) -> None:
        try:
            asyncio.run(self._main())
        except BaseException as failure:  # noqa: BLE001 handed to the thread that waits
            self._failure = failure
        finally:
            self._up.set()

    async def _main(self) -> None:
        self._loop, self._stop = asyncio.get_running_loop(), asyncio.Event()
        async with self._lab:
            self._up.set()
            await self._stop.wait()
