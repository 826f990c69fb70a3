"""Where the lab's three parts meet: shell and SSH, machines and their programs, the cluster.

`shell.py` and `sshd.py` serve any `Computer`. `world.py` makes computers out of simulated state.
`api/` and `cluster/` keep the Kubernetes side, and see a machine only as a `Worker`.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

JsonObject = dict[str, Any]
"""An object of the Kubernetes API as its JSON reads."""


@dataclass(frozen=True)
class User:
    """An account of a lab machine. `password` None: no password works. `sudo`: how sudo treats it."""

    name: str
    uid: int
    gid: int
    home: str
    password: str | None = None
    sudo: str = "none"
    """`none` (not in sudoers), `password` or `nopasswd`."""


class Call(Protocol):
    """One run of a program of a lab machine: what it was given and where it writes."""

    @property
    def argv(self) -> Sequence[str]:
        """The program's name and its arguments, expanded by the shell."""

    @property
    def environment(self) -> Mapping[str, str]: ...

    @property
    def directory(self) -> str:
        """Absolute path of the working directory."""

    @property
    def user(self) -> User:
        """Who runs it; root after sudo."""

    @property
    def interactive(self) -> bool:
        """True where the channel has a terminal."""

    async def read(self) -> bytes:
        """The whole of standard input."""

    async def out(self, data: bytes) -> None:
        """Write to standard output, delivered at once."""

    async def err(self, data: bytes) -> None:
        """Write to standard error, delivered at once."""

    async def shell(self, script: str, *, user: User | None = None, stdin: bytes = b"") -> int:
        """Run a script on the same machine, into the same outputs, and give its exit status."""


Program = Callable[[Call], Awaitable[int]]
"""A program of a lab machine: gives its exit status. Cancelled when its process is killed."""


class Files(Protocol):
    """The machine's file tree with owners and modes, shared by shell, SSH and world.

    Paths are absolute. Raises `FileNotFoundError`, `IsADirectoryError`, `PermissionError` or
    `OSError` with `errno` ENOSPC on a full disk.
    """

    def read(self, path: str) -> bytes: ...

    def write(self, path: str, content: bytes, *, mode: int = 0o644, owner: str = "root") -> None:
        """Create or replace a file; parent directories are made (0755, root)."""

    def remove(self, path: str) -> None:
        """Remove a file, or a directory with all in it; absent is no error."""

    def exists(self, path: str) -> bool: ...

    def list(self, path: str) -> tuple[str, ...]:
        """Names in a directory, sorted; empty where it does not exist."""

    def mode(self, path: str) -> int: ...

    def link(self, target: str, path: str) -> None:
        """Make `path` a symbolic link to `target`."""

    def device(self, path: str, numbers: tuple[int, int], *, mode: int = 0o666) -> None:
        """Make a character device of these numbers, major and minor, that gives nothing."""


class Computer(Protocol):
    """A machine that can be logged in to: what `shell.py` and `sshd.py` need to know of it."""

    hostname: str
    files: Files
    users: Mapping[str, User]
    boot_id: str
    """The random UUID of this boot; a reboot changes it and closes every connection."""

    def program(self, name: str) -> Program | None:
        """The program that `name` (a bare name or an absolute path) starts now, by the world's state.

        None: left to the shell's own built-ins, or `command not found`.
        """

    def programs(self) -> Sequence[str]:
        """Bare names and absolute paths of every program that `program` finds now."""

    def on_reboot(self, told: Callable[[], None]) -> None:
        """Call `told` when the machine goes down (its connections are to be cut)."""


@dataclass(frozen=True)
class Gpu:
    """A card as NVML names it."""

    uuid: str
    name: str
    memory_mib: int = 49140
    minor: int = 0


@dataclass(frozen=True)
class Visible:
    """What NVML answers inside a container started by some runtime handler on this machine.

    `error`: `ERROR_LIBRARY_NOT_FOUND` (no libnvidia-ml.so.1 in the container),
    `ERROR_DRIVER_NOT_LOADED`, `ERROR_LIB_RM_VERSION_MISMATCH`, or "" when NVML works and `gpus` lists the cards.
    """

    gpus: tuple[Gpu, ...] = ()
    error: str = ""


class Worker(Protocol):
    """A machine as the cluster sees it: what the simulated kubelet reports and starts pods with."""

    node_name: str
    boot_id: str
    machine_id: str
    internal_ip: str
    kubelet_version: str
    """For example `v1.34.3+k3s1`."""
    container_runtime_version: str
    """For example `containerd://2.1.5-k3s1`."""
    os_image: str
    kernel_version: str
    is_server: bool
    cpu: int
    memory_kib: int

    @property
    def kubelet_started(self) -> float | None:
        """Loop time at which the kubelet last came up; None while it is down."""

    @property
    def handlers(self) -> tuple[str, ...]:
        """Names of the runtime handlers of the *running* containerd, `runc` first."""

    @property
    def default_handler(self) -> str: ...

    def visible(
        self, handler: str, allocated: tuple[str, ...] | None, image_asks_all: bool
    ) -> Visible:
        """What a container sees under `handler`.

        `allocated`: UUIDs that the device plugin gave it, None when it asked for none;
        `image_asks_all`: its image carries `NVIDIA_VISIBLE_DEVICES=all`, as NVIDIA's do.
        """

    def on_change(self, told: Callable[[], None]) -> None:
        """Call `told` whenever anything above may have changed."""


class ClusterPort(Protocol):
    """What machines may do to the cluster: the part of the API server that K3s itself uses in-process."""

    def register(self, worker: Worker, labels: Mapping[str, str]) -> None:
        """A kubelet joins: make the Node object, or take up the one of that name."""

    def get(self, kind: str, namespace: str, name: str) -> JsonObject | None:
        """One object by kind (`Node`, `Secret`, `RuntimeClass`, …), or None. `namespace` "" for cluster scope."""

    def list(self, kind: str, namespace: str = "") -> list[JsonObject]:
        """All objects of a kind, of one namespace or (with "") of all."""

    def put(self, manifest: JsonObject) -> JsonObject:
        """Create or replace an object as K3s's deploy controller does; gives what is stored."""

    def remove(self, kind: str, namespace: str, name: str) -> None:
        """Delete an object and what it owns; absent is no error."""

    def set_available(self, available: bool, reason: str = "") -> None:
        """Take the API away (connections refused, as a stopped server) or bring it back."""


class Clock(Protocol):
    """Simulated time: recorded delays divided by one factor."""

    factor: float
    """Recorded seconds per second waited; 5 by default, 1 is real time."""

    async def sleep(self, recorded_seconds: float) -> None:
        """Wait for a recorded time divided by the factor."""

    def now(self) -> float:
        """The event loop's own time, in seconds."""
