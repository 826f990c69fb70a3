"""Exit statuses, the same for every command."""

from __future__ import annotations

from enum import IntEnum


class Exit(IntEnum):
    """What a script can rely on."""

    DONE = 0
    FAILED = 1
    USAGE = 2
    CHANGES = 3
    INTERRUPTED = 130


TEXT = """\
exit status:
  0    done, or nothing to do
  1    a stage failed, or is blocked or unknown; a proof that was not run does
       not count
  2    bad usage, or a bad file
  3    --plan found changes (1 wins over 3)
       check-config: the nvidia runtime is not usable
       status: something is needed, waiting or blocked (3 wins over 1:
       something could not be looked at)
  130  interrupted
"""
