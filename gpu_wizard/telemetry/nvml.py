"""What NVML answers, and what its refusals mean.

This file and the others that the sampler imports are sent to other machines, where any Python from 3.7 on runs them:
they use nothing newer and import nothing else of this program.
"""

from __future__ import annotations

import _ctypes
import contextlib
from collections.abc import Callable
from typing import Any

import pynvml as nv

from gpu_wizard.telemetry.nvml_codes import CARD_FAILURES, DRIVER_FAILURES, DRIVER_GONE


class CardError(Exception):
    """A card does not answer any more; the argument is the code."""


class DriverError(Exception):
    """NVML as a whole does not answer; the argument is the code."""


def told(call: Callable[..., Any], *arguments: Any) -> Any:
    """What NVML says, None where it does not support the question. Raises: CardError, DriverError."""
    try:
        return call(*arguments)
    except nv.NVMLError as error:
        if error.value in CARD_FAILURES:
            raise CardError(CARD_FAILURES[error.value]) from error
        if error.value in DRIVER_GONE:
            raise DriverError(DRIVER_FAILURES.get(error.value, "driver-failed")) from error
        return None


def start() -> None:
    """Open NVML. Raises: DriverError."""
    try:
        nv.nvmlInit()
    except nv.NVMLError as error:
        raise DriverError(DRIVER_FAILURES.get(error.value, "driver-failed")) from error


def stop() -> None:
    """Close NVML and let go of its library, so that an updated driver's is found by the next `start`."""
    library = nv.nvmlLib
    if library is None:
        return
    # It may be closed already, or its driver gone.
    with contextlib.suppress(nv.NVMLError):
        nv.nvmlShutdown()
    nv.nvmlLib = None
    # pynvml keeps pointers into the library.
    nv._nvmlGetFunctionPointer_cache.clear()
    _ctypes.dlclose(library._handle)


def text(value: Any) -> str:
    """A string of NVML's; "" for none."""
    return value.decode(errors="replace") if isinstance(value, bytes) else str(value or "")


def bus_of(bus_id: str) -> str:
    """`00000000:06:00.0` as NVML writes it and `0000:06:00` as the kernel's Xid line does, made the same."""
    domain, _, rest = bus_id.lower().partition(":")
    return f"{domain[-4:]}:{rest.split('.')[0]}"
