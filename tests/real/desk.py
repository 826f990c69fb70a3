"""A bed that stays up, for the desk."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from . import apart, cgroups
from .bed import SERVER, bed
from .packages import repository
from .places import REPOSITORY, cache, say
from .programs import programs
from .rootfs import PASSWORD, rootfs
from .wizard import Wizard

_USAGE = """\
python -m tests.real build           build what is not built yet
python -m tests.real up              a control plane and two machines with cards (gpu1: 1, gpu2: 2), left running
python -m tests.real enter COMMAND…  run a command where the bed's addresses are
python -m tests.real down            end it
"""


def main(arguments: Sequence[str]) -> int:
    """The command line; its exit status."""
    commands: dict[str, Callable[[Sequence[str]], int]] = {
        "build": _build,
        "up": _up,
        "hold": _hold,
        "enter": _enter,
        "down": _down,
    }
    chosen = commands.get(arguments[0]) if arguments else None
    if chosen is None:
        print(_USAGE, end="")
        return 2
    return chosen(arguments[1:])


def _build(_: Sequence[str]) -> int:
    cgroups.remove_orphans()
    repository(programs())
    rootfs()
    return 0


def _holder() -> Path:
    """Names the process that holds the bed."""
    return cache() / "up.pid"


def _log() -> Path:
    return cache() / "up.log"


def _pid() -> int | None:
    """The holder's process, or None if there is none."""
    with contextlib.suppress(FileNotFoundError, ValueError, ProcessLookupError):
        pid = int(_holder().read_text())
        os.kill(pid, 0)
        return pid
    return None


def _up(_: Sequence[str]) -> int:
    reason = apart.why_not()
    if reason:
        print(reason, file=sys.stderr)
        return 1
    if _pid() is not None:
        print("a bed is up already: python -m tests.real down", file=sys.stderr)
        return 1
    _build(())
    _log().write_text("")
    with _log().open("a") as log:
        holder = subprocess.Popen(
            apart.command(sys.executable, "-m", "tests.real", "hold", outlives_us=True),
            cwd=REPOSITORY,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
    _holder().write_text(str(holder.pid))
    while holder.poll() is None:
        said = _log().read_text()
        if "\nready\n" in said:
            print(said.replace("\nready\n", "\n"), end="")
            return 0
        time.sleep(0.2)
    print(_log().read_text(), file=sys.stderr)
    return 1


def _hold(_: Sequence[str]) -> int:
    """Inside: the bed, until it is told to end."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    with bed() as made:
        made.start_server()
        machines = [made.add("gpu1", cards=1), made.add("gpu2", cards=2)]
        wizard = Wizard(made, made.folder)
        setup = wizard.write_setup(machines)
        enter = "python -m tests.real enter"
        ssh = f"ssh -i {made.supplies.private_key} -o UserKnownHostsFile={made.folder}/known_hosts"
        print(
            f"users: admin (sudo without a password), ops (password: {PASSWORD}), root; srv {SERVER[1]}, "
            + ", ".join(f"{machine.name} {machine.address}" for machine in machines)
        )
        print(f"{enter} {ssh} admin@{machines[0].address}")
        print(
            f"{enter} {made.supplies.programs}/kube kubectl --kubeconfig {made.kubeconfig} get nodes"
        )
        print(f"{enter} {sys.executable} -m gpu_wizard --auto {setup}")
        print("python -m tests.real down\nready", flush=True)
        signal.pause()
    return 0


def _enter(command: Sequence[str]) -> int:
    pid = _pid()
    if pid is None:
        print("no bed is up: python -m tests.real up", file=sys.stderr)
        return 1
    inner = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()[0]
    nsenter = (
        "nsenter",
        "--target",
        inner,
        "--net",
        "--mount",
        "--pid",
        f"--wd={REPOSITORY}",
        "--",
    )
    return subprocess.call([*nsenter, *(command or ("bash",))])


def _down(_: Sequence[str]) -> int:
    pid = _pid()
    if pid is None:
        say("no bed is up")
        return 0
    inner = int(Path(f"/proc/{pid}/task/{pid}/children").read_text().split()[0])
    os.kill(inner, signal.SIGTERM)
    deadline = time.monotonic() + 30
    while _pid() is not None and time.monotonic() < deadline:
        time.sleep(0.1)
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, signal.SIGKILL)
    _holder().unlink(missing_ok=True)
    say("the bed is down")
    return 0
