"""One machine of the lab: a single coherent state that its shell, programs and node all read."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Callable, Coroutine, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from gpu_wizard.lab import k3s_config, system
from gpu_wizard.lab.archive import base_packages
from gpu_wizard.lab.cdi import cdi_spec
from gpu_wizard.lab.clock import wall
from gpu_wizard.lab.driver import Driver, plug_in
from gpu_wizard.lab.files import FileTree
from gpu_wizard.lab.journal import Journal
from gpu_wizard.lab.k3s_agent import Agent
from gpu_wizard.lab.k3s_node import K3sNode
from gpu_wizard.lab.k3s_server import Server
from gpu_wizard.lab.packages import Dpkg, Package, compare
from gpu_wizard.lab.ports import Clock, Files, Gpu, Program, User
from gpu_wizard.lab.programs import PROGRAMS
from gpu_wizard.lab.releases import release
from gpu_wizard.lab.stubs import Stub, decode
from gpu_wizard.lab.system import System
from gpu_wizard.lab.systemd import Running, Service, Systemd
from gpu_wizard.lab.units import UnitFile

if TYPE_CHECKING:
    from gpu_wizard.lab.world import World

_PATH = ("/usr/local/sbin", "/usr/local/bin", "/usr/sbin", "/usr/bin", "/sbin", "/bin")
_STOPPING_SECONDS, _BOOT_SECONDS = 2.0, 20.0


@dataclass(frozen=True)
class Lock:
    """Somebody holds the package manager's lock: who, and until which loop time."""

    pid: int
    process: str
    until: float


class Machine:
    """A `Computer`. `cgroup`: 2 or 1; `clock_offset` of the true time; `stopping`: going down, it starts nothing."""

    def __init__(
        self,
        world: World,
        hostname: str,
        address: str,
        *,
        distribution: System = system.DEBIAN_13,
        cards: tuple[Gpu, ...] = (),
    ) -> None:
        self.world = world
        self.clock: Clock = world.clock
        self.hostname = hostname
        self.address = address
        self.system = distribution
        self.users: Mapping[str, User] = dict(system.USERS)
        self.boot_id = str(uuid.uuid4())
        self.booted = wall()
        self.machine_id = uuid.uuid4().hex
        self.cgroup = 2
        self.clock_offset = timedelta()
        self.virtualization = "kvm"
        self.lock: Lock | None = None
        self.leaked_shim = False
        """A shim is left whose pod is gone: the next start of containerd takes 10 s more."""
        self.tree = FileTree(self.users)
        self.files: Files = self.tree
        self._programs: tuple[int, tuple[str, ...]] | None = None
        self.journal = Journal(lambda: self.boot_id)
        self.driver = Driver(self.files, self.journal, distribution.kernel, cards)
        self.dpkg = Dpkg(self.files)
        self.systemd = Systemd(self.files, self.journal, self.clock, self._service)
        self.node = K3sNode(self)
        self.up, self.stopping = True, False
        self._told: list[Callable[[], None]] = []
        self._told_up: list[Callable[[], None]] = []
        self._tasks: set[asyncio.Task[None]] = set()
        self._lay_out()

    def _lay_out(self) -> None:
        hosts = "".join(f"{address}\t{name}\n" for name, address in self.world.names.items())
        system.lay_out(self.tree, self.system, self.hostname, self.machine_id, hosts)
        for user in self.users.values():
            if user.uid and user.home.startswith("/home"):
                self.tree.directory(user.home, mode=0o750, owner=user.name)
        for package in base_packages(self.system):
            self.dpkg.install(package)
        plug_in(self.files, self.driver.cards)
        self.driver.show()
        self.dpkg.hooks.append(self._package_changed)

    def _package_changed(self, package: Package, installed: bool) -> None:
        """What maintainer scripts do: a driver's package brings or takes the driver's files."""
        if package.name in ("nvidia-driver", "nvidia-driver-580") and installed:
            self.driver.install(package.upstream)
        if package.name == "nvidia-container-toolkit-base":
            self._refresh_cdi(package if installed else None)

    def _refresh_cdi(self, toolkit: Package | None) -> None:
        """From 1.18 on the toolkit keeps a CDI specification. Source: domain.md, stage 3."""
        spec = "/var/run/cdi/nvidia.yaml"
        if toolkit is None:
            self.files.remove(spec)
        elif compare(toolkit.upstream, "1.18.0") >= 0 and not self.driver.answer().status:
            self.files.write(spec, cdi_spec(self.driver.cards).encode())

    def now(self) -> datetime:
        """What the machine's own clock shows."""
        return wall() + self.clock_offset

    def program(self, name: str) -> Program | None:
        """The program that a bare name or an absolute path starts now."""
        path = name if name.startswith("/") else self._found(name)
        stub = self._stub(path) if path else None
        maker = PROGRAMS.get(stub.name) if stub else None
        return maker(self) if maker else None

    def programs(self) -> Sequence[str]:
        """Bare names and absolute paths of every program that is there now."""
        changes = self.tree.tree.changes
        if self._programs is None or self._programs[0] != changes:
            self._programs = changes, self._looked_up()
        return self._programs[1]

    def _looked_up(self) -> tuple[str, ...]:
        found: dict[str, None] = {}
        for directory in _PATH:
            for name, node in self.tree.entries(directory):
                linked = node.target is not None
                stub = self._stub(f"{directory}/{name}") if linked else decode(node.content)
                if stub and stub.name in PROGRAMS:
                    found[name] = found[f"{directory}/{name}"] = None
        return tuple(found)

    def _found(self, name: str) -> str:
        paths = (f"{directory}/{name}" for directory in _PATH)
        return next((path for path in paths if self.files.exists(path)), "")

    def _stub(self, path: str) -> Stub | None:
        try:
            return decode(self.files.read(path))
        except OSError:
            return None

    def executable(self, path: str) -> bool:
        """Whether a path is an executable file, links followed."""
        return self._stub(path) is not None or self._is_script(path)

    def _is_script(self, path: str) -> bool:
        try:
            return bool(self.files.mode(path) & 0o111) and bool(self.files.read(path))
        except OSError:
            return False

    def stub(self, path: str) -> Stub | None:
        """Which program of the lab an executable file is; None for others."""
        return self._stub(path)

    def on_reboot(self, told: Callable[[], None]) -> None:
        """Call `told` when the machine goes down."""
        self._told.append(told)

    def on_up(self, told: Callable[[], None]) -> None:
        """Call `told` when the machine is back after a reboot."""
        self._told_up.append(told)

    def work(self, work: Coroutine[None, None, None]) -> None:
        """Keep something of the machine going in the background until it ends."""
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def reboot(self) -> None:
        """Shut down, which takes a moment; come back some seconds later with a new boot id."""
        if self.up and not self.stopping:
            self.stopping = True
            self.work(self._shut_down_and_boot())

    async def _shut_down_and_boot(self) -> None:
        await self.clock.sleep(_STOPPING_SECONDS)
        self.up = False
        self.systemd.shutdown()
        for told in list(self._told):
            told()
        await self.clock.sleep(_BOOT_SECONDS)
        self.stopping = False
        self.boot_id, self.booted = str(uuid.uuid4()), wall()
        self.start()
        self.up = True
        for told in list(self._told_up):
            told()

    def start(self) -> None:
        """What a boot does: kernel, driver, enabled units."""
        self.journal.kernel(f"Linux version {self.system.kernel} (debian-kernel@lists.debian.org)")
        self.driver.boot()
        self.systemd.boot()

    async def shut_down(self) -> None:
        """End everything that runs on the machine, and wait until it has ended."""
        ending = [*self.systemd.shutdown(), *self._tasks]
        for task in ending:
            task.cancel()
        await asyncio.gather(*ending, return_exceptions=True)

    def _service(self, unit: UnitFile) -> Service | None:
        """The main process of a unit, by the program that its ExecStart names."""
        argv = unit.argv
        stub = self._stub(argv[0]) if argv else None
        if stub is None:
            return None
        if stub.name == "k3s" and len(argv) > 1 and argv[1] in ("agent", "server"):
            version = stub.version
            return lambda running: self._k3s(running, version)
        return self._persistenced if stub.name == "nvidia-persistenced" else _idle

    async def _persistenced(self, running: Running) -> int:
        if self.driver.answer().status:
            running.log("nvidia-persistenced failed to initialize. Check syslog for more details.")
            return 1
        self.driver.persistence = True
        try:
            return await _idle(running)
        finally:
            self.driver.persistence = False

    async def _k3s(self, running: Running, version: str) -> int:
        role, rest = running.argv[1], running.argv[2:]
        try:
            flags = k3s_config.load(self.files, rest, running.environment, role)
        except k3s_config.ConfigError as wrong:
            for line in wrong.lines:
                running.log(line)
            await self.clock.sleep(0.3)
            return 1
        await self.clock.sleep(0.3)
        process = Agent if role == "agent" else Server
        return await process(self, running, release(version), flags).run()


async def _idle(running: Running) -> int:
    """A daemon that is there and does nothing that anybody sees."""
    running.ready()
    await asyncio.get_running_loop().create_future()
    return 0
