"""The programs of lab machines, by the name that their executable files carry."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from gpu_wizard.lab.ports import Program
from gpu_wizard.lab.programs import (
    apt,
    apt_cache,
    curl,
    dpkg,
    gpg,
    hardware,
    journalctl,
    k3s,
    network,
    nvidia_ctk,
    nvidia_smi,
    session,
    systemctl,
    virtual,
    wget,
)

if TYPE_CHECKING:
    from gpu_wizard.lab.machine import Machine

PROGRAMS: dict[str, Callable[[Machine], Program]] = {
    **systemctl.PROGRAMS,
    **virtual.PROGRAMS,
    **journalctl.PROGRAMS,
    **dpkg.PROGRAMS,
    **apt.PROGRAMS,
    **apt_cache.PROGRAMS,
    **gpg.PROGRAMS,
    **curl.PROGRAMS,
    **wget.PROGRAMS,
    **nvidia_smi.PROGRAMS,
    **nvidia_ctk.PROGRAMS,
    **hardware.PROGRAMS,
    **network.PROGRAMS,
    **session.PROGRAMS,
    **k3s.PROGRAMS,
}
