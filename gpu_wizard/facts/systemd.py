"""The two K3s units of a host as systemd knows them."""

from __future__ import annotations

from dataclasses import dataclass

from gpu_wizard.model.fact import ABSENT, Fact, Known, Unknown
from gpu_wizard.model.question import Command, Output, Probe

AGENT = "k3s-agent"
SERVER = "k3s"
_PROPERTIES = (
    "Id",
    "LoadState",
    "ActiveState",
    "SubState",
    "Result",
    "UnitFileState",
    "NRestarts",
    "ExecMainStatus",
    "InvocationID",
    "Job",
)
_NOT_BOOTED = "not been booted with systemd"
_NO_PROGRAM = 127


@dataclass(frozen=True)
class UnitState:
    """A unit. `active`, `sub`, `enabled` and `result` are systemd's own words; `enabled` is "" without a file.

    `restarts`: automatic ones since the last start by hand. `exit_status`: of the main process's last end.
    """

    name: str
    loaded: bool = False
    active: str = "inactive"
    sub: str = "dead"
    enabled: str = ""
    result: str = "success"
    restarts: int = 0
    exit_status: int = 0
    invocation: str = ""
    queued: bool = False
    """A start or stop is asked for and has not begun."""

    @property
    def running(self) -> bool:
        """Started, and said so."""
        return self.active == "active"

    @property
    def starting(self) -> bool:
        """Between a start and READY, or waiting for its next automatic restart."""
        return self.active in ("activating", "reloading") or (
            self.queued and self.active in ("inactive", "failed")
        )


@dataclass(frozen=True)
class K3sUnits:
    """Both K3s units; the names are those of K3s's installer.

    Source: K3s install.sh: `k3s-agent` on agents, `k3s` on servers.
    """

    agent: UnitState
    server: UnitState

    @property
    def current(self) -> UnitState:
        """The unit that makes this host a member: the one that lives, else a server's, else the agent's."""
        for unit in (self.server, self.agent):
            if unit.running or unit.starting:
                return unit
        return self.server if self.server.loaded else self.agent

    @property
    def is_server(self) -> bool:
        """Whether the host is a K3s server."""
        return self.current.name == SERVER


def parse_units(answer: Output) -> Fact[K3sUnits]:
    """Read `systemctl show`: a block of `Key=value` lines for each unit, in any order of keys.

    Absent where systemd does not run.
    """
    if answer.status == _NO_PROGRAM or _NOT_BOOTED in answer.error_text:
        return ABSENT
    blocks = (_pairs(block) for block in answer.text.split("\n\n"))
    units = {
        block["Id"].removesuffix(".service"): _unit(block) for block in blocks if "Id" in block
    }
    if not units:
        return Unknown("unreadable", answer.error_text.strip()[-200:])
    return Known(K3sUnits(units.get(AGENT, UnitState(AGENT)), units.get(SERVER, UnitState(SERVER))))


def _pairs(block: str) -> dict[str, str]:
    return dict(line.split("=", 1) for line in block.splitlines() if "=" in line)


def _unit(block: dict[str, str]) -> UnitState:
    return UnitState(
        name=block["Id"].removesuffix(".service"),
        loaded=block.get("LoadState") == "loaded",
        active=block.get("ActiveState", "inactive"),
        sub=block.get("SubState", "dead"),
        enabled=block.get("UnitFileState", ""),
        result=block.get("Result", ""),
        restarts=_integer(block.get("NRestarts", "")),
        exit_status=_integer(block.get("ExecMainStatus", "")),
        invocation=block.get("InvocationID", ""),
        queued=block.get("Job", "").isdecimal() and block["Job"] != "0",
    )


def _integer(text: str) -> int:
    return int(text) if text.isdecimal() else 0


UNITS: Probe[Output, K3sUnits] = Probe(
    "systemd.units",
    Command(
        ("systemctl", "show", "-p", ",".join(_PROPERTIES), f"{AGENT}.service", f"{SERVER}.service")
    ),
    parse_units,
)
