"""Stage 2, driver: is NVIDIA's driver there, whole and awake? Explains what is wrong; never installs a driver."""

from __future__ import annotations

from collections.abc import Iterator

from gpu_wizard.facts import driver_commands as commands
from gpu_wizard.facts import kernel
from gpu_wizard.facts import nvidia_smi as smi
from gpu_wizard.facts.driver_found import bus_notes, mode_notes, rows, version_notes
from gpu_wizard.facts.driver_steps import LOAD, REBOOT, load_steps, reboot_step
from gpu_wizard.facts.identity import OS_RELEASE, OsRelease
from gpu_wizard.facts.objects import NODE_PODS, PodObject
from gpu_wizard.facts.pci import CARDS, PciCard
from gpu_wizard.model.action import Plan
from gpu_wizard.model.fact import Absent, Fact, Known, Unknown, value_or
from gpu_wizard.model.question import asks, facts
from gpu_wizard.model.spec import Spec
from gpu_wizard.model.stage import (
    Assessment,
    Found,
    Note,
    Option,
    Question,
    Stage,
    ask_person,
    blocked,
    done,
    needed,
    not_seen,
    unknown,
)

REBOOT_QUESTION = "driver.reboot"


@facts
class DriverFacts:
    """Everything that tells one broken driver from another."""

    system: Fact[OsRelease] = asks(OS_RELEASE)
    release: Fact[kernel.Kernel] = asks(kernel.KERNEL)
    cards: Fact[tuple[PciCard, ...]] = asks(CARDS)
    state: Fact[kernel.DriverState] = asks(kernel.DRIVER_STATE)
    files: Fact[kernel.DriverFiles] = asks(kernel.DRIVER_FILES)
    module: Fact[kernel.ModuleOnDisk] = asks(kernel.MODULE_ON_DISK)
    query: Fact[smi.SmiReport] = asks(smi.SMI_QUERY)
    wsl_query: Fact[smi.SmiReport] = asks(smi.SMI_WSL_QUERY)
    versions: Fact[smi.SmiVersions] = asks(smi.SMI_VERSIONS)
    listed: Fact[tuple[smi.ListedGpu, ...]] = asks(smi.SMI_LIST)
    log: Fact[kernel.KernelLog] = asks(kernel.KERNEL_LOG)
    persistenced: Fact[kernel.Service] = asks(kernel.PERSISTENCED)
    pods: Fact[tuple[PodObject, ...]] = asks(NODE_PODS)


class Driver(Stage[DriverFacts]):
    """The driver stage: diagnostic, with safe repairs and an offered reboot."""

    id = "driver"
    facts_type = DriverFacts
    settle_seconds = 20.0

    def assess(self, facts: DriverFacts, spec: Spec) -> Assessment:
        """Where nvidia-smi fails, its cause in the kernel is named before the symptom."""
        return _Judge(facts, spec).judge()

    def plan(self, facts: DriverFacts, spec: Spec) -> Plan:
        """Load what is there, or reboot into it."""
        code = self.assess(facts, spec).code
        if code == REBOOT:
            return (reboot_step(facts.pods),)
        if code not in LOAD:
            return ()
        state = value_or(facts.state, kernel.DriverState())
        return load_steps(state, value_or(facts.files, kernel.DriverFiles()))

    def found(self, facts: DriverFacts, spec: Spec) -> tuple[Found, ...]:
        """Card, versions, module, nodes, modes."""
        report = value_or(_query(facts), smi.SmiReport("other"))
        state = value_or(facts.state, kernel.DriverState())
        cards = facts.cards.value if isinstance(facts.cards, Known) else ()
        return tuple(rows(report, state, cards, cuda_version(facts)))


class _Judge:
    """One judgement of one node's facts."""

    def __init__(self, facts: DriverFacts, spec: Spec) -> None:
        self._spec = spec
        self._facts = facts
        self._state = value_or(facts.state, kernel.DriverState())
        self._cards = value_or(facts.cards, ())
        self._log = value_or(facts.log, kernel.KernelLog({})).lines
        self._system = facts.system.value if isinstance(facts.system, Known) else None

    def judge(self) -> Assessment:
        query = _query(self._facts)
        match query:
            case Unknown("timed-out"):
                return self._cause() or blocked("driver.smi-hangs")
            case Unknown() as why:
                return not_seen(why)
            case Absent():
                return self._without_smi()
            case Known(report):
                return self._reported(report)

    def _without_smi(self) -> Assessment:
        if self._state.wsl:
            return blocked("driver.wsl-no-driver")
        if self._state.tegra:
            return blocked("driver.jetson")
        files = value_or(self._facts.files, kernel.DriverFiles())
        if files.operator and self._state.version:
            return done("driver.operator", version=self._state.version)
        if isinstance(self._facts.cards, Known) and not self._cards:
            return blocked("driver.no-card")
        if (held := self._held(self._install())) is not None:
            return held
        if not commands.module_flavour(self._cards):
            return blocked("driver.card-too-old", card=self._cards[0])
        code = "driver.no-smi" if self._state.version else "driver.missing"
        return blocked(code, version=self._state.version, **self._install())

    def _reported(self, report: smi.SmiReport) -> Assessment:
        match report.outcome:
            case "ok" if report.gpus:
                return self._working(report.gpus)
            case "bad-query":
                return self._old_smi(report)
            case "inforom-corrupt" if report.gpus:
                return self._working(report.gpus, Note("driver.inforom"))
            case "mismatch":
                return self._mismatch(report.library)
            case "no-driver":
                return self._cause() or self._not_loaded()
            case "no-devices":
                return self._cause() or self._no_devices()
            case "no-permission":
                return self._no_permission()
            case "no-library":
                return blocked("driver.no-library", **self._install())
        return blocked(_BLOCKED.get(report.outcome, "driver.smi-failed"), **_said(report))

    def _working(self, gpus: tuple[smi.Gpu, ...], *notes: Note) -> Assessment:
        lost = [gpu for gpu in gpus if gpu.lost]
        if lost:
            return blocked("driver.gpu-lost", text=", ".join(gpu.name or gpu.uuid for gpu in lost))
        version = gpus[0].driver_version or self._state.version
        if self._state.version and not smi.same_version(self._state.version, version):
            return self._mismatch(version)
        if self._state.wsl:
            return done("driver.wsl", Note("driver.wsl-limits"), *notes, version=version)
        if isinstance(self._facts.state, Unknown):
            return not_seen(self._facts.state)
        if not self._state.has(kernel.UVM_NODE):
            return needed("driver.no-uvm", *notes, version=version)
        cuda = cuda_version(self._facts)
        all_notes = (*notes, *self._notes(gpus))
        return done("driver.ok", *all_notes, version=version, cuda=cuda or "?", cards=len(gpus))

    def _old_smi(self, report: smi.SmiReport) -> Assessment:
        """A program too old for one of our fields still lists its cards."""
        listed = value_or(self._facts.listed, ())
        if not listed:
            return blocked("driver.smi-failed", **_said(report))
        gpus = tuple(smi.Gpu(card.index, card.name, card.uuid) for card in listed)
        return self._working(gpus, Note("driver.old-smi"))

    def _mismatch(self, library: str) -> Assessment:
        loaded, disk = self._state.version, self._facts.module
        params = {"loaded": loaded or "?", "library": library or "?"}
        if isinstance(disk, Absent) or (
            isinstance(disk, Known)
            and library
            and not smi.same_version(disk.value.version, library)
        ):
            rebuild = _text(commands.rebuild_commands(self._system))
            return blocked("driver.mismatch-no-module", commands=rebuild, **params)
        choice = self._spec.choices.get(REBOOT_QUESTION, "")
        if choice == "reboot" or (self._spec.options.driver.reboot and choice != "skip"):
            return needed(REBOOT, **params)
        if choice == "skip":
            return blocked("driver.mismatch", **params)
        return ask_person(
            Question(REBOOT_QUESTION, (Option("reboot"), Option("skip")), "reboot", params)
        )

    def _not_loaded(self) -> Assessment:
        module, state = self._facts.module, self._facts.state
        if isinstance(state, Unknown):
            return not_seen(state)
        if self._state.version:
            return (
                blocked("driver.no-answer", version=self._state.version)
                if self._state.has(kernel.CONTROL_NODE)
                else needed("driver.no-nodes", version=self._state.version)
            )
        if isinstance(module, Absent):
            text = _text(commands.rebuild_commands(self._system))
            release = value_or(self._facts.release, kernel.Kernel("?", "")).release
            return blocked("driver.no-module", kernel=release, commands=text)
        if isinstance(module, Known) and self._state.secure_boot and not module.value.signer:
            return self._secure_boot("")
        return needed("driver.not-loaded")

    def _no_devices(self) -> Assessment:
        if isinstance(self._facts.cards, Known) and not self._cards:
            return blocked("driver.no-card")
        return blocked("driver.no-devices", cards=", ".join(map(str, self._cards)) or "?")

    def _no_permission(self) -> Assessment:
        """Containers get the nodes from root; a user who may not look proves nothing."""
        closed = self._state.closed_nodes
        if closed:
            return unknown("driver.user-may-not-look", nodes=", ".join(closed))
        return blocked("driver.no-permission")

    def _cause(self) -> Assessment | None:
        """What the bus and the kernel's log know of a driver that does not answer."""
        if (held := self._held()) is not None:
            return held
        module = self._facts.module
        flavour = module.value.open_module if isinstance(module, Known) else None
        if "secure-boot" in self._log and not self._state.version:
            return self._secure_boot(self._log["secure-boot"])
        if "open-unsupported" in self._log and flavour is not False:
            return blocked("driver.open-unsupported", **self._install())
        if "open-required" in self._log and flavour is not True:
            return blocked("driver.open-required", **self._install())
        for line, code in _LOGGED.items():
            if line in self._log:
                return blocked(code, text=self._log[line])
        return None

    def _held(self, install: dict[str, str] | None = None) -> Assessment | None:
        """Another driver that holds every card."""
        drivers = {card.driver for card in self._cards}
        names = ", ".join(map(str, self._cards))
        if drivers == {"nouveau"} or (not self._state.version and "nouveau" in drivers):
            text = _text(commands.nouveau_commands(self._system))
            return blocked("driver.nouveau", card=names, **(install or {"commands": text}))
        if drivers == {"vfio-pci"}:
            return blocked("driver.vfio", card=names)
        return None

    def _secure_boot(self, line: str) -> Assessment:
        text = _text(commands.secure_boot_commands(self._system))
        return blocked("driver.secure-boot", text=line, commands=text)

    def _install(self) -> dict[str, str]:
        machine = value_or(self._facts.release, kernel.Kernel("", "x86_64")).machine
        lines = commands.driver_commands(
            self._system, self._cards, self._state.secure_boot, machine
        )
        return {"commands": _text(lines), "system": self._system.name if self._system else "?"}

    def _notes(self, gpus: tuple[smi.Gpu, ...]) -> Iterator[Note]:
        yield from bus_notes(gpus, self._cards)
        yield from version_notes(value_or(self._facts.versions, smi.SmiVersions()))
        yield from mode_notes(gpus, self._facts.persistenced)
        if 79 in value_or(self._facts.log, kernel.KernelLog({})).xids:
            yield Note("driver.xid-79")


_BLOCKED = {
    "function-missing": "driver.function-missing",
    "inforom-corrupt": "driver.inforom-corrupt",
    "gpu-lost": "driver.gpu-lost",
    "access-blocked": "driver.access-blocked",
    "broken": "driver.smi-broken",
}
_LOGGED = {
    "legacy": "driver.legacy-card",
    "fallen-off": "driver.gpu-lost",
    "init-failed": "driver.init-failed",
}


def _text(lines: tuple[str, ...]) -> str:
    """Commands as a parameter: one a line, or where to read on."""
    return "\n".join(lines or (commands.GUIDE,))


def _said(report: smi.SmiReport) -> dict[str, str]:
    return {"status": str(report.status), "text": report.text}


def _query(facts: DriverFacts) -> Fact[smi.SmiReport]:
    """WSL keeps its nvidia-smi outside of PATH."""
    return facts.wsl_query if isinstance(facts.query, Absent) else facts.query


def cuda_version(facts: DriverFacts) -> str:
    """The newest CUDA that the driver runs, as it says or by its version; "" where nothing tells."""
    told = value_or(facts.versions, smi.SmiVersions()).cuda
    return told or smi.cuda_of_driver(value_or(facts.state, kernel.DriverState()).version)
