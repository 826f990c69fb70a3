"""kubectl's command line: words, flags, and what is said of a flag that a command has not."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

_SECONDS = {"h": 3600.0, "m": 60.0, "s": 1.0, "ms": 0.001}


class UsageError(Exception):
    """A command line that kubectl refuses; the text is what it prints, without `error: `."""


@dataclass(frozen=True)
class Flags:
    """The flags of one command, each `-s|--long`: those with a value, and those without."""

    values: str = ""
    switches: str = ""

    def names(self) -> dict[str, tuple[str, bool]]:
        """By spelling: the long name, and whether a value follows."""
        found: dict[str, tuple[str, bool]] = {}
        for text, takes in ((self.values, True), (self.switches, False)):
            for word in text.split():
                spellings = word.split("|")
                for spelling in spellings:
                    found[spelling] = (spellings[-1].lstrip("-"), takes)
        return found


GLOBAL = Flags(
    "-n|--namespace --kubeconfig --context -s|--server --token --request-timeout -v|--v --as "
    "--cluster --user --cache-dir --certificate-authority --client-certificate --client-key "
    "--as-group --tls-server-name",
    "--insecure-skip-tls-verify --warnings-as-errors -h|--help --match-server-version",
)
# These may stand without a value, and then mean this.
_BARE = {"dry-run": "unchanged", "cascade": "background", "output": ""}


@dataclass
class Arguments:
    """A parsed command line."""

    words: list[str] = field(default_factory=list)
    flags: dict[str, list[str]] = field(default_factory=dict)
    after: list[str] | None = None
    """What stands behind `--`."""

    def value(self, name: str, default: str = "") -> str:
        return self.flags[name][-1] if name in self.flags else default

    def all(self, name: str) -> list[str]:
        return self.flags.get(name, [])

    def has(self, name: str) -> bool:
        return self.value(name, "false") != "false"

    def seconds(self, name: str, default: float | None = None) -> float | None:
        """A duration such as `1m30s`, in seconds.

        Raises:
            UsageError: it is none.
        """
        text = self.value(name)
        if not text:
            return default
        if text == "0":
            return 0.0
        parts = re.findall(r"([\d.]+)(h|ms|m|s)", text)
        if "".join(number + unit for number, unit in parts) != text:
            shown = f'time: invalid duration "{text}"'
            raise UsageError(f'invalid argument "{text}" for "--{name}" flag: {shown}')
        return sum(float(number) * _SECONDS[unit] for number, unit in parts)


def parse(command: str, known: Flags, argv: Sequence[str]) -> Arguments:
    """Read the words behind a command.

    Raises:
        UsageError: a flag that the command has not, or one without its value.
    """
    names = GLOBAL.names() | known.names()
    found = Arguments()
    rest = list(argv)
    while rest:
        word = rest.pop(0)
        if word == "--":
            found.after = rest
            break
        if word == "-" or not word.startswith("-"):
            found.words.append(word)
            continue
        _flag(command, names, word, rest, found)
    return found


def _flag(
    command: str,
    names: Mapping[str, tuple[str, bool]],
    word: str,
    rest: list[str],
    found: Arguments,
) -> None:
    name, equals, value = word.partition("=")
    if not word.startswith("--") and word not in names:
        short = _bundle(names, word, rest, found)
        if short:
            return
    if name not in names:
        kind = "flag" if name.startswith("--") else "shorthand flag"
        shown = name if kind == "flag" else f"{name[1:2]!r} in {name}"
        see = f"See 'kubectl {command} --help' for usage."
        raise UsageError(f"unknown {kind}: {shown}\n{see}")
    long, takes = names[name]
    if not equals and takes and long not in _BARE:
        if not rest:
            raise UsageError(f"flag needs an argument: {word}")
        value = rest.pop(0)
    elif not equals and takes and long == "output" and rest:
        value = rest.pop(0)
    elif not equals:
        value = _BARE.get(long, "true")
    found.flags.setdefault(long, []).append(value)


def _bundle(
    names: Mapping[str, tuple[str, bool]], word: str, rest: list[str], found: Arguments
) -> bool:
    """`-it`, `-nkube-system`, `-ojson`: short flags written together."""
    first = word[:2]
    if first not in names:
        return False
    long, takes = names[first]
    if takes:
        found.flags.setdefault(long, []).append(word[2:].removeprefix("="))
        return True
    if any(f"-{letter}" not in names or names[f"-{letter}"][1] for letter in word[1:]):
        return False
    for letter in word[1:]:
        found.flags.setdefault(names[f"-{letter}"][0], []).append("true")
    return True
