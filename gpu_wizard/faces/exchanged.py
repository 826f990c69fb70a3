"""What the wizard and the functions that it is given hand to each other."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from gpu_wizard.model.secret import Secret
    from gpu_wizard.model.setup_file import SetupFile


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

    async def secret(self, purpose: str, refused: int = 0) -> Secret | None:
        """A password, asked for once; see `AskSecret`."""


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
class Recent:
    """A run that ended well. `setup`: what it was of."""

    setup: SetupFile
    at: float
    """When it ended, in seconds since 1970."""


@dataclass(frozen=True)
class Bundle:
    """A support bundle, not written yet. `files`: name → text; `replaced`: how many names and secrets; `name`: its own."""

    files: Mapping[str, str]
    replaced: int
    name: str
