"""Arguments → Spec, adapters, one face; errors → exit codes. The only place that wires.

Nothing heavy is imported before the command is known: `--help` costs little more than Python itself.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence

from gpu_wizard.cli.arguments import parser, shielded
from gpu_wizard.cli.exits import Exit


def run() -> None:
    """The console script."""
    sys.exit(main(sys.argv[1:]))


def main(argv: Sequence[str]) -> int:
    """Run one command line; its exit status. Standard output is data, standard error is narration."""
    arguments = parser().parse_args(shielded(argv))
    try:
        from gpu_wizard.cli.dispatch import dispatch

        return int(dispatch(arguments))
    except KeyboardInterrupt:
        return Exit.INTERRUPTED
    except BrokenPipeError:
        # Whoever read us has gone; Python would complain once more when it flushes at its end.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return Exit.INTERRUPTED
