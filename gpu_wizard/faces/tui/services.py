"""What the wizard needs of the outside, given by the command line as functions: a face builds no connection."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from gpu_wizard.knowledge.texts import Language
from gpu_wizard.model.events import SetupFinished
from gpu_wizard.model.ports import Face
from gpu_wizard.model.secret import Secret
from gpu_wizard.model.setup_file import HostEntry, SetupFile

if TYPE_CHECKING:
    from gpu_wizard.engine.gpu_watch import CardSource


@dataclass(frozen=True)
class RunRequest:
    """One run of the engine. `stages`: ids, empty for all and the proof; `plan`: look only, change nothing."""

    setup: SetupFile
    stages: tuple[str, ...] = ()
    plan: bool = False
    prove: bool = False


class ShownKey(Protocol):
    """A host key that is on no record."""

    @property
    def host(self) -> str:
        """The machine."""

    @property
    def algorithm(self) -> str:
        """Such as `ssh-ed25519`."""

    @property
    def fingerprint(self) -> str:
        """`SHA256:…`."""

    @property
    def file(self) -> str:
        """The known_hosts file that trusting it adds a line to."""


class Asker(Protocol):
    """Who is asked while a connection is made."""

    async def trust(self, key: ShownKey) -> bool:
        """Whether to remember a key that is on no record."""

    def forget_tries(self) -> None:
        """Another connection: what was accepted before is given again without asking."""

    async def secret(self, purpose: str) -> Secret | None:
        """A password; None where the person has none to give."""


@dataclass(frozen=True)
class Candidate:
    """A machine that could be meant. `source`: where it was found, such as `~/.ssh/config`."""

    target: str
    source: str
    address: str = ""


@dataclass(frozen=True)
class Tested:
    """What a machine said when it was tried. `role`: `server`, `agent`, or "" where K3s does not run."""

    system: str
    card: str = ""
    role: str = ""


@dataclass(frozen=True)
class Unfinished:
    """A run that stopped before its end. `setup`: how to go on."""

    setup: SetupFile
    node: str
    stage: str
    at: float
    """Seconds since 1970."""


@dataclass(frozen=True)
class Bundle:
    """A support bundle, not written yet. `files`: name → text; `replaced`: how many names and secrets; `name`: its own."""

    files: Mapping[str, str]
    replaced: int
    name: str


@dataclass(frozen=True)
class Services:
    """The functions. Each raises `WizardError` alone."""

    run: Callable[[RunRequest, Face, Asker], Awaitable[SetupFinished]]
    test: Callable[[HostEntry, Asker], Awaitable[Tested]]
    candidates: Callable[[], Sequence[Candidate]]
    unfinished: Callable[[], Sequence[Unfinished]]
    save_setup: Callable[[SetupFile, Path], None]
    """A file that is there already is left alone."""
    save_text: Callable[[str, Path], None]
    """Likewise; whole or not at all."""
    bundle: Callable[[Language, Mapping[str, str]], Bundle]
    """Of the newest run, with these texts beside its files; takes a moment."""
    save_bundle: Callable[[Bundle, Path], None]
    """A file that is there already is left alone."""
    practice: Callable[[], Awaitable[SetupFile]] | None = None
    """Starts the practice lab; None where its packages are not installed."""
    telemetry: Callable[[SetupFile, str, Asker], CardSource] | None = None
    """Samples of a node's cards, their processes with pods."""
    prepare: Callable[[], None] | None = None
    """Imports what is heavy, in a thread, once the first frame stands."""
