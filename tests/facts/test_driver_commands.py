"""The commands that a person is given, by distribution, card and Secure Boot."""

from __future__ import annotations

import pytest

from gpu_wizard.facts.driver_commands import (
    driver_commands,
    family_of,
    module_flavour,
    nouveau_commands,
    rebuild_commands,
    secure_boot_commands,
)
from gpu_wizard.facts.identity import OsRelease
from gpu_wizard.facts.pci import PciCard

H100 = PciCard("0000:01:00.0", 0x2330)
V100 = PciCard("0000:02:00.0", 0x1DB4)
B200 = PciCard("0000:03:00.0", 0x2901)
K80 = PciCard("0000:04:00.0", 0x102D)


def system(name: str, version: str, *like: str) -> OsRelease:
    return OsRelease(name, version, like, f"{name} {version}")


UBUNTU = ("22.04", "24.04", "26.04")


@pytest.mark.parametrize("version", UBUNTU)
def test_ubuntu_asks_its_own_tool(version: str) -> None:
    lines = driver_commands(system("ubuntu", version, "debian"), [H100], False)
    assert lines == (
        "sudo apt-get update",
        "sudo apt-get install -y ubuntu-drivers-common linux-headers-$(uname -r)",
        "sudo ubuntu-drivers install --gpgpu nvidia:580-server-open",
        "sudo apt-get install -y nvidia-utils-580-server",
        "sudo reboot",
    )


@pytest.mark.parametrize("version", UBUNTU)
def test_ubuntu_with_secure_boot_takes_signed_modules_by_name(version: str) -> None:
    lines = driver_commands(system("ubuntu", version, "debian"), [H100], True)
    assert lines[1] == (
        "sudo apt-get install -y linux-modules-nvidia-580-server-open-$(uname -r)"
        " nvidia-headless-no-dkms-580-server-open nvidia-utils-580-server"
    )
    assert not any("mokutil" in line for line in lines)


def test_a_card_before_turing_takes_the_proprietary_module() -> None:
    lines = driver_commands(system("ubuntu", "24.04", "debian"), [V100], False)
    assert "sudo ubuntu-drivers install --gpgpu nvidia:580-server" in lines
    assert driver_commands(system("debian", "13"), [V100], False) == (
        r"sudo sed -i -E 's/^(Components:|deb .*) main.*/\1 main contrib non-free non-free-firmware/'"
        " $(ls /etc/apt/sources.list /etc/apt/sources.list.d/debian.sources 2>/dev/null)",
        "sudo apt-get update",
        "sudo apt-get install -y linux-headers-$(uname -r) nvidia-kernel-dkms nvidia-smi libcuda1",
        "sudo reboot",
    )


@pytest.mark.parametrize(("version", "name"), [("12", "debian12"), ("13", "debian13")])
@pytest.mark.parametrize("card", [H100, B200], ids=["hopper", "blackwell"])
def test_debian_takes_nvidias_repository(version: str, name: str, card: PciCard) -> None:
    lines = driver_commands(system("debian", version), [card], True)
    assert f"/repos/{name}/x86_64/cuda-keyring_1.1-1_all.deb" in lines[0]
    assert "sudo apt-get install -y linux-headers-$(uname -r) nvidia-open" in lines
    assert any(line.startswith("sudo mokutil --import /var/lib/dkms/mok.pub") for line in lines)
    without = driver_commands(system("debian", version), [card], False)
    assert not any("mokutil" in line for line in without)


def test_arm_servers_have_a_repository_of_their_own() -> None:
    assert "/debian13/sbsa/" in driver_commands(system("debian", "13"), [H100], False, "aarch64")[0]


@pytest.mark.parametrize(
    ("release", "epel", "pin"),
    [
        (system("rocky", "9.6", "rhel", "centos", "fedora"), "epel-release", "580-open"),
        (
            system("rhel", "9.6", "fedora"),
            "https://dl.fedoraproject.org/pub/epel/epel-release-latest-9.noarch.rpm",
            "580-open",
        ),
        (
            system("rhel", "10.1", "fedora"),
            "https://dl.fedoraproject.org/pub/epel/epel-release-latest-10.noarch.rpm",
            "versionlock",
        ),
    ],
)
def test_red_hat_and_its_relatives(release: OsRelease, epel: str, pin: str) -> None:
    lines = driver_commands(release, [H100], False)
    assert lines[0] == f"sudo dnf install -y {epel}"
    assert any(pin in line for line in lines)
    assert "sudo dnf install -y nvidia-open" in lines
    assert "sudo dnf module enable -y nvidia-driver:580-dkms" in driver_commands(
        system("rocky", "9.6", "rhel"), [V100], False
    )


@pytest.mark.parametrize(
    ("release", "repository"),
    [
        (system("opensuse-leap", "15.6", "suse", "opensuse"), "opensuse15"),
        (system("sles", "15.7", "suse"), "sles15"),
        (system("sles", "16.0", "suse"), "suse16"),
    ],
)
def test_suse_signs_its_modules(release: OsRelease, repository: str) -> None:
    lines = driver_commands(release, [H100], True)
    assert lines[0].endswith(f"/repos/{repository}/x86_64/ cuda")
    assert any("nvidia-open-driver-G06-signed-cuda-kmp-default" in line for line in lines)
    assert not any("mokutil" in line for line in lines)


def test_nothing_is_made_up() -> None:
    assert driver_commands(None, [H100], False) == ()
    assert driver_commands(system("nixos", "25.05"), [H100], False) == ()
    assert driver_commands(system("ubuntu", "24.04"), [K80], False) == ()


def test_every_list_ends_in_a_reboot() -> None:
    for release in (
        system("ubuntu", "24.04"),
        system("debian", "13"),
        system("rocky", "9.6", "rhel"),
        system("opensuse-leap", "15.6", "suse"),
    ):
        for lines in (
            driver_commands(release, [], None),
            rebuild_commands(release),
            nouveau_commands(release),
            secure_boot_commands(release),
        ):
            assert lines[-1] == "sudo reboot"


@pytest.mark.parametrize(
    ("cards", "flavour"),
    [
        ([], "open"),
        ([H100], "open"),
        ([B200, H100], "open"),
        ([V100], "proprietary"),
        ([V100, H100], "proprietary"),
        ([K80, H100], ""),
    ],
)
def test_the_oldest_card_decides(cards: list[PciCard], flavour: str) -> None:
    assert module_flavour(cards) == flavour


@pytest.mark.parametrize(
    ("release", "family"),
    [
        (system("linuxmint", "22", "ubuntu", "debian"), "ubuntu"),
        (system("raspbian", "12", "debian"), "debian"),
        (system("almalinux", "9", "rhel", "centos", "fedora"), "redhat"),
        (system("opensuse-tumbleweed", "20261101", "opensuse", "suse"), "suse"),
        (system("sl-micro", "6.1", "suse"), "suse"),
        (system("arch", ""), ""),
        (system("", ""), ""),
    ],
)
def test_families(release: OsRelease, family: str) -> None:
    assert family_of(release) == family
