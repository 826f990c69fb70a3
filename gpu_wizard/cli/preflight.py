"""What a setup file names on this machine, looked at before anything is connected to: secrets, files, choices."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path

from gpu_wizard.cli.keyring import secret_of
from gpu_wizard.facts.plugin_owner import FOREIGN_QUESTION, JOIN, KEEP, OVERWRITE, OWN
from gpu_wizard.journal.locate import line_of, lines_of
from gpu_wizard.model.errors import InputError, InputListError, Where
from gpu_wizard.model.setup_file import LOCAL, HostEntry, NodeEntry, SetupFile
from gpu_wizard.stages.driver import REBOOT_QUESTION

_CHOICES = {FOREIGN_QUESTION: (JOIN, OWN), REBOOT_QUESTION: ("reboot", "skip")}
_LABEL_CHOICES = (KEEP, OVERWRITE)
_UPLOADS = ("installer_file", "binary_file", "images_file")


def check(setup: SetupFile) -> None:
    """Every secret can be had or asked for, every file read, every choice is one. Raises: InputListError."""
    errors = [*_secrets(setup), *_files(setup), *_choices(setup)]
    if errors:
        raise InputListError(tuple(_placed(errors, setup)))


def _placed(errors: list[InputError], setup: SetupFile) -> Iterator[InputError]:
    """The errors with the line of their key; a secret's own file stays in the message."""
    lines: dict[str, int] = {}
    with contextlib.suppress(OSError, UnicodeDecodeError):
        lines = lines_of(Path(setup.path).read_text(encoding="utf-8"))
    for error in errors:
        key = error.where.key
        where = Where(file=setup.path, line=line_of(lines, key), key=key)
        yield InputError(error.code, error.message, where, error.next_step, params=error.params)


def _hosts(setup: SetupFile) -> Iterator[tuple[str, HostEntry]]:
    if setup.control_plane is not None:
        yield "control_plane", setup.control_plane
    for index, node in enumerate(setup.nodes):
        yield f"nodes[{index}]", node.host


def _nodes(setup: SetupFile) -> Iterator[tuple[str, NodeEntry]]:
    for index, node in enumerate(setup.nodes):
        yield f"nodes[{index}].stages.join", node


def _secrets(setup: SetupFile) -> Iterator[InputError]:
    wanted = [
        (f"{key}.{purpose}", getattr(entry, purpose), purpose)
        for key, entry in _hosts(setup)
        for purpose in ("sudo", "password")
    ]
    for key, node in _nodes(setup):
        if node.options.join.token.kind != "control-plane":
            wanted.append((f"{key}.token", node.options.join.token, "token"))
    for key, source, purpose in wanted:
        try:
            secret_of(source, purpose)
        except InputError as error:
            yield InputError(
                error.code,
                f"{error.message} ({error.where.file})" if error.where.file else error.message,
                Where(key=key),
                error.next_step,
                params=error.params,
            )


def _files(setup: SetupFile) -> Iterator[InputError]:
    named = [("cluster.kubeconfig", setup.cluster.kubeconfig)]
    for key, entry in _hosts(setup):
        if entry.host != LOCAL:
            named.append((f"{key}.identity_file", entry.identity_file))
    for key, node in _nodes(setup):
        named += [(f"{key}.{name}", getattr(node.options.join, name)) for name in _UPLOADS]
    for key, name in named:
        reason = _unreadable(name) if name else ""
        if reason:
            message = f"{name} can't be read: {reason}."
            yield InputError("file-unreadable", message, Where(key=key))


def _unreadable(name: str) -> str:
    try:
        os.close(os.open(Path(name).expanduser(), os.O_RDONLY | os.O_NONBLOCK))
    except (OSError, RuntimeError) as error:
        return (error.strerror if isinstance(error, OSError) else None) or str(error)
    return "it is a directory" if Path(name).expanduser().is_dir() else ""


def _choices(setup: SetupFile) -> Iterator[InputError]:
    """A mistyped answer would be asked for again in the middle of a run."""
    for question, option in setup.choices.items():
        options = _LABEL_CHOICES if question.startswith("labels.") else _CHOICES.get(question, ())
        where = Where(key=f"choices.{question}")
        if not options:
            known = ", ".join((*_CHOICES, "labels.LABEL"))
            yield InputError("setup-mistake", f"{question} is no question; known: {known}.", where)
        elif option not in options:
            message = f"{question} must be one of {', '.join(options)}."
            yield InputError("setup-mistake", message, where)
