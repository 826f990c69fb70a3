"""The safe repairs of the driver stage: load what is installed, make its device nodes, or reboot into it."""

from __future__ import annotations

from gpu_wizard.facts.kernel import DriverFiles, DriverState
from gpu_wizard.facts.objects import PodObject, gpu_pods
from gpu_wizard.model.action import Plan, Risk, Run, Step
from gpu_wizard.model.fact import Fact, Known

REBOOT = "driver.mismatch-reboot"
LOAD = ("driver.not-loaded", "driver.no-nodes", "driver.no-uvm")
_NODES = ("/dev/nvidiactl", "/dev/nvidia0", "/dev/nvidia-uvm", "/dev/nvidia-uvm-tools")

_MAKE_NODES = """major() { awk -v name="$1" '$2 == name { print $1; exit }' /proc/devices; }
node() { [ -e "$1" ] || mknod -m 666 "$1" c "$2" "$3"; }
gpu=$(major nvidia-frontend); [ -n "$gpu" ] || gpu=$(major nvidia); uvm=$(major nvidia-uvm)
[ -n "$gpu" ] && [ -n "$uvm" ] || { echo 'nvidia or nvidia-uvm is not in /proc/devices' >&2; exit 1; }
node /dev/nvidiactl "$gpu" 255; number=0
for card in /proc/driver/nvidia/gpus/*/; do node "/dev/nvidia$number" "$gpu" "$number"; number=$((number+1)); done
node /dev/nvidia-uvm "$uvm" 0; node /dev/nvidia-uvm-tools "$uvm" 1"""
"""What nvidia-modprobe does, where it is not installed. Source: CUDA Installation Guide, device node verification."""


def load_steps(state: DriverState, files: DriverFiles) -> Plan:
    """Load the modules that are not loaded, then make the device nodes that are missing."""
    modules = tuple(
        name
        for name, loaded in (("nvidia", bool(state.version)), ("nvidia_uvm", state.uvm_loaded))
        if not loaded
    )
    load = tuple(
        Step(
            "driver.load",
            Run(("modprobe", name)),
            undo=(Run(("modprobe", "-r", name), ok=(0, 1)),),
            params={"module": name},
        )
        for name in modules
    )
    missing = tuple(node for node in _NODES if not state.has(node))
    make = (
        Run(("nvidia-modprobe", "-u", "-c=0")) if files.modprobe else Run(("sh", "-c", _MAKE_NODES))
    )
    undo = (Run(("rm", "-f", *missing)),) if missing else ()
    return (*load, Step("driver.nodes", make, undo=undo, params={"nodes": " ".join(missing)}))


_ENDED_BY_IT = (129, 137, 143)
"""A shell that the shutdown ends before it can tell: 128 + HUP, KILL or TERM."""


def reboot_step(pods: Fact[tuple[PodObject, ...]]) -> Step:
    """Reboot the machine; the pods that it ends are named."""
    return Step(
        "driver.reboot",
        Run(
            ("systemctl", "reboot"),
            timeout_seconds=60.0,
            ok=(0, *_ENDED_BY_IT),
            expect_disconnect=True,
        ),
        risk=reboot_risk(pods),
    )


def reboot_risk(pods: Fact[tuple[PodObject, ...]]) -> Risk:
    """Which pods a reboot ends: the GPU pods by name, or that nobody could look."""
    if not isinstance(pods, Known):
        return Risk("driver.reboot-pods-unknown")
    names = ", ".join(f"{pod.namespace}/{pod.name}" for pod in gpu_pods(pods.value))
    return Risk("driver.reboot-gpu-pods", {"pods": names}) if names else Risk("driver.reboot")
