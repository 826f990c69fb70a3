"""The run as the screens see it: events folded, output kept, questions put to the person."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field

from gpu_wizard.engine.progress import Progress
from gpu_wizard.engine.stage_progress import StageProgress
from gpu_wizard.faces.risks import disturbs
from gpu_wizard.faces.tui.output_log import OutputLog
from gpu_wizard.faces.tui.output_marks import Mark, line_of
from gpu_wizard.model.action import Plan, Step
from gpu_wizard.model.events import (
    Diagnosed,
    Event,
    OutputReceived,
    StageFinished,
    StepFinished,
    StepStarted,
)
from gpu_wizard.model.stage import Question


@dataclass(frozen=True)
class Asked:
    """A question that waits for the person. `stage`: whose; `plan`: what it is about, where it is one."""

    question: Question
    node: str
    stage: str
    plan: Plan = ()


@dataclass
class Waiting:
    """A question answered in the stage's pane, not in a dialog."""

    asked: Asked
    answer: asyncio.Future[str]


@dataclass
class Control:
    """A face for the engine; the screens draw `progress` whenever `changed` calls.

    `skipped`: node → stages that the person leaves out. `choices`: what was decided, for the setup file.
    `calm`: output alone is no reason to draw at once. `dialog`: puts a question to the person and returns an option's id.
    """

    changed: Callable[[], None]
    dialog: Callable[[Asked], Awaitable[str]]
    narrate: Callable[[Event, Sequence[Step]], str] = lambda _event, _steps: ""
    progress: Progress = field(default_factory=Progress)
    skipped: dict[str, set[str]] = field(default_factory=dict)
    choices: dict[str, str] = field(default_factory=dict)
    logs: dict[str, OutputLog] = field(default_factory=dict)
    waiting: Waiting | None = None
    stopping: bool = False
    calm: bool = False

    async def show(self, event: Event) -> None:
        """Fold one event; draws nothing itself."""
        self.progress = self.progress.fold(event)
        if event.node is not None:
            self._log(event.node, event)
        if not self.calm or not isinstance(event, OutputReceived):
            self.changed()

    async def choose(self, question: Question) -> str | None:
        """The person's answer; a calm plan is approved as Start said, and what is skipped is skipped."""
        asked = self._asked(question)
        left_out = asked.stage in self.skipped.get(asked.node, set())
        if question.id == "approve":
            if left_out:
                return "skip"
            return await self.dialog(asked) if disturbs(asked.plan) else "approve"
        if question.id == "failed":
            return "skip" if left_out else await self._in_pane(asked)
        choice = await self.dialog(asked)
        if choice not in ("stop", "skip"):
            self.choices[question.id] = choice
        return choice

    def stop_requested(self) -> bool:
        """Whether to stop after the step in hand."""
        return self.stopping

    def request_stop(self) -> None:
        """Stop after the step in hand; a question that waits is answered by that."""
        self.stopping = True
        self.answer("stop")
        self.changed()

    def answer(self, option: str) -> None:
        """Answer the question in the pane, if there is one."""
        if self.waiting is not None and not self.waiting.answer.done():
            self.waiting.answer.set_result(option)

    def log(self, node: str) -> OutputLog:
        """A node's output."""
        if node not in self.logs:
            self.logs[node] = OutputLog()
        return self.logs[node]

    def close(self) -> None:
        """Give the spools back."""
        for log in self.logs.values():
            log.close()

    def stage(self, node: str, stage: str) -> StageProgress:
        """A stage of a node."""
        return self.progress.node(node).stage(stage)

    def _asked(self, question: Question) -> Asked:
        node = self.progress.current
        stage = question.params.get("stage", "") or self._assessed_last(node)
        return Asked(question, node, stage, self.stage(node, stage).plan)

    def _assessed_last(self, node: str) -> str:
        """The stage whose judgement raised a question."""
        stages = self.progress.node(node).stages.values()
        asking = [s for s in stages if s.assessment is not None and s.assessment.question]
        return asking[-1].id if asking else ""

    async def _in_pane(self, asked: Asked) -> str:
        loop = asyncio.get_running_loop()
        self.progress = self.progress.given_up(asked.node, asked.stage)
        self.waiting = Waiting(asked, loop.create_future())
        self.changed()
        try:
            return await self.waiting.answer
        finally:
            self.waiting = None
            self.changed()

    def _log(self, node: str, event: Event) -> None:
        log = self.log(node)
        match event:
            case OutputReceived():
                log.feed(event.chunk.text)
            case StepStarted() | StepFinished():
                self._tell(log, node, event)
            case Diagnosed():
                self._mark(log, node, event)
            case StageFinished(outcome="done"):
                log.marks.drop(event.stage)

    def _tell(self, log: OutputLog, node: str, event: Event) -> None:
        """A line of our own between the output."""
        steps = [one.step for one in self.stage(node, event.stage).steps]
        if text := self.narrate(event, steps):
            log.feed(f"{text}\n" if log.ends_line else f"\n{text}\n")

    def _mark(self, log: OutputLog, node: str, event: Diagnosed) -> None:
        """A finding beside its line; one that stood in a log that no step printed brings the line with it."""
        line = line_of(log, event.line)
        if line is None:
            self._tell(log, node, event)
            line = log.lines - 1
        if line >= 0:
            log.marks.put(Mark(line, event.signature, event.stage))
