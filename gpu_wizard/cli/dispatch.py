"""Commands to the functions that carry them out; errors to exit statuses.

What only some commands need is imported where they begin, errors where there is one.
"""

from __future__ import annotations

import argparse
import sys
from typing import TYPE_CHECKING

from gpu_wizard.cli.arguments import parser
from gpu_wizard.cli.exits import Exit
from gpu_wizard.cli.together import check

if TYPE_CHECKING:
    from pathlib import Path


_BUG = {"en": "A bug in gpu-wizard. The report", "ru": "Ошибка в gpu-wizard. Отчёт"}
"""Here and not among the texts: reading those may be what went wrong."""


def dispatch(arguments: argparse.Namespace, top: argparse.ArgumentParser) -> Exit | int:
    """Carry out one command, as `top` has read it. Raises: KeyboardInterrupt, BrokenPipeError."""
    try:
        check(arguments, top)
        return _carry_out(arguments)
    except (KeyboardInterrupt, BrokenPipeError):
        raise
    except Exception as error:  # noqa: BLE001 - the last resort: one line for the person, the rest into a report
        return _failed(error, arguments)


def _failed(error: Exception, arguments: argparse.Namespace) -> Exit:
    from gpu_wizard.model.errors import InputError, WizardError

    if not isinstance(error, WizardError):
        said = _BUG.get(getattr(arguments, "lang", "en"), _BUG["en"])
        print(f"{said}: {_report()}", file=sys.stderr)
        return Exit.FAILED
    from gpu_wizard.faces.wording import error_lines

    for line in error_lines(error, getattr(arguments, "lang", "en")):
        print(line, file=sys.stderr)
    return Exit.USAGE if isinstance(error, InputError) else Exit.FAILED


def _carry_out(arguments: argparse.Namespace) -> Exit | int:
    match arguments.command:
        case None:
            return _top(arguments)
        case "init":
            return _init(arguments)
        case "demo":
            from gpu_wizard.cli.demo import demo

            return demo(arguments)
        case "status":
            from gpu_wizard.cli.status import status

            return status(arguments)
        case "explain":
            from gpu_wizard.cli.explain import explain

            return explain(arguments)
        case "manifest":
            from gpu_wizard.cli.manifest import manifest

            return manifest(arguments)
        case "gpu":
            from gpu_wizard.cli.gpu import gpu

            return gpu(arguments)
        case "diagnose":
            from gpu_wizard.cli.diagnose import diagnose

            return diagnose(arguments)
        case "bundle":
            from gpu_wizard.cli.bundle import bundle

            return bundle(arguments)
        case "check-config":
            return _check_config(arguments)
        case _:
            return _completion(arguments)


def _check_config(arguments: argparse.Namespace) -> int:
    from pathlib import Path

    from gpu_wizard.faces.check_config import check_config

    return check_config(
        Path(arguments.file),
        arguments.containerd,
        arguments.root,
        as_json=arguments.json,
        language=arguments.lang,
    )


def _completion(arguments: argparse.Namespace) -> Exit:
    from gpu_wizard.cli.completion import script

    print(script(parser(), arguments.shell), end="")
    return Exit.DONE


def _top(arguments: argparse.Namespace) -> Exit | int:
    if arguments.auto is None:
        from gpu_wizard.cli.tui import interactive

        return interactive(arguments)
    from pathlib import Path

    from gpu_wizard.cli.auto import auto, options_of

    return auto(Path(arguments.auto), options_of(arguments))


def _init(arguments: argparse.Namespace) -> Exit:
    from pathlib import Path

    from gpu_wizard.cli.starter import checked_names, starter
    from gpu_wizard.journal.recording import write_new
    from gpu_wizard.knowledge.translated import translated

    path = Path(arguments.file)
    nodes = [name.strip() for name in arguments.nodes.split(",") if name.strip()] or ["gpu-node-1"]
    write_new(path, starter(path.name, checked_names(nodes)))
    said = f"Written: {path}. Edit it, then: gpu-wizard --auto {path} --plan"
    print(translated(said, arguments.lang))
    return Exit.DONE


def _report() -> Path:
    """Where a crash is written for whoever mends it: the stack without values."""
    import tempfile
    import traceback
    from pathlib import Path

    kind, _, stack = sys.exc_info()
    with tempfile.NamedTemporaryFile(
        "w", dir=_reports(), prefix="report-", suffix=".txt", delete=False
    ) as file:
        file.write("".join(traceback.format_tb(stack)))
        file.write(kind.__name__ if kind else "")
    return Path(file.name)


def _reports() -> Path | None:
    """Our own folder; None, the system's for temporary files, where that can't be had, for whatever reason."""
    try:
        from platformdirs import user_state_path

        folder = user_state_path("gpu-wizard") / "reports"
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    except Exception:  # noqa: BLE001 - what failed first may fail here again; the report is written all the same
        return None
    return folder
