"""Quantities of resources: `500m`, `2`, `128Mi`."""

from __future__ import annotations

import re
from fractions import Fraction

_SHAPE = re.compile(r"([+-]?\d*\.?\d+|[+-]?\d+\.)([numkMGTPE]?|[KMGTPE]i|[eE][-+]?\d+)")
_DECIMAL = {"n": -9, "u": -6, "m": -3, "": 0, "k": 3, "M": 6, "G": 9, "T": 12, "P": 15, "E": 18}
_BINARY = {"Ki": 1, "Mi": 2, "Gi": 3, "Ti": 4, "Pi": 5, "Ei": 6}
# Kubernetes' own text, which does not say all that it checks (recorded f28).
_REFUSAL = (
    "quantities must match the regular expression '^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$'"
)


def amount(text: str) -> Fraction:
    """The number that a quantity stands for.

    Raises:
        ValueError: it is none, in the API server's words.
    """
    match = _SHAPE.fullmatch(text)
    if match is None:
        raise ValueError(_REFUSAL)
    number, suffix = Fraction(match[1]), match[2]
    if suffix in _BINARY:
        return number * Fraction(1024 ** _BINARY[suffix])
    if suffix in _DECIMAL:
        return number * _power_of_ten(_DECIMAL[suffix])
    return number * _power_of_ten(int(suffix[1:]))


def canonical(text: str) -> str:
    """A quantity as the API server spells it: `0.5` is `500m`, `1.0` is `1`.

    Raises:
        ValueError: it is none.
    """
    value = amount(text)
    if re.search(r"[A-Za-z]", text) and "." not in text:
        return text
    if value.denominator == 1:
        return str(value.numerator)
    for suffix in ("m", "u", "n"):
        scaled = value / _power_of_ten(_DECIMAL[suffix])
        if scaled.denominator == 1:
            return f"{scaled.numerator}{suffix}"
    return text


def _power_of_ten(exponent: int) -> Fraction:
    return Fraction(10**exponent) if exponent >= 0 else Fraction(1, 10**-exponent)
