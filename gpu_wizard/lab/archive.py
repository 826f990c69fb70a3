"""Package archives of the simulated internet: Debian's own and NVIDIA's for the container toolkit."""

from __future__ import annotations

import re
from dataclasses import dataclass

from gpu_wizard.lab.openpgp import NVIDIA_KEY, Key
from gpu_wizard.lab.packages import Package
from gpu_wizard.lab.ports import Files
from gpu_wizard.lab.system import System

NVIDIA_URI = "https://nvidia.github.io/libnvidia-container/stable/deb"
TOOLKIT_VERSIONS = (
    *("1.14.6", "1.15.0", "1.16.2", "1.17.4", "1.17.8", "1.18.0", "1.18.1", "1.18.2"),
    *("1.19.0", "1.19.1", "1.20.0"),
)
TOOLKIT_CONFIG = """accept-nvidia-visible-devices-as-volume-mounts = false
accept-nvidia-visible-devices-envvar-when-unprivileged = true
disable-require = false

[nvidia-container-cli]
environment = []
ldconfig = "@/sbin/ldconfig"
load-kmods = true

[nvidia-container-runtime]
log-level = "info"
mode = "auto"
runtimes = ["runc", "crun"]

[nvidia-container-runtime-hook]
path = "nvidia-container-runtime-hook"
skip-mode-detection = false
"""


def toolkit_packages(version: str) -> tuple[Package, ...]:
    """The four packages of one release of the container toolkit. Source: domain.md, stage 3."""
    full = f"{version}-1"
    return (
        Package(
            "libnvidia-container1",
            full,
            contents=(("/usr/lib/x86_64-linux-gnu/libnvidia-container.so.1", f"{version}\n"),),
            description="NVIDIA container runtime library",
            kilobytes=1016,
        ),
        Package(
            "libnvidia-container-tools",
            full,
            depends=(f"libnvidia-container1={full}",),
            programs=(("/usr/bin/nvidia-container-cli", "nvidia-container-cli"),),
            description="NVIDIA container runtime library (command-line tools)",
            kilobytes=21,
        ),
        Package(
            "nvidia-container-toolkit-base",
            full,
            programs=(
                ("/usr/bin/nvidia-container-runtime", "nvidia-container-runtime"),
                ("/usr/bin/nvidia-ctk", "nvidia-ctk"),
                ("/usr/bin/nvidia-cdi-hook", "nvidia-cdi-hook"),
            ),
            conffiles=(("/etc/nvidia-container-runtime/config.toml", TOOLKIT_CONFIG),),
            description="NVIDIA Container Toolkit Base",
            kilobytes=4610,
        ),
        Package(
            "nvidia-container-toolkit",
            full,
            depends=(f"nvidia-container-toolkit-base={full}", f"libnvidia-container-tools={full}"),
            programs=(("/usr/bin/nvidia-container-runtime-hook", "nvidia-container-runtime-hook"),),
            description="NVIDIA Container toolkit",
            kilobytes=1259,
        ),
    )


def _plain(name: str, version: str, *programs: str, **more: tuple[str, ...]) -> Package:
    paths = tuple((f"/usr/bin/{program}", program) for program in programs)
    return Package(name, version, programs=paths, depends=more.get("depends", ()))


def base_packages(system: System) -> tuple[Package, ...]:
    """What a fresh system has installed, as far as anybody asks."""
    return (
        *(_plain("ca-certificates", "20250419"), _plain("openssh-server", "1:10.0p1-7")),
        *(_plain("curl", "8.14.1-2", "curl"), _plain("gpg", "2.4.7-21+b3", "gpg")),
        *(_plain("gnupg", "2.4.7-21", depends=("gpg",)), _plain("sudo", "1.9.16p2-3")),
        *(_plain("systemd", "257.8-1~deb13u2"), _plain("apt", "3.0.3"), _plain("dpkg", "1.22.21")),
        *(_plain("libc-bin", "2.41-12"), _plain("coreutils", "9.7-3"), _plain("dash", "0.5.12-12")),
        Package(f"linux-image-{system.kernel}", "6.12.48-1"),
    )


def _distribution(system: System) -> tuple[Package, ...]:
    nvidia = "550.163.01-2"
    return (
        *base_packages(system),
        *(_plain("gnupg2", "2.4.7-21", depends=("gnupg",)), _plain("wget", "1.25.0-2", "wget")),
        *(_plain("jq", "1.7.1-6"), _plain("pciutils", "1:3.13.0-2"), _plain("nftables", "1.1.3-1")),
        *(_plain("mokutil", "0.7.2-1"), _plain("open-iscsi", "2.1.11-1")),
        Package("linux-headers-amd64", "6.12.48-1"),
        Package("nvidia-kernel-dkms", nvidia, component="non-free", kilobytes=40120),
        Package("firmware-misc-nonfree", "20250410-2", component="non-free-firmware"),
        Package(
            "nvidia-driver",
            nvidia,
            depends=("nvidia-kernel-dkms",),
            description="NVIDIA metapackage",
            component="non-free",
            kilobytes=494,
        ),
        Package("nvidia-driver-580", "580.95.05-0ubuntu0.24.04.1", component="restricted"),
        Package("nvidia-persistenced", "550.163.01-1", component="contrib"),
    )


@dataclass(frozen=True)
class Source:
    """One archive that a sources file names: URI, suite and components."""

    uri: str
    suite: str
    components: tuple[str, ...]
    signed_by: str
    file: str

    @property
    def label(self) -> str:
        """The archive as apt's progress lines print it."""
        return f"{self.uri} {self.suite}".rstrip()

    @property
    def list_file(self) -> str:
        """Where `apt-get update` keeps its index."""
        plain = re.sub(r"^\w+://", "", f"{self.uri}/{self.suite}").strip("/")
        return f"/var/lib/apt/lists/{re.sub('[^A-Za-z0-9.-]', '_', plain)}_Packages"


@dataclass(frozen=True)
class Repository:
    """What lies behind a URI: packages, and the key that signs them (None: the system's own)."""

    packages: tuple[Package, ...]
    key: Key | None = None


def repository(system: System, source: Source) -> Repository | None:
    """What the simulated internet serves for a source; None: not found."""
    if source.uri.startswith(f"{NVIDIA_URI}/") and source.suite == "/":
        every = (package for version in TOOLKIT_VERSIONS for package in toolkit_packages(version))
        return Repository(tuple(every), NVIDIA_KEY)
    if source.uri.rstrip("/") == system.mirror and source.suite == system.codename:
        wanted = _distribution(system)
        return Repository(tuple(one for one in wanted if one.component in source.components))
    if system.codename in source.suite and ("debian" in source.uri or "ubuntu" in source.uri):
        return Repository(())
    return None


_ONE_LINE = re.compile(r"deb\s+(?:\[(?P<options>[^\]]*)\]\s+)?(?P<uri>\S+)\s+(?P<rest>.+)")


def sources(files: Files) -> tuple[Source, ...]:
    """Every source of /etc/apt, in the order in which apt reads them."""
    found: list[Source] = []
    paths = ["/etc/apt/sources.list"]
    paths += [f"/etc/apt/sources.list.d/{name}" for name in files.list("/etc/apt/sources.list.d")]
    for path in paths:
        if not files.exists(path):
            continue
        text = files.read(path).decode(errors="replace")
        read = _deb822(text, path) if path.endswith(".sources") else _one_line(text, path)
        found += read if path.endswith((".list", ".sources")) else []
    return tuple(found)


def _one_line(text: str, path: str) -> list[Source]:
    found = []
    for line in text.splitlines():
        match = _ONE_LINE.match(line.partition("#")[0].strip())
        if match:
            options = dict(item.partition("=")[::2] for item in (match["options"] or "").split())
            suite, *components = match["rest"].split()
            uri = match["uri"].replace("$(ARCH)", "amd64")
            found.append(Source(uri, suite, tuple(components), options.get("signed-by", ""), path))
    return found


def _deb822(text: str, path: str) -> list[Source]:
    found = []
    for paragraph in re.split(r"\n\s*\n", text):
        fields = {
            key.strip().lower(): value.strip()
            for key, colon, value in (line.partition(":") for line in paragraph.splitlines())
            if colon and not key.startswith("#")
        }
        for uri in fields.get("uris", "").split():
            for suite in fields.get("suites", "").split():
                components = tuple(fields.get("components", "").split())
                found.append(Source(uri, suite, components, fields.get("signed-by", ""), path))
    return found
