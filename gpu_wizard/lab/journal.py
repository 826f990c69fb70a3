"""The systemd journal of one lab machine: appended, read, followed."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import datetime

from gpu_wizard.lab.clock import wall

INFO = 6
ERROR = 3


@dataclass(frozen=True)
class Entry:
    """One journal entry. `unit` is "" for the kernel's own, `invocation` "" outside services."""

    at: datetime
    message: str
    unit: str = ""
    identifier: str = "systemd"
    pid: int = 1
    priority: int = INFO
    invocation: str = ""
    boot_id: str = ""
    kernel: bool = False
    number: int = 0
    """Place in the journal, counted from 1."""

    def cursor(self, machine_id: str) -> str:
        """The entry's cursor."""
        return f"s={machine_id};b={self.boot_id.replace('-', '')};i={self.number:x}"

    def fields(self, hostname: str, machine_id: str) -> dict[str, str]:
        """The entry as `journalctl -o json` shows it.

        Lines about a unit that systemd itself writes carry `UNIT`, the unit's own `_SYSTEMD_UNIT`.
        """
        micros = str(int(self.at.timestamp() * 1_000_000))
        boot = self.boot_id.replace("-", "")
        shown = {
            "__CURSOR": self.cursor(machine_id),
            "__REALTIME_TIMESTAMP": micros,
            "_BOOT_ID": boot,
            "_MACHINE_ID": machine_id,
            "_HOSTNAME": hostname,
            "PRIORITY": str(self.priority),
            "SYSLOG_IDENTIFIER": self.identifier,
            "MESSAGE": self.message,
            "_TRANSPORT": "kernel" if self.kernel else "journal" if self.pid == 1 else "stdout",
        }
        if not self.kernel:
            shown["_PID"] = str(self.pid)
        if self.unit:
            own = self.pid != 1
            shown["_SYSTEMD_UNIT" if own else "UNIT"] = self.unit
            shown["_SYSTEMD_INVOCATION_ID" if own else "INVOCATION_ID"] = self.invocation
        return shown


@dataclass
class Journal:
    """All entries since the machine exists, oldest first."""

    boot_id: Callable[[], str]
    entries: list[Entry] = field(default_factory=list)
    _waiting: list[asyncio.Future[None]] = field(default_factory=list)

    def add(
        self,
        message: str,
        *,
        unit: str = "",
        identifier: str = "systemd",
        pid: int = 1,
        priority: int = INFO,
        invocation: str = "",
        at: datetime | None = None,
    ) -> None:
        """Append a line of a service or, with the defaults, of systemd itself."""
        self._append(
            Entry(
                at or wall(), message, unit, identifier, pid, priority, invocation, self.boot_id()
            )
        )

    def kernel(self, message: str, *, priority: int = INFO) -> None:
        """Append a line of the kernel, as `journalctl -k` and `dmesg` show it."""
        self._append(
            Entry(wall(), message, "", "kernel", 0, priority, "", self.boot_id(), kernel=True)
        )

    def _append(self, entry: Entry) -> None:
        self.entries.append(replace(entry, number=len(self.entries) + 1))
        waiting, self._waiting = self._waiting, []
        for future in waiting:
            if not future.done():
                future.set_result(None)

    async def beyond(self, count: int) -> None:
        """Wait until there are more than `count` entries."""
        while len(self.entries) <= count:
            future = asyncio.get_running_loop().create_future()
            self._waiting.append(future)
            await future
