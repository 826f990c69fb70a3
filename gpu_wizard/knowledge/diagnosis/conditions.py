"""What is known of a host and its cluster, as short names that signatures refer to.

`facts` maps a probe's id to its answer, as a survey tells them; what nobody asked holds for nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TypeAlias, TypeVar

from gpu_wizard.facts.containerd import CRICTL_INFO, PROGRAMS, CriInfo, RuntimePrograms
from gpu_wizard.facts.k3s import PASSWORD_SECRET
from gpu_wizard.facts.k3s_server import PORT_BY_CURL, PORT_BY_WGET, ServerPort
from gpu_wizard.facts.kernel import (
    DRIVER_FILES,
    DRIVER_STATE,
    MODULE_ON_DISK,
    DriverFiles,
    DriverState,
    ModuleOnDisk,
)
from gpu_wizard.facts.nvidia_smi import SMI_QUERY, SmiReport
from gpu_wizard.facts.objects import NODE, NodeObject
from gpu_wizard.facts.pci import CARDS, PciCard
from gpu_wizard.facts.runtime_classes import RUNTIME_CLASSES, RuntimeClassObject
from gpu_wizard.facts.systemd import UNITS, K3sUnits
from gpu_wizard.facts.toolkit import CTK_VERSION, TOOLKIT_FILES, ToolkitFiles
from gpu_wizard.model.fact import Absent, Fact, Known

Facts: TypeAlias = Mapping[str, Fact[object]]
T = TypeVar("T")
TOKEN_FORM = "token.form"  # noqa: S105 -- the name of a fact
"""Not a probe: `bootstrap`, `password`, `short` or `malformed`, told by whoever knows the token's kind."""


def conditions_of(facts: Facts) -> frozenset[str]:
    """The names that hold."""
    return frozenset(name for name, holds in CONDITIONS.items() if holds(facts))


def _value(facts: Facts, probe: str, kind: type[T]) -> T | None:
    fact = facts.get(probe)
    return fact.value if isinstance(fact, Known) and isinstance(fact.value, kind) else None


def _driver(facts: Facts) -> DriverState:
    """An empty one where nobody looked; then nothing about it holds, see `_looked`."""
    return _value(facts, DRIVER_STATE.id, DriverState) or DriverState()


def _looked(facts: Facts, probe: str) -> bool:
    return isinstance(facts.get(probe), Known)


def _port(*states: str) -> Callable[[Facts], bool]:
    def holds(facts: Facts) -> bool:
        for probe in (PORT_BY_CURL.id, PORT_BY_WGET.id):
            port = _value(facts, probe, ServerPort)
            if port is not None:
                return port.state in states
        return False

    return holds


def _token(form: str) -> Callable[[Facts], bool]:
    return lambda facts: _value(facts, TOKEN_FORM, str) == form


def _absent(probe: str) -> Callable[[Facts], bool]:
    return lambda facts: isinstance(facts.get(probe), Absent)


def _is_true(probe: str) -> Callable[[Facts], bool]:
    return lambda facts: _value(facts, probe, bool) is True


def _driver_loaded(facts: Facts) -> bool:
    return bool(_driver(facts).version)


def _driver_not_loaded(facts: Facts) -> bool:
    return _looked(facts, DRIVER_STATE.id) and not _driver(facts).version


def _nouveau(facts: Facts) -> bool:
    return _driver(facts).nouveau_loaded and not _driver(facts).version


def _secure_boot(facts: Facts) -> bool:
    return _driver(facts).secure_boot is True


def _no_secure_boot(facts: Facts) -> bool:
    return _driver(facts).secure_boot is False and _looked(facts, DRIVER_STATE.id)


def _unsigned_module(facts: Facts) -> bool:
    module = _value(facts, MODULE_ON_DISK.id, ModuleOnDisk)
    return module is not None and not module.signer


def _library_differs(facts: Facts) -> bool:
    files = _value(facts, DRIVER_FILES.id, DriverFiles)
    loaded = _driver(facts).version
    return bool(loaded and files and files.libraries and loaded not in files.libraries)


def _smi_outcome(*outcomes: str) -> Callable[[Facts], bool]:
    def holds(facts: Facts) -> bool:
        report = _value(facts, SMI_QUERY.id, SmiReport)
        return report is not None and report.outcome in outcomes

    return holds


def _has_card(facts: Facts) -> bool:
    return bool(_value(facts, CARDS.id, tuple))


def _no_card(facts: Facts) -> bool:
    cards = facts.get(CARDS.id)
    return isinstance(cards, Absent) or (isinstance(cards, Known) and cards.value == ())


def _card_held_by(driver: str) -> Callable[[Facts], bool]:
    def holds(facts: Facts) -> bool:
        cards: tuple[object, ...] = _value(facts, CARDS.id, tuple) or ()
        return any(isinstance(card, PciCard) and card.driver == driver for card in cards)

    return holds


def _runtime_missing(facts: Facts) -> bool:
    info = _value(facts, CRICTL_INFO.id, CriInfo)
    return info is not None and not info.failure and "nvidia" not in info.runtimes


def _runtime_there(facts: Facts) -> bool:
    info = _value(facts, CRICTL_INFO.id, CriInfo)
    return info is not None and "nvidia" in info.runtimes


def _no_runtime_program(facts: Facts) -> bool:
    programs = _value(facts, PROGRAMS.id, RuntimePrograms)
    return programs is not None and not programs.found


def _k3s_stopped(facts: Facts) -> bool:
    units = _value(facts, UNITS.id, K3sUnits)
    if units is None or not units.current.loaded:
        return False
    return not (units.current.running or units.current.starting)


def _no_toolkit(facts: Facts) -> bool:
    files = _value(facts, TOOLKIT_FILES.id, ToolkitFiles)
    if files is None or files.runtime or files.local_runtime or files.operator_runtime:
        return False
    return isinstance(facts.get(CTK_VERSION.id), Absent)


def _no_gpus(facts: Facts) -> bool:
    node = _value(facts, NODE.id, NodeObject)
    return node is not None and node.ready == "True" and not node.gpus()


def _gpus(facts: Facts) -> bool:
    node = _value(facts, NODE.id, NodeObject)
    return node is not None and bool(node.gpus())


def _class_missing(facts: Facts) -> bool:
    classes = facts.get(RUNTIME_CLASSES.id)
    if isinstance(classes, Absent):
        return True
    known: tuple[object, ...] | None = _value(facts, RUNTIME_CLASSES.id, tuple)
    return known is not None and not any(
        isinstance(each, RuntimeClassObject) and each.name == "nvidia" for each in known
    )


CONDITIONS: Mapping[str, Callable[[Facts], bool]] = {
    "server-refuses": _port("refused"),
    "server-no-route": _port("no-route", "unreachable"),
    "server-unresolved": _port("unresolved"),
    "server-timed-out": _port("timed-out"),
    "server-not-tls": _port("not-tls"),
    "server-not-k3s": _port("not-k3s"),
    "server-answers": _port("k3s"),
    "token-bootstrap": _token("bootstrap"),
    "token-password": _token("password"),
    "token-short": _token("short"),
    "token-malformed": _token("malformed"),
    "node-present": lambda facts: _value(facts, NODE.id, NodeObject) is not None,
    "node-absent": _absent(NODE.id),
    "password-secret": _is_true(PASSWORD_SECRET.id),
    "driver-loaded": _driver_loaded,
    "driver-not-loaded": _driver_not_loaded,
    "nouveau-loaded": _nouveau,
    "secure-boot-on": _secure_boot,
    "secure-boot-off": _no_secure_boot,
    "module-unsigned": _unsigned_module,
    "library-differs": _library_differs,
    "smi-works": _smi_outcome("ok"),
    "card-present": _has_card,
    "card-absent": _no_card,
    "card-in-vfio": _card_held_by("vfio-pci"),
    "runtime-missing": _runtime_missing,
    "runtime-present": _runtime_there,
    "runtime-program-missing": _no_runtime_program,
    "k3s-stopped": _k3s_stopped,
    "toolkit-missing": _no_toolkit,
    "gpu-not-allocatable": _no_gpus,
    "gpu-allocatable": _gpus,
    "class-missing": _class_missing,
}
