"""The setup file: read with every mistake at once, written so that a person's comments and order stay."""

from __future__ import annotations

import dataclasses
import os
import re
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import tomlkit
from tomlkit.exceptions import ParseError, TOMLKitError

from gpu_wizard.journal.locate import line_of, lines_of
from gpu_wizard.journal.reading import Mistakes, fill, table, unknown_keys
from gpu_wizard.model.errors import InputError, InputListError, Where
from gpu_wizard.model.setup_file import (
    LOCAL,
    VERSION,
    ClusterEntry,
    HostEntry,
    NodeEntry,
    SetupFile,
)
from gpu_wizard.model.spec import StageOptions

_TOP = ("version", "control_plane", "cluster", "nodes", "stages", "choices")
_PASSWORD_IN_URL = re.compile(r"[a-z][a-z0-9+.-]*://[^/@\s]*:[^/@\s]*@", re.IGNORECASE)
_NAME = re.compile(r"[A-Za-z0-9]([A-Za-z0-9._-]{0,61}[A-Za-z0-9])?")


def read_setup(path: Path) -> SetupFile:
    """Read a setup file.

    Raises: InputListError: everything that is wrong in it; InputError: it can't be read, or is no TOML.
    """
    where = Where(file=str(path))
    try:
        text = path.read_text(encoding="utf-8")
        document = tomlkit.parse(text).unwrap()
    except ParseError as error:
        at = dataclasses.replace(where, line=error.line)
        raise InputError("setup-no-toml", f"This is no TOML: {error}.", at) from error
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "not UTF-8 text"
        hint = (
            f"`gpu-wizard init {path}` writes one." if isinstance(error, FileNotFoundError) else ""
        )
        raise InputError(
            "setup-unreadable", f"Can't read the setup file: {reason}.", where, hint
        ) from error
    except TOMLKitError as error:
        raise InputError("setup-no-toml", f"This is no TOML: {error}.", where) from error
    mistakes = Mistakes()
    setup = _setup(document, str(path), mistakes)
    if mistakes.found:
        lines = lines_of(text)
        raise InputListError(
            tuple(_error(key, words, lines, str(path)) for key, words in mistakes.found)
        )
    return setup


def _error(key: str, words: str, lines: dict[str, int], path: str) -> InputError:
    where = Where(file=path, line=line_of(lines, key), key=key)
    return InputError("setup-mistake", f"{key or 'the file'} {words}", where)


def _setup(document: Mapping[str, Any], path: str, mistakes: Mistakes) -> SetupFile:
    unknown_keys(document, _TOP, "", mistakes)
    # `true` and `1.0` equal 1 in Python.
    if document.get("version") != VERSION or type(document["version"]) is not int:
        mistakes.add("version", f"must be {VERSION}.")
    common = _stages(document.get("stages"), "stages", StageOptions(), mistakes)
    setup = SetupFile(
        nodes=_nodes(document.get("nodes"), common, mistakes),
        control_plane=_control_plane(document.get("control_plane"), mistakes),
        cluster=fill(
            ClusterEntry, table(document.get("cluster"), "cluster", mistakes), "cluster", mistakes
        ),
        choices=_choices(document.get("choices"), mistakes),
        path=path,
    )
    _contradictions(setup, mistakes)
    _addresses(document, "", mistakes)
    return setup


def _control_plane(value: Any, mistakes: Mistakes) -> HostEntry | None:
    return (
        None
        if value is None
        else _host(table(value, "control_plane", mistakes), "control_plane", mistakes)
    )


def _host(values: Mapping[str, Any], key: str, mistakes: Mistakes) -> HostEntry:
    entry = fill(HostEntry, {"host": "", **values}, key, mistakes, HostEntry(""))
    if values.get("host", "") == "":
        mistakes.add(f"{key}.host", "is missing: the machine's name or address, or `local`.")
    if entry.user and "@" in entry.host:
        mistakes.add(f"{key}.user", "stands in host too; one of them is enough.")
    if entry.host == LOCAL and (entry.user or entry.host_key or entry.password):
        mistakes.add(f"{key}.host", "is local: user, host_key and password make no sense with it.")
    return entry


def _nodes(value: Any, common: StageOptions, mistakes: Mistakes) -> tuple[NodeEntry, ...]:
    if not isinstance(value, list) or not value:
        mistakes.add("nodes", "is missing: at least one [[nodes]] with a host.")
        return ()
    nodes = tuple(
        _node(item, f"nodes[{index}]", common, mistakes) for index, item in enumerate(value)
    )
    names = [node.name for node in nodes]
    hosts = [node.host.host for node in nodes]
    for index, (name, host) in enumerate(zip(names, hosts, strict=True)):
        if name and name in names[:index]:
            mistakes.add(f"nodes[{index}].name", f"{name} stands twice.")
        elif host and host in hosts[:index]:
            mistakes.add(f"nodes[{index}].host", f"{host} is another node's too.")
    return nodes


def _node(value: Any, key: str, common: StageOptions, mistakes: Mistakes) -> NodeEntry:
    values = dict(table(value, key, mistakes))
    stages, name = values.pop("stages", None), values.pop("name", "")
    host = _host(values, key, mistakes)
    name = name or re.sub(r"^.*@|:\d+$", "", host.host)
    if not isinstance(name, str) or (name and not _NAME.fullmatch(name)):
        mistakes.add(f"{key}.name", "must be letters, digits, dots and dashes, at most 63.")
        name = ""
    return NodeEntry(name, host, _stages(stages, f"{key}.stages", common, mistakes))


def _stages(value: Any, key: str, start: StageOptions, mistakes: Mistakes) -> StageOptions:
    values = table(value, key, mistakes)
    forms = {field.name.replace("_", "-"): field.name for field in dataclasses.fields(StageOptions)}
    unknown_keys(values, forms, key, mistakes)
    changed: dict[str, Any] = {}
    for stage, name in forms.items():
        if stage in values:
            options = getattr(start, name)
            given = table(values[stage], f"{key}.{stage}", mistakes)
            changed[name] = fill(type(options), given, f"{key}.{stage}", mistakes, options)
    return dataclasses.replace(start, **changed)


def _choices(value: Any, mistakes: Mistakes) -> dict[str, str]:
    choices: dict[str, str] = {}
    for key, option in _flat(table(value, "choices", mistakes)):
        if isinstance(option, str):
            choices[key] = option
        else:
            mistakes.add(f"choices.{key}", "must be an option's id, a text.")
    return choices


def _flat(values: Mapping[str, Any], prefix: str = "") -> list[tuple[str, Any]]:
    """Dotted ids written without quotes are tables to TOML; they mean the same here."""
    flat: list[tuple[str, Any]] = []
    for key, value in values.items():
        flat += (
            _flat(value, f"{prefix}{key}.")
            if isinstance(value, Mapping)
            else [(f"{prefix}{key}", value)]
        )
    return flat


def _contradictions(setup: SetupFile, mistakes: Mistakes) -> None:
    cluster = setup.cluster
    if setup.control_plane is None and not (cluster.kubeconfig or cluster.context):
        mistakes.add(
            "control_plane", "is missing: name its host, or give [cluster] kubeconfig and server."
        )
    elif setup.control_plane and cluster.context and not cluster.kubeconfig:
        mistakes.add("cluster.context", "is of a kubeconfig: name that too.")
    for index, node in enumerate(setup.nodes):
        kind = node.options.join.token.kind
        if kind == "control-plane" and setup.control_plane is None and cluster.server:
            mistakes.add(
                f"nodes[{index}].stages.join.token",
                'must say where the token comes from, as {from = "env"}: there is no control_plane.',
            )


def _addresses(document: Any, key: str, mistakes: Mistakes) -> None:
    """An address with a password in it would land in commands and logs."""
    if isinstance(document, Mapping):
        for name, value in document.items():
            _addresses(value, f"{key}.{name}" if key else str(name), mistakes)
    elif isinstance(document, list):
        for index, value in enumerate(document):
            _addresses(value, f"{key}[{index}]", mistakes)
    elif isinstance(document, str) and _PASSWORD_IN_URL.match(document):
        mistakes.add(key, "carries a password in its address; a setup file holds no secret.")


def _name_new(temporary: str, path: Path) -> None:
    """Give a whole file its name. Raises: FileExistsError, OSError."""
    try:
        os.link(temporary, path)
    except FileExistsError:
        raise
    except OSError:
        # FAT, exFAT and many network shares know no second name of a file: an empty file keeps the name for ours.
        os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
        try:
            Path(temporary).replace(path)
        except OSError:
            path.unlink(missing_ok=True)
            raise


def write_new(path: Path, content: str | bytes) -> None:
    """Write a file that is not there yet, whole or not at all, 0600.

    Raises: InputError: it is there already, or can't be written.
    """
    where = Where(file=str(path))
    temporary = ""
    try:
        descriptor, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
        with os.fdopen(descriptor, "wb") as file:
            file.write(content if isinstance(content, bytes) else content.encode())
            file.flush()
            os.fsync(file.fileno())
        _name_new(temporary, path)
    except FileExistsError as error:
        raise InputError(
            "file-exists",
            "The file is there already and is left as it is.",
            where,
            "Name another file, or remove it.",
        ) from error
    except OSError as error:
        raise InputError(
            "file-unwritable",
            f"Can't write the file: {error.strerror}.",
            where,
            params={"detail": error.strerror or ""},
        ) from error
    finally:
        if temporary:
            Path(temporary).unlink(missing_ok=True)
