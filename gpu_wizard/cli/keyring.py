"""Secrets by their source: variables, files and a prompt. Never from the command line."""

from __future__ import annotations

import asyncio
import getpass
import os
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path

from gpu_wizard.model.errors import InputError, Where
from gpu_wizard.model.secret import Secret, SecretSource
from gpu_wizard.model.setup_file import DEFAULT_VARIABLES

AskPassword = Callable[[str], Awaitable[Secret | None]]


def secret_of(source: SecretSource | None, purpose: str) -> Secret | None:
    """The secret that a source names, None where it is to be asked for (or nobody can be asked).

    `purpose`: `sudo`, `password` or `token`. Without a source the purpose's own variable is taken where it is set.

    Raises: InputError: the variable is not set, the file can't be read, or there is no terminal to prompt on.
    """
    variable = DEFAULT_VARIABLES[purpose]
    if source is None:
        return _secret(os.environ[variable]) if os.environ.get(variable) else None
    match source.kind:
        case "env":
            name = source.name or variable
            if not os.environ.get(name):
                raise InputError(
                    "variable-missing", f"The variable {name} is not set.", Where(key=purpose)
                )
            return _secret(os.environ[name])
        case "file":
            return _from_file(Path(source.name).expanduser())
        case "prompt" if not sys.stdin.isatty():
            hint = f'Set {variable} and write {purpose} = {{from = "env"}}.'
            raise InputError(
                "no-terminal", f"No terminal to ask for the {purpose} on.", Where(key=purpose), hint
            )
        case _:
            return None


def _from_file(path: Path) -> Secret:
    try:
        return Secret(path.read_bytes().rstrip(b"\r\n"))
    except OSError as error:
        raise InputError(
            "secret-unreadable", f"Can't read it: {error.strerror}.", Where(file=str(path))
        ) from error


def _secret(text: str) -> Secret:
    return Secret(text.encode())


async def prompt(purpose: str) -> Secret | None:
    """Ask on the terminal; None where there is none, or nothing was typed."""
    if not sys.stdin.isatty():
        return None
    try:
        typed = await asyncio.to_thread(getpass.getpass, f"{purpose}: ")
    except EOFError:
        return None
    return _secret(typed) if typed else None
