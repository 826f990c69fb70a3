"""What runs inside a simulated container: its shell, and NVIDIA's tools as far as they are there.

The shell is bashkit's; nothing of the host runs.
"""

from __future__ import annotations

import asyncio
import datetime
import re
import shlex
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass

from bashkit import Bash, BuiltinContext, BuiltinResult

from gpu_wizard.lab.cluster.images import Image
from gpu_wizard.lab.ports import Clock, Visible

# Kubernetes' code for a container that could not be started.
START_ERROR = 128
_SHELLS = ("sh", "bash", "/bin/sh", "/bin/bash", "/usr/bin/sh", "/usr/bin/bash")
_NO_LIBRARY = (
    "NVIDIA-SMI couldn't find libnvidia-ml.so library in your system. Please make sure that the "
    "NVIDIA Display Driver is properly installed and present in your system.\nPlease also try "
    "adding directory that contains libnvidia-ml.so to your system PATH.\n"
)
_SMI_FAILURES = {
    "ERROR_DRIVER_NOT_LOADED": (
        9,
        "NVIDIA-SMI has failed because it couldn't communicate with the NVIDIA driver. Make sure "
        "that the latest NVIDIA driver is installed and running.\n\n",
    ),
    "ERROR_LIB_RM_VERSION_MISMATCH": (
        18,
        "Failed to initialize NVML: Driver/library version mismatch\n",
    ),
}
# The images' /bin/sh is dash; the interpreter words this like bash.
_BASH_MISSING = re.compile(r"bash: line (\d+): (\S+): command not found")
_LOOP = re.compile(r"nvidia-smi (?:-l|--loop)(?:[ =](\d+))?")
_Builtin = Callable[[BuiltinContext], Awaitable[str | BuiltinResult]]
_TOOLS = ("nvidia-smi", "/usr/bin/nvidia-smi", "sleep", "env", "ls")


@dataclass(frozen=True)
class Ended:
    """How a container ended."""

    code: int
    start_error: str = ""
    """Why it could not be started at all."""


@dataclass(frozen=True)
class Container:
    """A container that is to run."""

    image: Image
    argv: Sequence[str]
    environment: Mapping[str, str]
    visible: Visible
    injected: bool
    """True where NVIDIA's runtime put the driver's files into it."""
    allocated: tuple[str, ...] | None
    """The cards that the plugin gave it."""

    async def run(self, clock: Clock, write: Callable[[str], None]) -> Ended:
        """Run it to its end. Cancelled when it is killed."""
        if self.image.idle or not self.argv:
            await _forever()
        script = self._script()
        if script is None:
            return Ended(START_ERROR, _no_such(self.argv[0]))
        loop = _LOOP.fullmatch(script)
        if loop is not None:
            return await self._watched(float(loop[1] or 5), clock, write)

        def heard(out: str, err: str) -> None:
            write(out + _BASH_MISSING.sub(r"sh: \1: \2: not found", err))

        shell = Bash(
            username="root",
            hostname="container",
            cwd="/",
            env=self._variables(),
            custom_builtins=self._builtins(clock),
            max_commands=1_000_000,
            max_loop_iterations=1_000_000,
            timeout_seconds=86400,
        )
        try:
            outcome = await shell.execute(script, on_output=heard)
        except asyncio.CancelledError:
            shell.cancel()
            raise
        return Ended(outcome.exit_code)

    async def _watched(self, pause: float, clock: Clock, write: Callable[[str], None]) -> Ended:
        """`nvidia-smi -l SECONDS`: the table again and again, until it fails."""
        while True:
            code, text = self._smi(())
            write(text)
            if code:
                return Ended(code)
            await clock.sleep(pause)

    def _script(self) -> str | None:
        """What the shell is to do; None for a program that the image lacks."""
        first = self.argv[0]
        if first in _SHELLS and len(self.argv) > 2 and self.argv[1].endswith("c"):
            return self.argv[2]
        known = ("true", "false", "echo", "cat", *_TOOLS)
        name = first.rpartition("/")[2] if first.startswith(("/bin/", "/usr/bin/")) else first
        if name not in known or (name == "nvidia-smi" and not self._has_tools):
            return None
        return shlex.join([name, *self.argv[1:]])

    @property
    def _has_tools(self) -> bool:
        """Whether nvidia-smi is in the container; the runtime brings it along with the library."""
        return self.injected and self.visible.error != "ERROR_LIBRARY_NOT_FOUND"

    def _variables(self) -> dict[str, str]:
        found = dict(self.environment)
        if self.image.cuda:
            found |= {"NVIDIA_DRIVER_CAPABILITIES": "compute,utility"}
            found.setdefault("NVIDIA_VISIBLE_DEVICES", "all")
            if self.allocated:
                found["NVIDIA_VISIBLE_DEVICES"] = ",".join(self.allocated)
        # The runtime hands devices over by CDI, and voids the variable (recordings/k3s-h100).
        if self._has_tools:
            found["NVIDIA_VISIBLE_DEVICES"] = "void"
        return found

    def _builtins(self, clock: Clock) -> dict[str, _Builtin]:
        async def sleep(context: BuiltinContext) -> str | BuiltinResult:
            seconds = [float(each.rstrip("s")) for each in context.argv if each[:1].isdigit()]
            if "infinity" in context.argv:
                await _forever()
            await clock.sleep(sum(seconds))
            return ""

        async def smi(context: BuiltinContext) -> str | BuiltinResult:
            code, text = self._smi(context.argv)
            return BuiltinResult(stdout=text, stderr="", exit_code=code)

        async def listing(context: BuiltinContext) -> str | BuiltinResult:
            shown = (
                self._device_files()
                if "/dev" in [each.rstrip("/") for each in context.argv]
                else []
            )
            return "".join(f"{name}\n" for name in shown)

        found: dict[str, _Builtin] = {"sleep": sleep, "ls": listing}
        return found | ({"nvidia-smi": smi} if self._has_tools else {})

    def _device_files(self) -> list[str]:
        common = ["core", "fd", "full", "mqueue", "null", "ptmx", "pts", "random", "shm", "stderr"]
        common += ["stdin", "stdout", "termination-log", "tty", "urandom", "zero"]
        if self._has_tools and self.visible.gpus:
            common += ["nvidia-uvm", "nvidia-uvm-tools", "nvidiactl"]
            common += [f"nvidia{gpu.minor}" for gpu in self.visible.gpus]
        return sorted(common)

    def _smi(self, argv: Sequence[str]) -> tuple[int, str]:
        if self.visible.error in _SMI_FAILURES:
            return _SMI_FAILURES[self.visible.error]
        if self.visible.error:
            return 12, _NO_LIBRARY
        if not self.visible.gpus:
            return 6, "No devices were found\n"
        if "-L" in argv or "--list-gpus" in argv:
            lines = [
                f"GPU {index}: {gpu.name} (UUID: {gpu.uuid})\n"
                for index, gpu in enumerate(self.visible.gpus)
            ]
            return 0, "".join(lines)
        return 0, self._banner()

    def _banner(self) -> str:
        rule = "+" + "-" * 89 + "+\n"
        now = datetime.datetime.now(datetime.UTC).strftime("%a %b %d %H:%M:%S %Y")
        lines = [
            f"| {index:>3}  {gpu.name:<28} On  | {gpu.memory_mib:>6}MiB |".ljust(90) + "|\n"
            for index, gpu in enumerate(self.visible.gpus)
        ]
        return f"{now}\n{rule}{''.join(lines)}{rule}"


async def _forever() -> None:
    await asyncio.Event().wait()


def _no_such(program: str) -> str:
    where = f'exec: "{program}": '
    if program.startswith("/"):
        where += f"stat {program}: no such file or directory"
    else:
        where += "executable file not found in $PATH"
    return (
        "failed to create containerd task: failed to create shim task: OCI runtime create failed: "
        f"runc create failed: unable to start container process: {where}"
    )
