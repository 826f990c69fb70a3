"""The one tree of errors, and what each tells a person.

WizardError
├── InputError         a file, an option or an answer of the user is wrong (exit 2)
├── UnreachableError   no connection, or the connection was lost
├── TrustError         host key, certificate authority or token hash differs
├── AccessError        login, sudo or RBAC refused
├── CommandError       a command on a host ended with another status than wanted
├── ConflictError      another owner, or changed since it was planned
├── UnsupportedError   a system that this program can't handle
└── TimedOutError      a bound was reached
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from gpu_wizard.model.fact import Unknown


@dataclass(frozen=True)
class Where:
    """Where an error happened; empty fields were not applicable. No field ever holds a secret."""

    host: str = ""
    command: str = ""
    status: int | None = None
    file: str = ""
    line: int | None = None
    key: str = ""

    def __str__(self) -> str:
        return ", ".join(self.parts())

    def parts(self) -> tuple[str, ...]:
        """What applies, each by itself: a place `file:line`, a key, a host, a command, an exit status."""
        place = ":".join(str(part) for part in (self.file, self.line) if part not in ("", None))
        parts = (
            place,
            f"key {self.key}" if self.key else "",
            f"host {self.host}" if self.host else "",
            f"command {self.command}" if self.command else "",
            f"exit status {self.status}" if self.status is not None else "",
        )
        return tuple(part for part in parts if part)


@dataclass(eq=False)
class WizardError(Exception):
    """Trouble at an edge: what happened (`message`, one sentence), where, and what to do next.

    `code` is a knowledge id such as `host-key-changed`; `next_step` one sentence for a person, empty where the
    code's text says it; `lines` the last lines of output, cleaned; `params` fills the code's text.
    """

    code: str
    message: str
    where: Where = field(default_factory=Where)
    next_step: str = ""
    lines: tuple[str, ...] = ()
    params: Mapping[str, str] = field(default_factory=dict)

    def __str__(self) -> str:
        return f"{self.message} ({self.where})" if str(self.where) else self.message


class InputError(WizardError):
    """A file, an option or an answer of the user is wrong."""


class UnreachableError(WizardError):
    """No connection, or a connection was lost."""


class TrustError(WizardError):
    """A host key, a certificate authority or a token's hash is not the one expected."""


class AccessError(WizardError):
    """Login, sudo or RBAC refused."""


class CommandError(WizardError):
    """A command ended with a status that its step does not accept."""


class ConflictError(WizardError):
    """Something belongs to another owner, or changed since it was planned."""


class UnsupportedError(WizardError):
    """The system at hand is not one that this program can handle."""


class TimedOutError(WizardError):
    """A bound in time was reached."""


class InputListError(InputError):
    """Everything that is wrong in one file or command line, reported at once."""

    def __init__(self, errors: tuple[InputError, ...]) -> None:
        """`errors`: at least one; each knows its file, line and key."""
        first = errors[0]
        super().__init__(first.code, first.message, first.where, first.next_step)
        self.errors = errors


def as_unknown(error: WizardError) -> Unknown:
    """The fact that could not be looked at because of an error."""
    return Unknown(error.code, str(error), tuple(error.params.items()))
