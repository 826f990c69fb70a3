"""`python -m gpu_wizard.lab SCENARIO DIR`: the lab as a process of its own, up until its standard input ends.

Once it is up it writes one JSON line: `{"commands": what a person can try}`. A process, not a thread, so that
whoever works on the lab doesn't share an interpreter with it and slow its clock down.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import logging
import os
import sys
from pathlib import Path

from gpu_wizard.lab.releases import DEFAULT_RELEASE
from gpu_wizard.lab.scenarios import SCENARIOS
from gpu_wizard.lab.serve import Lab


async def _serve(arguments: argparse.Namespace) -> None:
    lab = Lab(
        arguments.scenario,
        Path(arguments.directory),
        speed=arguments.speed,
        k3s_version=arguments.k3s,
    )
    async with lab:
        print(json.dumps({"commands": lab.commands_to_try()}), flush=True)
        await asyncio.get_running_loop().run_in_executor(None, sys.stdin.buffer.read)


def main() -> None:
    """Serve one lab."""
    parser = argparse.ArgumentParser(prog="python -m gpu_wizard.lab", description=__doc__)
    parser.add_argument("scenario", choices=list(SCENARIOS))
    parser.add_argument("directory")
    parser.add_argument("--speed", type=float, default=5.0)
    parser.add_argument("--k3s", default=DEFAULT_RELEASE)
    # asyncio would report every client that hangs up while its channels are being closed.
    logging.getLogger("asyncio").setLevel(logging.ERROR)
    asyncio.run(_serve(parser.parse_args()))
    # The interpreters' threads (Rust) outlive this one; one that wakes while Python is taken down aborts the process.
    sys.stdout.flush()
    os._exit(0)


if __name__ == "__main__":
    main()
