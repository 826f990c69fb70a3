"""A stage: its facts, a judgement and a plan, all pure. The engine does the rest."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar, Generic, Literal, TypeAlias, TypeVar

from gpu_wizard.model.action import Plan
from gpu_wizard.model.fact import Unknown
from gpu_wizard.model.spec import Spec

F = TypeVar("F")
State = Literal["done", "needed", "waiting", "blocked", "unknown"]
Params: TypeAlias = Mapping[str, str]


PASSING = ("api-unreachable", "api-timed-out")
"""Why something could not be asked, where time alone may cure it: an API is away for some seconds while its server
starts anew. Source: K3s v1.34.3 and v1.36.2 as recorded (06/a: 2 to 9 s)."""


@dataclass(frozen=True)
class Option:
    """An answer to a question. `id` is recorded in `[choices]`; its text is knowledge `option.<id>`."""

    id: str
    params: Params = field(default_factory=dict)


@dataclass(frozen=True)
class Question:
    """Something only a person can decide. `id` is stable and stands in `[choices]` of a setup file.

    `default`: the option that a person most likely wants; a headless run never takes it by itself.
    """

    id: str
    options: tuple[Option, ...]
    default: str = ""
    params: Params = field(default_factory=dict)

    def is_answered_in(self, spec: Spec) -> bool:
        """Whether a recorded choice is one of the options; a mistyped one answers nothing."""
        answers = {option.id for option in self.options} - {"stop"}
        return spec.choices.get(self.id) in answers


@dataclass(frozen=True, slots=True)
class Found:
    """One row of *Found*: a knowledge id, the value as a person reads it, and whether that is right.

    `value` "" reads "none". `state` None: neither right nor wrong.
    """

    id: str
    value: str
    state: State | None = None


@dataclass(frozen=True, slots=True)
class Note:
    """Something worth saying that does not change the state, such as a security floor."""

    code: str
    params: Params = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Assessment:
    """The one result that all faces show. Codes, not sentences, so JSON, tests and languages agree.

    `settling`: time alone may cure this; the engine asks again for up to the stage's `settle_seconds`.
    `question`: a person must decide; the engine asks and assesses again with the answer in the Spec.
    """

    state: State
    code: str
    params: Params = field(default_factory=dict)
    settling: bool = False
    question: Question | None = None
    notes: tuple[Note, ...] = ()


def done(code: str, *notes: Note, **params: object) -> Assessment:
    """Looked, and it is right."""
    return Assessment("done", code, _texts(params), notes=notes)


def needed(code: str, *notes: Note, **params: object) -> Assessment:
    """There is a plan."""
    return Assessment("needed", code, _texts(params), notes=notes)


def waiting(code: str, *, settling: bool = False, **params: object) -> Assessment:
    """An earlier stage first; or, `settling`, some seconds first."""
    return Assessment("waiting", code, _texts(params), settling=settling)


def blocked(code: str, *notes: Note, **params: object) -> Assessment:
    """A person must act."""
    return Assessment("blocked", code, _texts(params), notes=notes)


def unknown(code: str, **params: object) -> Assessment:
    """Could not look; `settling` where the next look may succeed."""
    return Assessment("unknown", code, _texts(params), settling=code in PASSING)


def not_seen(fact: Unknown) -> Assessment:
    """Could not look, for the reason that a fact gives."""
    return unknown(fact.code, **{**dict(fact.params), "detail": fact.detail})


def ask_person(question: Question) -> Assessment:
    """A person must decide: `blocked` until the Spec holds the answer."""
    return Assessment("blocked", f"choice.{question.id}", question.params, question=question)


def _texts(params: Mapping[str, object]) -> Params:
    return {key: str(value) for key, value in params.items()}


class Stage(ABC, Generic[F]):
    """One of the eight stages, or the proof. Stateless; one instance each.

    `id`: stable, used in files, JSON and texts. `facts_type`: made by `@facts`. `settle_seconds`: how long the
    world may take to agree after the last step. `poll_seconds`: between two looks meanwhile.
    `undo_at_once`: its steps are taken back as soon as it is judged, and are no changes (the proof).
    """

    id: ClassVar[str]
    facts_type: ClassVar[type[Any]]
    settle_seconds: ClassVar[float] = 30.0
    poll_seconds: ClassVar[float] = 1.0
    undo_at_once: ClassVar[bool] = False

    def settles_in(self, _spec: Spec) -> float:
        """How long the world may take to agree, for this Spec."""
        return self.settle_seconds

    @abstractmethod
    def assess(self, facts: F, spec: Spec) -> Assessment:
        """Judge the facts. Pure."""

    @abstractmethod
    def plan(self, facts: F, spec: Spec) -> Plan:
        """The steps from these facts to *done*; also asked while `waiting`, then they are foreseen only. Pure."""

    @abstractmethod
    def found(self, facts: F, spec: Spec) -> tuple[Found, ...]:
        """The facts as a person reads them. Pure."""


AnyStage: TypeAlias = Stage[Any]
