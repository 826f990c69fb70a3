"""What a person has to type before many machines are looked at: asked for first, and tried, so that nobody is asked later."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

from gpu_wizard.cli.edges import Edges, Given
from gpu_wizard.cli.keyring import secret_of
from gpu_wizard.model.errors import AccessError, WizardError
from gpu_wizard.model.fact import Unknown
from gpu_wizard.model.ports import ClusterReader, HostReader
from gpu_wizard.model.question import Command
from gpu_wizard.model.secret import AskSecret, Secret, SecretSource
from gpu_wizard.model.setup_file import HostEntry, SetupFile

TRIES = 3
"""As sudo itself. Source: sudoers(5), the default of `passwd_tries`."""
_BECOME_ROOT = Command(("true",), root=True)

Purpose = Literal["sudo", "password"]


async def nobody(_purpose: str, _refused: int = 0) -> None:
    """Nobody is asked while nodes are looked at."""


async def passwords(
    setup: SetupFile,
    ask: AskSecret,
    edges: Edges[HostReader, ClusterReader],
    *,
    once: bool = False,
) -> dict[HostEntry, Given]:
    """What has to be typed. `edges`: readers, on which each is tried; `once`: one sudo password for all.

    Raises: InputError: a secret's source gives none, or there is no terminal to ask on.
    """
    given: dict[HostEntry, Given] = {}
    first: Given | None = None
    for entry in (setup.control_plane, *(node.host for node in setup.nodes)):
        if entry is None or entry in given:
            continue
        where = "every target" if once else entry.host
        typing = _Typing(entry, ask, edges, where)
        given[entry] = await typing.done(first.sudo if once and first else None)
        first = first or given[entry]
    return given


@dataclass
class _Typing:
    """The passwords of one machine."""

    entry: HostEntry
    ask: AskSecret
    edges: Edges[HostReader, ClusterReader]
    where: str

    async def done(self, sudo: Secret | None) -> Given:
        """All that it needs. `sudo`: where that is known already."""
        given = Given(
            sudo or await self._secret("sudo", self.entry.sudo),
            await self._secret("password", self.entry.password),
        )
        typed: dict[Purpose, bool] = {
            "password": _is_typed(self.entry.password),
            "sudo": sudo is None and _is_typed(self.entry.sudo),
        }
        tried: dict[Purpose, int] = {"password": 0, "sudo": 0}
        while any(typed.values()):
            refused = await self._refused(given)
            if refused is None or not typed[refused]:
                break
            tried[refused] += 1
            again = (
                await self.ask(self._words(refused), tried[refused])
                if tried[refused] < TRIES
                else None
            )
            if again is None:
                break
            given = (
                replace(given, sudo=again) if refused == "sudo" else replace(given, password=again)
            )
        return given

    async def _secret(self, purpose: Purpose, source: SecretSource | None) -> Secret | None:
        known = secret_of(source, purpose)
        return (
            await self.ask(self._words(purpose)) if known is None and _is_typed(source) else known
        )

    def _words(self, purpose: Purpose) -> str:
        if purpose == "sudo":
            return f"sudo password on {self.where}"
        return f"SSH password of {self.entry.host}"

    async def _refused(self, given: Given) -> Purpose | None:
        """What the machine does not accept; None also where it can't be reached, which the look will tell."""
        try:
            host = await replace(self.edges, ask=nobody).host(self.entry, given)
        except WizardError as error:
            denied = isinstance(error, AccessError) and error.code == "login-refused"
            return "password" if denied else None
        try:
            (answer,) = await host.ask([_BECOME_ROOT])
        except WizardError:
            return None
        finally:
            await host.close()
        wrong = isinstance(answer, Unknown) and answer.code == "sudo-wrong-password"
        return "sudo" if wrong else None


def _is_typed(source: SecretSource | None) -> bool:
    return source is not None and source.kind == "prompt"
