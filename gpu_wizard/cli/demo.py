"""`demo`: starts the practice lab and runs the ordinary program on it."""

from __future__ import annotations

import argparse
import contextlib
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from gpu_wizard.cli.exits import Exit
from gpu_wizard.model.errors import InputError, Where


def demo(arguments: argparse.Namespace) -> Exit:
    """Run one form of the demo. Raises: InputError: bad usage, or the lab's packages are missing."""
    lab = _lab()
    if arguments.list:
        for name, scenario in lab.SCENARIOS.items():
            print(f"{name:22} {scenario.ru if arguments.lang == 'ru' else scenario.en}")
        return Exit.DONE
    if arguments.scenario not in lab.SCENARIOS:
        known = ", ".join(lab.SCENARIOS)
        raise InputError(
            "no-scenario",
            f"There is no scenario {arguments.scenario}.",
            next_step=f"Known: {known}.",
        )
    if arguments.serve:
        return _serve(lab, arguments)
    if not arguments.auto:
        raise InputError(
            "demo-usage",
            "demo wants --auto, --serve or --list.",
            next_step="Try: gpu-wizard demo --auto",
        )
    with (
        tempfile.TemporaryDirectory(prefix="gpu-wizard-lab-") as folder,
        _running(lab, arguments, Path(folder)),
    ):
        return _auto(Path(folder) / "setup.toml", arguments)


def _auto(setup: Path, arguments: argparse.Namespace) -> Exit:
    from gpu_wizard.cli.auto import auto, options_of

    return auto(setup, options_of(arguments))


def _serve(lab: Any, arguments: argparse.Namespace) -> Exit:
    if not arguments.dir:
        raise InputError(
            "demo-usage", "--serve wants --dir DIR, for its key, kubeconfig and setup.toml."
        )
    folder = Path(arguments.dir)
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(
            "file-unwritable", f"{error.strerror}.", Where(file=str(folder))
        ) from error
    with _running(lab, arguments, folder) as running, contextlib.suppress(KeyboardInterrupt):
        print(running.commands_to_try(), flush=True)
        while True:
            time.sleep(3600)
    print("The lab is down.", file=sys.stderr)
    return Exit.DONE


def _running(lab: Any, arguments: argparse.Namespace, folder: Path) -> Any:
    return lab.LabThread(
        scenario=arguments.scenario,
        directory=folder,
        speed=arguments.speed,
        k3s_version=arguments.k3s,
    )


def _lab() -> Any:
    try:
        from gpu_wizard.lab import serve
    except ImportError as error:
        raise InputError(
            "lab-missing",
            f"The practice lab needs the package {error.name}.",
            next_step="Install it with: pip install 'gpu-wizard[lab]'",
        ) from error
    return serve
