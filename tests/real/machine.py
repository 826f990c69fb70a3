"""One machine: a booted Debian under systemd-nspawn, with its own disk, network and control groups."""

from __future__ import annotations

import contextlib
import os
import shlex
import shutil
import socket
import subprocess
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from . import cgroups, network
from .rootfs import write
from .web import HOST_NAMES

ASKED_TO_REBOOT = 133
"""nspawn's exit status when the guest wants to boot again."""


@dataclass(frozen=True)
class Supplies:
    """What every machine of a bed is made from. `groups`: the name of the bed's control groups."""

    rootfs: Path
    programs: Path
    folder: Path
    groups: str
    public_key: str
    private_key: Path
    authority: bytes


@dataclass(frozen=True)
class Result:
    """What a command gave."""

    status: int
    out: str
    err: str


@dataclass
class Machine:
    """`disk_mb`: size of its disk in memory. `layers`: trees over the root file system, the uppermost first."""

    name: str
    address: str
    supplies: Supplies
    hosts: dict[str, str] = field(default_factory=dict)
    disk_mb: int = 4096
    layers: Sequence[Path] = ()
    _process: subprocess.Popen[bytes] | None = None
    _stopping: threading.Event = field(default_factory=threading.Event)
    _watcher: threading.Thread | None = None
    boots: int = 0

    @property
    def disk(self) -> Path:
        """The machine's writable storage, on the host."""
        return self.supplies.folder / self.name

    @property
    def root(self) -> Path:
        """The machine's `/`, on the host; /var/lib/rancher and /var/lib/kubelet are not in it but in `disk`."""
        return self.disk / "root"

    def make(self) -> None:
        """Its disk and its network; nothing runs yet."""
        self.disk.mkdir()
        _run(
            "mount",
            "-t",
            "tmpfs",
            "-o",
            f"size={self.disk_mb}m,mode=755",
            f"bed-{self.name}",
            str(self.disk),
        )
        for folder in ("upper", "work", "root", "rancher", "kubelet"):
            (self.disk / folder).mkdir()
        lower = ":".join(map(str, (*self.layers, self.supplies.rootfs)))
        layers = f"lowerdir={lower},upperdir={self.disk}/upper,workdir={self.disk}/work"
        _run("mount", "-t", "overlay", "-o", layers, f"bed-{self.name}", str(self.root))
        self._furnish()
        network.plug_in(self.name, self.address)

    def _furnish(self) -> None:
        write(self.root, "etc/hostname", f"{self.name}\n")
        lines = {"127.0.0.1": "localhost", self.address: self.name}
        known = [
            *lines.items(),
            *self.hosts.items(),
            *((network.GATEWAY, name) for name in HOST_NAMES),
        ]
        write(self.root, "etc/hosts", "".join(f"{address} {name}\n" for address, name in known))
        for home in ("root", "home/ops", "home/admin"):
            folder = self.root / home
            write(self.root, f"{home}/.ssh/authorized_keys", self.supplies.public_key, 0o600)
            owner = folder.stat()
            for path in (folder / ".ssh", folder / ".ssh" / "authorized_keys"):
                os.chown(path, owner.st_uid, owner.st_gid)
            (folder / ".ssh").chmod(0o700)
        for kind in ("ed25519",):
            key = self.root / "etc" / "ssh" / f"ssh_host_{kind}_key"
            _run(
                "ssh-keygen", "-q", "-t", kind, "-N", "", "-C", f"root@{self.name}", "-f", str(key)
            )
        write(self.root, "usr/local/share/ca-certificates/bed.crt", self.supplies.authority)
        bundle = self.root / "etc" / "ssl" / "certs" / "ca-certificates.crt"
        with bundle.open("ab") as file:
            file.write(self.supplies.authority)

    @property
    def host_key(self) -> str:
        """The public host key, as a known_hosts line has it after the name."""
        words = (self.root / "etc/ssh/ssh_host_ed25519_key.pub").read_text().split()
        return f"{words[0]} {words[1]}"

    def boot(self) -> None:
        """Starts it, and keeps it going over reboots; returns when it greets on port 22."""
        self._stopping.clear()
        self._start()
        self._watcher = threading.Thread(target=self._watch, daemon=True)
        self._watcher.start()
        self.wait_for_ssh()

    def _start(self) -> None:
        groups = cgroups.make(self.supplies.groups, self.name)
        cgroups.clear(self.supplies.groups, self.name)
        filters = "@keyring bpf" if cgroups.unified() else "@keyring"
        command = [
            *(
                "systemd-nspawn",
                "--quiet",
                "--boot",
                "--register=no",
                "--keep-unit",
                "--console=pipe",
            ),
            *("--link-journal=no", "--resolv-conf=off", "--timezone=off", "--capability=all"),
            *(f"--directory={self.root}", f"--machine={self.name}", f"--hostname={self.name}"),
            f"--network-namespace-path={network.NAMESPACES}/{self.name}",
            f"--system-call-filter={filters}",
            f"--bind={self.disk}/rancher:/var/lib/rancher",
            f"--bind={self.disk}/kubelet:/var/lib/kubelet",
            f"--bind-ro={self.supplies.programs}:/opt/bed/bin",
        ]
        enter = "".join(f"echo 0 > {shlex.quote(str(group))}/cgroup.procs; " for group in groups)
        self.boots += 1
        with (self.supplies.folder / f"{self.name}.console").open("ab") as console:
            self._process = subprocess.Popen(
                ["sh", "-ec", f'{enter} exec "$@"', "sh", *command],
                stdin=subprocess.DEVNULL,
                stdout=console,
                stderr=console,
                env={**os.environ, "SYSTEMD_NSPAWN_API_VFS_WRITABLE": "network"},
            )

    def _watch(self) -> None:
        while self._process is not None:
            status = self._process.wait()
            if self._stopping.is_set() or status != ASKED_TO_REBOOT:
                return
            self._start()

    def wait_for_ssh(self, seconds: float = 30) -> None:
        """Returns when sshd greets.

        Raises:
            TimeoutError: it did not; with the end of the console.
        """
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            with (
                contextlib.suppress(OSError),
                socket.create_connection((self.address, 22), timeout=1) as link,
            ):
                link.settimeout(2)
                if link.recv(4) == b"SSH-":
                    return
            time.sleep(0.05)
        console = (self.supplies.folder / f"{self.name}.console").read_text(errors="replace")
        raise TimeoutError(f"{self.name}: no SSH after {seconds} s; console:\n{console[-2000:]}")

    def power_off(self) -> None:
        """Pulls the plug: nothing is asked, the disk stays."""
        self._stopping.set()
        cgroups.kill(self.supplies.groups, self.name)
        if self._process is not None:
            self._process.kill()
            self._process.wait()
        if self._watcher is not None:
            self._watcher.join(5)

    def remove(self) -> None:
        """Off, and its disk and network gone."""
        self.power_off()
        with contextlib.suppress(RuntimeError):
            network.unplug(self.name)
        cgroups.clear(self.supplies.groups, self.name)
        for place in (self.root, self.disk):
            subprocess.run(["umount", "-l", str(place)], capture_output=True)
        shutil.rmtree(self.disk, ignore_errors=True)

    def ssh_command(self, user: str, *command: str) -> list[str]:
        """What to start on the host to run a command there."""
        control = self.supplies.folder / f"ssh-{user}-{self.name}-{self.boots}"
        return [
            *(
                "ssh",
                "-i",
                str(self.supplies.private_key),
                "-o",
                "StrictHostKeyChecking=no",
                "-o",
                "LogLevel=ERROR",
            ),
            *(
                "-o",
                "UserKnownHostsFile=/dev/null",
                "-o",
                "IdentitiesOnly=yes",
                "-o",
                "ConnectTimeout=5",
            ),
            *(
                "-o",
                "ControlMaster=auto",
                "-o",
                f"ControlPath={control}",
                "-o",
                "ControlPersist=600",
            ),
            f"{user}@{self.address}",
            *command,
        ]

    def run(
        self, script: str, *, user: str = "root", text_in: str = "", seconds: float = 60
    ) -> Result:
        """A shell script, its standard input, how it ended."""
        done = subprocess.run(
            self.ssh_command(user, script),
            input=text_in,
            capture_output=True,
            text=True,
            timeout=seconds,
        )
        return Result(done.returncode, done.stdout, done.stderr)

    def sh(self, script: str, *, user: str = "root", text_in: str = "", seconds: float = 60) -> str:
        """The script's output.

        Raises:
            AssertionError: it did not exit with 0; with what it said.
        """
        result = self.run(script, user=user, text_in=text_in, seconds=seconds)
        assert result.status == 0, (
            f"{self.name}: {script}\nexit {result.status}\n{result.out}{result.err}"
        )
        return result.out

    def put(self, path: str, content: str | bytes, mode: int = 0o644) -> None:
        """A file of the running machine."""
        data = content.encode() if isinstance(content, str) else content
        script = f"mkdir -p {shlex.quote(str(Path(path).parent))} && cat > {shlex.quote(path)} && chmod {mode:o} {shlex.quote(path)}"
        done = subprocess.run(
            self.ssh_command("root", script), input=data, capture_output=True, timeout=120
        )
        assert done.returncode == 0, done.stderr.decode()

    def journal(self, unit: str) -> str:
        """All that a unit has written, oldest first."""
        return self.sh(f"journalctl -u {unit} -o cat --no-pager")


def _run(*command: str) -> None:
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        raise RuntimeError(f"{' '.join(command)}: {done.stderr.strip()}")
