"""K3s's configuration on one machine: flags, environment, config.yaml and config.yaml.d, merged.

Source: domain.md, stage 1; recordings `k3s-1.34/03-join-failures/25`, `26`, `27`, `33`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import yaml

from gpu_wizard.lab.k3s_log import logrus
from gpu_wizard.lab.k3s_usage import AGENT_FLAGS, AGENT_USAGE
from gpu_wizard.lab.ports import Files

DIRECTORY = "/etc/rancher/k3s"
_VARIABLES = {
    "K3S_URL": "server",
    "K3S_TOKEN": "token",
    "K3S_TOKEN_FILE": "token-file",
    "K3S_NODE_NAME": "node-name",
}
_SHORT = {"t": "token", "s": "server", "i": "node-ip", "d": "data-dir"}


class ConfigError(Exception):
    """The configuration is wrong: K3s prints `lines` and exits 1."""

    def __init__(self, *lines: str) -> None:
        super().__init__(lines[-1])
        self.lines = lines


@dataclass(frozen=True)
class Flags:
    """Every value that K3s was given, by flag name; each a list, the last one counts."""

    values: dict[str, list[str]]

    def one(self, name: str, default: str = "") -> str:
        """The value of a flag that is given once."""
        found = self.values.get(name)
        return found[-1] if found else default

    def many(self, name: str) -> tuple[str, ...]:
        """The values of a flag that may be repeated; one value may hold several, comma-separated."""
        return tuple(self.values.get(name, ()))


def load(files: Files, argv: Sequence[str], environment: Mapping[str, str], role: str) -> Flags:
    """Merge everything: files first, then the environment, then the command line.

    Raises: ConfigError.
    """
    values: dict[str, list[str]] = {}
    for path in _paths(files):
        for key, value in _read(files, path).items():
            name, plus = key.removesuffix("+"), key.endswith("+")
            items = [_text(item) for item in (value if isinstance(value, list) else [value])]
            values[name] = [*values.get(name, []), *items] if plus else items
    for variable, name in _VARIABLES.items():
        if environment.get(variable):
            values[name] = [environment[variable]]
    for name, value in _command_line(argv):
        values[name] = [*values.get(name, []), value]
    if role == "agent":
        _refuse_unknown(values)
    return Flags(values)


def _refuse_unknown(values: Mapping[str, list[str]]) -> None:
    for name in values:
        if name not in AGENT_FLAGS:
            fault = f"flag provided but not defined: -{name}"
            raise ConfigError(
                f"Incorrect Usage: {fault}", AGENT_USAGE, logrus("fatal", f"Error: {fault}")
            )


def _paths(files: Files) -> list[str]:
    found = [f"{DIRECTORY}/config.yaml"] if files.exists(f"{DIRECTORY}/config.yaml") else []
    names = files.list(f"{DIRECTORY}/config.yaml.d")
    return found + [
        f"{DIRECTORY}/config.yaml.d/{name}" for name in names if name.endswith((".yaml", ".yml"))
    ]


def _read(files: Files, path: str) -> dict[str, Any]:
    text = files.read(path).decode(errors="replace")
    try:
        loaded = yaml.safe_load(text)
    except yaml.MarkedYAMLError as broken:
        raise ConfigError(logrus("fatal", _go_words(broken))) from broken
    if loaded is None:
        return {}
    if not isinstance(loaded, dict):
        kind = f"!!str `{text.strip()[:10]}...`"
        text = f"yaml: unmarshal errors:\n  line 1: cannot unmarshal {kind} into yaml.MapSlice"
        raise ConfigError(logrus("fatal", text))
    return {str(key): value for key, value in loaded.items()}


def _go_words(broken: yaml.MarkedYAMLError) -> str:
    """PyYAML's complaint as go-yaml words it: both are libyaml's, with another line count."""
    problem = (broken.problem or "").partition(", but")[0].replace("<", "").replace(">", "")
    if problem.startswith("expected"):
        problem = f"did not find {problem}"
    problem = problem.replace("are not allowed here", "are not allowed in this context")
    line = broken.problem_mark.line if broken.problem_mark else 0
    scanner = isinstance(broken, yaml.scanner.ScannerError)
    return f"yaml: line {line + 1 if scanner else max(line, 1)}: {problem}"


def _text(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return "" if value is None else str(value)


def _command_line(argv: Sequence[str]) -> list[tuple[str, str]]:
    found = []
    words = list(argv)
    while words:
        word = words.pop(0)
        if not word.startswith("-"):
            continue
        name, equals, value = word.lstrip("-").partition("=")
        if not equals:
            takes = bool(words) and not words[0].startswith("-")
            value = words.pop(0) if takes else "true"
        found.append((_SHORT.get(name, name), value))
    return found
