"""All programs that the lab gives every machine, by name."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from gpu_wizard.lab.coreutils import (
    copying,
    identity,
    listing,
    ownership,
    processes,
    shells,
    starting,
)
from gpu_wizard.lab.kernel import Run
from gpu_wizard.lab.sudo import sudo

Utility = Callable[[Run], Awaitable[int]]

UTILITIES: dict[str, Utility] = {
    "sh": shells.sh,
    "dash": shells.sh,
    "bash": shells.sh,
    "su": starting.su,
    "sudo": sudo,
    "id": identity.id_,
    "whoami": identity.whoami,
    "logname": identity.whoami,
    "groups": identity.groups,
    "hostname": identity.hostname,
    "uname": identity.uname,
    "arch": identity.arch,
    "nproc": identity.nproc,
    "tty": identity.tty,
    "sync": identity.nothing,
    "clear": identity.nothing,
    "ls": listing.ls,
    "stat": listing.stat,
    "chmod": ownership.chmod,
    "chown": ownership.chown,
    "chgrp": ownership.chgrp,
    "touch": ownership.touch,
    "cp": copying.cp,
    "install": copying.install,
    "mktemp": copying.mktemp,
    "env": starting.env,
    "nohup": starting.nohup,
    "setsid": starting.setsid,
    "timeout": starting.timeout,
    "nice": starting.nice,
    "ionice": starting.nice,
    "stdbuf": starting.nice,
    "flock": starting.flock,
    "sleep": starting.sleep,
    "ps": processes.ps,
    "pgrep": processes.pgrep,
    "pkill": processes.pkill,
}
