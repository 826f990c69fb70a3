"""The machine's root file system: Debian with systemd, sshd, sudo and apt, as a tree to lay an overlay over."""

from __future__ import annotations

import subprocess
from pathlib import Path

from .places import SOURCES, built, digest, files_below, say

PACKAGES = (
    *(
        "systemd",
        "systemd-sysv",
        "dbus",
        "openssh-server",
        "sudo",
        "iproute2",
        "iptables",
        "procps",
        "kmod",
    ),
    *(
        "ca-certificates",
        "curl",
        "gnupg",
        "gnupg2",
        "less",
        "python3",
        "runc",
        "containernetworking-plugins",
    ),
)
SUITE = "bookworm"
PASSWORD = "correct horse"
"""Of the user `ops`, who needs it for sudo; `admin` needs none."""


def rootfs() -> Path:
    """The tree; nothing may be written into it."""
    debian = built("debian", digest((), SUITE, *PACKAGES), _bootstrap)
    inputs = [*files_below(SOURCES / "node"), Path(__file__)]
    return built("rootfs", digest(inputs, debian.name), lambda out: _furnish(debian, out))


def _mirror() -> str:
    """The Debian mirror that this machine itself uses, or "": it uses none."""
    said = subprocess.run(
        ["apt-get", "indextargets", "--format", "$(REPO_URI) $(RELEASE)"],
        capture_output=True,
        text=True,
    )
    for line in said.stdout.splitlines():
        address, _, release = line.partition(" ")
        if release.strip() == SUITE:
            return address
    return ""


def _bootstrap(out: Path) -> None:
    say("debootstrap: a minute")
    command = [
        "debootstrap",
        "--variant=minbase",
        f"--include={','.join(PACKAGES)}",
        SUITE,
        str(out),
    ]
    # Without one it knows Debian's own.
    command += [mirror] if (mirror := _mirror()) else []
    done = subprocess.run(["nice", "-n", "10", *command], capture_output=True, text=True)
    if done.returncode:
        raise RuntimeError(f"debootstrap failed\n{done.stdout[-3000:]}")
    _thin(out)


def _furnish(debian: Path, root: Path) -> None:
    """Users, our unit, the network of pods."""
    subprocess.run(["cp", "-a", f"{debian}/.", str(root)], check=True)
    node = SOURCES / "node"
    for source, target, mode in (
        ("prepare", "usr/local/lib/bed/prepare", 0o755),
        ("cards", "usr/local/lib/bed/cards", 0o755),
        ("bed-prepare.service", "etc/systemd/system/bed-prepare.service", 0o644),
        ("10-bed.conflist", "etc/cni/net.d/10-bed.conflist", 0o644),
        ("sshd.conf", "etc/ssh/sshd_config.d/bed.conf", 0o644),
    ):
        write(root, target, (node / source).read_text(), mode)
    write(root, "etc/systemd/system.conf.d/bed.conf", "[Manager]\nDefaultTimeoutStopSec=5s\n")
    write(root, "etc/sudoers.d/admin", "admin ALL=(ALL) NOPASSWD: ALL\n", 0o440)
    write(root, "etc/apt/sources.list", "")
    write(root, "etc/machine-id", "")
    write(root, "etc/resolv.conf", "")
    script = f"""
        useradd --create-home --shell /bin/bash --groups sudo ops
        useradd --create-home --shell /bin/bash admin
        echo 'ops:{PASSWORD}' | chpasswd
        systemctl enable bed-prepare.service
        systemctl mask systemd-networkd-wait-online.service apt-daily.timer apt-daily-upgrade.timer
        mkdir -p /opt/cni && ln -s /usr/lib/cni /opt/cni/bin
        rm -f /etc/ssh/ssh_host_* /var/lib/dbus/machine-id
    """
    subprocess.run(["chroot", str(root), "sh", "-euc", script], check=True, capture_output=True)


def _thin(root: Path) -> None:
    script = """
        find /usr/lib/cni -type f ! -name bridge ! -name host-local ! -name loopback ! -name portmap -delete
        rm -rf /var/cache/apt/* /var/lib/apt/lists/* /usr/share/doc/* /usr/share/man/* /usr/share/locale/*
        mkdir -p /var/lib/apt/lists/partial /var/cache/apt/archives/partial
    """
    subprocess.run(["chroot", str(root), "sh", "-euc", script], check=True, capture_output=True)


def write(root: Path, target: str, text: str | bytes, mode: int = 0o644) -> None:
    """A file of the tree, with the folders above it."""
    path = root / target
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    path.chmod(mode)
