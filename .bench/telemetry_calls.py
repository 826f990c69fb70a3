"""What each NVML call costs on this machine, in microseconds; and, with `--xid` (and `--events`: without the kernel's log), whether an Xid of a broken kernel is heard."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

import pynvml as nv

from gpu_wizard.telemetry.nvml import told
from gpu_wizard.telemetry.sampler import Sampler

nv.nvmlInit()
h = nv.nvmlDeviceGetHandleByIndex(0)
calls = {
    "utilisation": (nv.nvmlDeviceGetUtilizationRates, h),
    "memory v2": (nv.nvmlDeviceGetMemoryInfo, h, nv.nvmlMemory_v2),
    "temperature": (nv.nvmlDeviceGetTemperature, h, 0),
    "threshold": (nv.nvmlDeviceGetTemperatureThreshold, h, 1),
    "power": (nv.nvmlDeviceGetPowerUsage, h),
    "limit": (nv.nvmlDeviceGetEnforcedPowerLimit, h),
    "sm clock": (nv.nvmlDeviceGetClockInfo, h, 1),
    "memory clock": (nv.nvmlDeviceGetClockInfo, h, 2),
    "reasons": (nv.nvmlDeviceGetCurrentClocksEventReasons, h),
    "fan": (nv.nvmlDeviceGetFanSpeed, h),
    "ecc": (nv.nvmlDeviceGetTotalEccErrors, h, 1, 0),
    "mig": (nv.nvmlDeviceGetMigMode, h),
    "processes": (nv.nvmlDeviceGetComputeRunningProcesses, h),
    "graphics": (nv.nvmlDeviceGetGraphicsRunningProcesses, h),
}
for name, (call, *arguments) in calls.items():
    told(call, *arguments)
    start, cpu = time.perf_counter(), time.process_time()
    for _ in range(100):
        value = told(call, *arguments)
    print(
        f"{name:14} wall {10000 * (time.perf_counter() - start):8.1f} us  cpu {10000 * (time.process_time() - cpu):8.1f} us  {value if isinstance(value, (int, list)) else type(value).__name__}"
    )
sampler = Sampler("/nonexistent" if "--events" in sys.argv else "/dev/kmsg")
for label in ("first", "second", "third"):
    start = time.perf_counter()
    sampler.take()
    print(
        "take,",
        label,
        round(1000 * (time.perf_counter() - start), 2),
        "ms; kernel log",
        sampler._xids._log,
        "events",
        sampler._xids._events is not None,
    )
if "--xid" in sys.argv:
    code = "import cupy as c; k=c.RawKernel('extern \"C\" __global__ void k(){*(volatile int*)16=1;}','k'); k((1,),(1,),()); c.cuda.runtime.deviceSynchronize()"
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    print("broken kernel:", ran.stderr.strip().splitlines()[-1:])
    for _ in range(4):
        time.sleep(0.5)
        print("xid", [gpu["xid"] for gpu in sampler.take()["gpus"]], sampler._xids.newest)
sampler.close()
