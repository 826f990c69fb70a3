"""One moment of a machine's cards. Units stand in the names; None is "not supported", never zero."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class GpuProcess:
    """A process on a card. `pod` "": not known yet; `host` for a process outside any pod.

    `memory_bytes` None: the driver does not tell (MIG, WSL, another user's container). `cgroup`: as the kernel names
    it, "" where it could not be read. `container_log`: the container's link in /var/log/containers, "" without one.
    """

    pid: int
    name: str
    memory_bytes: int | None
    pod: str = ""
    container: str = ""
    cgroup: str = ""
    container_log: str = ""


@dataclass(frozen=True)
class MigInstance:
    """A MIG instance: its profile such as `1g.18gb`, its uuid and memory."""

    uuid: str
    profile: str
    memory_used_bytes: int | None = None
    memory_total_bytes: int | None = None
    processes: tuple[GpuProcess, ...] = ()


@dataclass(frozen=True)
class GpuSample:
    """One card at one moment.

    `failure` "": it answered; else a code such as `fell-off-the-bus`, and the values are None. `xid`: the newest one
    since sampling began; of a card that failed, the newest of this boot.
    `throttle_reasons`: NVML's clock event reasons by name, without `gpu-idle`. `ecc_errors`: uncorrected, volatile.
    """

    index: int
    uuid: str
    name: str
    failure: str = ""
    xid: int | None = None
    utilisation_percent: int | None = None
    memory_utilisation_percent: int | None = None
    memory_used_bytes: int | None = None
    memory_total_bytes: int | None = None
    temperature_celsius: int | None = None
    temperature_limit_celsius: int | None = None
    power_watts: float | None = None
    power_limit_watts: float | None = None
    sm_clock_mhz: int | None = None
    memory_clock_mhz: int | None = None
    fan_percent: int | None = None
    ecc_errors: int | None = None
    throttle_reasons: tuple[str, ...] | None = None
    mig_enabled: bool | None = None
    mig_instances: tuple[MigInstance, ...] = ()
    processes: tuple[GpuProcess, ...] | None = None


@dataclass(frozen=True)
class Sample:
    """All cards of one machine at one moment.

    `at`: seconds since 1970 on that machine; of `nvidia-smi`, on this one. `source`: `nvml` or `nvidia-smi`.
    `failure` "": the driver answered; else a code such as `driver-not-loaded`, with no cards. `cannot_tell`: what
    this source never knows (`processes`, `mig-instances`, …). `fallback`: why it is not NVML, such as `no-python3`.
    """

    at: float
    source: str
    driver_version: str | None
    gpus: tuple[GpuSample, ...]
    failure: str = ""
    cannot_tell: tuple[str, ...] = ()
    fallback: str = ""
