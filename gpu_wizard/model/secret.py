"""A value that must not be seen, and the name of where one comes from."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, NoReturn, Protocol

SecretKind = Literal["env", "file", "prompt", "control-plane"]


class Secret:
    """Holds a secret in a closure: no `str`, no value equality, no pickle, copy or JSON."""

    __slots__ = ("_reveal",)

    def __init__(self, value: bytes) -> None:
        def reveal() -> bytes:
            return value

        self._reveal: Callable[[], bytes] = reveal

    def reveal(self) -> bytes:
        """The value, for the edge that sends it. Called in `host/` and `cluster/kube.py` alone."""
        return self._reveal()

    def public_part(self, pattern: bytes) -> str:
        """The first group of a pattern, for parts that are public by design (a token's id, its CA hash); "" for none."""
        match = re.search(pattern, self._reveal())
        return match[1].decode(errors="replace") if match else ""

    def __repr__(self) -> str:
        return "Secret(***)"

    def __reduce_ex__(self, _protocol: object) -> NoReturn:
        raise TypeError("a secret is neither pickled nor copied")


@dataclass(frozen=True)
class SecretSource:
    """Where a secret is to be had: never the secret itself.

    `name`: the variable of `env`, the path of `file`; empty for `prompt` and `control-plane`.
    """

    kind: SecretKind
    name: str = ""


class AskSecret(Protocol):
    """Asks a person for a secret."""

    async def __call__(self, purpose: str, refused: int = 0, /) -> Secret | None:
        """`purpose`: what for; `refused`: how many were given for it just now and not accepted. None: nobody answered."""


class RememberedSecrets:
    """Asks for the same thing once; again only where what was given was not accepted. In memory alone."""

    def __init__(self, ask: AskSecret) -> None:
        """`ask`: the person."""
        self._ask = ask
        self._kept: dict[str, Secret] = {}

    @property
    def purposes(self) -> tuple[str, ...]:
        """What something was given for."""
        return tuple(self._kept)

    async def __call__(self, purpose: str, refused: int = 0) -> Secret | None:
        """See `AskSecret`."""
        if not refused and purpose in self._kept:
            return self._kept[purpose]
        secret = await self._ask(purpose, refused)
        if secret is not None:
            self._kept[purpose] = secret
        return secret
