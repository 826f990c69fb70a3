"""The names of signals, as `kill` and `trap` take them."""

from __future__ import annotations

import signal
from dataclasses import dataclass


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


@dataclass(frozen=True)
class Killing:
    """A command line of `kill`: the signal, as a number and as it was written, and the targets."""

    number: int
    spelled: str
    targets: tuple[str, ...]


def killing(words: list[str], dashes_after_signal: bool = True) -> Killing:
    """What `kill WORDS` asks for. Raises: ValueError for a bad one, with the text to show.

    `dashes_after_signal`: `--` may follow `-SIGNAL`; dash's built-in takes it for a process id.
    """
    usage = "Usage: kill [-s sigspec | -signum | -sigspec] [pid | job]..."
    number: int | None = signal.SIGTERM
    spelled = "-TERM"
    if words[:1] in (["-s"], ["-n"]) and len(words) > 1:
        number, spelled, words = number_of(words[1]), f"-{words[1]}", words[2:]
    elif words and words[0].startswith("-") and words[0] != "--":
        number, spelled, words = number_of(words[0][1:]), words[0], words[1:]
        if words[:1] == ["--"] and not dashes_after_signal:
            raise ValueError("Illegal number: -")
    if words[:1] == ["--"]:
        words = words[1:]
    if number is None or not words:
        raise ValueError(usage)
    return Killing(int(number), spelled, tuple(words))
