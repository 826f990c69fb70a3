"""The programs that a question may run, and how: everything else is refused where it is written.

A rule looks at the arguments behind the program's name. What is not listed can't be asked.
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


def _without(*patterns: str) -> Rule:
    """No argument matches one of `patterns`."""
    forbidden = re.compile("|".join(f"(?:{pattern})" for pattern in patterns))

    def rule(arguments: Sequence[str]) -> bool:
        return not any(forbidden.fullmatch(argument) for argument in arguments)

    return rule


def _all(*rules: Rule) -> Rule:
    return lambda arguments: all(rule(arguments) for rule in rules)


def _wget(arguments: Sequence[str]) -> bool:
    """One address, printed to standard output, and only options that write nothing."""
    options = {"-nv", "-O", "-", "--no-check-certificate", "--no-proxy", "-T", "-t"}
    rest = [a for a in arguments if a not in options and not a.isdecimal()]
    return len(rest) == 1 and rest[0].startswith("https://") and list(arguments[1:3]) == ["-O", "-"]


RULES: dict[str, Rule] = {
    "apt-cache": _first("policy", "madison", "show"),
    "apt-config": _first("dump"),
    "cat": _any,
    "curl": _without(
        r"-[^-]*[oOTdFXKcD].*",
        r"--(output|remote|upload|data|form|request|config|cookie-jar|dump|create|ftp|trace|stderr|libcurl|etag|json|hsts|alt-svc).*",
    ),
    "date": _without(r"-[^-]*s.*", r"--set.*", r"\d+"),
    "df": _any,
    "dpkg": _starts(("--print-architecture",), ("-l",), ("-s",), ("--compare-versions",)),
    "fuser": _without(r"-[^-]*k.*", r"--kill"),
    "getent": _any,
    "hostname": lambda arguments: all(a in ("-f", "-s", "-I", "-i", "-d") for a in arguments),
    "id": _any,
    "ip": _all(_without("add", "del", "delete", "set", "flush", "replace", "change", "-b.*", "exec")),
    "journalctl": _without(r"--(rotate|vacuum.*|flush|sync|relinquish.*|smart.*|setup-keys|update-catalog|cursor-file.*)"),
    "ls": _any,
    "lsmod": _any,
    "lspci": _any,
    "mokutil": _starts(("--sb-state",)),
    "modinfo": _any,
    "nproc": _any,
    "nvidia-container-cli": _first("info", "list"),
    "nvidia-ctk": _starts(("--version",), ("cdi", "list")),
    "nvidia-smi": _all(
        _without(r"-f.*", r"--filename.*", r"(?:daemon|replay|mig|drain|clocks|vgpu|boost-slider|power-hint|conf-compute)"),
        lambda arguments: all(
            re.match(r"-(L|q|x|i|d|-list-gpus|-query|-query-gpu=|-query-compute-apps=|-format=|-id|-display|-version|-xml-format)", a)
            or not a.startswith("-")
            for a in arguments
        ),
    ),
    "ps": _any,
    "readlink": _any,
    "rpm": _starts(("-q",), ("-qa",), ("--query",)),
    "sha256sum": _any,
    "ss": _without(r"-[^-]*K.*", "--kill"),
    "stat": _any,
    "sysctl": _starts(("-n",)),
    "systemctl": _first("is-active", "is-enabled", "is-system-running", "show", "status", "cat", "list-units", "list-unit-files"),
    "systemd-detect-virt": _any,
    "tail": lambda arguments: len(arguments) == 3 and arguments[0] == "-n" and arguments[1].isdecimal() and arguments[2].startswith("/"),
    "test": _any,
    "timedatectl": _starts(("show",), ("show-timesync",)),
    "true": _any,
    "uname": _any,
    "wget": _wget,
    "/usr/local/bin/k3s": _starts(
        ("--version",), ("crictl", "info"), ("crictl", "version"), ("crictl", "ps"), ("crictl", "pods"), ("crictl", "inspect"),
        ("ctr", "version"), ("token", "list"), ("kubectl", "version"), ("kubectl", "get"),
    ),
}  # fmt: skip
RULES["k3s"] = RULES["/usr/local/bin/k3s"]
RULES["/usr/lib/wsl/lib/nvidia-smi"] = RULES["nvidia-smi"]
RULES["dpkg-query"] = _starts(("-W",), ("-l",), ("-s",), ("-S",), ("--show",))


def is_read_only(argv: Sequence[str]) -> bool:
    """Whether a question may run this command: the program is listed and its rule accepts the arguments."""
    rule = RULES.get(argv[0]) if argv else None
    return rule is not None and rule(argv[1:])
