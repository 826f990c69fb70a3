"""The kernel's and the bus's files, read into facts."""

from __future__ import annotations

import pytest

from gpu_wizard.facts import kernel, pci
from gpu_wizard.model.fact import Absent, Known
from gpu_wizard.model.question import FileFound, FilesFound

PROPRIETARY = (
    "NVRM version: NVIDIA UNIX x86_64 Kernel Module  535.104.05  Sat Aug 19 01:15:15 UTC 2023\n"
)
OPEN = "NVRM version: NVIDIA UNIX Open Kernel Module for x86_64  580.159.04  Release Build  (builder@)\n"


def file(path: str, text: str = "", **more: object) -> FileFound:
    content = more.pop("content", text.encode())
    kind, mode, target = more.get("kind", "file"), more.get("mode", 0o444), more.get("target", "")
    assert isinstance(content, bytes)
    return FileFound(path, str(kind), int(str(mode)), "root", len(content), 0, str(target), content)


def device(address: str, identity: str, kind: str, driver: str = "") -> FileFound:
    held = f"DRIVER={driver}\n" if driver else ""
    text = f"{held}PCI_CLASS={kind}\nPCI_ID={identity}\nPCI_SLOT_NAME={address}\nMODALIAS=pci:v\n"
    return file(f"{pci.DEVICES}/{address}/uevent", text)


def test_only_nvidia_display_functions_are_cards() -> None:
    found = FilesFound(
        (
            device("0000:61:00.0", "10DE:2901", "30200"),
            device("0000:00:02.0", "1AF4:1000", "20000", "virtio-pci"),
            device("0000:01:00.0", "10DE:2230", "30000", "nouveau"),
            device("0000:01:00.1", "10DE:1AEF", "40300", "snd_hda_intel"),
            device("0000:41:00.0", "10DE:2330", "30200", "nvidia"),
            device("0000:42:00.0", "10DE:22A3", "68000"),
            device("0000:62:00.0", "1002:744C", "30000", "amdgpu"),
            file(f"{pci.DEVICES}/odd/uevent", "PCI_ID=10DE:\nPCI_CLASS=x\n=\n"),
        )
    )
    assert pci.parse_cards(found) == Known(
        (
            pci.PciCard("0000:01:00.0", 0x2230, "nouveau"),
            pci.PciCard("0000:41:00.0", 0x2330, "nvidia"),
            pci.PciCard("0000:61:00.0", 0x2901, ""),
        )
    )
    assert pci.parse_cards(FilesFound(())) == Known(())


@pytest.mark.parametrize(
    ("device_id", "generation"),
    [
        (0x0FC6, "kepler"),  # GTX 650
        (0x1140, "kepler"),  # GF117
        (0x13C2, "maxwell"),  # GTX 970
        (0x15F8, "maxwell"),  # Tesla P100
        (0x1B80, "maxwell"),  # GTX 1080
        (0x1DB4, "maxwell"),  # Tesla V100
        (0x1E02, "turing"),  # TITAN RTX
        (0x1EB8, "turing"),  # Tesla T4
        (0x2182, "turing"),  # GTX 1660 Ti
        (0x20B0, "turing"),  # A100
        (0x2230, "turing"),  # RTX A6000
        (0x2335, "turing"),  # H200
        (0x26B5, "turing"),  # L40
        (0x2901, "blackwell"),  # B200
        (0x2B85, "blackwell"),  # RTX 5090
    ],
)
def test_the_device_id_tells_the_generation(device_id: int, generation: str) -> None:
    assert pci.PciCard("0000:01:00.0", device_id).generation == generation


EFI = file(kernel.EFI, kind="directory")


def state(*files: FileFound) -> kernel.DriverState:
    fact = kernel.parse_state(FilesFound(files))
    assert isinstance(fact, Known)
    return fact.value


@pytest.mark.parametrize(
    ("text", "version", "is_open"),
    [(PROPRIETARY, "535.104.05", False), (OPEN, "580.159.04", True), ("odd\n", "", False)],
)
def test_both_spellings_of_the_driver_version(text: str, version: str, is_open: bool) -> None:
    found = state(file(kernel.DRIVER_VERSION, text))
    assert (found.version, found.open_module) == (version, is_open)


def test_the_module_file_is_enough() -> None:
    found = state(file(kernel.MODULE_VERSION, "580.159.04\n"))
    assert (found.version, found.open_module) == ("580.159.04", None)


def test_nothing_there_is_an_answer() -> None:
    found = state()
    assert found == kernel.DriverState(nodes={}, secure_boot=False)
    assert not found.has(kernel.UVM_NODE)


def test_device_nodes_and_their_modes() -> None:
    found = state(
        file("/dev/nvidia0", kind="device", mode=0o666),
        file("/dev/nvidiactl", kind="device", mode=0o660),
        file("/dev/nvidia-caps", kind="directory", mode=0o755),
        file(kernel.UVM_NODE, kind="device", mode=0o666),
    )
    assert found.has(kernel.UVM_NODE)
    assert found.closed_nodes == ("/dev/nvidiactl 0660",)


@pytest.mark.parametrize(
    ("content", "expected"),
    [(b"\x06\x00\x00\x00\x01", True), (b"\x06\x00\x00\x00\x00", False), (b"", None)],
)
def test_secure_boot_is_the_variables_last_byte(content: bytes, expected: bool | None) -> None:
    variable = file(kernel.SECURE_BOOT, content=content)
    assert state(EFI, variable).secure_boot is expected


def test_efi_without_its_variables_leaves_secure_boot_open() -> None:
    assert state(EFI).secure_boot is None


def test_jetson_and_wsl() -> None:
    assert state(file(kernel.SOC_FAMILY, "Tegra\n")).tegra
    assert state(file(kernel.TEGRA_RELEASE, "# R36\n")).tegra
    assert state(file(kernel.WSL_NODE, kind="device")).wsl


def test_libraries_are_named_by_their_files() -> None:
    folder = "/usr/lib/x86_64-linux-gnu"
    found = kernel.parse_files(
        FilesFound(
            (
                file(f"{folder}/libnvidia-ml.so.1", target="libnvidia-ml.so.580.159.04"),
                file(f"{folder}/libnvidia-ml.so.580.159.04"),
                file(kernel.NVIDIA_MODPROBE, mode=0o4755),
            )
        )
    )
    assert found == Known(kernel.DriverFiles(("580.159.04",), operator=False, modprobe=True))
    assert isinstance(kernel.parse_files(FilesFound(())), Absent)
