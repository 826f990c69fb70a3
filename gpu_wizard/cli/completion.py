"""Completion scripts, made from the parser itself, so that they can't fall behind it."""

from __future__ import annotations

import argparse
from collections.abc import Iterator

_BASH = """\
_gpu_wizard() {{
    local current=${{COMP_WORDS[COMP_CWORD]}} command="" word
    for word in "${{COMP_WORDS[@]:1:COMP_CWORD-1}}"; do
        case $word in {names}) command=$word ;; esac
    done
    case $command in
{cases}
    *) COMPREPLY=($(compgen -W "{top}" -f -- "$current")) ;;
    esac
}}
complete -o filenames -F _gpu_wizard gpu-wizard
"""


def script(parser: argparse.ArgumentParser, shell: str) -> str:
    """A completion script for `bash`, `zsh` or `fish`."""
    words = dict(_words(parser))
    if shell == "fish":
        return _fish(words)
    cases = "\n".join(
        f'    {name}) COMPREPLY=($(compgen -W "{" ".join(given)}" -f -- "$current")) ;;'
        for name, given in words.items()
        if name
    )
    names = "|".join(name for name in words if name)
    bash = _BASH.format(names=names, cases=cases, top=" ".join(words[""]))
    return f"autoload -U +X bashcompinit && bashcompinit\n{bash}" if shell == "zsh" else bash


def _words(parser: argparse.ArgumentParser, command: str = "") -> Iterator[tuple[str, list[str]]]:
    """Command ("" for the top level) → the words that may follow."""
    options = [option for action in parser._actions for option in action.option_strings]
    commands = [a for a in parser._actions if isinstance(a, argparse._SubParsersAction)]
    names = [name for action in commands for name in action.choices]
    fixed = [
        str(c)
        for a in parser._actions
        if not a.option_strings and a not in commands
        for c in a.choices or ()
    ]
    yield command, [*names, *fixed, *options]
    for action in commands:
        for name, below in action.choices.items():
            yield from _words(below, name)


def _fish(words: dict[str, list[str]]) -> str:
    lines = [
        "complete -c gpu-wizard -n __fish_use_subcommand -a '"
        + " ".join(w for w in words[""] if not w.startswith("-"))
        + "'"
    ]
    for name, given in words.items():
        condition = f"'__fish_seen_subcommand_from {name}'" if name else "__fish_use_subcommand"
        lines += [
            f"complete -c gpu-wizard -n {condition} -l {w[2:]}" for w in given if w.startswith("--")
        ]
    return "\n".join(lines) + "\n"
