"""The programs that a question may run, and how: everything else is refused where it is written.

A rule looks at the arguments behind the program's name. What is not listed can't be asked, and nothing is listed
before it is asked.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence

Rule = Callable[[Sequence[str]], bool]


def _any(_arguments: Sequence[str]) -> bool:
    return True


def _first(*words: str) -> Rule:
    """The first argument that is no option is one of `words`."""

    def rule(arguments: Sequence[str]) -> bool:
        plain = [argument for argument in arguments if not argument.startswith("-")]
        return bool(plain) and plain[0] in words

    return rule


def _starts(*allowed: tuple[str, ...]) -> Rule:
    def rule(arguments: Sequence[str]) -> bool:
        return any(tuple(arguments[: len(start)]) == start for start in allowed)

    return rule


def _wget(arguments: Sequence[str]) -> bool:
    """One address, printed to standard output, and only options that write nothing."""
    options = {"-nv", "-O", "-", "--no-check-certificate", "--no-proxy", "-T", "-t"}
    rest = [a for a in arguments if a not in options and not a.isdecimal()]
    return len(rest) == 1 and rest[0].startswith("https://") and list(arguments[1:3]) == ["-O", "-"]


def _every(pattern: str) -> Rule:
    """Each argument matches `pattern`."""
    allowed = re.compile(pattern, re.DOTALL)
    return lambda arguments: all(allowed.fullmatch(argument) for argument in arguments)


def _rpm(arguments: Sequence[str]) -> bool:
    """A query of packages by name: every other option may load macros, or run what it is given."""
    return tuple(arguments[:2]) == ("-q", "--qf") and not any(
        a.startswith("-") for a in arguments[3:]
    )


RULES: dict[str, Rule] = {
    "cat": _any,
    "curl": _every(r"-[ksSv]+|--(max-time|connect-timeout|noproxy)|-w|\\n%\{http_code\}|[0-9.]+|\*|https://.*"),
    "date": _every(r"\+.*"),
    "df": _any,
    "dpkg-query": _starts(("-W",)),
    "hostname": _every(r"-[fsIid]"),
    "id": _any,
    "journalctl": _every(r"-[kbqunog]|--no-pager|--output-fields=.*|[^-].*"),
    "ls": _any,
    "modinfo": _any,
    "nvidia-ctk": _starts(("--version",)),
    "nvidia-smi": _every(r"-L|-q|-x|--version|--(query-[a-z-]+|format)=.*"),
    "rpm": _rpm,
    "sha256sum": _any,
    "systemctl": _first("is-active", "is-enabled", "is-system-running", "show", "status", "cat", "list-units", "list-unit-files"),
    "tail": lambda arguments: len(arguments) == 3 and arguments[0] == "-n" and arguments[1].isdecimal() and arguments[2].startswith("/"),
    "true": _any,
    "uname": _any,
    "wget": _wget,
    "/usr/local/bin/k3s": _starts(("--version",), ("crictl", "info")),
}  # fmt: skip
RULES["k3s"] = RULES["/usr/local/bin/k3s"]
RULES["/usr/lib/wsl/lib/nvidia-smi"] = RULES["nvidia-smi"]


def is_read_only(argv: Sequence[str]) -> bool:
    """Whether a question may run this command: the program is listed and its rule accepts the arguments."""
    rule = RULES.get(argv[0]) if argv else None
    return rule is not None and rule(argv[1:])
