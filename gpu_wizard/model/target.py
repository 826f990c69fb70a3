"""How a machine is written: `[USER@]HOST[:PORT]`, for a command line and for a setup file alike."""

from __future__ import annotations

import re
from typing import NamedTuple

HIGHEST_PORT = 65535
_TARGET = re.compile(
    r"(?:(?P<user>[^@\s]+)@)?"
    r"(?:\[(?P<six>[0-9A-Fa-f:.]+(?:%[^\s\]/]+)?)\]|(?P<host>[^\s:@\[\]/]+|[0-9A-Fa-f:]+:[0-9A-Fa-f:]*))"
    r"(?::(?P<port>\d{1,5}))?"
)


class Written(NamedTuple):
    """The parts of a target. `user` "", `port` None: not written."""

    host: str
    user: str
    port: int | None


def parsed(text: str) -> Written | None:
    """The parts, None where it is no target; an IPv6 address with a port stands in brackets, a path is none."""
    found = _TARGET.fullmatch(text)
    if found is None:
        return None
    port = int(found["port"]) if found["port"] else None
    if port is not None and not 0 < port <= HIGHEST_PORT:
        return None
    return Written(found["six"] or found["host"], found["user"] or "", port)
