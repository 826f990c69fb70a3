"""The operating systems of lab machines: what a fresh Debian or Ubuntu has on its disk."""

from __future__ import annotations

from dataclasses import dataclass

from gpu_wizard.lab.files import FileTree
from gpu_wizard.lab.ports import User
from gpu_wizard.lab.stubs import Stub

USERS = {
    "root": User("root", 0, 0, "/root"),
    "anna": User("anna", 1000, 1000, "/home/anna", password="practice", sudo="password"),  # noqa: S106 the lab's own data
    "ops": User("ops", 1001, 1001, "/home/ops", sudo="nopasswd"),
    "nobody": User("nobody", 65534, 65534, "/nonexistent"),
}
"""Accounts of every lab machine. The passwords are the lab's own data, printed by `demo --serve`."""

_TOOLS = (
    *("bin/systemctl", "bin/journalctl", "bin/systemd-detect-virt", "bin/dpkg", "bin/dpkg-query"),
    *("bin/apt-get", "bin/apt-cache", "bin/gpg", "bin/curl", "sbin/modprobe", "sbin/lsmod"),
    *("bin/lspci", "bin/mokutil", "bin/ss", "sbin/ip", "bin/getent", "bin/timedatectl"),
    *("sbin/reboot", "sbin/shutdown", "bin/dmesg", "bin/df", "bin/mount", "bin/openssl"),
    *("sbin/modinfo", "bin/free", "bin/uptime", "bin/hostnamectl", "bin/loginctl"),
)


@dataclass(frozen=True)
class System:
    """One distribution's release, as its files name it."""

    id: str
    version_id: str
    codename: str
    pretty_name: str
    kernel: str
    mirror: str
    components: str
    quotes_links: bool
    """systemd 254 and later put quotes around the paths of a `Created symlink` line."""

    @property
    def os_release(self) -> str:
        """/etc/os-release."""
        name = "Ubuntu" if self.id == "ubuntu" else "Debian GNU/Linux"
        like = "ID_LIKE=debian\n" if self.id == "ubuntu" else ""
        return (
            f'PRETTY_NAME="{self.pretty_name}"\nNAME="{name}"\nVERSION_ID="{self.version_id}"\n'
            f'VERSION="{self.version_id} ({self.codename})"\nVERSION_CODENAME={self.codename}\n'
            f'ID={self.id}\n{like}HOME_URL="https://www.{self.id}.org/"\n'
        )

    @property
    def sources(self) -> str:
        """The deb822 file of the distribution's own archive."""
        security = "http://security.debian.org/debian-security"
        updates = self.mirror if self.id == "ubuntu" else security
        keyring = f"/usr/share/keyrings/{self.id}-archive-keyring.gpg"
        return "\n".join(
            f"Types: deb\nURIs: {uri}\nSuites: {suite}\nComponents: {self.components}\n"
            f"Signed-By: {keyring}\n"
            for uri, suite in (
                (self.mirror, f"{self.codename} {self.codename}-updates"),
                (updates, f"{self.codename}-security"),
            )
        )


DEBIAN_13 = System(
    "debian",
    "13",
    "trixie",
    "Debian GNU/Linux 13 (trixie)",
    "6.12.48+deb13-amd64",
    "http://deb.debian.org/debian",
    "main contrib non-free non-free-firmware",
    quotes_links=True,
)
UBUNTU_24_04 = System(
    "ubuntu",
    "24.04",
    "noble",
    "Ubuntu 24.04.3 LTS",
    "6.8.0-85-generic",
    "http://archive.ubuntu.com/ubuntu",
    "main restricted universe multiverse",
    quotes_links=True,
)
SYSTEMS = {"debian": DEBIAN_13, "ubuntu": UBUNTU_24_04}

_SERVICE = """[Unit]
Description={description}

[Service]
Type=notify
ExecStart={command}
Restart=always
RestartSec=1s

[Install]
WantedBy=multi-user.target
"""


def service_file(description: str, command: str) -> bytes:
    """A unit of an ordinary daemon."""
    return _SERVICE.format(description=description, command=command).encode()


def lay_out(files: FileTree, system: System, hostname: str, machine_id: str, hosts: str) -> None:
    """Write the files of a freshly installed system."""
    for name in ("bin", "sbin", "lib"):
        files.directory(f"/usr/{name}")
        files.link(f"usr/{name}", f"/{name}")
    texts = _texts(system, hostname, machine_id, hosts)
    for path, text in texts.items():
        files.write(path, text.encode())
    for tool in _TOOLS:
        files.write(f"/usr/{tool}", Stub(tool.rsplit("/", 1)[-1]).encode(), mode=0o755)
    for name, description, command in (
        ("ssh", "OpenBSD Secure Shell server", "/usr/sbin/sshd -D"),
        ("cron", "Regular background program processing daemon", "/usr/sbin/cron -f"),
    ):
        files.write(f"/usr/lib/systemd/system/{name}.service", service_file(description, command))
        files.write(command.split()[0], Stub("daemon").encode(), mode=0o755)
        link = f"/etc/systemd/system/multi-user.target.wants/{name}.service"
        files.link(f"/usr/lib/systemd/system/{name}.service", link)


def _texts(system: System, hostname: str, machine_id: str, hosts: str) -> dict[str, str]:
    return {
        "/etc/os-release": system.os_release,
        "/etc/debian_version": "13.1\n" if system.id == "debian" else "trixie/sid\n",
        "/etc/hostname": f"{hostname}\n",
        "/etc/machine-id": f"{machine_id}\n",
        "/etc/hosts": f"127.0.0.1\tlocalhost\n127.0.1.1\t{hostname}\n{hosts}",
        "/etc/resolv.conf": "nameserver 10.20.0.1\n",
        "/etc/timezone": "Etc/UTC\n",
        "/etc/passwd": _passwd(),
        "/etc/group": _group(),
        "/proc/version": f"Linux version {system.kernel} (debian-kernel@lists.debian.org)\n",
        "/proc/sys/kernel/osrelease": f"{system.kernel}\n",
        "/proc/cpuinfo": _cpuinfo(8),
        "/proc/meminfo": "MemTotal:       32826856 kB\nMemFree:        28442312 kB\n"
        "MemAvailable:   30918416 kB\nSwapTotal:             0 kB\nSwapFree:              0 kB\n",
        "/proc/uptime": "86412.17 689912.02\n",
        "/proc/loadavg": "0.08 0.05 0.01 1/214 1187\n",
        "/proc/swaps": "Filename\t\t\t\tType\t\tSize\t\tUsed\t\tPriority\n",
        "/proc/mounts": "/dev/vda1 / ext4 rw,relatime 0 0\n"
        "cgroup2 /sys/fs/cgroup cgroup2 rw,nosuid,nodev,noexec,relatime 0 0\n",
        "/proc/cmdline": f"BOOT_IMAGE=/boot/vmlinuz-{system.kernel} root=/dev/vda1 ro quiet\n",
        "/sys/fs/cgroup/cgroup.controllers": "cpuset cpu io memory hugetlb pids rdma misc\n",
        "/sys/class/net/eth0/address": "52:54:00:12:34:56\n",
        "/var/log/dpkg.log": "",
        f"/etc/apt/sources.list.d/{system.id}.sources": system.sources,
        f"/usr/share/keyrings/{system.id}-archive-keyring.gpg": "archive keyring\n",
    }


def _passwd() -> str:
    return "".join(
        f"{user.name}:x:{user.uid}:{user.gid}:{user.name}:{user.home}:/bin/bash\n"
        for user in USERS.values()
    )


def _group() -> str:
    own = "".join(f"{user.name}:x:{user.gid}:\n" for user in USERS.values() if user.uid != 65534)
    return f"{own}sudo:x:27:anna,ops\nnogroup:x:65534:\n"


def _cpuinfo(count: int) -> str:
    return "".join(
        f"processor\t: {number}\nvendor_id\t: AuthenticAMD\n"
        "model name\t: AMD Ryzen 9 5950X 16-Core Processor\nflags\t\t: fpu vme de pse tsc msr\n\n"
        for number in range(count)
    )
