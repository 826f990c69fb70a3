"""Arguments → Spec, adapters, one face; errors → exit codes. The only place that wires.

Nothing heavy is imported before the command is known: `--help` costs little more than Python itself.
"""

from __future__ import annotations

import io
import os
import sys
from collections.abc import Sequence

from gpu_wizard.cli.arguments import parser, shielded
from gpu_wizard.cli.exits import Exit
from gpu_wizard.cli.stopping import as_interrupts


def run() -> None:
    """The console script."""
    as_interrupts()
    sys.exit(main(sys.argv[1:]))


def main(argv: Sequence[str]) -> int:
    """Run one command line; its exit status. Standard output is data, standard error is narration."""
    _open_streams()
    top = parser(argv)
    arguments = top.parse_args(shielded(argv))
    try:
        from gpu_wizard.cli.dispatch import dispatch

        return int(dispatch(arguments, top))
    except KeyboardInterrupt:
        return Exit.INTERRUPTED
    except BrokenPipeError:
        return Exit.INTERRUPTED
    finally:
        _flush()


def _open_streams() -> None:
    """Texts may hold what a terminal's encoding lacks; a closed stream gives nothing, takes everything and keeps nothing."""
    if sys.stdin is None:
        sys.stdin = open(os.devnull, encoding="utf-8")  # noqa: PTH123, SIM115 - the whole program's stream, and one import less for --help
    if sys.stdout is None:
        sys.stdout = open(os.devnull, "w", encoding="utf-8")  # noqa: PTH123, SIM115 - as above
    if sys.stderr is None:
        sys.stderr = open(os.devnull, "w", encoding="utf-8")  # noqa: PTH123, SIM115 - as above
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")


def _flush() -> None:
    """What can't be written any more is let go of; Python would complain of it at its end."""
    try:
        sys.stdout.flush()
    except OSError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
