"""What a shell process does itself and its interpreter can't: the commands behind the prelude."""

from __future__ import annotations

import signal
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass

from bashkit import Bash, BashError

from gpu_wizard.lab.access import evaluate
from gpu_wizard.lab.dollar import rewritten, unfinished
from gpu_wizard.lab.kernel import PATH, Run
from gpu_wizard.lab.modes import changed_mode
from gpu_wizard.lab.prelude import FUNCTIONS
from gpu_wizard.lab.process import FIRST_PID
from gpu_wizard.lab.signals import Killing, killing, number_of
from gpu_wizard.lab.streams import Input
from gpu_wizard.lab.tree import EXECUTE

_SPECIAL_NAMES = (
    ". : break continue eval exec exit export readonly return set shift times trap unset"
)
_BUILTIN_NAMES = (
    "[ alias bg cd command echo false fg getopts hash jobs kill local printf pwd read test true "
    "type ulimit umask unalias wait"
)
_SPECIAL = frozenset(_SPECIAL_NAMES.split())
_BUILTIN = frozenset(_BUILTIN_NAMES.split())
"""What dash does itself. Source: dash 0.5.12 (Debian 13), dash(1), `Builtins`."""
_INCOMPLETE = ("unexpected end of file", "unexpected EOF", "unterminated")


async def umask(run: Run) -> int:
    """`umask [-S] [MODE]`: tell or set the mask of this process."""
    words = [word for word in run.argv[1:] if word != "-S"]
    mask = run.view.umask
    if not words:
        symbolic = len(run.argv) > 1
        await run.say(_symbolic(0o777 & ~mask) if symbolic else f"{mask:04o}")
        return 0
    try:
        run.view.umask = 0o777 & _parse_mask(words[0], mask)
    except ValueError:
        return await run.fail(f"Illegal number: {words[0]}", 2)
    return 0


def _parse_mask(word: str, mask: int) -> int:
    if word.isdigit():
        return int(word, 8)
    return ~changed_mode(word, 0o777 & ~mask, directory=False, umask=0)


def _symbolic(allowed: int) -> str:
    classes = zip("ugo", (allowed >> 6, allowed >> 3, allowed), strict=True)
    return ",".join(
        f"{who}="
        + "".join(letter for letter, bit in zip("rwx", (4, 2, 1), strict=True) if bits & bit)
        for who, bits in classes
    )


async def trap(run: Run) -> int:
    """Remember what the shell does on signals, for those that come from other processes."""
    action, *conditions = [word for word in run.argv[1:] if word != "--"]
    if not conditions:
        conditions, action = [action], "-"
    for condition in conditions:
        number = number_of(condition)
        name = signal.Signals(number).name.removeprefix("SIG") if number else ""
        if action == "-":
            run.process.traps.pop(name, None)
        elif name:
            run.process.traps[name] = action
    return 0


async def kill(run: Run) -> int:
    """Send signals to processes of the machine; prints what is left to the built-in `kill`."""
    dialect, *words = run.argv[1:]
    try:
        asked = killing(words, dashes_after_signal=dialect != "sh")
    except ValueError as problem:
        await run.err(f"sh: 1: kill: {problem}\n".encode())
        return 2
    statuses = [await _kill_one(run, word, asked) for word in asked.targets]
    return max(statuses)


async def _kill_one(run: Run, word: str, asked: Killing) -> int:
    table, process, number = run.kernel.table, run.process, asked.number
    target = int(word) if word.lstrip("-").isdigit() else None
    trapped = number and signal.Signals(number).name.removeprefix("SIG") in process.traps
    if target == process.pid and trapped:
        await run.say(f"{asked.spelled} 1")  # what the interpreter takes for its own id
        return 0
    if target is None or 1 < target < FIRST_PID:
        await run.say(f"{asked.spelled} {word}")  # one of its jobs
        return 0
    try:
        table.kill(process.user, target, number)
    except ProcessLookupError:
        await run.err(b"sh: 1: kill: No such process\n")
        return 1
    except PermissionError:
        await run.err(b"sh: 1: kill: Operation not permitted\n")
        return 1
    return 0


async def enter(run: Run) -> int:
    """Whether this user may be in the working directory."""
    if run.view.allows(run.directory, EXECUTE):
        return 0
    await run.err(f"cd: can't cd to {run.directory}\n".encode())
    return 1


async def test(run: Run) -> int:
    """`test` where rights are asked for: they depend on the user."""
    words = list(run.argv[1:])
    try:
        return 0 if evaluate(words, run.view, run.path) else 1
    except ValueError as problem:
        await run.err(f"test: {problem}\n".encode())
        return 2


async def command(run: Run) -> int:
    """`command -v`, `command -V`, `type`: what a name stands for, in the dialect's words."""
    dialect, option, name, kind = (*run.argv[1:], "", "", "", "")[:4]
    brief = option == "-v"
    what = _what(name, kind)
    found = run.kernel.where(name, run.environment.get("PATH", PATH), run.view)
    if what:
        shown = what if dialect == "sh" else what.replace("special ", "")
        await run.say(name if brief else f"{name} is a {shown}")
    elif found is not None:
        await run.say(found if brief else f"{name} is {found}")
    elif dialect == "bash":
        if not brief:
            await run.err(f"bash: line 1: type: {name}: not found\n".encode())
        return 1
    else:
        if not brief:
            await run.say(f"{name}: not found")
        return 127
    return 0


def _what(name: str, kind: str) -> str:
    """What a name is to the shell itself, "" where it is none of its own."""
    if kind == "function" and name not in FUNCTIONS:
        return "shell function"
    if kind == "keyword":
        return "shell keyword"
    if name in _SPECIAL:
        return "special shell builtin"
    return "shell builtin" if name in _BUILTIN else ""


PRIVATE: Mapping[str, Callable[[Run], Awaitable[int]]] = {
    "__umask": umask,
    "__trap": trap,
    "__kill": kill,
    "__enter": enter,
    "__test": test,
    "__command": command,
}
"""By name in the prelude; each is part of the shell's own process."""


@dataclass
class Reading:
    """A shell's standard input, read as the commands that it holds."""

    source: Input
    prompt: Callable[[Run, bool], Awaitable[None]] | None = None
    """Called before each line, told whether a command goes on; None: no prompts."""
    _command: str = ""

    async def more(self, run: Run) -> int:
        """Read on until a command is complete: 0, or 1 at the end of input."""
        held = b""
        while True:
            if self.prompt is not None:
                await self.prompt(run, bool(held))
            chunk = await (self.source.some() if self.prompt is None else self.source.line())
            held += chunk
            text = held.decode("utf-8", "surrogateescape")
            if not chunk or (held.endswith(b"\n") and complete(text)):
                self._command = text
                return 0 if held else 1

    async def text(self, run: Run) -> int:
        """Write the command read last; gives the status in the argument back, for its `$?`."""
        await run.out(rewritten(self._command).encode("utf-8", "surrogateescape"))
        return int(run.argv[1])


def complete(script: str) -> bool:
    """Whether a shell would run this text, or report it, without asking for another line."""
    if unfinished(script):
        return False
    try:
        Bash().analyze(script)
    except BashError as problem:
        return not any(words in str(problem) for words in _INCOMPLETE)
    return True
