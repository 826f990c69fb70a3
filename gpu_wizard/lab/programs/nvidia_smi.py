"""nvidia-smi, in the form of driver branch 580.

Source: recordings `nvidia/h200`, `k3s-h100/nvidia-smi-lms.txt`; nvidia-smi(1), "Return value".
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from gpu_wizard.lab.driver import LIBRARY
from gpu_wizard.lab.ports import Call, Gpu, Program
from gpu_wizard.lab.programs import nvidia_smi_text as text
from gpu_wizard.lab.programs.options import Options, UsageError, split

if TYPE_CHECKING:
    from gpu_wizard.lab.machine import Machine

_LONG = (
    *("query", "xml-format", "list-gpus", "query-gpu=", "format=", "version", "help"),
    *("query-compute-apps=", "id=", "loop=", "loop-ms=", "persistence-mode=", "filename="),
    *("help-query-gpu", "lgip", "lgi", "compute-mode=", "display="),
)


class NvidiaSmi:
    """One machine's nvidia-smi."""

    def __init__(self, machine: Machine) -> None:
        self._machine = machine

    async def __call__(self, call: Call) -> int:
        """Run one command line."""
        argv = list(call.argv[1:])
        if argv[:1] == ["mig"]:
            return await self._mig(call)
        if argv[:1] == ["topo"]:
            await call.out(b"\tGPU0\tCPU Affinity\tNUMA Affinity\tGPU NUMA ID\n")
            return 0
        argv = [{"-lms": "--loop-ms", "-pm": "--persistence-mode"}.get(w, w) for w in argv]
        try:
            options = split(argv, "qxLi:l:hf:c:d:", _LONG)
        except UsageError:
            await call.out(f"Invalid combination of input arguments. {text.HINT}".encode())
            return 255
        answer = self._machine.driver.answer()
        if options.has("--version"):
            return await self._version(call, answer.status)
        if answer.status:
            await call.out(f"{answer.message}\n".encode())
            return answer.status
        return await self._answer(call, options)

    async def _version(self, call: Call, status: int) -> int:
        driver = self._machine.driver
        smi = driver.installed("/usr/bin/nvidia-smi")
        library = driver.installed(LIBRARY)
        shown = (
            f"NVIDIA-SMI version  : {smi}\nNVML version        : {_short(library)}\n"
            f"DRIVER version      : {driver.modules.get('nvidia', '')}\n"
            f"CUDA Version        : {driver.cuda}\n"
        )
        if status:
            shown = f"NVIDIA-SMI version  : {smi}\n{driver.answer().message}\n"
        await call.out(shown.encode())
        return status

    async def _answer(self, call: Call, options: Options) -> int:
        cards = self._chosen(options)
        if cards is None:
            await call.out(b"No devices were found\n")
            return 6
        if options.has("--persistence-mode"):
            return await self._persistence(call, options)
        if options.has("-L", "--list-gpus"):
            await call.out(text.listing(cards).encode() or b"No devices found.\n")
            return 0
        if options.has("--query-compute-apps"):
            if "noheader" not in options.last("--format"):
                await call.out(f"{options.last('--query-compute-apps')}\n".encode())
            return 0
        if options.has("--query-gpu"):
            return await self._query(call, options, cards)
        driver = self._machine.driver
        if options.has("-q", "--query"):
            form = text.xml if options.has("-x", "--xml-format") else text.log
            await call.out(form(driver, cards).encode())
            return 0
        await call.out(text.table(driver, cards).encode())
        return 0

    def _chosen(self, options: Options) -> tuple[Gpu, ...] | None:
        cards = self._machine.driver.cards
        wanted = options.last("-i", "--id")
        if not wanted:
            return cards
        keys = wanted.split(",")
        found = tuple(card for at, card in enumerate(cards) if str(at) in keys or card.uuid in keys)
        return found or None

    async def _persistence(self, call: Call, options: Options) -> int:
        if call.user.uid:
            await call.out(
                b"Unable to set persistence mode: Insufficient Permissions\n"
                b"Terminating early due to previous errors.\n"
            )
            return 4
        driver = self._machine.driver
        driver.persistence = options.last("--persistence-mode") in ("1", "ENABLED")
        word = "Enabled" if driver.persistence else "Disabled"
        for at in range(len(driver.cards)):
            line = f"{word} persistence mode for GPU {text.bus_id(at)}.\n"
            await call.out(line.encode())
        await call.out(b"All done.\n")
        return 0

    async def _query(self, call: Call, options: Options, cards: tuple[Gpu, ...]) -> int:
        names = [name.strip() for name in options.last("--query-gpu").split(",")]
        unknown = next((name for name in names if name not in text.FIELDS), None)
        if unknown is not None:
            await call.out(f'Field "{unknown}" is not a valid field to query.\n\n'.encode())
            return 2
        form = options.last("--format", "-f")
        if "csv" not in form.split(","):
            await call.out(b"--format= must be specified.\n")
            return 2
        if "noheader" not in form:
            await call.out(f"{', '.join(text.title(name, form) for name in names)}\n".encode())
        pause = float(options.last("--loop-ms", default="0")) / 1000
        pause = pause or float(options.last("-l", "--loop", default="0"))
        while True:
            for card in cards:
                row = text.row(self._machine.driver, card, names, form)
                await call.out(f"{row}\n".encode())
            if not pause:
                return 0
            # A sampling period is the caller's own time, not a recorded delay.
            await self._machine.clock.sleep(pause * self._machine.clock.factor)

    async def _mig(self, call: Call) -> int:
        await call.out(b"No MIG-enabled devices found.\n")
        return 0


def _short(version: str) -> str:
    return ".".join(version.split(".")[:2])


PROGRAMS: dict[str, Callable[[Machine], Program]] = {"nvidia-smi": NvidiaSmi}
