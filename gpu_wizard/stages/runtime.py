"""Stage 4, runtime: containerd knows a runtime `nvidia`, and will know it after every restart."""

from __future__ import annotations

from gpu_wizard.facts.containerd import (
    CRICTL_INFO,
    FILES,
    LAST_WORDS,
    PROGRAMS,
    UNIT_PATH,
    ContainerdFiles,
    CriInfo,
    LoadedRuntime,
    LogFailure,
    RuntimePrograms,
    UnitPath,
)
from gpu_wizard.facts.containerd_faults import (
    OF_CONTAINERD,
    explain_start,
    foreign_containerd,
    restart_hazard,
)
from gpu_wizard.facts.containerd_notes import runtime_notes
from gpu_wizard.facts.containerd_repair import restart_step, write_step
from gpu_wizard.facts.containerd_rows import found_rows
from gpu_wizard.facts.containerd_situation import NVIDIA, Situation
from gpu_wizard.facts.identity import K3S_CONFIG, K3sConfig
from gpu_wizard.facts.k3s import CLOCK, K3S_FILES, K3S_VERSION, K3sFiles
from gpu_wizard.facts.k3s_journal import JOURNAL, Cause, K3sJournal
from gpu_wizard.facts.objects import NODE, NODE_PODS, NodeObject, PodObject
from gpu_wizard.facts.operator import OPERATOR, Operator
from gpu_wizard.facts.systemd import UNITS, K3sUnits
from gpu_wizard.model.action import Plan
from gpu_wizard.model.fact import Fact, Known, Unknown
from gpu_wizard.model.question import asks, facts
from gpu_wizard.model.spec import Spec
from gpu_wizard.model.stage import (
    Assessment,
    Found,
    Stage,
    blocked,
    done,
    needed,
    not_seen,
    waiting,
)
from gpu_wizard.model.version import Version

RESTART = ("runtime.restart-needed", "runtime.binary-moved")
FORESEEN = ("runtime.join-first", "runtime.toolkit-first")
"""What comes first brings the program; then K3s has to search for it once more."""
WRITE = ("runtime.dropin-needed", "runtime.template-needed", "runtime.path-needed")
STEADY_SECONDS = 3.0
"""A broken configuration ends containerd within a second: K3s as recorded (04-containerd/06, 09)."""


@facts
class RuntimeFacts:
    """What K3s rendered, what containerd loaded, and whether the unit holds."""

    units: Fact[K3sUnits] = asks(UNITS)
    journal: Fact[K3sJournal] = asks(JOURNAL)
    clock: Fact[int] = asks(CLOCK)
    k3s: Fact[Version] = asks(K3S_VERSION)
    config: Fact[K3sConfig] = asks(K3S_CONFIG)
    files: Fact[ContainerdFiles] = asks(FILES)
    programs: Fact[RuntimePrograms] = asks(PROGRAMS)
    k3s_files: Fact[K3sFiles] = asks(K3S_FILES)
    unit_path: Fact[UnitPath] = asks(UNIT_PATH)
    loaded: Fact[CriInfo] = asks(CRICTL_INFO)
    last_words: Fact[LogFailure] = asks(LAST_WORDS)
    node: Fact[NodeObject] = asks(NODE)
    pods: Fact[tuple[PodObject, ...]] = asks(NODE_PODS)
    operator: Fact[Operator] = asks(OPERATOR)


class Runtime(Stage[RuntimeFacts]):
    """The containerd stage: restart, else a drop-in, else the guarded template; never the generated file."""

    id = "runtime"
    facts_type = RuntimeFacts
    settle_seconds = 60.0

    def assess(self, facts: RuntimeFacts, spec: Spec) -> Assessment:
        """What runs counts first, then what the files promise."""
        return _Judge(facts, spec).judge()

    def plan(self, facts: RuntimeFacts, spec: Spec) -> Plan:
        """One restart; before it a file, where K3s can't find the runtime by itself."""
        units, judge = facts.units, _Judge(facts, spec)
        code = judge.judge().code
        if not isinstance(units, Known):
            return ()
        again = restart_step(units.value, facts.pods)
        if code in RESTART or (code in FORESEEN and judge.situation.program is None):
            return (again,)
        repair = judge.situation.repair if code in WRITE else None
        return (write_step(repair, units.value), again) if repair else ()

    def found(self, facts: RuntimeFacts, spec: Spec) -> tuple[Found, ...]:
        """Version, program, runtime, default, where it comes from."""
        return found_rows(situation_of(facts, spec.options.runtime.binary))


def situation_of(facts: RuntimeFacts, wanted: str) -> Situation:
    """The facts put together. `wanted`: the program that the user names, "" for K3s's own choice."""
    return Situation(
        files=facts.files,
        programs=facts.programs,
        unit_path=facts.unit_path,
        loaded=facts.loaded,
        k3s=facts.k3s,
        node=facts.node,
        journal=facts.journal,
        config=facts.config,
        units=facts.units,
        k3s_files=facts.k3s_files,
        wanted=wanted,
    )


class _Judge:
    """One judgement of one node's facts."""

    def __init__(self, facts: RuntimeFacts, spec: Spec) -> None:
        self._facts = facts
        self.situation = situation_of(facts, spec.options.runtime.binary)

    def judge(self) -> Assessment:
        for look in (self._unreadable, self._not_ours, self._unit, self._cri):
            assessment = look()
            if assessment is not None:
                return assessment
        nvidia = self.situation.running
        assessment = self._missing() if nvidia is None else self._loaded(nvidia)
        if assessment.state != "needed":
            return assessment
        repair = self.situation.repair if assessment.code in WRITE else None
        hazard = restart_hazard(self.situation, repair)
        return blocked(f"runtime.{hazard[0]}", **hazard[1]) if hazard else assessment

    def _loaded(self, nvidia: LoadedRuntime) -> Assessment:
        """containerd has the runtime: does it lead to the right program?"""
        situation = self.situation
        if situation.program_of(nvidia.binary) is None:
            return self._binary_gone(nvidia.binary)
        if not nvidia.type.startswith("io.containerd.runc."):
            return blocked(
                "runtime.type-wrong", type=nvidia.type or "?", path=situation.origin.path
            )
        if (wanted := situation.wanted) and nvidia.binary != wanted:
            first = situation.program is not None and situation.is_searched(situation.program)
            if first and not situation.restarted_since_files:
                return needed("runtime.restart-needed", path=wanted)
            if situation.overrides:
                return self._repaired_by_file(wanted)
        notes = runtime_notes(situation, nvidia)
        return done("runtime.ready", *notes, binary=nvidia.binary, version=situation.containerd)

    def _unreadable(self) -> Assessment | None:
        """Facts without which nothing can be said."""
        facts = self._facts
        for fact in (facts.units, facts.files, facts.loaded, facts.programs):
            if isinstance(fact, Unknown):
                if fact is facts.loaded and fact.code == "timed-out":
                    return waiting("runtime.containerd-starting", settling=True)
                return not_seen(fact)
        return None

    def _not_ours(self) -> Assessment | None:
        """Another containerd than K3s's own, or another owner of its configuration."""
        config = self._facts.config
        foreign = foreign_containerd(config.value) if isinstance(config, Known) else None
        if foreign is not None:
            return blocked(f"runtime.{foreign[0]}", **foreign[1])
        operator, node = self._facts.operator, self._facts.node
        if (
            isinstance(operator, Known)
            and isinstance(node, Known)
            and operator.value.covers(node.value.labels)
        ):
            return self._operator(operator.value)
        return None

    def _operator(self, operator: Operator) -> Assessment | None:
        if self.situation.running is not None:
            return None
        if operator.state == "ready":
            return done("runtime.operator", name=operator.name)
        return blocked(
            "runtime.operator-not-ready", name=operator.name, state=operator.state or "?"
        )

    def _unit(self) -> Assessment | None:
        """A unit that does not run, does not hold, or has only just started."""
        units = self._facts.units
        if not isinstance(units, Known) or not units.value.current.loaded:
            return waiting("runtime.join-first")
        unit = units.value.current
        journal = (
            self._facts.journal.value if isinstance(self._facts.journal, Known) else K3sJournal()
        )
        if unit.queued:
            return waiting("runtime.starting", settling=True, unit=unit.name)
        if journal.cause is not None and not unit.running and not journal.stopped:
            return self._fails(unit.name, journal.cause)
        if unit.starting:
            return waiting("runtime.starting", settling=True, unit=unit.name)
        if not unit.running:
            return waiting("runtime.unit-stopped", unit=unit.name, state=unit.active)
        if journal.cause is not None and journal.cause.code in OF_CONTAINERD:
            return self._fails(unit.name, journal.cause)
        if not journal.healthy:
            return waiting("runtime.containerd-starting", settling=True)
        if self._seconds_up(journal) < STEADY_SECONDS:
            return waiting("runtime.settling", settling=True, unit=unit.name)
        return None

    def _seconds_up(self, journal: K3sJournal) -> float:
        if journal.started_at is None or not isinstance(self._facts.clock, Known):
            return STEADY_SECONDS
        return self._facts.clock.value - journal.started_at

    def _fails(self, unit: str, cause: Cause) -> Assessment:
        """A start that fails again and again, explained by the file that is at fault."""
        if cause.code not in OF_CONTAINERD:
            return blocked("runtime.start-failed", unit=unit, line=cause.line)
        words = self._facts.last_words
        code, params = explain_start(
            self.situation, cause, words.value if isinstance(words, Known) else None
        )
        if code == "default-runtime-missing" and params["name"] == NVIDIA:
            if self.situation.program is None:
                return waiting("runtime.toolkit-first")
            return waiting("runtime.starting", settling=True, unit=unit)
        if code == "dropin-broken" and self.situation.rewrites(params["path"]):
            return needed("runtime.dropin-needed", **params)
        return blocked(f"runtime.{code}", **params)

    def _cri(self) -> Assessment | None:
        """containerd that does not answer, or answers without its CRI plugin."""
        info = self._facts.loaded
        if not isinstance(info, Known):
            return waiting("runtime.join-first")
        if info.value.failure == "cri-not-loaded":
            return blocked("runtime.cri-not-loaded", text=self.situation.fault or info.value.text)
        if info.value.failure:
            return waiting("runtime.containerd-starting", settling=True)
        return None

    def _missing(self) -> Assessment:
        """containerd has no runtime `nvidia`: why, and what brings it."""
        situation = self.situation
        program = situation.program
        if program is None:
            if situation.wanted:
                return blocked("runtime.option-missing", path=situation.wanted)
            if situation.not_executable:
                return blocked("runtime.not-executable", path=situation.not_executable)
            return waiting("runtime.toolkit-first")
        if situation.verdict is None:
            return waiting("runtime.not-rendered", settling=True)
        if situation.hiding_template:
            return blocked("runtime.template-hides", path=situation.hiding_template)
        if situation.is_searched(program) and not situation.searched_since(program):
            return needed("runtime.restart-needed", path=program.path)
        if situation.verdict.nvidia is not None and not situation.restarted_since_files:
            return needed("runtime.restart-needed", path=program.path)
        return self._repaired_by_file(program.path)

    def _binary_gone(self, binary: str) -> Assessment:
        """The runtime is loaded, and its program is not there."""
        situation = self.situation
        program = situation.program
        origin = situation.origin
        if origin.kind in ("detected", "edited"):
            if program is None:
                return waiting("runtime.toolkit-first")
            return needed("runtime.binary-moved", old=binary, new=program.path)
        if origin.ours and program is not None:
            return self._repaired_by_file(program.path)
        return blocked("runtime.binary-missing", binary=binary or "runc", path=origin.path)

    def _repaired_by_file(self, binary: str) -> Assessment:
        situation = self.situation
        repair = situation.repair
        if repair is None:
            if situation.template:
                return blocked("runtime.template-foreign", path=situation.template, binary=binary)
            return blocked("runtime.no-safe-repair", binary=binary, version=situation.containerd)
        if situation.has(repair) and not situation.restarted_since_files:
            return needed("runtime.restart-needed", path=binary)
        if situation.has(repair):
            return blocked("runtime.still-missing", path=repair.path)
        if situation.is_foreign(repair):
            return blocked(f"runtime.{repair.kind}-foreign", path=repair.path, binary=binary)
        return needed(f"runtime.{repair.kind}-needed", path=repair.path, binary=binary)
