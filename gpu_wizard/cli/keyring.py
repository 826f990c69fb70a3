"""Secrets by their source: variables, files and a prompt. Never from the command line."""

from __future__ import annotations

import contextlib
import os
import sys
import termios
from collections.abc import Iterator
from pathlib import Path

from gpu_wizard.cli.typed import Typed
from gpu_wizard.model.errors import InputError, Where
from gpu_wizard.model.secret import Secret, SecretSource
from gpu_wizard.model.setup_file import DEFAULT_VARIABLES


def secret_of(source: SecretSource | None, purpose: str) -> Secret | None:
    """The secret that a source names, None where it is to be asked for (or nobody can be asked).

    `purpose`: `sudo`, `password` or `token`. Without a source the purpose's own variable is taken where it is set.

    Raises: InputError: the variable is not set, the file is empty or can't be read, or there is no terminal to
    prompt on.
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
        secret = path.read_bytes().rstrip(b"\r\n")
    except OSError as error:
        raise InputError(
            "secret-unreadable", f"Can't read it: {error.strerror}.", Where(file=str(path))
        ) from error
    if not secret:
        raise InputError("secret-unreadable", "The file is empty.", Where(file=str(path)))
    return Secret(secret)


def _secret(text: str) -> Secret:
    return Secret(os.fsencode(text))


async def prompt(purpose: str, refused: int = 0) -> Secret | None:
    """Ask on the terminal; None where there is none, or nothing was typed. See `AskSecret`."""
    if not sys.stdin.isatty():
        return None
    terminal = sys.stdin.fileno()
    with _unechoed(terminal):
        again = "Not accepted, try again. " if refused else ""
        print(f"{again}{purpose}: ", end="", file=sys.stderr, flush=True)
        try:
            typed = await _line(terminal)
        finally:
            print(file=sys.stderr)
    return Secret(typed) if typed else None


def is_prompting() -> bool:
    """Whether a person is being asked right now."""
    return bool(_prompts)


_prompts: set[int] = set()


async def _line(terminal: int) -> bytes:
    """The next line that is typed."""
    _prompts.add(terminal)
    try:
        return (await Typed(terminal).line()).rstrip(b"\r\n")
    finally:
        _prompts.discard(terminal)


@contextlib.contextmanager
def _unechoed(terminal: int) -> Iterator[None]:
    """The terminal hands over whole lines, and what is typed is not shown."""
    before = termios.tcgetattr(terminal)
    quiet = [*before[:3], (before[3] | termios.ICANON) & ~termios.ECHO, *before[4:]]
    termios.tcsetattr(terminal, termios.TCSAFLUSH, quiet)
    try:
        yield
    finally:
        termios.tcsetattr(terminal, termios.TCSAFLUSH, before)
