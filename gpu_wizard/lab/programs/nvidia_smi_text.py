"""What nvidia-smi prints: the table, the log, the XML and the columns of a query."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from xml.sax.saxutils import escape

from gpu_wizard.lab.clock import wall
from gpu_wizard.lab.driver import LIBRARY, Driver
from gpu_wizard.lab.ports import Gpu

HINT = "Please run 'nvidia-smi -h' for help.\n"

_NOT_AVAILABLE = "[N/A]"


def bus_id(index: int) -> str:
    """The PCI address of the card with a number."""
    return f"00000000:{index + 1:02X}:00.0"


def _place(driver: Driver, card: Gpu) -> int:
    return driver.cards.index(card)


def _plain(value: str) -> Callable[[Driver, Gpu], str]:
    return lambda _driver, _card: value


FIELDS: dict[str, tuple[str, Callable[[Driver, Gpu], str]]] = {
    "index": ("", lambda driver, card: str(_place(driver, card))),
    "name": ("", lambda _driver, card: card.name),
    "gpu_name": ("", lambda _driver, card: card.name),
    "uuid": ("", lambda _driver, card: card.uuid),
    "gpu_uuid": ("", lambda _driver, card: card.uuid),
    "count": ("", lambda driver, _card: str(len(driver.cards))),
    "driver_version": ("", lambda driver, _card: driver.modules.get("nvidia", "")),
    "pci.bus_id": ("", lambda driver, card: bus_id(_place(driver, card))),
    "gpu_bus_id": ("", lambda driver, card: bus_id(_place(driver, card))),
    "pci.device_id": ("", _plain("0x223010DE")),
    "serial": ("", _plain("1320420045127")),
    "memory.total": ("MiB", lambda _driver, card: str(card.memory_mib)),
    "memory.used": ("MiB", _plain("4")),
    "memory.free": ("MiB", lambda _driver, card: str(card.memory_mib - 4)),
    "memory.reserved": ("MiB", _plain("624")),
    "persistence_mode": (
        "",
        lambda driver, _card: "Enabled" if driver.persistence else "Disabled",
    ),
    "mig.mode.current": ("", _plain(_NOT_AVAILABLE)),
    "mig.mode.pending": ("", _plain(_NOT_AVAILABLE)),
    "compute_cap": ("", _plain("8.6")),
    "compute_mode": ("", _plain("Default")),
    "ecc.mode.current": ("", _plain("Disabled")),
    "ecc.mode.pending": ("", _plain("Disabled")),
    "ecc.errors.uncorrected.volatile.total": ("", _plain(_NOT_AVAILABLE)),
    "temperature.gpu": ("", _plain("34")),
    "temperature.memory": ("", _plain("N/A")),
    "utilization.gpu": ("%", _plain("0")),
    "utilization.memory": ("%", _plain("0")),
    "power.draw": ("W", _plain("22.41")),
    "power.limit": ("W", _plain("300.00")),
    "clocks.sm": ("MHz", _plain("210")),
    "clocks.current.sm": ("MHz", _plain("210")),
    "clocks.current.graphics": ("MHz", _plain("210")),
    "clocks.gr": ("MHz", _plain("210")),
    "clocks.mem": ("MHz", _plain("405")),
    "clocks.current.memory": ("MHz", _plain("405")),
    "clocks.max.sm": ("MHz", _plain("2100")),
    "fan.speed": ("%", _plain("30")),
    "pstate": ("", _plain("P8")),
    "vbios_version": ("", _plain("94.02.5C.00.04")),
    "display_active": ("", _plain("Disabled")),
    "clocks_event_reasons.active": ("", _plain("0x0000000000000001")),
    "clocks_throttle_reasons.active": ("", _plain("0x0000000000000001")),
    "pcie.link.gen.current": ("", _plain("1")),
    "pcie.link.width.current": ("", _plain("16")),
    "timestamp": ("", lambda _driver, _card: f"{wall():%Y/%m/%d %H:%M:%S.%f}"[:-3]),
}
"""Fields of `--query-gpu`: the unit and the value."""

_HEADINGS = {"clocks.sm": "clocks.current.sm", "gpu_name": "name", "gpu_uuid": "uuid"}


def title(name: str, form: str) -> str:
    """A column's heading, with its unit unless `nounits`."""
    unit = FIELDS[name][0]
    shown = _HEADINGS.get(name, name)
    return f"{shown} [{unit}]" if unit and "nounits" not in form else shown


def row(driver: Driver, card: Gpu, names: Sequence[str], form: str) -> str:
    """One card's line of a query."""
    cells = []
    for name in names:
        unit, value = FIELDS[name]
        cell = value(driver, card)
        cells.append(f"{cell} {unit}" if unit and "nounits" not in form else cell)
    return ", ".join(cells)


def listing(cards: Sequence[Gpu]) -> str:
    """`nvidia-smi -L`."""
    return "".join(f"GPU {at}: {card.name} (UUID: {card.uuid})\n" for at, card in enumerate(cards))


def _now() -> str:
    now: datetime = wall()
    return now.strftime("%a %b %d %H:%M:%S %Y")


_HEAD = """\
+-----------------------------------------+------------------------+----------------------+
| GPU  Name                 Persistence-M | Bus-Id          Disp.A | Volatile Uncorr. ECC |
| Fan  Temp   Perf          Pwr:Usage/Cap |           Memory-Usage | GPU-Util  Compute M. |
|                                         |                        |               MIG M. |
|=========================================+========================+======================|
"""
_FOOT = """
+-----------------------------------------------------------------------------------------+
| Processes:                                                                              |
|  GPU   GI   CI              PID   Type   Process name                        GPU Memory |
|        ID   ID                                                               Usage      |
|=========================================================================================|
|  No running processes found                                                             |
+-----------------------------------------------------------------------------------------+
"""


def table(driver: Driver, cards: Sequence[Gpu]) -> str:
    """Plain `nvidia-smi`."""
    version = driver.installed(LIBRARY)
    rule = "+" + "-" * 89 + "+"
    out = (
        f"{_now()}       \n{rule}\n"
        f"| NVIDIA-SMI {version:22} Driver Version: {driver.modules.get('nvidia', ''):14} "
        f"CUDA Version: {driver.cuda:8} |\n{_HEAD}"
    )
    for card in cards:
        at = _place(driver, card)
        mode = "On" if driver.persistence else "Off"
        memory = f"{4:7}MiB / {card.memory_mib:6}MiB"
        out += (
            f"| {at:3}  {card.name:27}{mode:>6}  |   {bus_id(at)} Off |                  Off |\n"
            f"| 30%   34C    P8             22W /  300W | {memory:>22} |      0%      Default |\n"
            "|                                         |                        |"
            "                  N/A |\n"
            "+-----------------------------------------+------------------------+"
            "----------------------+\n"
        )
    return out + _FOOT


def log(driver: Driver, cards: Sequence[Gpu]) -> str:
    """`nvidia-smi -q`, its first lines for each card."""
    loaded = driver.modules.get("nvidia", "")
    out = f"\n==============NVSMI LOG==============\n\nTimestamp{' ' * 33}: {_now()}\n"
    out += f"{'Driver Version':42}: {loaded}\n{'CUDA Version':42}: {driver.cuda}\n\n"
    out += f"{'Attached GPUs':42}: {len(driver.cards)}\n"
    for card in cards:
        mode = "Enabled" if driver.persistence else "Disabled"
        out += f"GPU {bus_id(_place(driver, card))}\n"
        for name, value in (
            ("Product Name", card.name),
            ("Product Architecture", "Ampere"),
            ("Persistence Mode", mode),
            ("GPU UUID", card.uuid),
            ("Minor Number", str(card.minor)),
        ):
            out += f"    {name:38}: {value}\n"
    return out


def xml(driver: Driver, cards: Sequence[Gpu]) -> str:
    """`nvidia-smi -q -x`, the elements that anybody reads."""
    loaded = driver.modules.get("nvidia", "")
    out = (
        '<?xml version="1.0" ?>\n<!DOCTYPE nvidia_smi_log SYSTEM "nvsmi_device_v13.dtd">\n'
        f"<nvidia_smi_log>\n\t<timestamp>{_now()}</timestamp>\n"
        f"\t<driver_version>{loaded}</driver_version>\n"
        f"\t<cuda_version>{driver.cuda}</cuda_version>\n"
        f"\t<attached_gpus>{len(driver.cards)}</attached_gpus>\n"
    )
    return out + "".join(_xml_card(driver, card) for card in cards) + "</nvidia_smi_log>\n"


_XML_CARD = """\t<gpu id="{bus}">
\t\t<product_name>{name}</product_name>
\t\t<product_brand>NVIDIA RTX</product_brand>
\t\t<product_architecture>Ampere</product_architecture>
\t\t<display_active>Disabled</display_active>
\t\t<persistence_mode>{mode}</persistence_mode>
\t\t<mig_mode>
\t\t\t<current_mig>N/A</current_mig>
\t\t\t<pending_mig>N/A</pending_mig>
\t\t</mig_mode>
\t\t<mig_devices>
\t\t\tNone
\t\t</mig_devices>
\t\t<uuid>{uuid}</uuid>
\t\t<minor_number>{minor}</minor_number>
\t\t<vbios_version>94.02.5C.00.04</vbios_version>
\t\t<pci>
\t\t\t<pci_device_id>223010DE</pci_device_id>
\t\t\t<pci_bus_id>{bus}</pci_bus_id>
\t\t</pci>
\t\t<fan_speed>30 %</fan_speed>
\t\t<performance_state>P8</performance_state>
\t\t<fb_memory_usage>
\t\t\t<total>{memory} MiB</total>
\t\t\t<reserved>624 MiB</reserved>
\t\t\t<used>4 MiB</used>
\t\t\t<free>{free} MiB</free>
\t\t</fb_memory_usage>
\t\t<compute_mode>Default</compute_mode>
\t\t<utilization>
\t\t\t<gpu_util>0 %</gpu_util>
\t\t\t<memory_util>0 %</memory_util>
\t\t</utilization>
\t\t<ecc_mode>
\t\t\t<current_ecc>Disabled</current_ecc>
\t\t\t<pending_ecc>Disabled</pending_ecc>
\t\t</ecc_mode>
\t\t<temperature>
\t\t\t<gpu_temp>34 C</gpu_temp>
\t\t</temperature>
\t\t<gpu_power_readings>
\t\t\t<power_state>P8</power_state>
\t\t\t<average_power_draw>22.41 W</average_power_draw>
\t\t\t<current_power_limit>300.00 W</current_power_limit>
\t\t</gpu_power_readings>
\t\t<processes>
\t\t</processes>
\t</gpu>
"""


def _xml_card(driver: Driver, card: Gpu) -> str:
    return _XML_CARD.format(
        bus=bus_id(_place(driver, card)),
        name=escape(card.name),
        mode="Enabled" if driver.persistence else "Disabled",
        uuid=card.uuid,
        minor=card.minor,
        memory=card.memory_mib,
        free=card.memory_mib - 4,
    )
