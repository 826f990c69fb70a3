"""`demo`: starts the practice lab and runs the ordinary program on it."""

from __future__ import annotations

import argparse
import contextlib
import json
import math
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from gpu_wizard.cli.exits import Exit
from gpu_wizard.model.errors import InputError, UnreachableError, Where

END_SECONDS = 10.0


def demo(arguments: argparse.Namespace) -> Exit:
    """Run one form of the demo. Raises: InputError: bad usage, or the lab's packages are missing."""
    scenarios = _scenarios()
    if arguments.list:
        for name, scenario in scenarios.items():
            print(f"{name:22} {scenario.ru if arguments.lang == 'ru' else scenario.en}")
        return Exit.DONE
    if arguments.scenario not in scenarios:
        known = ", ".join(scenarios)
        raise InputError(
            "no-scenario",
            f"There is no scenario {arguments.scenario}.",
            next_step=f"Known: {known}.",
        )
    if not 0 < arguments.speed < math.inf:
        raise InputError("demo-usage", "--speed must be a number above zero.")
    if arguments.serve:
        return _serve(arguments)
    if not arguments.auto:
        from gpu_wizard.cli.tui import require_terminal

        require_terminal(arguments)
    with tempfile.TemporaryDirectory(prefix="gpu-wizard-lab-") as name:
        folder = Path(name)
        with lab_process(arguments, folder):
            if arguments.auto:
                return _auto(folder / "setup.toml", arguments)
            return _interactive(folder / "setup.toml", arguments)


def _interactive(setup: Path, arguments: argparse.Namespace) -> Exit:
    from gpu_wizard.cli.tui import interactive
    from gpu_wizard.journal.recording import read_setup

    return interactive(arguments, read_setup(setup))


def _auto(setup: Path, arguments: argparse.Namespace) -> Exit:
    from gpu_wizard.cli.auto import auto, options_of

    return auto(setup, options_of(arguments))


def _serve(arguments: argparse.Namespace) -> Exit:
    if not arguments.dir:
        raise InputError(
            "demo-usage", "--serve wants --dir DIR, for its key, kubeconfig and setup.toml."
        )
    folder = Path(arguments.dir).absolute()
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(
            "file-unwritable", f"{error.strerror}.", Where(file=str(folder))
        ) from error
    ended = threading.Event()
    # Of our own: a shell that starts us in the background has us ignore Ctrl-C's signal.
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: ended.set())
    with lab_process(arguments, folder) as commands:
        print(commands, flush=True)
        ended.wait()
    print("The lab is down.", file=sys.stderr)
    return Exit.DONE


@contextlib.contextmanager
def lab_process(arguments: argparse.Namespace, folder: Path) -> Iterator[str]:
    """The lab in a process of its own; what a person can try on it. It ends with us, however we end.

    Raises: UnreachableError: it did not come up.
    """
    argv = [
        *(sys.executable, "-m", "gpu_wizard.lab", arguments.scenario, str(folder)),
        *("--speed", str(arguments.speed), "--k3s", arguments.k3s),
    ]
    # A session of its own: Ctrl-C is the program's, which first finishes its step on the lab.
    process = subprocess.Popen(
        argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, start_new_session=True
    )
    try:
        yield _commands(process)
    finally:
        _end(process)


def _commands(process: subprocess.Popen[bytes]) -> str:
    line = process.stdout.readline() if process.stdout else b""
    if not line:
        raise UnreachableError("lab-failed", "The practice lab did not come up.")
    return str(json.loads(line)["commands"])


def _end(process: subprocess.Popen[bytes]) -> None:
    for stream in (process.stdin, process.stdout):
        if stream is not None:
            with contextlib.suppress(BrokenPipeError):
                stream.close()
    try:
        process.wait(END_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def _scenarios() -> Any:
    try:
        from gpu_wizard.lab.scenarios import SCENARIOS
    except ImportError as error:
        raise InputError(
            "lab-missing",
            f"The practice lab needs the package {error.name}.",
            next_step="Install it with: pip install 'gpu-wizard[lab]'",
        ) from error
    return SCENARIOS
