"""The names of signals, as `kill` and `trap` take them."""

from __future__ import annotations

import signal


def number_of(name: str) -> int | None:
    """The number that a name (with SIG or without, any case) or a number stands for; 0 is EXIT.

    None for one that does not exist.
    """
    if name.isdigit():
        number = int(name)
        return (
            number if number == 0 or number in {entry.value for entry in signal.Signals} else None
        )
    bare = name.upper().removeprefix("SIG")
    if bare == "EXIT":
        return 0
    found = getattr(signal, f"SIG{bare}", None)
    return int(found) if isinstance(found, signal.Signals) else None
