"""What nvidia-smi says: cards, versions, and which of its many failures it is.

Everything is asked as the login user: as root, nvidia-smi makes missing device nodes, and a question changes
nothing. Source: recorded on a real H100, driver 580.159.04.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace

from gpu_wizard.model.fact import ABSENT, Fact, Known, Unknown
from gpu_wizard.model.question import Command, Output, Probe
from gpu_wizard.model.version import Version

WSL_SMI = "/usr/lib/wsl/lib/nvidia-smi"
"""Source: domain.md appendix F, WSL2."""
TIMEOUT_SECONDS = 60.0
"""Without persistence mode each question starts every card anew, some seconds each."""
_FIELDS = (
    *("index", "name", "uuid", "driver_version", "pci.bus_id", "memory.total", "persistence_mode"),
    *("ecc.mode.current", "mig.mode.current", "mig.mode.pending", "compute_cap", "compute_mode"),
)
_QUERY = (f"--query-gpu={','.join(_FIELDS)}", "--format=csv,noheader,nounits")

_TEXTS = (
    ("Driver/library version mismatch", "mismatch"),
    ("Insufficient Permissions", "no-permission"),
    ("is not a valid field to query", "bad-query"),
    ("GPU access blocked by the operating system", "access-blocked"),
    ("couldn't communicate with the NVIDIA driver", "no-driver"),
    ("Driver Not Loaded", "no-driver"),
    ("couldn't find libnvidia-ml.so", "no-library"),
    ("Function Not Found", "function-missing"),
    ("infoROM is corrupted", "inforom-corrupt"),
    ("GPU is lost", "gpu-lost"),
    ("Unable to determine the device handle", "gpu-lost"),
    ("No devices", "no-devices"),
    ("error while loading shared libraries", "broken"),
)
"""Stable fragments of its messages. Source: domain.md stage 2; "access blocked" recorded on a real H100."""
_STATUSES = {
    2: "bad-query",
    4: "no-permission",
    6: "no-devices",
    9: "no-driver",
    12: "no-library",
    13: "function-missing",
    14: "inforom-corrupt",
    15: "gpu-lost",
    17: "access-blocked",
    18: "mismatch",
    126: "broken",
}
"""Source: nvidia-smi(1), "Return value"; 17 and 18 are NVML's codes, observed."""


@dataclass(frozen=True)
class Gpu:
    """A card as the driver shows it.

    `bus_id` as the kernel writes it (`0000:01:00.0`). None: the card does not tell or does not have it.
    `compute_capability` such as `9.0`. `lost`: it no longer answers.
    """

    index: int
    name: str
    uuid: str
    driver_version: str = ""
    bus_id: str = ""
    memory_bytes: int | None = None
    persistence: bool | None = None
    ecc: bool | None = None
    mig: bool | None = None
    mig_pending: bool | None = None
    compute_capability: str = ""
    compute_mode: str = ""
    lost: bool = False


@dataclass(frozen=True)
class SmiReport:
    """One run of nvidia-smi.

    `outcome`: `ok`, `no-devices`, `bad-query`, `no-permission`, `no-driver`, `no-library`, `function-missing`,
    `inforom-corrupt`, `gpu-lost`, `access-blocked`, `mismatch`, `broken` or `other`. `text`: the first line of
    a failure. `library`: NVML's version where a mismatch names it.
    """

    outcome: str
    status: int = 0
    text: str = ""
    library: str = ""
    gpus: tuple[Gpu, ...] = ()


@dataclass(frozen=True)
class SmiVersions:
    """Versions of the program, of NVML (may be shortened: 580.159), of the loaded driver and of its CUDA."""

    smi: str = ""
    library: str = ""
    driver: str = ""
    cuda: str = ""


@dataclass(frozen=True)
class MigDevice:
    """A MIG device: profile such as `1g.18gb` and its uuid."""

    profile: str
    uuid: str


@dataclass(frozen=True)
class ListedGpu:
    """A card as `nvidia-smi -L` lists it."""

    index: int
    name: str
    uuid: str
    mig: tuple[MigDevice, ...] = ()


def outcome_of(status: int, text: str) -> str:
    """What a run that ended in `status` with `text` means; `ok` where nothing says otherwise."""
    named = next((outcome for fragment, outcome in _TEXTS if fragment in text), "")
    return named or _STATUSES.get(status, "other" if status else "ok")


def parse_query(answer: Output) -> Fact[SmiReport]:
    """The cards, or why there are none; absent where there is no nvidia-smi."""
    text = answer.text + answer.error_text
    if answer.status == 127 and "shared libraries" not in text:
        return ABSENT
    outcome = outcome_of(answer.status, text)
    gpus = tuple(gpu for line in answer.text.splitlines() if (gpu := _gpu(line)) is not None)
    if outcome == "ok" and not gpus:
        outcome = "no-devices" if not text.strip() else "other"
    library = re.search(r"NVML library version:\s*([\d.]+)", text)
    first = "" if outcome == "ok" else next(iter(text.strip().splitlines()), "")
    return Known(
        SmiReport(outcome, answer.status, first[:300], library[1] if library else "", gpus)
    )


def _gpu(line: str) -> Gpu | None:
    cells = [cell.strip() for cell in line.split(",")]
    extra = len(cells) - len(_FIELDS)
    if extra < 0 or not cells[0].isdecimal():
        return None
    name, rest = ", ".join(cells[1 : extra + 2]), cells[extra + 2 :]
    uuid, driver, bus, memory, persistence, ecc, mig, pending, capability, mode = rest
    return Gpu(
        index=int(cells[0]),
        name=_text(name),
        uuid=_text(uuid),
        driver_version=_text(driver),
        bus_id=_bus_id(bus),
        memory_bytes=int(memory) << 20 if memory.isdecimal() else None,
        persistence=_switch(persistence),
        ecc=_switch(ecc),
        mig=_switch(mig),
        mig_pending=_switch(pending),
        compute_capability=_text(capability),
        compute_mode=_text(mode),
        lost="lost" in line.lower(),
    )


def _text(cell: str) -> str:
    return "" if cell.startswith("[") else cell


def _switch(cell: str) -> bool | None:
    return {"Enabled": True, "Disabled": False}.get(cell)


def _bus_id(cell: str) -> str:
    """NVML writes eight digits of domain, the kernel four."""
    domain, _, rest = _text(cell).lower().partition(":")
    return f"{domain[-4:]}:{rest}" if rest else ""


_VERSION_LINES = {
    "smi": r"NVIDIA-SMI(?:\s+version)?\s*:?\s+(\d[\d.]*)",
    "library": r"NVML(?:\s+LIBRARY)?\s+version\s*:\s*(\d[\d.]*)",
    "driver": r"(?:DRIVER|KMD)\s+version\s*:\s*(\d[\d.]*)",
    "cuda": r"CUDA(?:\s+UMD)?\s+version\s*:\s*(\d+\.\d+)",
}
"""`nvidia-smi --version` and the banner, before and from branch 610 on. Source: domain.md stage 2 and appendix H."""


def parse_versions(answer: Output) -> Fact[SmiVersions]:
    """The versions in `--version` or in the banner; absent without nvidia-smi, unknown where it failed."""
    if answer.status == 127:
        return ABSENT
    found = {
        key: match[1]
        for key, pattern in _VERSION_LINES.items()
        if (match := re.search(pattern, answer.text, re.IGNORECASE))
    }
    if answer.status != 0 or "driver" not in found:
        return Unknown("unreadable", (answer.text + answer.error_text).strip()[:200])
    return Known(SmiVersions(**found))


_CARD_LINE = re.compile(r"^GPU (\d+): (.*) \(UUID: (GPU-[0-9a-fA-F-]+)\)\s*$")
_MIG_LINE = re.compile(r"^\s+MIG (\S+)\s+Device\s+\d+:\s+\(UUID: (MIG-[^)]+)\)")


def parse_list(answer: Output) -> Fact[tuple[ListedGpu, ...]]:
    """The cards that `-L` lists with their MIG devices; status 0 proves nothing, so lines are what counts."""
    if answer.status == 127:
        return ABSENT
    cards: list[ListedGpu] = []
    for line in answer.text.splitlines():
        if match := _CARD_LINE.match(line):
            cards.append(ListedGpu(int(match[1]), match[2], match[3]))
        elif cards and (match := _MIG_LINE.match(line)):
            cards[-1] = replace(cards[-1], mig=(*cards[-1].mig, MigDevice(match[1], match[2])))
    if answer.status != 0 and not cards:
        return Unknown("unreadable", (answer.text + answer.error_text).strip()[:200])
    return Known(tuple(cards))


_CUDA = (
    *(("13.2", "595.45.04"), ("13.1", "590.44.01"), ("13.0", "580.65.06"), ("12.9", "575.51.03")),
    *(("12.8", "570.26"), ("12.6", "560.28.03"), ("12.5", "555.42.02"), ("12.4", "550.54.14")),
    *(("12.3", "545.23.06"), ("12.2", "535.54.03"), ("12.1", "530.30.02"), ("12.0", "525.60.13")),
    ("11.8", "520.61.05"),
)
"""CUDA version and the first Linux driver that has it. Source: CUDA release notes, table 3 (domain.md stage 2)."""


def cuda_of_driver(driver: str) -> str:
    """The newest CUDA that a driver version runs without compatibility packages; "" below 11.8 or unreadable."""
    if not re.match(r"\d", driver):
        return ""
    return next((cuda for cuda, first in _CUDA if Version(driver) >= Version(first)), "")


def same_version(left: str, right: str) -> bool:
    """Whether two versions agree as far as both are written out: NVML shortens 580.159.04 to 580.159."""
    return all(one == other for one, other in zip(left.split("."), right.split("."), strict=False))


SMI_QUERY: Probe[Output, SmiReport] = Probe(
    "nvidia-smi.query",
    Command(("nvidia-smi", *_QUERY), timeout_seconds=TIMEOUT_SECONDS),
    parse_query,
)
SMI_WSL_QUERY: Probe[Output, SmiReport] = Probe(
    "nvidia-smi.wsl-query",
    Command((WSL_SMI, *_QUERY), timeout_seconds=TIMEOUT_SECONDS),
    parse_query,
)
SMI_VERSIONS: Probe[Output, SmiVersions] = Probe(
    "nvidia-smi.versions",
    Command(("nvidia-smi", "--version"), timeout_seconds=TIMEOUT_SECONDS),
    parse_versions,
)
SMI_LIST: Probe[Output, tuple[ListedGpu, ...]] = Probe(
    "nvidia-smi.list",
    Command(("nvidia-smi", "-L"), timeout_seconds=TIMEOUT_SECONDS),
    parse_list,
)
