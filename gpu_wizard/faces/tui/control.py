"""The run as the screens see it: events folded, output kept, questions put to the person."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from gpu_wizard.engine.progress import Progress
    from gpu_wizard.engine.stage_progress import StageProgress
    from gpu_wizard.faces.tui.asked import Asked, Waiting
    from gpu_wizard.faces.tui.output_log import OutputLog
    from gpu_wizard.model.action import Step
    from gpu_wizard.model.events import Diagnosed, Event
    from gpu_wizard.model.stage import Question


class Control:
    """A face for the engine; the screens draw `progress` whenever `changed` calls.

    `skipped`: node → stages that the person leaves out. `choices`: what was decided, for the setup file.
    What runs need is imported with the first of them: the first frame has none.
    """

    def __init__(
        self,
        changed: Callable[[], None],
        dialog: Callable[[Asked], Awaitable[str]],
        narrate: Callable[[Event, Sequence[Step]], str] = lambda _event, _steps: "",
        *,
        calm: bool = False,
    ) -> None:
        """`dialog`: puts a question to the person and returns an option's id. `narrate`: an event as a line of output.

        `calm`: output alone is no reason to draw at once.
        """
        self.changed, self.dialog, self.narrate, self.calm = changed, dialog, narrate, calm
        self.skipped: dict[str, set[str]] = {}
        self.choices: dict[str, str] = {}
        self.logs: dict[str, OutputLog] = {}
        self.waiting: Waiting | None = None
        self.stopping = False
        self._progress: Progress | None = None

    @property
    def progress(self) -> Progress:
        """What the runs so far have come to."""
        if self._progress is None:
            from gpu_wizard.engine.progress import Progress

            self._progress = Progress()
        return self._progress

    @progress.setter
    def progress(self, progress: Progress) -> None:
        self._progress = progress

    @property
    def active(self) -> bool:
        """Whether a run is going on."""
        return self._progress is not None and self._progress.active

    async def show(self, event: Event) -> None:
        """Fold one event; draws nothing itself."""
        from gpu_wizard.model.events import OutputReceived

        self.progress = self.progress.fold(event)
        if event.node is not None:
            self._log(event.node, event)
        if not self.calm or not isinstance(event, OutputReceived):
            self.changed()

    async def choose(self, question: Question) -> str | None:
        """The person's answer; a calm plan is approved as Start said, and what is skipped is skipped."""
        from gpu_wizard.faces.risks import disturbs

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
        from gpu_wizard.faces.tui.output_log import OutputLog

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
        from gpu_wizard.faces.tui.asked import Asked

        node = self.progress.current
        stage = question.params.get("stage", "") or self._assessed_last(node)
        return Asked(question, node, stage, self.stage(node, stage).plan)

    def _assessed_last(self, node: str) -> str:
        """The stage whose judgement raised a question."""
        stages = self.progress.node(node).stages.values()
        asking = [s for s in stages if s.assessment is not None and s.assessment.question]
        return asking[-1].id if asking else ""

    async def _in_pane(self, asked: Asked) -> str:
        from gpu_wizard.faces.tui.asked import Waiting

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
        from gpu_wizard.model.events import (
            Diagnosed,
            OutputReceived,
            StageFinished,
            StepFinished,
            StepStarted,
        )

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
        from gpu_wizard.faces.tui.output_marks import Mark, line_of

        line = line_of(log, event.line)
        if line is None:
            self._tell(log, node, event)
            line = log.lines - 1
        if line >= 0:
            log.marks.put(Mark(line, event.signature, event.stage))
