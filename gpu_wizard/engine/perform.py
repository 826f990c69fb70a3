"""Performing one action, and knowing how it would be taken back before it happens."""

from __future__ import annotations

import contextlib
import hashlib
import shlex
import textwrap
import time
from dataclasses import dataclass, field
from pathlib import Path

from gpu_wizard.engine.inverse import inverse_of
from gpu_wizard.engine.token_form import TokenForm, token_form
from gpu_wizard.model.action import (
    Action,
    ApplyObject,
    Content,
    DeleteObject,
    LocalFile,
    PutFile,
    RestoreFile,
    Run,
    SecretFrom,
    SecretNamed,
    Step,
)
from gpu_wizard.model.errors import (
    CommandError,
    InputError,
    TrustError,
    UnreachableError,
    Where,
    WizardError,
)
from gpu_wizard.model.line import Chunk
from gpu_wizard.model.ports import Cluster, Heard, Host, Journal, Node, PreImage
from gpu_wizard.model.question import Command, Output, Place
from gpu_wizard.model.secret import Secret

_TOKEN_CA = rb"^K10([0-9a-f]{64})::"
_TOKEN_ID = rb"::([a-z0-9]{6})\.[a-z0-9]{16}$"
"""Source: K3s pkg/clientaccess/token.go and recorded `k3s token create` (k3s/01-server/c)."""
NAME_LENGTH = 160


@dataclass(frozen=True)
class Performed:
    """How an action ended. `inverse`: what takes it back, in order. `changed`: the world is another one now."""

    status: int | None = None
    changed: bool = True
    inverse: tuple[Action, ...] = ()
    seconds: float = 0.0


@dataclass
class Performer:
    """Performs actions on one node, journalled ahead. `run_id` names the backups of this run."""

    node: Node
    journal: Journal
    run_id: str
    stage: str = ""
    undo_log: list[tuple[Step, Performed]] = field(default_factory=list)
    token_form: TokenForm | None = None
    """Of the token last held, for whoever explains why a server refuses it."""

    async def perform(self, step: Step, heard: Heard) -> Performed:
        """Perform one step. Raises: WizardError, after the journal's entry was closed as failed."""
        entry = self.journal.begin(self.node.name, self.stage, step)
        started = time.monotonic()
        try:
            performed = await self._act(step, entry, heard)
        except BaseException as error:
            # Where that can't be written down either, the first failure is the one to tell.
            with contextlib.suppress(CommandError):
                outcome = "failed" if isinstance(error, Exception) else "abandoned"
                self.journal.end(entry, outcome, None)
            raise
        seconds = time.monotonic() - started
        finished = Performed(performed.status, performed.changed, performed.inverse, seconds)
        self.undo_log.append((step, finished))
        self.journal.end(entry, "done" if performed.changed else "unchanged", performed.status)
        return finished

    async def take_back(self, step: Step, performed: Performed, heard: Heard) -> None:
        """Take back one performed step. Raises: WizardError: the first, after all of its actions were tried."""
        first: WizardError | None = None
        for action in performed.inverse:
            try:
                await self._taken_back(Step(f"{step.id}.undo", action), heard)
            except WizardError as error:
                first = first or error
        if first is not None:
            raise first

    async def _taken_back(self, undo: Step, heard: Heard) -> None:
        """What was begun is taken back also where nobody can write it down."""
        entry: int | None = None
        with contextlib.suppress(CommandError):
            entry = self.journal.begin(self.node.name, self.stage, undo)
        outcome, status = "failed", None
        try:
            await self._undo(undo.action, heard)
            outcome = "undone"
        except WizardError as error:
            status = error.where.status
            raise
        finally:
            with contextlib.suppress(CommandError):
                if entry is not None:
                    self.journal.end(entry, outcome, status)

    async def _act(self, step: Step, entry: int, heard: Heard) -> Performed:
        match step.action:
            case Run() as run:
                self.journal.prepared(entry, step.undo, {})
                status = await self._run(run, heard)
                return Performed(status, changed=step.change, inverse=step.undo)
            case PutFile() as put:
                return await self._put(put, step, entry)
            case RestoreFile() as restore:
                await self._host(restore.on).restore(restore)
                return Performed(changed=step.change)
            case ApplyObject() as apply:
                return await self._apply(apply, step, entry)
            case DeleteObject() as delete:
                gone = await self._cluster().delete(delete)
                return Performed(changed=gone and step.change, inverse=step.undo)

    async def _undo(self, action: Action, heard: Heard) -> None:
        match action:
            case Run() as run:
                await self._run(run, heard)
            case PutFile() as put:
                await self._host(put.on).put(
                    put.path, await self._content(put), put.mode, self.run_id
                )
            case RestoreFile() as restore:
                await self._host(restore.on).restore(restore)
            case ApplyObject() as apply:
                await self._cluster().apply(apply)
            case DeleteObject() as delete:
                await self._cluster().delete(delete)

    async def _run(self, run: Run, heard: Heard) -> int:
        host = self._host(run.on)
        status = await host.run(run, heard)
        if status not in run.ok:
            command = _named(run.argv)
            raise CommandError(
                "command-failed",
                f"A command ended with status {status}.",
                Where(host=host.name, command=command, status=status),
                params={"command": command, "status": str(status)},
            )
        return status

    async def _put(self, put: PutFile, step: Step, entry: int) -> Performed:
        host = self._host(put.on)
        self.journal.prepared(
            entry, (), {"path": put.path, "sha256": await _digest(host, put.path)}
        )
        content = await self._content(put)
        if isinstance(content, Secret):
            self.token_form = token_form(content)
        undo = step.undo + self._token_undo(put.content, content)
        self.journal.prepared(entry, undo, {"path": put.path})
        inverse = undo

        def kept(image: PreImage) -> None:
            nonlocal inverse
            inverse = (RestoreFile(put.path, image.backup, image.written_sha256, put.on), *undo)
            self.journal.prepared(entry, inverse, {"path": put.path, "backup": image.backup})

        try:
            _check(put.content, content, host.name)
            image = await host.put(put.path, content, put.mode, self.run_id, kept)
        except WizardError:
            # What was made for this file, such as a token, is of no use without it.
            with contextlib.suppress(WizardError):
                await self.take_back(step, Performed(inverse=undo), _unheard)
            raise
        return Performed(changed=image.changed and step.change, inverse=inverse)

    async def _content(self, put: PutFile) -> bytes | Secret | None:
        match put.content:
            case SecretFrom() as source:
                return await self._host(source.run.on).capture(source.run)
            case SecretNamed() as named:
                if named.name not in self.node.secrets:
                    raise InputError("secret-missing", f"No {named.name} was given for this run.")
                return self.node.secrets[named.name]
            case LocalFile() as local:
                return _local(local)
            case content:
                return content

    def _token_undo(
        self, content: Content | None, secret: bytes | Secret | None
    ) -> tuple[Action, ...]:
        if not isinstance(content, SecretFrom) or not isinstance(secret, Secret):
            return ()
        token_id = secret.public_part(_TOKEN_ID)
        if not token_id or not content.undo_argv:
            return ()
        argv = tuple(part.replace("{id}", token_id) for part in content.undo_argv)
        return (Run(argv, on=content.run.on, ok=(0, 1)),)

    async def _apply(self, apply: ApplyObject, step: Step, entry: int) -> Performed:
        cluster = self._cluster()
        foreseen = await cluster.preview(apply)
        inverse = (*step.undo, inverse_of(apply, foreseen.before))
        self.journal.prepared(entry, inverse, {})
        applied = await cluster.apply(apply)
        return Performed(changed=applied.changed and step.change, inverse=inverse)

    def _host(self, place: Place) -> Host:
        host = self.node.host if place == "node" else self.node.control_plane
        if host is None:
            raise UnreachableError("no-control-plane", "This step needs the control plane's host.")
        return host

    def _cluster(self) -> Cluster:
        if self.node.cluster is None:
            raise UnreachableError("no-cluster", "This step needs the Kubernetes API.")
        return self.node.cluster


def _named(argv: tuple[str, ...]) -> str:
    """A command for a message: a script of its own stands in the step, here its first line will do."""
    words = [word.split("\n", 1)[0] + " …" if "\n" in word.strip() else word for word in argv]
    return textwrap.shorten(shlex.join(words), NAME_LENGTH, placeholder=" …")


async def _digest(host: Host, path: str) -> str:
    """The sha256 of a file on a host, "" where it is not there."""
    (answer,) = await host.ask([Command(("sha256sum", path), root=True)])
    return (
        answer.text.split(" ", 1)[0].lstrip("\\")
        if isinstance(answer, Output) and answer.status == 0
        else ""
    )


def _check(source: Content | None, secret: bytes | Secret | None, host: str) -> None:
    """Raises: TrustError: a token carries the CA hash of another cluster."""
    if not isinstance(source, SecretFrom | SecretNamed) or not isinstance(secret, Secret):
        return
    found = secret.public_part(_TOKEN_CA)
    if source.ca_sha256 and found and found != source.ca_sha256:
        raise TrustError(
            "token-of-another-cluster",
            "The token's CA hash is not this server's: the token belongs to another cluster, or the server is not the one meant.",
            Where(host=host),
            "Nothing was written. Take a token from this cluster, or correct the server's address.",
            params={"token": found[:12], "server": source.ca_sha256[:12]},
        )


async def _unheard(_chunk: Chunk) -> None:
    """Output of taking something back that nobody watches."""


def _local(local: LocalFile) -> bytes:
    try:
        content = Path(local.path).read_bytes()
    except OSError as error:
        raise InputError("file-unreadable", f"{error.strerror}.", Where(file=local.path)) from error
    if local.sha256 and hashlib.sha256(content).hexdigest() != local.sha256:
        raise TrustError(
            "checksum-differs", "The file is not the one that was pinned.", Where(file=local.path)
        )
    return content
