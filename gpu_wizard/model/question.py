"""Read-only questions, their answers, and the form that a stage fills with facts.

A `Probe` is one question and its pure parser. `@facts` and `asks` make a stage's form of them:

    @facts
    class ToolkitFacts:
        package: Fact[Version] = asks(TOOLKIT_VERSION)
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from types import MappingProxyType
from typing import Any, Generic, Literal, NamedTuple, TypeAlias, TypeVar, cast, dataclass_transform

from gpu_wizard.model.fact import ABSENT, Fact, Unknown
from gpu_wizard.model.readonly import is_read_only
from gpu_wizard.model.spec import Spec

A = TypeVar("A", covariant=True)
T = TypeVar("T")
C = TypeVar("C")
JsonObject: TypeAlias = Mapping[str, Any]
Place = Literal["node", "control_plane"]


@dataclass(frozen=True, slots=True)
class Output:
    """A finished command. `stdout` and `stderr` are raw bytes; 127 means that there is no such program."""

    status: int
    stdout: bytes
    stderr: bytes

    @property
    def text(self) -> str:
        """Standard output as text, broken bytes replaced."""
        return self.stdout.decode(errors="replace")

    @property
    def error_text(self) -> str:
        """Standard error as text, broken bytes replaced."""
        return self.stderr.decode(errors="replace")


class FileFound(NamedTuple):
    """A file that a pattern matched.

    `kind`: `file`, `directory`, `link` (dangling), `device` or `other`; links are followed, `target` holds where a
    link pointed. `content` None: not asked for, or no regular file. `truncated`: longer than was asked for.
    `mtime`: seconds since 1970; 0 where times were not asked for.
    """

    path: str
    kind: str
    mode: int
    owner: str
    size: int
    mtime: int
    target: str = ""
    content: bytes | None = None
    truncated: bool = False

    @property
    def text(self) -> str:
        """The content as text, broken bytes replaced; empty where there is none."""
        return (self.content or b"").decode(errors="replace")


@dataclass(frozen=True, slots=True)
class FilesFound:
    """Every file that matched, in the order of the patterns; empty: none is there."""

    files: tuple[FileFound, ...]

    def at(self, path: str) -> FileFound | None:
        """The file of exactly this path, or None."""
        return next((file for file in self.files if file.path == path), None)


@dataclass(frozen=True, slots=True)
class ObjectsFound:
    """Objects of the Kubernetes API as their JSON reads; empty: none is there."""

    objects: tuple[JsonObject, ...]


@dataclass(frozen=True, slots=True)
class PodLog:
    """The log of one container. `error`: why there is none (`ContainerCreating`, …), empty where `text` is it."""

    namespace: str
    pod: str
    container: str
    text: str
    error: str = ""


@dataclass(frozen=True, slots=True)
class LogsFound:
    """The logs of all pods that were asked for; empty: there is no such pod."""

    logs: tuple[PodLog, ...]


class Ask(Generic[A]):
    """A read-only question whose answer is an `A`."""


@dataclass(frozen=True)
class Command(Ask[Output]):
    """A program to run on a host. Refuses, when written, what is not on the read-only list.

    `root`: through sudo. `timeout_seconds`: its own bound on the host, after which the fact is
    `Unknown("timed-out")`. Runs with `LC_ALL=C`, without standard input.
    """

    argv: tuple[str, ...]
    on: Place = "node"
    root: bool = False
    timeout_seconds: float = 15.0

    def __post_init__(self) -> None:
        """Raises: ValueError: the command is not on the read-only list."""
        if not is_read_only(self.argv):
            raise ValueError(f"not on the read-only list: {self.argv}")


@dataclass(frozen=True)
class Files(Ask[FilesFound]):
    """Files to read on a host, by absolute path or shell pattern (`*` and `?`; spaces are literal).

    `content` False: names, modes and owners alone. `redact`: the values of keys that name a secret (token,
    password, key, secret, endpoint credentials) are replaced by `***` on the host, so that they never travel.
    `max_bytes`: of each file. `holding`: only files with this text in them, found on the host in one go, for
    patterns that match hundreds. `times`: when each was changed is told; without, equal files of many nodes give
    equal answers, which are read once.
    """

    patterns: tuple[str, ...]
    on: Place = "node"
    root: bool = False
    content: bool = True
    redact: bool = False
    max_bytes: int = 1 << 20
    holding: str = ""
    times: bool = False
    timeout_seconds: float = 15.0


@dataclass(frozen=True)
class Objects(Ask[ObjectsFound]):
    """Objects of one kind. `namespace` None: all namespaces, or cluster scope. `name` "": a list.

    `labels` and `fields` are selectors as the API writes them. `metadata_only`: nothing but `metadata` travels, so
    that of a Secret no value does.
    """

    kind: str
    namespace: str | None = None
    name: str = ""
    labels: str = ""
    fields: str = ""
    metadata_only: bool = False


@dataclass(frozen=True)
class ApiGet(Ask[ObjectsFound]):
    """One document of the API by its path, such as `/version`; 404 gives no object."""

    path: str


@dataclass(frozen=True)
class PodLogs(Ask[LogsFound]):
    """Logs of the pods on one node whose image contains `image_part`, or that carry `labels`.

    `tail_lines` of each container. Pods that have not started give an `error`. `timestamps`: each line begins
    with its RFC 3339 time. `containers`: namespace, pod and container of each log, where they are known already;
    None: they are looked up.
    """

    node: str
    image_part: str = ""
    labels: str = ""
    namespace: str | None = None
    tail_lines: int = 400
    timestamps: bool = False
    containers: tuple[tuple[str, str, str], ...] | None = None

    @property
    def pods(self) -> Objects:
        """The question for the pods among which they are."""
        fields = f"spec.nodeName={self.node}"
        return Objects("Pod", self.namespace, labels=self.labels, fields=fields)

    def among(self, pods: ObjectsFound) -> tuple[tuple[str, str, str], ...]:
        """The `containers` among these pods."""
        return tuple(
            (str(meta.get("namespace", "")), str(meta.get("name", "")), str(each.get("name", "")))
            for pod in pods.objects
            if (meta := pod.get("metadata") or {})
            for each in (pod.get("spec") or {}).get("containers") or ()
            if self.image_part in str(each.get("image", ""))
        )


HostAsk: TypeAlias = Command | Files
ClusterAsk: TypeAlias = Objects | ApiGet | PodLogs
HostAnswer: TypeAlias = Output | FilesFound | Unknown
ClusterAnswer: TypeAlias = ObjectsFound | LogsFound | Unknown


@dataclass(frozen=True)
class Probe(Generic[A, T]):
    """One question and its pure parser.

    `id`: stable, `tool.noun`; texts and recorded cases hang on it. `ask`: the question, or how it follows
    from the Spec (None: not a question for this Spec, and the fact is `Absent`).
    """

    id: str
    ask: Ask[A] | Callable[[Spec], Ask[A] | None]
    parse: Callable[[A], Fact[T]]

    def question(self, spec: Spec) -> Ask[A] | None:
        """The question for one Spec."""
        return self.ask if isinstance(self.ask, Ask) else self.ask(spec)

    def read(self, answer: object) -> Fact[T]:
        """The fact in an answer; what could not be asked stays `Unknown`, None is `Absent`.

        An answer of another shape than its source describes is `Unknown("unreadable")`: it spoils this fact alone.
        """
        if isinstance(answer, Unknown):
            return answer
        if answer is None:
            return ABSENT
        try:
            return self.parse(cast(Any, answer))
        except (AttributeError, LookupError, RecursionError, TypeError, ValueError) as error:
            return Unknown("unreadable", f"{self.id}: {type(error).__name__}: {error}"[:200])


AnyProbe: TypeAlias = Probe[Any, Any]


def asks(probe: Probe[Any, T]) -> Fact[T]:
    """A field of a facts class, filled by the engine with the probe's fact."""
    return cast("Fact[T]", dataclasses.field(metadata={"probe": probe}))


@dataclass_transform(frozen_default=True, kw_only_default=True, field_specifiers=(asks,))
def facts(cls: type[C]) -> type[C]:
    """Make a class of `asks` fields a frozen, keyword-only dataclass."""
    return dataclass(frozen=True, kw_only=True)(cls)


def probes_of(facts_type: type[object]) -> Mapping[str, AnyProbe]:
    """Field name → probe of a facts class, in the order written."""
    return _probes_of(cast(Any, facts_type))


@cache
def _probes_of(facts_type: Any) -> Mapping[str, AnyProbe]:
    fields = dataclasses.fields(facts_type)
    return MappingProxyType({field.name: field.metadata["probe"] for field in fields})
