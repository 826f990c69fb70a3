"""A shell process of a lab machine: one bashkit interpreter over the machine's own files.

The interpreter knows no process and no channel, so its standard input is a mark. Our commands and
the prelude's `read`, meeting the mark, turn to the input that the process was given.
"""

from __future__ import annotations

import asyncio
import contextlib
import shlex
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field, replace

from bashkit import Bash, CommandContext

from gpu_wizard.lab.dollar import NAME, PID, rewritten
from gpu_wizard.lab.kernel import PATH, STUB, Run
from gpu_wizard.lab.mount import as_file_system
from gpu_wizard.lab.prelude import HELD, prelude
from gpu_wizard.lab.private import PRIVATE, Reading
from gpu_wizard.lab.streams import Buffered, Input, Streams
from gpu_wizard.lab.tools import HIDDEN, NATIVE, OTHERS, READERS, reads_input

_NO_LIMIT = 10**9
_NOT_FOUND = 127
BROKEN_PIPE = 141
"""What a writer into a closed pipe ends with: 128 + SIGPIPE."""


_BY_PATH = ("sh", "dash", "bash", "kill")
"""Programs whose files bashkit does not get to open, or whose names it takes for its own."""


@dataclass
class _CommandInput:
    """Input of a command in the interpreter: its pipe or file, or, at the mark, the process's own."""

    context: CommandContext
    own: Input
    mark: bytes
    _chosen: Input | None = None

    async def inherited(self) -> bool:
        """Whether it is the process's own. Waits for the first byte where it is a pipe."""
        return await self._choose() is self.own

    async def some(self) -> bytes:
        return await (await self._choose()).some()

    async def line(self) -> bytes:
        return await (await self._choose()).line()

    async def _choose(self) -> Input:
        if self._chosen is None:
            first = await self.context.stdin.read_chunk() or b""
            self._chosen = self.own if first.startswith(self.mark) else self._piped(first)
        return self._chosen

    def _piped(self, first: bytes) -> Input:
        held = [first] if first else []

        async def fetch() -> bytes:
            return held.pop() if held else await self.context.stdin.read_chunk() or b""

        return Buffered(fetch)


@dataclass
class Shell:
    """The interpreter of one process. `posix`: it behaves as dash, else as bash."""

    run: Run
    posix: bool = True
    name: str = "sh"
    in_place: bool = False
    """Its only command takes over its process, as a shell lets its last command do."""
    spared: str = ""
    """A command that bashkit's own stands for."""
    _bash: Bash = field(init=False)
    _known: set[str] = field(default_factory=set)

    def __post_init__(self) -> None:
        kernel, view = self.run.kernel, self.run.view
        self._bash = Bash(
            username=self.run.user.name,
            hostname=kernel.computer.hostname,
            cwd=self.run.directory,
            env=dict(self.run.environment),
            max_commands=_NO_LIMIT,
            max_loop_iterations=_NO_LIMIT,
            timeout_seconds=_NO_LIMIT,
        )
        self.run.process.stop = self._bash.cancel
        self._bash.mount("/", as_file_system(view))
        self._add(*(kernel.utilities.keys() - NATIVE - {self.spared}))
        for name in _BY_PATH:
            self._add(f"/usr/bin/{name}", f"/bin/{name}")
        for name, private in PRIVATE.items():
            self._bash.add_command(name, self._own(private))
        self._bash.add_command("__line", self._own(self._line))
        self._refresh()

    async def script(self, text: str, arguments: tuple[str, ...] = ()) -> int:
        """Run a script with these positional parameters: its exit status."""
        await self._begin()
        return await self._execute(self._first(arguments) + rewritten(text))

    async def held(self, reading: Reading, arguments: tuple[str, ...] = ()) -> int:
        """Run the commands that come on standard input, each as soon as it is complete."""
        self._add(*HIDDEN)
        self._bash.add_command("__more", self._own(reading.more))
        self._bash.add_command("__text", self._own(reading.text))
        await self._begin()
        return await self._execute(self._first(arguments) + HELD)

    async def tool(self) -> int:
        """Run a core utility that bashkit has and no process of ours is: `argv` names it."""
        argv = (self.run.argv[0].rpartition("/")[2], *self.run.argv[1:])
        words = f"command {shlex.join(argv)}"
        inherits = self.run.inherits
        if not reads_input(argv) and (inherits is None or await inherits()):
            return await self._execute(words)
        finished = asyncio.Event()
        self._bash.add_command("__feed", self._own(lambda run: _feed(run, self.run, finished)))
        self._bash.add_command("__done", self._own(lambda _run: _done(finished)))
        return await self._execute(f"__feed | {{ {words}; __s=$?; __done; exit $__s; }}")

    def close(self) -> None:
        """Let the interpreter go.

        It holds its commands, which hold this shell, and Python's collector can't see through it.
        """
        self.run.process.stop = None
        del self._bash

    async def trapped(self, script: str) -> int:
        """Run what a shell does on a signal, after what it was doing was stopped."""
        self._bash.clear_cancel()
        return await self._execute(rewritten(script))

    def _first(self, arguments: tuple[str, ...]) -> str:
        """What stands before a script, on its first line so that line numbers stay."""
        words = f"set -- {shlex.join(arguments)};" if arguments else ""
        return f"exec 0</proc/self/fd/0;{words}"

    async def _begin(self) -> None:
        mark = self.run.kernel.mark.decode().strip()
        known = f"{PID}={self.run.process.pid} {NAME}={shlex.quote(self.name)} __mark={mark}"
        dialect = "sh" if self.posix else "bash"
        unset = "" if "HOME" in self.run.environment else "unset HOME;"
        start = f"{unset}{known} __dialect={dialect}\n{prelude(self.posix)}"
        await self._bash.execute(start)

    async def _execute(self, text: str) -> int:
        self._add(*(name for name in HIDDEN if name in text and name != self.spared))
        result = await self._bash.execute(text, stdout=self.run.out, stderr=self.run.err)
        return result.exit_code

    async def _line(self, run: Run) -> int:
        """Write the next line of the process's input: 1 where the end came before a line feed."""
        line = await self.run.streams.input.line()
        await run.out(line)
        return 0 if line.endswith(b"\n") else 1

    def _add(self, *names: str) -> None:
        command = self._command
        for name in names:
            if name not in self._known:
                self._known.add(name)
                self._bash.add_command(name, command)

    def _refresh(self) -> None:
        """Learn the programs that the machine has by now."""
        self._add(*self.run.kernel.computer.programs())

    async def _command(self, context: CommandContext) -> int:
        argv = (context.name, *context.argv)
        child, kernel = self._child(context, argv), self.run.kernel
        try:
            if self.in_place:
                return await child.become(argv)
            child.process = kernel.fork(self.run.process, argv, None)
            status = await kernel.table.live(child.process, kernel.perform(child))
        except BrokenPipeError:
            return BROKEN_PIPE
        self._refresh()
        return status

    def _own(
        self, program: Callable[[Run], Awaitable[int]]
    ) -> Callable[[CommandContext], Awaitable[int]]:
        """A command that is part of this process, as a built-in is."""

        async def command(context: CommandContext) -> int:
            return await program(self._child(context, (context.name, *context.argv)))

        return command

    def _child(self, context: CommandContext, argv: tuple[str, ...]) -> Run:
        source = _CommandInput(context, self.run.streams.input, self.run.kernel.mark)
        return replace(
            self.run,
            argv=argv,
            environment=context.env,
            directory=context.cwd,
            streams=Streams(source, context.stdout.write, context.stderr.write),
            inherits=source.inherited,
        )


async def _feed(run: Run, whose: Run, finished: asyncio.Event) -> int:
    """Write a process's input, as long as the utility that reads it runs."""
    over = asyncio.create_task(finished.wait())
    try:
        while True:
            chunk = asyncio.create_task(whose.streams.input.some())
            await asyncio.wait({chunk, over}, return_when=asyncio.FIRST_COMPLETED)
            if not chunk.done():
                chunk.cancel()
                return 0
            if not chunk.result():
                return 0
            await run.out(chunk.result())
    except BrokenPipeError:
        return 0
    finally:
        over.cancel()


async def _done(finished: asyncio.Event) -> int:
    finished.set()
    return 0


async def perform_other(run: Run) -> int:
    """Run what is no program of Python's: a utility of bashkit's, or a script file."""
    name = run.argv[0]
    bare = name.rpartition("/")[2]
    path = run.kernel.where(name, run.environment.get("PATH", PATH), run.view)
    content = b""
    if path is not None and run.view.exists(path) and bare not in READERS | OTHERS:
        try:
            content = run.view.read(run.path(path))
        except OSError as problem:
            return await _complain(run, f"{name}: {problem.strerror}", 126)
    if content and not content.startswith(STUB):
        return await run.become((*_interpreter(content), run.path(path or name), *run.argv[1:]))
    if bare in READERS | OTHERS and name in (bare, f"/bin/{bare}", f"/usr/bin/{bare}"):
        with contextlib.closing(Shell(run, spared=bare)) as shell:
            return await shell.tool()
    if "/" in name and run.view.exists(run.path(name)):
        return await _complain(run, f"{name}: Permission denied", 126)
    reason = "No such file or directory" if "/" in name else "command not found"
    return await _complain(run, f"{name}: {reason}", _NOT_FOUND)


def _interpreter(content: bytes) -> tuple[str, ...]:
    """What the first line of a script names; `sh` for one that names nothing."""
    first = content.split(b"\n", 1)[0].decode("utf-8", "replace")
    return tuple(first[2:].split(None, 1)) or ("sh",) if first.startswith("#!") else ("sh",)


async def _complain(run: Run, text: str, status: int) -> int:
    await run.err(f"bash: line 1: {text}\n".encode("utf-8", "surrogateescape"))
    return status
