"""The exact commands that give a machine NVIDIA's driver, for a person to run: nothing here runs them.

Source of all: NVIDIA Driver Installation Guide, "Kernel Modules" (branches 580 to 620); Ubuntu Server guide,
"NVIDIA drivers installation"; SUSE's NVIDIA guide for signed kernel modules; domain.md stage 2 and appendix F.
"""

from __future__ import annotations

from collections.abc import Sequence

from gpu_wizard.facts.identity import OsRelease
from gpu_wizard.facts.pci import PciCard

BRANCH = "580"
"""The newest branch that still serves every generation from Maxwell on; 590 dropped Maxwell, Pascal and Volta."""
_CUDA_REPOSITORY = "https://developer.download.nvidia.com/compute/cuda/repos"
GUIDE = "https://docs.nvidia.com/datacenter/tesla/driver-installation-guide/"
"""Where to read on, for a system or a card that nothing exact is known of."""
_REBOOT = "sudo reboot"
_ENROL = "sudo mokutil --import {key}  # a password of your own, asked for at the console at the next boot"
_DKMS_KEY = "/var/lib/dkms/mok.pub"
_RED_HAT = frozenset(
    ("rhel", "rocky", "almalinux", "centos", "ol", "fedora", "circle", "amzn", "azurelinux")
)
_SUSE = ("suse", "opensuse", "sles")


def family_of(system: OsRelease) -> str:
    """`ubuntu`, `debian`, `redhat`, `suse` or "" for any other, by id first, then by its likes."""
    for name in (system.id, *system.like):
        if name in ("ubuntu", "debian"):
            return name
        if name in _RED_HAT:
            return "redhat"
        if name.startswith(_SUSE):
            return "suse"
    return ""


def module_flavour(cards: Sequence[PciCard]) -> str:
    """`open` where every card is Turing or newer (or none is known), `proprietary` before, "" before Maxwell.

    Source: NVIDIA Driver Installation Guide: open modules are for Turing and newer, and the only ones for
    Blackwell; cards before Maxwell ended with branch 470.
    """
    generations = {card.generation for card in cards}
    if "kepler" in generations:
        return ""
    return "proprietary" if "maxwell" in generations else "open"


def driver_commands(
    system: OsRelease | None,
    cards: Sequence[PciCard],
    secure_boot: bool | None,
    machine: str = "x86_64",
) -> tuple[str, ...]:
    """What to type on this system for these cards, in order; empty where no exact answer is known.

    `secure_boot` None is treated as on: one command more, and harmless where it is off.
    """
    flavour = module_flavour(cards)
    if system is None or not flavour:
        return ()
    is_open, signed = flavour == "open", secure_boot is not False
    match family_of(system):
        case "ubuntu":
            return _ubuntu(is_open, secure_boot is True)
        case "debian":
            return _debian(system, is_open, signed, machine)
        case "redhat":
            return _red_hat(system, is_open, signed, machine)
        case "suse":
            return _suse(system, is_open, machine)
    return ()


def rebuild_commands(system: OsRelease | None) -> tuple[str, ...]:
    """What builds the module for the running kernel where the driver is installed and the module is missing."""
    match family_of(system) if system else "":
        case "ubuntu" | "debian":
            headers = "sudo apt-get install -y linux-headers-$(uname -r)"
        case "redhat":
            headers = "sudo dnf install -y kernel-devel-$(uname -r)"
        case "suse":
            headers = "sudo zypper install -y kernel-default-devel"
        case _:
            return ()
    return (headers, "sudo dkms autoinstall", _REBOOT)


def nouveau_commands(system: OsRelease | None) -> tuple[str, ...]:
    """What keeps nouveau from taking the card at the next boot. Source: error corpus, driver-nouveau-in-use."""
    image = (
        "sudo update-initramfs -u"
        if system and family_of(system) in ("ubuntu", "debian")
        else "sudo dracut --force"
    )
    text = r"'blacklist nouveau\noptions nouveau modeset=0\n'"
    return (f"printf {text} | sudo tee /etc/modprobe.d/blacklist-nouveau.conf", image, _REBOOT)


def secure_boot_commands(system: OsRelease | None) -> tuple[str, ...]:
    """What enrols the key that the module is signed with. Source: error corpus, driver-secure-boot."""
    if system is not None and family_of(system) == "ubuntu":
        return ("sudo update-secureboot-policy --enroll-key", _REBOOT)
    return (_ENROL.format(key=_DKMS_KEY), _REBOOT)


def _ubuntu(is_open: bool, secure_boot: bool) -> tuple[str, ...]:
    """With Secure Boot the modules that Canonical built and signed, named outright, so that nothing is built."""
    driver = f"{BRANCH}-server{'-open' if is_open else ''}"
    install: tuple[str, ...]
    if secure_boot:
        modules = f"linux-modules-nvidia-{driver}-$(uname -r)"
        install = (
            f"sudo apt-get install -y {modules} nvidia-headless-no-dkms-{driver}"
            f" nvidia-utils-{BRANCH}-server",
        )
    else:
        install = (
            "sudo apt-get install -y ubuntu-drivers-common linux-headers-$(uname -r)",
            f"sudo ubuntu-drivers install --gpgpu nvidia:{driver}",
            f"sudo apt-get install -y nvidia-utils-{BRANCH}-server",
        )
    return ("sudo apt-get update", *install, _REBOOT)


def _debian(system: OsRelease, is_open: bool, secure_boot: bool, machine: str) -> tuple[str, ...]:
    """NVIDIA's own repository for the open module: Debian's are 535 and 550, too old for the newest cards."""
    headers = "linux-headers-$(uname -r)"
    enrol = (_ENROL.format(key=_DKMS_KEY),) if secure_boot else ()
    if not is_open:
        sources = "/etc/apt/sources.list /etc/apt/sources.list.d/debian.sources"
        components = r"s/^(Components:|deb .*) main.*/\1 main contrib non-free non-free-firmware/"
        return (
            f"sudo sed -i -E '{components}' $(ls {sources} 2>/dev/null)",
            "sudo apt-get update",
            f"sudo apt-get install -y {headers} nvidia-kernel-dkms nvidia-smi libcuda1",
            *enrol,
            _REBOOT,
        )
    version = system.version_id.partition(".")[0] or "13"
    package = "cuda-keyring_1.1-1_all.deb"
    return (
        f"curl -fsSLO {_CUDA_REPOSITORY}/debian{version}/{_architecture(machine)}/{package}",
        f"sudo dpkg -i {package}",
        "sudo apt-get update",
        f"sudo apt-get install -y {headers} nvidia-open",
        *enrol,
        _REBOOT,
    )


def _red_hat(system: OsRelease, is_open: bool, secure_boot: bool, machine: str) -> tuple[str, ...]:
    major = system.version_id.partition(".")[0]
    name = {"fedora": f"fedora{major}", "amzn": f"amzn{major}"}.get(system.id, f"rhel{major}")
    epel = (
        f"https://dl.fedoraproject.org/pub/epel/epel-release-latest-{major}.noarch.rpm"
        if system.id == "rhel"
        else "epel-release"
    )
    modular = name in ("rhel8", "rhel9", "amzn2023")
    stream = f"{BRANCH}-open" if is_open else f"{BRANCH}-dkms"
    pin = (
        (f"sudo dnf module enable -y nvidia-driver:{stream}",)
        if modular
        else (
            "sudo dnf install -y 'dnf-command(versionlock)'",
            f"sudo dnf versionlock add '*nvidia*{BRANCH}*'",
        )
    )
    repository = f"{_CUDA_REPOSITORY}/{name}/{_architecture(machine)}/cuda-{name}.repo"
    return (
        *((f"sudo dnf install -y {epel}",) if name.startswith("rhel") else ()),
        "sudo dnf install -y 'dnf-command(config-manager)' kernel-devel-$(uname -r) kernel-headers",
        f"sudo curl -fsSL -o /etc/yum.repos.d/cuda-{name}.repo {repository}",
        *pin,
        f"sudo dnf install -y {'nvidia-open' if is_open else 'cuda-drivers'}",
        *((_ENROL.format(key=_DKMS_KEY),) if secure_boot else ()),
        _REBOOT,
    )


def _suse(system: OsRelease, is_open: bool, machine: str) -> tuple[str, ...]:
    """SUSE signs its open modules, so Secure Boot needs nothing more."""
    name = "sles15" if system.id.startswith("sle") else "opensuse15"
    if system.version_id.partition(".")[0] == "16":
        name = "suse16"
    module = (
        "nvidia-open-driver-G06-signed-cuda-kmp-default"
        if is_open
        else "nvidia-driver-G06-kmp-default"
    )
    version = rf"$(rpm -q --qf '%{{VERSION}}\n' {module} | cut -d _ -f 1 | sort -u | tail -n 1)"
    return (
        f"sudo zypper addrepo {_CUDA_REPOSITORY}/{name}/{_architecture(machine)}/ cuda",
        "sudo zypper refresh",
        f"sudo zypper install -y --auto-agree-with-licenses {module}",
        f'sudo zypper install -y --auto-agree-with-licenses "nvidia-compute-utils-G06 == {version}"',
        _REBOOT,
    )


def _architecture(machine: str) -> str:
    """NVIDIA's repositories call 64-bit Arm servers `sbsa`."""
    return {"aarch64": "sbsa"}.get(machine, "x86_64")
