"""NVIDIA's driver on one lab machine: cards, module, libraries, device nodes, and what NVML says."""

from __future__ import annotations

from dataclasses import dataclass, field

from gpu_wizard.lab.journal import ERROR, Journal
from gpu_wizard.lab.ports import Files, Gpu
from gpu_wizard.lab.stubs import Stub, decode

LIBRARY = "/usr/lib/x86_64-linux-gnu/libnvidia-ml.so.1"
DRIVER_VERSION = "580.95.05"
CUDA_OF_BRANCH = {
    "535": "12.2",
    "550": "12.4",
    "555": "12.5",
    "570": "12.8",
    "580": "13.0",
    "590": "13.1",
}
"""CUDA version that each driver branch reports. Source: CUDA release notes, table 3 (domain.md)."""

OK = 0


@dataclass(frozen=True)
class Answer:
    """What NVML's start gives nvidia-smi: its exit status and message. Source: nvidia-smi(1)."""

    status: int
    message: str = ""


_ANSWERS = {
    "insufficient-permissions": Answer(4, "Failed to initialize NVML: Insufficient Permissions"),
    "no-devices": Answer(6, "No devices were found"),
    "driver": Answer(
        9,
        "NVIDIA-SMI has failed because it couldn't communicate with the NVIDIA driver. "
        "Make sure that the latest NVIDIA driver is installed and running.\n",
    ),
    "library": Answer(
        12,
        "NVIDIA-SMI couldn't find libnvidia-ml.so library in your system. Please make sure that "
        "the NVIDIA Display Driver is properly installed and present in your system.\n"
        "Please also try adding directory that contains libnvidia-ml.so to your system PATH.",
    ),
    "function": Answer(13, "Failed to initialize NVML: Function Not Found"),
    "inforom": Answer(14, "Failed to initialize NVML: infoROM is corrupted"),
    "lost": Answer(
        15,
        "Unable to determine the device handle for GPU0: 0000:01:00.0: GPU is lost.  "
        "Reboot the system to recover this GPU",
    ),
}
NVML_ERRORS = {
    0: "",
    4: "ERROR_NO_PERMISSION",
    9: "ERROR_DRIVER_NOT_LOADED",
    12: "ERROR_LIBRARY_NOT_FOUND",
    13: "ERROR_FUNCTION_NOT_FOUND",
    14: "ERROR_CORRUPTED_INFOROM",
    15: "ERROR_GPU_IS_LOST",
    18: "ERROR_LIB_RM_VERSION_MISMATCH",
}


def plug_in(files: Files, cards: tuple[Gpu, ...]) -> None:
    """Show cards, and a network card, on the PCI bus."""
    network = (("vendor", "0x1af4"), ("device", "0x1000"), ("class", "0x020000"))
    graphics = (
        *(("vendor", "0x10de"), ("device", "0x2230"), ("class", "0x030000")),
        *(("subsystem_vendor", "0x10de"), ("subsystem_device", "0x1459")),
    )
    slots = [("00:02", network), *((f"{at:02x}:00", graphics) for at in range(1, len(cards) + 1))]
    for slot, values in slots:
        for name, text in values:
            path = f"/sys/bus/pci/devices/0000:{slot}.0/{name}"
            files.write(path, f"{text}\n".encode(), mode=0o444)


def _tell_udev(files: Files, number: int, bound: str) -> None:
    """Write a card's uevent: what the kernel tells of a PCI device and the driver that holds it."""
    address = f"0000:{number:02x}:00.0"
    text = (
        *([f"DRIVER={bound}"] if bound else []),
        *("PCI_CLASS=30000", "PCI_ID=10DE:2230", "PCI_SUBSYS_ID=10DE:1459"),
        f"PCI_SLOT_NAME={address}",
        "MODALIAS=pci:v000010DEd00002230sv000010DEsd00001459bc03sc00i00",
    )
    content = "".join(f"{line}\n" for line in text).encode()
    files.write(f"/sys/bus/pci/devices/{address}/uevent", content, mode=0o644)


@dataclass
class Driver:
    """The cards in a machine and the software that should drive them.

    What is *installed* stands in files (library, module file, nvidia-smi); what is *loaded* here.
    `fault` names an answer of the hardware: "", `insufficient-permissions`, `no-devices`, `lost`…
    """

    files: Files
    journal: Journal
    kernel: str
    cards: tuple[Gpu, ...] = ()
    modules: dict[str, str] = field(default_factory=dict)
    """Loaded modules and their versions ("" where the module has none)."""
    secure_boot: bool = False
    signed: bool = False
    fault: str = ""
    persistence: bool = False

    @property
    def module_path(self) -> str:
        """Where the kernel looks for the module."""
        return f"/lib/modules/{self.kernel}/updates/dkms/nvidia.ko"

    def installed(self, path: str) -> str:
        """Version of an installed file (library, module, nvidia-smi); "" where it is missing."""
        if not self.files.exists(path):
            return ""
        stub = decode(self.files.read(path))
        return stub.version if stub else ""

    def install(self, version: str) -> None:
        """Lay out a driver's files, loading nothing."""
        for path, name in (
            (LIBRARY, "libnvidia-ml"),
            (f"{LIBRARY[:-2]}.{version}", "libnvidia-ml"),
            (self.module_path, "module"),
            ("/usr/bin/nvidia-smi", "nvidia-smi"),
            ("/usr/bin/nvidia-modprobe", "nvidia-modprobe"),
            ("/usr/bin/nvidia-persistenced", "nvidia-persistenced"),
        ):
            self.files.write(path, Stub(name, version).encode(), mode=0o755)

    def load(self, module: str) -> str:
        """Load a module as modprobe does; gives the error text, "" where it worked."""
        if not module.startswith("nvidia"):
            return self._load_other(module)
        version = self.installed(self.module_path)
        if not version:
            return f"FATAL: Module {module} not found in directory /lib/modules/{self.kernel}"
        if self.secure_boot and not self.signed:
            self.journal.kernel("Loading of module with unavailable key is rejected", priority=5)
            return f"ERROR: could not insert '{module}': Key was rejected by service"
        if "nouveau" in self.modules or not self.cards:
            self._log_not_probed()
            return f"ERROR: could not insert '{module}': No such device"
        if "nvidia" not in self.modules:
            self.modules["nvidia"] = version
            self.journal.kernel(
                f"NVRM: loading NVIDIA UNIX Open Kernel Module for x86_64  {version}  Release Build"
            )
        self.modules.setdefault(module, "")
        self.show()
        return ""

    def _load_other(self, module: str) -> str:
        if module not in ("nouveau", "br_netfilter", "overlay", "nf_conntrack", "ip_tables"):
            return f"FATAL: Module {module} not found in directory /lib/modules/{self.kernel}"
        self.modules.setdefault(module, "")
        self.show()
        return ""

    def _log_not_probed(self) -> None:
        count = max(len(self.cards), 1)
        holder = " (such as nouveau)" if "nouveau" in self.modules else ""
        self.journal.kernel(
            f"NVRM: The NVIDIA probe routine was not called for {count} device(s).", priority=ERROR
        )
        self.journal.kernel(
            f"NVRM: This can occur when another driver{holder} was loaded and \n"
            "NVRM: obtained ownership of the NVIDIA device(s).",
            priority=ERROR,
        )

    def unload(self, module: str) -> bool:
        """Unload a module; False where others use it."""
        if module == "nvidia" and any(name.startswith("nvidia_") for name in self.modules):
            return False
        self.modules.pop(module, None)
        self.show()
        return True

    def create_nodes(self, *, uvm: bool) -> None:
        """Make device nodes as nvidia-modprobe does for loaded modules."""
        if "nvidia" in self.modules:
            for card in self.cards:
                self.files.device(f"/dev/nvidia{card.minor}", (195, card.minor))
            self.files.device("/dev/nvidiactl", (195, 255))
        if uvm and "nvidia_uvm" in self.modules:
            self.files.device("/dev/nvidia-uvm", (508, 0))
            self.files.device("/dev/nvidia-uvm-tools", (508, 1))

    def show(self) -> None:
        """Write /proc and /sys for what is loaded."""
        lines = [
            f"{name} {size} {1 if name == 'nvidia' and len(self.modules) > 1 else 0} - Live 0x0\n"
            for name, size in ((name, _SIZES.get(name, 32768)) for name in self.modules)
        ]
        self.files.write("/proc/modules", "".join(lines).encode(), mode=0o444)
        for number, _card in enumerate(self.cards, start=1):
            path = f"/sys/bus/pci/devices/0000:{number:02x}:00.0/driver"
            bound = next((name for name in ("nvidia", "nouveau") if name in self.modules), "")
            self.files.remove(path)
            _tell_udev(self.files, number, bound)
            if bound:
                self.files.write(f"/sys/bus/pci/drivers/{bound}/module/initstate", b"live\n")
                self.files.link(f"/sys/bus/pci/drivers/{bound}", path)
        version = self.modules.get("nvidia", "")
        if not version:
            for path in ("/proc/driver/nvidia", "/sys/module/nvidia", "/sys/module/nvidia_uvm"):
                self.files.remove(path)
            return
        text = (
            f"NVRM version: NVIDIA UNIX Open Kernel Module for x86_64  {version}  Release Build  "
            "(dvs-builder@U22-I3-AM02-24-3)\nGCC version:  gcc version 14.2.0 (Debian 14.2.0-19) \n"
        )
        self.files.write("/proc/driver/nvidia/version", text.encode(), mode=0o444)
        self.files.write("/sys/module/nvidia/version", f"{version}\n".encode(), mode=0o444)
        if "nvidia_uvm" in self.modules:
            self.files.write("/sys/module/nvidia_uvm/initstate", b"live\n", mode=0o444)

    def boot(self) -> None:
        """What a boot does: loads the module that is there (nouveau first, where it isn't blocked)."""
        nouveau = "nouveau" in self.modules
        self.modules.clear()
        for path in self.files.list("/dev"):
            if path.startswith("nvidia"):
                self.files.remove(f"/dev/{path}")
        self.persistence = False
        if nouveau and not self._blacklisted("nouveau"):
            self.modules["nouveau"] = ""
        if self.cards and self.installed(self.module_path) and not self.load("nvidia"):
            for module in ("nvidia_modeset", "nvidia_drm", "nvidia_uvm"):
                self.load(module)
            self.create_nodes(uvm=True)
        self.show()

    def _blacklisted(self, module: str) -> bool:
        directory = "/etc/modprobe.d"
        return any(
            f"blacklist {module}" in self.files.read(f"{directory}/{name}").decode(errors="replace")
            for name in self.files.list(directory)
        )

    def answer(self) -> Answer:
        """What NVML's start answers a program of the host."""
        library = self.installed(LIBRARY)
        loaded = self.modules.get("nvidia", "")
        if not library:
            return _ANSWERS["library"]
        if not loaded or not self.files.exists("/dev/nvidiactl"):
            return _ANSWERS["driver"]
        if library != loaded:
            self.journal.kernel(
                f"NVRM: API mismatch: the client has the version {library}, but\n"
                f"NVRM: this kernel module has the version {loaded}.  Please\n"
                "NVRM: make sure that this kernel module and all NVIDIA driver\n"
                "NVRM: components have the same version.",
                priority=ERROR,
            )
            short = ".".join(library.split(".")[:2])
            return Answer(
                18,
                "Failed to initialize NVML: Driver/library version mismatch\n"
                f"NVML library version: {short}",
            )
        return _ANSWERS[self.fault] if self.fault else Answer(OK)

    @property
    def cuda(self) -> str:
        """The CUDA version that the library reports."""
        return CUDA_OF_BRANCH.get(self.installed(LIBRARY).split(".")[0], "13.0")


_SIZES = {
    "nvidia": 104165376,
    "nvidia_uvm": 2125824,
    "nvidia_drm": 139264,
    "nvidia_modeset": 1843200,
    "nouveau": 3653632,
}
