"""What happened, as frozen records: the only thing that a face receives.

Each is a subject and a past participle. In JSON its type is the class name in kebab-case.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Literal

from gpu_wizard.model.action import Plan, Step
from gpu_wizard.model.errors import WizardError
from gpu_wizard.model.fact import Fact
from gpu_wizard.model.line import Chunk
from gpu_wizard.model.stage import Assessment, Found

Outcome = Literal["done", "failed", "stopped"]
StepOutcome = Literal["done", "failed", "abandoned", "undone"]


def _now() -> datetime:
    return datetime.now(UTC)


@dataclass(frozen=True, kw_only=True)
class Event:
    """`node`: the node's name in the setup file or as typed, None for the whole run. `stage`: an id, or ""."""

    node: str | None = None
    stage: str = ""
    at: datetime = field(default_factory=_now)


@dataclass(frozen=True, kw_only=True)
class SurveyStarted(Event):
    """The node is being asked. `probes`: ids, in the order asked."""

    probes: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class FactRead(Event):
    """One question was answered."""

    probe: str
    fact: Fact[object]


@dataclass(frozen=True, kw_only=True)
class StageAssessed(Event):
    """A stage was judged, with its facts as a person reads them."""

    assessment: Assessment
    found: tuple[Found, ...] = ()


NOT_LOOKED_AT = "\\ what is there now could not be looked at"
"""A remark as diffs have them, which `patch` passes over."""


@dataclass(frozen=True, kw_only=True)
class PlanMade(Event):
    """What would be done. `provisional`: foreseen only, an earlier stage comes first.

    `diffs`: step id → unified diff of the file or object that it changes, where known; never of a secret. One that
    begins with the line `NOT_LOOKED_AT` is against nothing: what is there now could not be asked for.
    """

    plan: Plan
    provisional: bool = False
    diffs: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class StageStarted(Event):
    """The steps of a stage begin."""

    steps: int


@dataclass(frozen=True, kw_only=True)
class StepStarted(Event):
    """A step begins; `number` counts from 1."""

    step: Step
    number: int


@dataclass(frozen=True, kw_only=True)
class OutputReceived(Event):
    """Output of the step in hand."""

    step: str
    chunk: Chunk


@dataclass(frozen=True, kw_only=True)
class StepQuiet(Event):
    """Nothing was heard for a while; the step goes on."""

    step: str
    seconds: float


@dataclass(frozen=True, kw_only=True)
class StepFinished(Event):
    """A step ended. `status`: a command's exit status. `changed`: the world is another one now."""

    step: str
    outcome: StepOutcome
    status: int | None = None
    changed: bool = True
    seconds: float = 0.0
    error: WizardError | None = None


@dataclass(frozen=True, kw_only=True)
class StepAbandoned(Event):
    """A step was broken off; what it left is not known until the node is asked."""

    step: str


@dataclass(frozen=True, kw_only=True)
class StageSettling(Event):
    """The steps are done; the world is given time to agree. Sent once for each new `code`."""

    assessment: Assessment


@dataclass(frozen=True, kw_only=True)
class StageFinished(Event):
    """A stage ended in this run: `done`, `failed`, `stopped` or `skipped`."""

    outcome: Literal["done", "failed", "stopped", "skipped"]
    assessment: Assessment
    changes: int
    seconds: float
    error: WizardError | None = None


@dataclass(frozen=True, kw_only=True)
class Diagnosed(Event):
    """A known error was recognised. `signature`: its id; `line` what matched, cleaned."""

    signature: str
    severity: Literal["blocker", "warning", "info"]
    line: str = ""


@dataclass(frozen=True, kw_only=True)
class ConnectionLost(Event):
    """The host does not answer any more; it is tried again until `deadline_seconds` have passed."""

    host: str
    deadline_seconds: float


@dataclass(frozen=True, kw_only=True)
class ConnectionRestored(Event):
    """The host answers again and is asked afresh."""

    host: str
    seconds: float


@dataclass(frozen=True, kw_only=True)
class NodeFinished(Event):
    """Everything about one node ended. `states`: stage id → last state. `changes` in this run."""

    outcome: Outcome
    states: Mapping[str, str]
    changes: int
    planned: int = 0
    error: WizardError | None = None


@dataclass(frozen=True, kw_only=True)
class SetupFinished(Event):
    """The run ended, whatever happened; the last event, exactly one. `plan`: nothing was to be changed.

    `planned`: steps that the plan of all nodes holds. `folder`: where journal and logs are.
    """

    outcome: Outcome
    changes: int
    nodes: Mapping[str, Outcome]
    plan: bool = False
    planned: int = 0
    folder: str = ""
    error: WizardError | None = None
