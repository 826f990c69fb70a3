"""Room on the file systems that an installation writes to."""

from __future__ import annotations

from dataclasses import dataclass

from gpu_wizard.model.fact import Fact, Known, Unknown
from gpu_wizard.model.question import Command, Output, Probe


@dataclass(frozen=True)
class Room:
    """Free space of one file system, for ordinary users."""

    mount: str
    free_bytes: int


def parse_df(answer: Output) -> Fact[tuple[Room, ...]]:
    """One entry for each file system, in df's order. Source: POSIX df -P: six columns, blocks of 1024 with -k."""
    rooms: dict[str, Room] = {}
    for line in answer.text.splitlines()[1:]:
        cells = line.split(None, 5)
        if len(cells) == 6 and cells[3].lstrip("-").isdecimal():
            rooms[cells[5]] = Room(cells[5], max(0, int(cells[3])) * 1024)
    if not rooms:
        return Unknown("unreadable", answer.error_text.strip()[:200])
    return Known(tuple(rooms.values()))


ROOM: Probe[Output, tuple[Room, ...]] = Probe(
    "disk.room", Command(("df", "-Pk", "/usr", "/var")), parse_df
)
