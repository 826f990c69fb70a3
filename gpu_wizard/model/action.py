"""Actions as data: a plan can be shown, explained, diffed, refused and tested before anything happens."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TypeAlias

from gpu_wizard.model.question import JsonObject, Place


@dataclass(frozen=True)
class Run:
    """A command. Its output streams; ended by TERM, then KILL, when `timeout_seconds` have passed.

    `environment`: never secret; carried as `env A=b` after sudo, which drops its own. `stdin`: what it reads,
    never secret either (secrets go into files). `ok`: exit statuses that count as success.
    `expect_disconnect`: the host goes away by itself (a reboot): a connection lost once it runs is success.
    """

    argv: tuple[str, ...]
    on: Place = "node"
    root: bool = True
    environment: tuple[tuple[str, str], ...] = ()
    stdin: bytes = b""
    timeout_seconds: float = 900.0
    ok: tuple[int, ...] = (0,)
    expect_disconnect: bool = False


@dataclass(frozen=True)
class SecretFrom:
    """A secret that a command prints, fetched after approval and never shown.

    The last line of its output is the secret. `ca_sha256`: the `K10<hash>::` in it must be this hash, "" where
    not known (then it is not compared); checked before the secret is written anywhere.
    `undo_argv`: a command on the same host that takes it back, with `{id}` for the public id of a bootstrap token.
    """

    run: Run
    ca_sha256: str = ""
    undo_argv: tuple[str, ...] = ()


@dataclass(frozen=True)
class SecretNamed:
    """A secret that the user gave for this run (`token`, …). `ca_sha256` as in `SecretFrom`."""

    name: str
    ca_sha256: str = ""


@dataclass(frozen=True)
class LocalFile:
    """A file of this machine, uploaded whole. `sha256` "": not compared."""

    path: str
    sha256: str = ""


Content: TypeAlias = bytes | SecretFrom | SecretNamed | LocalFile


@dataclass(frozen=True)
class PutFile:
    """Write a file as root: temporary file beside it, fsync, rename; the old one is kept for undo.

    `content` None: the file is to be gone (its old content is kept all the same).
    """

    path: str
    content: Content | None
    mode: int = 0o644
    on: Place = "node"


@dataclass(frozen=True)
class RestoreFile:
    """Put a file back as it was. `backup` "": it was not there, and is removed.

    `sha256` of what we wrote: a file that somebody changed since is left alone (`ConflictError`); "" skips that.
    """

    path: str
    backup: str = ""
    sha256: str = ""
    on: Place = "node"


@dataclass(frozen=True)
class ApplyObject:
    """Server-side apply with field manager `gpu-wizard`. A conflict is an error unless `force`.

    `must_exist`: never create it (for a Node or an adopted DaemonSet).

    """

    manifest: JsonObject
    force: bool = False
    must_exist: bool = False

    @property
    def kind(self) -> str:
        """The object's kind."""
        return str(self.manifest["kind"])

    @property
    def name(self) -> str:
        """The object's name."""
        return str(self.manifest["metadata"]["name"])

    @property
    def namespace(self) -> str:
        """The object's namespace, "" in cluster scope."""
        return str(self.manifest["metadata"].get("namespace", ""))


@dataclass(frozen=True)
class DeleteObject:
    """Delete an object; absent is no error. `only_ownerless`: not if it has an owner; `only_ours`: only with
    our label `app.kubernetes.io/managed-by: gpu-wizard` and without K3s's owner annotation.
    `grace_seconds` None: the object's own.
    """

    kind: str
    name: str
    namespace: str = ""
    only_ownerless: bool = False
    only_ours: bool = False
    grace_seconds: int | None = None


Action: TypeAlias = Run | PutFile | RestoreFile | ApplyObject | DeleteObject


@dataclass(frozen=True)
class Risk:
    """What else an action disturbs, as a knowledge code such as `restarts-agent`, with its parameters."""

    code: str
    params: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Step:
    """One action of a plan.

    `id`: `stage.kebab-case`, a knowledge id; `params` fill its text. `undo`: how a command is taken back, in
    order (files and objects are undone from their pre-image). `revert`: taken back at once where the stage
    does not get done. `change`: counts as a change of the world (a refresh of package lists does not).
    """

    id: str
    action: Action
    undo: tuple[Action, ...] = ()
    revert: bool = False
    change: bool = True
    risk: Risk | None = None
    params: Mapping[str, str] = field(default_factory=dict)


Plan: TypeAlias = tuple[Step, ...]
