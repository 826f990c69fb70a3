"""The kernel's side of NVIDIA's driver: modules loaded and on disk, device nodes, Secure Boot, its log."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from gpu_wizard.model.fact import ABSENT, Fact, Known, Unknown
from gpu_wizard.model.question import Command, FileFound, Files, FilesFound, Output, Probe

MODULE_VERSION = "/sys/module/nvidia/version"
DRIVER_VERSION = "/proc/driver/nvidia/version"
UVM_MODULE = "/sys/module/nvidia_uvm/initstate"
NOUVEAU_MODULE = "/sys/module/nouveau/initstate"
CONTROL_NODE = "/dev/nvidiactl"
UVM_NODE = "/dev/nvidia-uvm"
WSL_NODE = "/dev/dxg"
EFI = "/sys/firmware/efi"
SECURE_BOOT = "/sys/firmware/efi/efivars/SecureBoot-8be4df61-93ca-11d2-aa0d-00e098032b8c"
"""Five bytes: four of attributes, then 1 where Secure Boot is on. Source: UEFI specification, global variables."""
TEGRA_RELEASE = "/etc/nv_tegra_release"
SOC_FAMILY = "/sys/devices/soc0/family"
NVIDIA_MODPROBE = "/usr/bin/nvidia-modprobe"
OPERATOR_SMI = "/run/nvidia/driver/usr/bin/nvidia-smi"
"""GPU Operator's driver container shows its root there. Source: domain.md appendix C."""


@dataclass(frozen=True)
class Kernel:
    """The running kernel: release such as `6.8.0-79-generic`, machine such as `x86_64`."""

    release: str
    machine: str


@dataclass(frozen=True)
class DriverState:
    """What of the driver is loaded and visible on a host.

    `version` "": the module is not loaded. `open_module` None: not told. `nodes`: device node → mode.
    `secure_boot` None: EFI variables can't be read; False also on machines without EFI.
    `tegra`: a Jetson.
    """

    version: str = ""
    open_module: bool | None = None
    uvm_loaded: bool = False
    nouveau_loaded: bool = False
    nodes: Mapping[str, int] | None = None
    secure_boot: bool | None = None
    wsl: bool = False
    tegra: bool = False

    def has(self, node: str) -> bool:
        """Whether a device node is there."""
        return node in (self.nodes or {})

    @property
    def closed_nodes(self) -> tuple[str, ...]:
        """Device nodes that other users than their owner and group may not open, with their modes."""
        nodes = (self.nodes or {}).items()
        return tuple(f"{path} {mode & 0o777:04o}" for path, mode in nodes if mode & 0o006 != 0o006)


@dataclass(frozen=True)
class DriverFiles:
    """What of the driver's user space lies on disk.

    `libraries`: versions in the names of libnvidia-ml. `operator`: GPU Operator's driver container is up.
    `modprobe`: nvidia-modprobe is there.
    """

    libraries: tuple[str, ...] = ()
    operator: bool = False
    modprobe: bool = False


@dataclass(frozen=True)
class ModuleOnDisk:
    """What modprobe would load for the running kernel. `signer` "": not signed."""

    version: str
    open_module: bool
    signer: str = ""


@dataclass(frozen=True)
class KernelLog:
    """Known lines of this boot about NVIDIA: code → the line, newest kept; Xid numbers in order of appearance."""

    lines: Mapping[str, str]
    xids: tuple[int, ...] = ()


@dataclass(frozen=True)
class Service:
    """A systemd service. `enabled` as UnitFileState reads (`enabled`, `disabled`, `static`, …)."""

    active: bool
    enabled: str


def parse_kernel(answer: Output) -> Fact[Kernel]:
    """`uname -rm`: release and machine."""
    words = answer.text.split()
    if answer.status != 0 or len(words) != 2:
        return Unknown("unreadable", answer.error_text.strip()[:200])
    return Known(Kernel(*words))


def parse_state(found: FilesFound) -> Fact[DriverState]:
    """What the files say; a file that is not there is an answer too."""
    files = {file.path: file for file in found.files}
    loaded = files.get(DRIVER_VERSION)
    nodes = {path: file.mode for path, file in files.items() if path.startswith("/dev/nvidia")}
    family = files[SOC_FAMILY].text.lower() if SOC_FAMILY in files else ""
    return Known(
        DriverState(
            version=_module_version(files),
            open_module="Open Kernel Module" in loaded.text if loaded else None,
            uvm_loaded=UVM_MODULE in files,
            nouveau_loaded=NOUVEAU_MODULE in files,
            nodes={path: mode for path, mode in nodes.items() if path != "/dev/nvidia-caps"},
            secure_boot=_secure_boot(files),
            wsl=WSL_NODE in files,
            tegra=TEGRA_RELEASE in files or family.startswith("tegra"),
        )
    )


def _module_version(files: Mapping[str, FileFound]) -> str:
    if MODULE_VERSION in files and files[MODULE_VERSION].text.strip():
        return files[MODULE_VERSION].text.strip()
    text = files[DRIVER_VERSION].text if DRIVER_VERSION in files else ""
    match = re.search(r"NVRM version:.*?\s(\d+\.\d[\d.]*)\s", text)
    return match[1] if match else ""


def _secure_boot(files: Mapping[str, FileFound]) -> bool | None:
    if SECURE_BOOT in files:
        content = files[SECURE_BOOT].content or b""
        return content[4:5] == b"\x01" if len(content) == 5 else None
    return None if EFI in files else False


def parse_files(found: FilesFound) -> Fact[DriverFiles]:
    """Library versions by file and link names; absent where nothing of the driver is there."""
    names = " ".join(f"{file.path} {file.target}" for file in found.files)
    libraries = tuple(sorted(set(re.findall(r"libnvidia-ml\.so\.(\d+\.\d[\d.]*)", names))))
    operator, modprobe = (found.at(path) is not None for path in (OPERATOR_SMI, NVIDIA_MODPROBE))
    return Known(DriverFiles(libraries, operator, modprobe)) if found.files else ABSENT


def parse_module(answer: Output) -> Fact[ModuleOnDisk]:
    """`modinfo nvidia`; absent where the running kernel has no such module."""
    if answer.status == 1 and "not found" in answer.error_text + answer.text:
        return ABSENT
    pairs = (line.partition(":") for line in answer.text.splitlines())
    fields = {key.strip(): value.strip() for key, colon, value in reversed(list(pairs)) if colon}
    if answer.status != 0 or "version" not in fields:
        return Unknown("unreadable", answer.error_text.strip()[:200])
    is_open = "GPL" in fields.get("license", "")
    return Known(ModuleOnDisk(fields["version"], is_open, fields.get("signer", "")))


_LOG_LINES = (
    ("secure-boot", r"Key was rejected by service|Required key not available"),
    ("secure-boot", r"Loading of (?:unsigned module|module with unavailable key) is rejected"),
    ("open-unsupported", r"is not supported by open|does not include the required GPU"),
    ("open-required", r"requires use of the NVIDIA open kernel modules"),
    ("legacy", r"supported through the NVIDIA \S+ Legacy drivers"),
    ("mismatch", r"NVRM: API mismatch"),
    ("held", r"probe routine was not called|obtained ownership of the NVIDIA device"),
    ("fallen-off", r"fallen off the bus|NVRM: Xid \([^)]*\): 79\b"),
    ("init-failed", r"RmInitAdapter failed|rm_init_adapter failed"),
)
"""Source: domain.md stage 2, "Kernel log signatures"; error corpus, driver-* signatures."""
_LOG_PATTERN = "NVRM|nouveau|[Kk]ey (was rejected|not available)|Loading of .*module|NVIDIA"


def parse_log(answer: Output) -> Fact[KernelLog]:
    """Known lines of the kernel's log; status 1 without a word is journalctl's way to say that none matched."""
    if answer.status not in (0, 1) or answer.error_text.strip():
        return Unknown("unreadable", answer.error_text.strip()[:200])
    found: dict[str, str] = {}
    xids: list[int] = []
    for line in answer.text.splitlines():
        code = next((code for code, pattern in _LOG_LINES if re.search(pattern, line)), "")
        if code:
            found[code] = line.strip()[:300]
        xids += [int(number) for number in re.findall(r"NVRM: Xid \([^)]*\): (\d+)", line)]
    return Known(KernelLog(found, tuple(xids)))


def parse_service(answer: Output) -> Fact[Service]:
    """`systemctl show` of one unit; absent where there is no such unit."""
    values = dict(line.split("=", 1) for line in answer.text.splitlines() if "=" in line)
    if answer.status != 0 or "LoadState" not in values:
        return Unknown("unreadable", answer.error_text.strip()[:200])
    if values["LoadState"] != "loaded":
        return ABSENT
    return Known(Service(values.get("ActiveState") == "active", values.get("UnitFileState", "")))


KERNEL: Probe[Output, Kernel] = Probe("kernel.release", Command(("uname", "-rm")), parse_kernel)
DRIVER_STATE: Probe[FilesFound, DriverState] = Probe(
    "kernel.nvidia",
    Files(
        (
            *(MODULE_VERSION, DRIVER_VERSION, UVM_MODULE, NOUVEAU_MODULE, "/dev/nvidia*"),
            *(WSL_NODE, EFI, SECURE_BOOT, TEGRA_RELEASE, SOC_FAMILY),
        ),
        max_bytes=4096,
    ),
    parse_state,
)
DRIVER_FILES: Probe[FilesFound, DriverFiles] = Probe(
    "kernel.nvidia-files",
    Files(
        (
            *("/usr/lib/*/libnvidia-ml.so.*", "/usr/lib/*/nvidia/current/libnvidia-ml.so.*"),
            *(
                "/usr/lib64/libnvidia-ml.so.*",
                "/usr/lib/libnvidia-ml.so.*",
                OPERATOR_SMI,
                NVIDIA_MODPROBE,
            ),
        ),
        content=False,
    ),
    parse_files,
)
MODULE_ON_DISK: Probe[Output, ModuleOnDisk] = Probe(
    "kernel.module-on-disk", Command(("modinfo", "nvidia"), root=True), parse_module
)
KERNEL_LOG: Probe[Output, KernelLog] = Probe(
    "kernel.log",
    Command(
        (
            *("journalctl", "-k", "-b", "--no-pager", "-q", "-o", "cat"),
            *("-n", "200", "-g", _LOG_PATTERN),
        ),
        root=True,
    ),
    parse_log,
)
PERSISTENCED: Probe[Output, Service] = Probe(
    "kernel.persistenced",
    Command(
        ("systemctl", "show", "-p", "LoadState,ActiveState,UnitFileState", "nvidia-persistenced")
    ),
    parse_service,
)
