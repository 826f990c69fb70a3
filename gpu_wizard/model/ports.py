"""The edges as protocols: what the engine needs of hosts, clusters, journals and faces.

A reader has no method that writes; a program that holds only readers can change nothing.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from gpu_wizard.model.action import Action, ApplyObject, DeleteObject, RestoreFile, Run, Step
from gpu_wizard.model.events import Event
from gpu_wizard.model.line import Chunk
from gpu_wizard.model.question import ClusterAnswer, ClusterAsk, HostAnswer, HostAsk, JsonObject
from gpu_wizard.model.sample import Sample
from gpu_wizard.model.secret import Secret
from gpu_wizard.model.stage import Question

Heard = Callable[[Chunk], Awaitable[None]]
Show = Callable[[Event], Awaitable[None]]


class HostReader(Protocol):
    """A machine that can be asked, over one held connection."""

    @property
    def name(self) -> str:
        """As the user wrote it, for messages."""

    async def ask(self, asks: Sequence[HostAsk]) -> list[HostAnswer]:
        """Answer all questions in one exchange, with sudo once where one needs root.

        What could not be asked is `Unknown` in its place (`timed-out`, `sudo-password-needed`,
        `sudo-refused`, `unreachable`, …). A host that can't be reached at all raises.

        Raises: UnreachableError: the connection is lost and could not be opened anew.
        """

    async def close(self) -> None:
        """Close the connection; asking again opens it anew."""


@dataclass(frozen=True)
class PreImage:
    """A file before we wrote it. `backup` "": it was not there. `written_sha256`: of what we wrote.

    `changed` False: it had the wanted content and mode already, and nothing was written.
    """

    backup: str
    written_sha256: str
    changed: bool = True


Kept = Callable[[PreImage], None]
"""Told how a file is taken back, before anything is changed; what it raises leaves the file as it is."""


class Host(HostReader, Protocol):
    """A machine that can be changed. Every method raises the errors of `model/errors.py` alone."""

    async def run(self, run: Run, heard: Heard) -> int:
        """Run a command in its own process group, its output cleaned and given as it comes; its exit status.

        Cancelled, or where `heard` raises: the process group gets TERM, KILL 10 s later, before this returns.

        Raises: UnreachableError: the connection was lost; the command may go on on the host. A run that expects
        that gives 0, but only once its command was sent.
        TimedOutError: ended after `run.timeout_seconds`. AccessError: sudo refused.
        """

    async def capture(self, run: Run) -> Secret:
        """Run a command whose output is a secret; the last line of standard output, without its line end.

        Raises: as `run`; CommandError: its status is not ok, with the error output's last lines.
        """

    async def put(
        self,
        path: str,
        content: bytes | Secret | None,
        mode: int,
        run_id: str,
        kept: Kept | None = None,
    ) -> PreImage:
        """Write a root-owned file (None removes it) by temporary file, fsync and rename.

        The old file is kept below `/var/lib/gpu-wizard/backup/RUN/`. Content travels on standard input.
        `kept` is called once the old file is kept and the new one lies ready beside it; not where nothing differs.

        Raises: CommandError: nothing was changed (full disk, read-only file system, …); as `run`.
        """

    async def restore(self, restore: RestoreFile) -> None:
        """Put a file back. Raises: ConflictError: it is not what we wrote; as `run`."""

    async def reconnect(self, deadline_seconds: float) -> None:
        """Open the connection anew, trying until the deadline. Raises: UnreachableError, TrustError, AccessError."""


class ClusterReader(Protocol):
    """A Kubernetes API that can be asked."""

    async def ask(self, asks: Sequence[ClusterAsk]) -> list[ClusterAnswer]:
        """Answer all questions; what could not be asked is `Unknown` in its place
        (`api-unreachable`, `api-unauthorized`, `api-forbidden`, `api-timed-out`, `api-error`, `no-cluster`).
        """

    async def close(self) -> None:
        """Close the connections."""


@dataclass(frozen=True)
class Applied:
    """What an apply did. `before` None: the object was not there. `changed` False: it was so already."""

    before: JsonObject | None
    after: JsonObject
    changed: bool


class Cluster(ClusterReader, Protocol):
    """A Kubernetes API that can be changed."""

    async def apply(self, apply: ApplyObject) -> Applied:
        """Server-side apply. Raises: ConflictError: other field managers, named; AccessError;
        CommandError: refused by validation; UnreachableError; TimedOutError.
        """

    async def preview(self, apply: ApplyObject) -> Applied:
        """The same as a dry run: nothing is kept. Raises: as `apply`."""

    async def delete(self, delete: DeleteObject) -> bool:
        """Delete; False where it was not there or a condition did not hold. Raises: as `apply`."""


@dataclass(frozen=True)
class ReadNode:
    """One node that can be asked. `control_plane` None: no such host is known; `cluster` None: no API."""

    name: str
    host: HostReader
    control_plane: HostReader | None = None
    cluster: ClusterReader | None = None


@dataclass(frozen=True)
class Node:
    """One node that can be changed. `secrets`: what the user gave for this run, by name."""

    name: str
    host: Host
    control_plane: Host | None = None
    cluster: Cluster | None = None
    secrets: Mapping[str, Secret] = field(default_factory=dict)

    def reader(self) -> ReadNode:
        """The same node, to ask alone."""
        return ReadNode(self.name, self.host, self.control_plane, self.cluster)


class Journal(Protocol):
    """Append-only record of one run, each entry on disk before the next action begins."""

    def begin(self, node: str, stage: str, step: Step) -> int:
        """Write what is about to be done; the entry's number."""

    def prepared(self, entry: int, inverse: Sequence[Action], detail: Mapping[str, str]) -> None:
        """Write how it would be undone, as soon as that is known (pre-image, token id)."""

    def end(self, entry: int, outcome: str, status: int | None) -> None:
        """Write how it ended: `done`, `failed`, `abandoned`, `undone` or `unchanged`."""

    def output(self, node: str, chunk: Chunk) -> None:
        """Append cleaned output to the run's log."""


class Face(Protocol):
    """A thing that shows events and makes choices."""

    async def show(self, event: Event) -> None:
        """Take one event; returns soon."""

    async def choose(self, question: Question) -> str | None:
        """An option's id; None where nobody can answer."""

    def stop_requested(self) -> bool:
        """Whether to stop after the step in hand."""


class TelemetrySource(Protocol):
    """Where samples come from."""

    def samples(self, every_seconds: float) -> AsyncIterator[Sample]:
        """Samples on a monotonic schedule until closed."""
