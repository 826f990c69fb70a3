"""`sh` and `bash` as programs: a script from the command line, a file or standard input."""

from __future__ import annotations

import asyncio
import contextlib
import shlex
import signal
from dataclasses import dataclass, replace

from gpu_wizard.lab import simple
from gpu_wizard.lab.kernel import Run
from gpu_wizard.lab.private import Reading
from gpu_wizard.lab.shell import BROKEN_PIPE, Shell
from gpu_wizard.lab.tools import NATIVE

_LONG = frozenset({"--norc", "--noprofile", "--login", "--posix", "--noediting"})
_SET = frozenset("aefhkmnptuvxBCEHPT")
"""Options that are those of `set`."""
_KEYWORDS = ("!", "if", "while", "until", "for", "case")


@dataclass
class _Asked:
    """A shell's command line, taken apart."""

    script: str | None = None
    stdin: bool = False
    options: str = ""
    words: tuple[str, ...] = ()


def _parsed(words: list[str]) -> _Asked:
    """Raises: ValueError for an option that there is not."""
    asked, command = _Asked(), False
    while words and words[0][:1] in "-+" and words[0] != "+":
        word = words.pop(0)
        if word in ("--", "-"):  # `curl … | sh -`: a lone dash ends the options, as `--` does
            break
        if word in _LONG:
            continue
        letters = word[1:]
        for letter in letters:
            if letter == "o" and words:
                asked.options += f"set {word[0]}o {shlex.quote(words.pop(0))};"
            elif letter in _SET:
                asked.options += f"set {word[0]}{letter};"
            elif letter not in "csli":
                raise ValueError(f"Illegal option {word}")
        command = command or "c" in letters
        asked.stdin = asked.stdin or "s" in letters
    if command:
        if not words:
            raise ValueError("-c requires an argument")
        asked.script = words.pop(0)
    asked.words = tuple(words)
    return asked


async def sh(run: Run) -> int:
    """`sh [-ceilsux] [-o OPTION] [SCRIPT | FILE] [ARGUMENT...]`."""
    base = run.argv[0].rpartition("/")[2]
    try:
        asked = _parsed(list(run.argv[1:]))
    except ValueError as problem:
        return await run.fail(f"0: {problem}", 2)
    name, arguments = base, asked.words
    script = asked.script
    if script is not None or not asked.stdin:
        name, arguments = (asked.words[:1] or (base,))[0], asked.words[1:]
    if script is None and asked.words and not asked.stdin:
        try:
            script = run.view.read(run.path(asked.words[0])).decode("utf-8", "surrogateescape")
        except OSError as problem:
            status = 126 if isinstance(problem, PermissionError) else 127
            status = status if base == "bash" else 2
            return await run.fail(f"0: cannot open {asked.words[0]}: {problem.strerror}", status)
    return await interpret(run, script, name, arguments, asked.options)


async def interpret(
    run: Run, script: str | None, name: str, arguments: tuple[str, ...], options: str = ""
) -> int:
    """Run a script, or with None what standard input holds, in a shell of its own."""
    if script and not options and (argv := _program(run, script)):
        return await _become(run, argv)
    posix = run.argv[0].rpartition("/")[2] != "bash"
    shell = Shell(replace(run, inherits=None), posix, name, one_command(script))
    with contextlib.closing(shell):
        return await _interpreted(run, shell, script, arguments, options)


def _program(run: Run, script: str) -> tuple[str, ...]:
    """What a script starts where it does nothing else: its shell only gives its process to that."""
    argv = simple.words(script)
    if argv[:1] == ("exec",):
        argv = argv[1:]
    known = argv and argv[0] not in NATIVE and run.kernel.program(argv[0])
    return argv if known else ()


async def _become(run: Run, argv: tuple[str, ...]) -> int:
    environment = {**run.environment, "PWD": run.directory}
    try:
        return await replace(run, environment=environment).become(argv)
    except BrokenPipeError:
        return BROKEN_PIPE


async def _interpreted(
    run: Run, shell: Shell, script: str | None, arguments: tuple[str, ...], options: str
) -> int:
    try:
        if script is None:
            status = await shell.held(Reading(run.streams.input), arguments)
        else:
            status = await shell.script(options + script, arguments)
    except asyncio.CancelledError:
        if run.process.killed is None:
            raise
        status = 0
    return status if run.process.killed is None else await _on_signal(run, shell)


async def _on_signal(run: Run, shell: Shell) -> int:
    """A shell with a trap for the signal that stops it runs that, and ends."""
    number = run.process.killed or 0
    handler = run.process.traps.get(signal.Signals(number).name[3:])
    if handler is None:
        raise asyncio.CancelledError
    if run.process.task is not None:
        run.process.task.uncancel()
    run.process.killed = None
    return await shell.trapped(handler)


def one_command(script: str | None) -> bool:
    """Whether a shell replaces itself by the script's only command rather than starting it."""
    if script is None:
        return False
    try:
        lexer = shlex.shlex(script.strip(), posix=True, punctuation_chars=True)
        lexer.whitespace = " \t"
        first = lexer.get_token() or ""
        if first in ("", *_KEYWORDS) or "=" in first or _is_operator(first):
            return False
        return not any(map(_is_operator, lexer))
    except ValueError:
        return False


def _is_operator(word: str) -> bool:
    return bool(word) and set(word) <= set(";&|(){}\n")
