"""Options that stand before a command mean the same as behind it; what would be ignored is a mistake."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from gpu_wizard.model.errors import InputError

OF_A_RUN = ("plan", "json", "prove", "keep_going")
ALONE = (*OF_A_RUN, "plain", "ascii", "calm")


def inherit(top: argparse.ArgumentParser) -> None:
    """What a command has in common with the top level keeps the top level's value where it is not given again."""
    common = {action.dest for action in top._actions}
    for command in commands_of(top).values():
        for action in command._actions:
            if action.dest in common - {"help"}:
                action.default = argparse.SUPPRESS


def commands_of(top: argparse.ArgumentParser) -> dict[str, argparse.ArgumentParser]:
    """The parser of each command."""
    return next(
        dict(action.choices)
        for action in top._actions
        if isinstance(action, argparse._SubParsersAction)
    )


def check(arguments: argparse.Namespace, top: argparse.ArgumentParser) -> None:
    """Raises: InputError: an option was given that would be ignored."""
    command, auto = arguments.command, arguments.auto
    given = [name for name in ALONE if getattr(arguments, name, False)]
    if command is not None and isinstance(auto, str):
        raise _mistake(f"--auto FILE goes without a command; {command} is one.")
    if command in (None, "demo") and not auto and auto != "":
        for name in given:
            if name in OF_A_RUN:
                wanted = "demo --auto" if command else "--auto FILE"
                raise _mistake(f"{_option(name)} goes with {wanted}.")
    if command is not None:
        known = {action.dest for action in commands_of(top)[command]._actions}
        for name in given:
            if name not in known:
                raise _mistake(f"{_option(name)} does not go with {command}.")


def _mistake(message: str) -> InputError:
    from gpu_wizard.model.errors import InputError  # most command lines have none

    return InputError("usage", message)


def _option(name: str) -> str:
    return f"--{name.replace('_', '-')}"
