"""NVML's numbers as names. Sent to other machines: see `nvml.py`."""

from __future__ import annotations

CARD_FAILURES = {15: "fell-off-the-bus", 16: "reset-required", 28: "fell-off-the-bus"}
DRIVER_FAILURES = {
    4: "no-permission",
    9: "driver-not-loaded",
    12: "no-library",
    17: "access-blocked",
    18: "mismatch",
}
"""Source: nvml.h, nvmlReturn_t; nvidia-smi ends with the same numbers."""
DRIVER_GONE = (1, 9, 18)
"""Of the driver as a whole, whatever was asked. Source: as above."""

THROTTLE_REASONS = {
    0x2: "applications-clocks",
    0x4: "sw-power-cap",
    0x8: "hw-slowdown",
    0x10: "sync-boost",
    0x20: "sw-thermal-slowdown",
    0x40: "hw-thermal-slowdown",
    0x80: "hw-power-brake",
    0x100: "display-clock",
}
"""Source: nvml.h, nvmlClocksEventReason…; 0x1 is an idle card."""


def reasons_of(mask: int | None) -> list[str] | None:
    """Why the clocks are held down, by name; None where it is not told."""
    if mask is None:
        return None
    return [name for bit, name in THROTTLE_REASONS.items() if mask & bit]
