"""All programs that the lab gives every machine, by name."""

from __future__ import annotations

from gpu_wizard.lab.coreutils import (
    copying,
    filters,
    identity,
    listing,
    ownership,
    paths,
    processes,
    shells,
    starting,
)
from gpu_wizard.lab.coreutils.removing import rm
from gpu_wizard.lab.coreutils.xargs import xargs
from gpu_wizard.lab.kernel import Utility
from gpu_wizard.lab.sudo import sudo

UTILITIES: dict[str, Utility] = {
    "sh": shells.sh,
    "dash": shells.sh,
    "bash": shells.sh,
    "su": starting.su,
    "sudo": sudo,
    "true": filters.true,
    "false": filters.false,
    "base64": filters.base64,
    "cat": filters.cat,
    "head": filters.head,
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
    "mkdir": paths.mkdir,
    "rm": rm,
    "kill": processes.kill,
    "realpath": paths.realpath,
    "xargs": xargs,
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
