"""One machine's cards over NVML: runs here in a thread, and is sent with pynvml to another machine.

A sample is a mapping with the names of `model/sample.py`. What is not supported is None, never zero. PCIe throughput
is left out: one call blocks for 20 ms. Source: recorded on a real H200, driver 580.159.04.

While NVML is open the kernel's module is in use and can't be unloaded. Sent to other machines: see `nvml.py`.
"""

from __future__ import annotations

import json
import os
import re
import select
import signal
import sys
import time
from typing import Any

import pynvml as nv

from gpu_wizard.telemetry.nvml import (
    CardError,
    DriverError,
    bus_of,
    start,
    stop,
    text,
    told,
)
from gpu_wizard.telemetry.nvml_codes import reasons_of
from gpu_wizard.telemetry.processes import Processes
from gpu_wizard.telemetry.xids import KERNEL_LOG, Xids

SLOW_SECONDS = 0.9
"""How often what is slow to ask or to change is asked: memory, processes, MIG, limits, temperature, errors; and a
driver that is gone. Less than a second, so that a beat of a second asks each time."""
REOPEN_SECONDS = 10.0
"""How often NVML is opened anew while a card fails: by itself it never finds one again."""
ORPHAN_SECONDS = 90
"""A sent sampler that hears nothing for so long has lost its reader, and ends."""

_PROFILE = re.compile(r"\bMIG (\S+)")
"""Source: MIG user guide: a MIG device's name ends in `MIG 1g.10gb`."""


class Card:
    """One card. Who it is stays known when it fails."""

    def __init__(self, index: int) -> None:
        self.index = index
        self.name = self.uuid = self.bus = ""
        self.failure = ""
        self.handle: Any = None
        self._has_fan = True
        self._slow: dict[str, Any] = {}

    def open(self) -> None:
        """Find the card. Raises: DriverError."""
        try:
            self.handle = told(nv.nvmlDeviceGetHandleByIndex, self.index)
            self.name = text(told(nv.nvmlDeviceGetName, self.handle))
            self.uuid = text(told(nv.nvmlDeviceGetUUID, self.handle))
            pci = told(nv.nvmlDeviceGetPciInfo, self.handle)
            self.bus = bus_of(text(pci.busId)) if pci is not None else ""
        except CardError as error:
            self.failure = str(error)
        if self.handle is None:
            self.failure = self.failure or "no-answer"

    def take(self, processes: Processes, slow: bool) -> dict[str, Any]:
        """Its values now. Raises: DriverError."""
        if not self.failure:
            try:
                if slow or not self._slow:
                    self._slow = self._slow_values(processes)
                return dict(self._who(), **self._slow, **self._values())
            except CardError as error:
                self.failure = str(error)
        return self._who()

    def _who(self) -> dict[str, Any]:
        return {
            "index": self.index,
            "uuid": self.uuid,
            "name": self.name,
            "failure": self.failure,
        }

    def _values(self) -> dict[str, Any]:
        handle = self.handle
        use = told(nv.nvmlDeviceGetUtilizationRates, handle)
        watts = told(nv.nvmlDeviceGetPowerUsage, handle)
        reasons = told(nv.nvmlDeviceGetCurrentClocksEventReasons, handle)
        if reasons is None:
            # Source: nvml.h: the older name, before branch 535.
            reasons = told(nv.nvmlDeviceGetCurrentClocksThrottleReasons, handle)
        return {
            "utilisation_percent": use and use.gpu,
            "memory_utilisation_percent": use and use.memory,
            "power_watts": watts if watts is None else watts / 1000,
            "sm_clock_mhz": told(nv.nvmlDeviceGetClockInfo, handle, nv.NVML_CLOCK_SM),
            "throttle_reasons": reasons_of(reasons),
        }

    def _slow_values(self, processes: Processes) -> dict[str, Any]:
        handle = self.handle
        # The dearest of all: 75 µs a card at 10 Hz. Source: measured on two real H100.
        used, total = _memory(handle)
        limit = told(nv.nvmlDeviceGetEnforcedPowerLimit, handle)
        threshold = nv.NVML_TEMPERATURE_THRESHOLD_SLOWDOWN
        errors = (nv.NVML_MEMORY_ERROR_TYPE_UNCORRECTED, nv.NVML_VOLATILE_ECC)
        mode = told(nv.nvmlDeviceGetMigMode, handle)
        enabled = None if mode is None else bool(mode[0])
        # A card without fans takes 0.2 ms to say so. Source: measured on a real H100.
        fan = told(nv.nvmlDeviceGetFanSpeed, handle) if self._has_fan else None
        self._has_fan = fan is not None
        return {
            "memory_used_bytes": used,
            "memory_total_bytes": total,
            "temperature_celsius": told(
                nv.nvmlDeviceGetTemperature, handle, nv.NVML_TEMPERATURE_GPU
            ),
            "memory_clock_mhz": told(nv.nvmlDeviceGetClockInfo, handle, nv.NVML_CLOCK_MEM),
            "power_limit_watts": limit if limit is None else limit / 1000,
            "temperature_limit_celsius": told(
                nv.nvmlDeviceGetTemperatureThreshold, handle, threshold
            ),
            "fan_percent": fan,
            "ecc_errors": told(nv.nvmlDeviceGetTotalEccErrors, handle, *errors),
            "mig_enabled": enabled,
            "mig_instances": list(_instances(handle, processes)) if enabled else [],
            "processes": processes.of(handle),
        }


def _memory(handle: Any) -> tuple[int | None, int | None]:
    """Used and total. Version 1 counts what the driver keeps for itself as used.

    Source: recorded on a real H200: 615 MiB where nvidia-smi shows 0.
    """
    memory = told(nv.nvmlDeviceGetMemoryInfo, handle, nv.nvmlMemory_v2)
    if memory is None:
        memory = told(nv.nvmlDeviceGetMemoryInfo, handle)
    return (None, None) if memory is None else (memory.used, memory.total)


def _instances(handle: Any, processes: Processes) -> Any:
    for at in range(told(nv.nvmlDeviceGetMaxMigDeviceCount, handle) or 0):
        instance = told(nv.nvmlDeviceGetMigDeviceHandleByIndex, handle, at)
        if instance is None:
            continue
        profile = _PROFILE.search(text(told(nv.nvmlDeviceGetName, instance)))
        used, total = _memory(instance)
        yield {
            "uuid": text(told(nv.nvmlDeviceGetUUID, instance)),
            "profile": profile.group(1) if profile else "",
            "memory_used_bytes": used,
            "memory_total_bytes": total,
            "processes": processes.of(instance) or [],
        }


class Sampler:
    """Samples of all cards of this machine. A driver or card that is gone and comes back is found again."""

    def __init__(self, kernel_log: str = KERNEL_LOG) -> None:
        self._cards: list[Card] = []
        self._driver: str | None = None
        self._failure = "not-opened"
        self._opened = self._asked = float("-inf")
        self._processes = Processes()
        self._xids = Xids(kernel_log)

    def take(self) -> dict[str, Any]:
        """A sample now. It never raises: what failed is said in it."""
        now = time.monotonic()
        slow = now - self._asked >= SLOW_SECONDS
        if slow:
            self._asked = now
            self._processes.begin()
        gpus: list[dict[str, Any]] = []
        try:
            self._keep_open(now, slow)
            gpus = self._take_cards(slow)
        except DriverError as error:
            self._close(str(error))
        return {
            "at": time.time(),
            "source": "nvml",
            "driver_version": None if self._failure else self._driver,
            "failure": self._failure,
            "gpus": gpus,
        }

    def close(self) -> None:
        """Close NVML and the kernel's log."""
        self._close("not-opened")
        self._xids.close()

    def _keep_open(self, now: float, slow: bool) -> None:
        failing = self._failure or any(card.failure for card in self._cards)
        wait = 0.0 if self._failure else REOPEN_SECONDS
        if failing and slow and now - self._opened >= wait:
            self._opened = now
            self._close(self._failure)
            start()
            self._find_cards()
            self._failure = ""
        elif self._failure:
            raise DriverError(self._failure)

    def _find_cards(self) -> None:
        """Raises: DriverError."""
        self._driver = text(told(nv.nvmlSystemGetDriverVersion)) or None
        found = [Card(index) for index in range(told(nv.nvmlDeviceGetCount) or 0)]
        for card in found:
            card.open()
        known = {card.index: card for card in self._cards}
        for card in found:
            was = known.get(card.index)
            if card.failure and not card.uuid and was is not None:
                card.uuid, card.name, card.bus = was.uuid, was.name, was.bus
        uuids = {card.uuid for card in found}
        lost = [card for card in self._cards if card.uuid not in uuids]
        for card in lost:
            card.failure = card.failure or "fell-off-the-bus"
        self._cards = sorted((*found, *lost), key=lambda card: card.index)
        self._xids.watch([(card.handle, card.bus) for card in found if not card.failure])

    def _take_cards(self, slow: bool) -> list[dict[str, Any]]:
        if slow:
            self._xids.look()
        gpus = [card.take(self._processes, slow) for card in self._cards]
        for card, gpu in zip(self._cards, gpus):  # noqa: B905 - Python 3.10 brought `strict`; one is made of the other
            xid = self._xids.newest.get(card.bus)
            gpu["xid"] = self._xids.of_failed(card.bus) if card.failure else xid
        return gpus

    def _close(self, failure: str) -> None:
        self._failure = failure
        self._xids.forget()
        stop()


def next_due(due: float, every: float, now: float) -> float:
    """The next tick of a schedule; ticks that were missed are left out, the beat is kept."""
    due += every
    return due if due > now else due + every * (int((now - due) / every) + 1)


def serve(every: float) -> None:
    """Print a sample a line until standard input or output closes, or nothing is heard for ORPHAN_SECONDS."""
    sampler, due = Sampler(), time.monotonic()
    signal.alarm(ORPHAN_SECONDS)
    while True:
        try:
            sys.stdout.write(json.dumps(sampler.take(), separators=(",", ":")) + "\n")
            sys.stdout.flush()
        except OSError:
            os._exit(0)
        due = next_due(due, every, time.monotonic())
        while time.monotonic() < due:
            if select.select([0], [], [], max(0.0, due - time.monotonic()))[0]:
                signal.alarm(ORPHAN_SECONDS)
                if not os.read(0, 4096):
                    os._exit(0)
