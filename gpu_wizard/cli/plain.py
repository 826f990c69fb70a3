"""`--plain`: the same choices as the screens, as questions and answers line by line."""

from __future__ import annotations

import argparse
import asyncio
import sys
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

from gpu_wizard.cli.exits import Exit
from gpu_wizard.cli.keyring import prompt
from gpu_wizard.cli.stopping import heard, until_stopped
from gpu_wizard.cli.tui import candidates, recent, run, save_setup, unfinished
from gpu_wizard.cli.typed import Typed
from gpu_wizard.engine.progress import NodeProgress
from gpu_wizard.faces.exchanged import RunRequest
from gpu_wizard.faces.machines import Kind, Machine, nodes_named, not_left_open, setup_of
from gpu_wizard.faces.plain import PlainFace
from gpu_wizard.faces.terminal import Choice, Terminal
from gpu_wizard.faces.words import Words
from gpu_wizard.knowledge.guide import page
from gpu_wizard.knowledge.texts import Language
from gpu_wizard.model.errors import InputError
from gpu_wizard.model.secret import Secret
from gpu_wizard.model.setup_file import LOCAL, SetupFile
from gpu_wizard.stages import PROOF, STAGES

ORDER = (*(stage.id for stage in STAGES), PROOF.id)
_TO_DO = ("needed", "waiting", "failed", "stopped", "unknown", "blocked")


def dialogue(arguments: argparse.Namespace, setup: SetupFile | None) -> Exit:
    """Run the dialogue on standard input and output."""
    terminal = Terminal(_StandardInput(), sys.stdout, Words(arguments.lang))
    return until_stopped(_Dialogue(terminal).run(setup))


def _guide_lines(stage: str, language: Language) -> list[str]:
    """What the guide says of a stage."""
    guide = page(stage, language)
    lines: list[str] = []
    for block in guide.blocks if guide else ():
        lines += [block.text, block.code, *(f"{r.name}: {r.meaning}" for r in block.rows)]
    return [line for line in lines if line]


class _StandardInput:
    """Where a person types, or a pipe leads from. See `Source`."""

    def __init__(self) -> None:
        self._typed = Typed(sys.stdin.fileno())
        self.isatty = self._typed.isatty

    async def line(self) -> str:
        return (await self._typed.line()).decode(sys.stdin.encoding, "replace")

    async def secret(self, purpose: str, refused: int = 0) -> Secret | None:
        if self.isatty():
            return await prompt(purpose, refused)
        given = (await self._typed.line()).rstrip(b"\r\n")
        return Secret(given) if given else None


def _end_lines(node: NodeProgress, words: Words) -> list[str]:
    """What a node has at the end, and what was not done."""
    left = [words(f"title.{stage}") for stage in ORDER if node.stage(stage).state != "done"]
    done, changes = len(ORDER) - len(left), words.count("plan.changes", len(node.done))
    first = f"{node.name}: {words('head.done', done=done, all=len(ORDER))}, {changes}."
    if left:
        return [first, f"{words('run.was-not-done')}: {', '.join(left)}."]
    return [first, words("finish.given", node=node.name)]


def _is_done(node: NodeProgress) -> bool:
    return all(node.stage(stage).state == "done" for stage in ORDER)


def _earlier_runs(words: Words) -> list[tuple[str, SetupFile]]:
    """Runs to go on with, then those that ended well: how each reads, and what it was of."""
    left, now = unfinished(), datetime.now(UTC)
    rows = [(words("start.resume", node=one.node), one.setup) for one in left]
    for one in not_left_open(recent(), left):
        when = words.ago(datetime.fromtimestamp(one.at, UTC), now)
        note = words("start.recent-note", when=when)
        rows.append((f"{nodes_named(one.setup)}, {note}", one.setup))
    return rows


class _Dialogue:
    """One conversation from the machines to the evidence."""

    def __init__(self, terminal: Terminal) -> None:
        self.terminal, self.words = terminal, terminal.words
        self.face = PlainFace(terminal, ORDER)
        self._task: asyncio.Task[object] | None = None
        self._conversation: asyncio.Task[Exit] | None = None

    async def run(self, setup: SetupFile | None) -> Exit:
        """The exit status; Ctrl-C outside of a run ends the conversation."""
        self._conversation = asyncio.ensure_future(self._converse(setup))
        with heard(self._interrupted), suppress(asyncio.CancelledError):
            return await self._conversation
        self.terminal.say("")
        return Exit.INTERRUPTED

    async def _converse(self, setup: SetupFile | None) -> Exit:
        chosen = setup or await self._machines()
        if chosen is None:
            return Exit.INTERRUPTED
        while await self._round(chosen):
            pass
        return self._ended()

    def _interrupted(self) -> None:
        """Ctrl-C while a run goes on, once: stop after the step in hand; twice, or at a question: abandon it."""
        running = self._task if self._task is not None and not self._task.done() else None
        if running is not None and not self.face.stop_requested() and not self.terminal.asking:
            self.terminal.say("", self.words("line.press-again"))
        elif abandoned := running or self._conversation:
            abandoned.cancel()
        self.face.request_stop()

    async def _round(self, setup: SetupFile) -> bool:
        """Look, ask what to do, do it; whether another round makes sense."""
        await self._carry_out(RunRequest(setup, plan=True), looking=True)
        if self.face.stop_requested():
            return False
        remaining = self._remaining()
        if not remaining:
            return await self._finish(setup)
        stage = remaining[0]
        self.terminal.say("", *self.face.plan_lines(self._node, stage, commands=False))
        while True:
            action = await self._menu(stage)
            if action == "again":
                return True
            if action in ("all", "only"):
                stages = (stage,) if action == "only" else ()
                await self._carry_out(RunRequest(setup, stages), looking=False)
                whole = action == "all" and self._outcome == "done"
                return not (whole or self._outcome == "stopped" or self.terminal.ended)
            if action == "skip":
                self.face.skipped.add(stage)
                return True
            if action == "stop":
                return False
            await self._tell(action, stage, setup)

    async def _menu(self, stage: str) -> str:
        words = self.words
        can_start = bool(self.face.progress.node(self._node).stage(stage).plan)
        choices: list[Choice] = []
        if can_start:
            choices.append(("all", words("plain.all", n=self._count())))
            choices.append(("only", words("plain.only")))
        else:
            choices.append(("again", words("plain.again")))
        choices += [("skip", words("plain.skip")), ("why", words("plain.why"))]
        choices += [("commands", words("plain.commands")), ("save", words("plain.save"))]
        choices.append(("stop", words("plain.stop")))
        return await self.terminal.choose(choices, choices[0][0])

    async def _tell(self, action: str, stage: str, setup: SetupFile) -> None:
        match action:
            case "why":
                self.terminal.say(*_guide_lines(stage, self.words.language))
            case "commands":
                self.terminal.say(*self.face.plan_lines(self._node, stage, commands=True))
            case _:
                await self._save(setup)

    async def _finish(self, setup: SetupFile) -> bool:
        """Everything is in place: prove it, save it, or end."""
        words = self.words
        proof = self.face.progress.node(self._node).stage(ORDER[-1])
        if proof.state == "done":
            return False
        choices = (
            ("prove", words("plain.prove")),
            ("save", words("plain.save")),
            ("stop", words("plain.end")),
        )
        match await self.terminal.choose(choices, "stop"):
            case "prove":
                await self._carry_out(RunRequest(setup, prove=True), looking=False)
                return False
            case "save":
                await self._save(setup)
                return True
        return False

    async def _carry_out(self, request: RunRequest, *, looking: bool) -> None:
        self.face.begin(looking=looking)
        self._task = asyncio.ensure_future(run(request, self.face, self.face))
        with suppress(asyncio.CancelledError):
            await self._task

    async def _save(self, setup: SetupFile) -> None:
        default = f"{self._node}.toml"
        typed = await self.terminal.read(f"{self.words('save.title')} [{default}]: ")
        path = Path(typed or default)
        chosen = replace(setup, choices={**setup.choices, **self.face.choices})
        try:
            save_setup(chosen, path)
        except InputError as error:
            self.terminal.say(self.words("line.not-saved", reason=error))
        else:
            self.terminal.say(self.words("line.saved", path=path))

    @property
    def _node(self) -> str:
        """The first node that is not done; the last one shown where all are."""
        nodes = self.face.progress.nodes
        return next((name for name in nodes if self._open(name)), self.face.progress.current)

    @property
    def _outcome(self) -> str:
        finished = self.face.progress.finished
        return finished.outcome if finished is not None else "stopped"

    def _remaining(self) -> tuple[str, ...]:
        return self._open(self._node)

    def _count(self) -> int:
        """How many stages all of the nodes have to do, each with its proof."""
        opened = (len(self._open(name)) for name in self.face.progress.nodes)
        return sum(count + 1 for count in opened if count)

    def _open(self, name: str) -> tuple[str, ...]:
        """The stages of a node that are not done."""
        node = self.face.progress.node(name)
        return tuple(
            stage
            for stage in ORDER[:-1]
            if stage not in self.face.skipped and node.stage(stage).state in _TO_DO
        )

    def _ended(self) -> Exit:
        nodes = self.face.progress.nodes.values()
        for node in nodes:
            self.terminal.say(*_end_lines(node, self.words))
        if all(_is_done(node) for node in nodes):
            return Exit.DONE
        return Exit.INTERRUPTED if self._outcome == "stopped" else Exit.FAILED

    async def _machines(self) -> SetupFile | None:
        """The two machines, or an unfinished run."""
        words = self.words
        self.terminal.say(words("start.title"), words("start.intro"))
        earlier = _earlier_runs(words)
        runs: list[Choice] = [(f"run:{n}", text) for n, (text, _) in enumerate(earlier)]
        hosts: list[Choice] = [(each.target, each.target) for each in candidates()]
        gpu = await self._machine("start.gpu", [*runs, *hosts, (LOCAL, words("start.this"))])
        if gpu in dict(runs):
            return earlier[int(gpu.removeprefix("run:"))][1]
        more = [("same", words("start.same")), (LOCAL, words("start.this"))]
        more.append(("kubeconfig", words("start.kubeconfig")))
        plane = await self._machine("start.control", [*more, *hosts]) if gpu else ""
        if not gpu or not plane:
            return None
        return await self._setup(gpu, plane)

    async def _setup(self, gpu: str, plane: str) -> SetupFile | None:
        kind: Kind = "host"
        if plane == "kubeconfig":
            question = f"{self.words('start.kubeconfig-text')} [~/.kube/config]: "
            plane, kind = await self.terminal.read(question) or "~/.kube/config", "kubeconfig"
        elif plane == "same":
            kind = "same"
        return setup_of(Machine(gpu), Machine(plane, kind))

    async def _machine(self, title: str, choices: list[Choice]) -> str:
        """A machine by its number, or as it is typed; "" at the end of the input."""
        words = self.words
        for number, (_, text) in enumerate(choices, 1):
            self.terminal.say(f"{number} {text}")
        while not self.terminal.ended:
            typed = await self.terminal.read(f"{words(title)}, {words('plain.or-type')} [1]: ")
            if self.terminal.ended:
                return ""
            if typed and not typed.isdecimal():
                return typed
            at = int(typed or "1")
            if 0 < at <= len(choices):
                return choices[at - 1][0]
        return ""
