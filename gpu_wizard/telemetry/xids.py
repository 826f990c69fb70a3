"""Xids, the driver's error numbers: from NVML's events, and from the kernel's log where it may be read.

Sent to other machines: see `nvml.py`.
"""

from __future__ import annotations

import ctypes
import os
import re
from typing import Any

import pynvml as nv

from gpu_wizard.telemetry.nvml import bus_of, told

_XID = re.compile(rb"NVRM: Xid \(PCI:([0-9a-fA-F]+:[0-9a-fA-F]+:[0-9a-fA-F]+)[^)]*\): (\d+)")
"""Source: error-corpus, gpu-xid: `NVRM: Xid (PCI:0000:01:00): 79, …`."""
KERNEL_LOG = "/dev/kmsg"
_AT_ONCE = 16


class Xids:
    """The newest Xid of each card, by its bus."""

    def __init__(self, kernel_log: str = KERNEL_LOG) -> None:
        self.newest: dict[str, int] = {}
        self._path = kernel_log
        self._before: dict[str, int] | None = None
        self._events: Any = None
        self._buses: dict[Any, str] = {}
        self._log = _opened(kernel_log, os.SEEK_END)

    def watch(self, buses: list[tuple[Any, str]]) -> None:
        """Let NVML tell Xids of these handles and buses. Where it has no events, the kernel's log serves alone.

        Raises: CardError, DriverError.
        """
        self._buses = {_address(handle): bus for handle, bus in buses}
        self._events = told(nv.nvmlEventSetCreate)
        for handle, _ in buses if self._events is not None else ():
            told(
                nv.nvmlDeviceRegisterEvents, handle, nv.nvmlEventTypeXidCriticalError, self._events
            )

    def look(self) -> None:
        """Take what came since the last look. Raises: DriverError."""
        if self._log is not None:
            _read(self._log, self.newest)
        for _ in range(_AT_ONCE if self._events is not None else 0):
            # Nothing new is a time-out of no milliseconds, which is told as None.
            event = told(nv.nvmlEventSetWait_v2, self._events, 0)
            if event is None:
                return
            self.newest[self._buses.get(_address(event.device), "")] = int(event.eventData)

    def of_failed(self, bus: str) -> int | None:
        """The newest Xid of a card that failed, also from before sampling began."""
        if bus in self.newest:
            return self.newest[bus]
        if self._before is None:
            self._before = {}
            log = _opened(self._path, os.SEEK_SET)
            if log is not None:
                _read(log, self._before)
                os.close(log)
        return self._before.get(bus)

    def forget(self) -> None:
        """NVML was closed, and its events with it."""
        self._events = None

    def close(self) -> None:
        """Let go of the kernel's log."""
        if self._log is not None:
            os.close(self._log)
            self._log = None


def _opened(path: str, where: int) -> int | None:
    try:
        log = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
    except OSError:
        return None
    try:
        os.lseek(log, 0, where)
    except OSError:
        os.close(log)
        return None
    return log


def _read(log: int, into: dict[str, int]) -> None:
    """Source: kernel, Documentation/ABI/testing/dev-kmsg: a record a read, EPIPE where some were overwritten."""
    while True:
        try:
            record = os.read(log, 8192)
        except BrokenPipeError:
            continue
        except OSError:
            return
        if not record:
            return
        for bus, number in _XID.findall(record):
            into[bus_of(bus.decode())] = int(number)


def _address(handle: Any) -> Any:
    return ctypes.cast(handle, ctypes.c_void_p).value
