"""What is known of the world: a value, its certain absence, or that nobody could look.

"Not installed" and "could not look" lead to opposite actions, so they are different types.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Generic, TypeAlias, TypeVar

T = TypeVar("T")
T_co = TypeVar("T_co", covariant=True)


@dataclass(frozen=True, slots=True)
class Known(Generic[T_co]):
    """Looked, and this is the value."""

    value: T_co


@dataclass(frozen=True)
class Absent:
    """Looked, and it is not there."""


@dataclass(frozen=True, slots=True)
class Unknown:
    """Could not look. `code` is a knowledge id such as `timed-out`; `detail` is safe text for a person.

    `params`: what the code's text names, such as the host.
    """

    code: str
    detail: str = ""
    params: tuple[tuple[str, str], ...] = ()


Fact: TypeAlias = Known[T] | Absent | Unknown

ABSENT = Absent()
KINDS = 4
"""Readings of one thing that are kept to be recognised: the nodes of one cluster are of a few kinds."""


def value_or(fact: Fact[T], default: T) -> T:
    """The known value, or `default` where it is absent or unknown."""
    return fact.value if isinstance(fact, Known) else default


def value_of(fact: Fact[T]) -> T | None:
    """The known value, or None where it is absent or unknown."""
    return fact.value if isinstance(fact, Known) else None
