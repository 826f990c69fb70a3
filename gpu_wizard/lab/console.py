"""A machine's console: scripts run on it without a connection."""

from __future__ import annotations

from dataclasses import dataclass

from gpu_wizard.lab.kernel import Kernel, Run
from gpu_wizard.lab.streams import Streams, fixed


@dataclass(frozen=True)
class Result:
    """What a script did."""

    status: int
    out: str
    err: str


async def run(kernel: Kernel, script: str, *, user: str = "root", stdin: bytes = b"") -> Result:
    """Run a script in a user's login environment, and wait for it."""
    out, err = bytearray(), bytearray()

    async def to_out(data: bytes) -> None:
        out.extend(data)

    async def to_err(data: bytes) -> None:
        err.extend(data)

    who = kernel.computer.users[user]
    argv = ("sh", "-c", script)
    process = kernel.fork(None, argv, who)
    streams = Streams(fixed(stdin), to_out, to_err)
    started = Run(kernel, process, argv, kernel.login_environment(who), who.home, streams)
    status = await kernel.table.live(process, kernel.perform(started))
    return Result(status, out.decode(errors="replace"), err.decode(errors="replace"))
