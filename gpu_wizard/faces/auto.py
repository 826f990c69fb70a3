"""The headless face as text: each stage as it goes, for a person to read."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TextIO

from gpu_wizard.faces import wording
from gpu_wizard.faces.glyphs import GLYPHS
from gpu_wizard.faces.headless import Headless
from gpu_wizard.faces.paper import Paper
from gpu_wizard.faces.risks import cannot_be_undone
from gpu_wizard.knowledge.texts import Language, sentence
from gpu_wizard.knowledge.words import explain_command
from gpu_wizard.model.action import Run, Step
from gpu_wizard.model.errors import WizardError
from gpu_wizard.model.events import (
    ConnectionLost,
    ConnectionRestored,
    Diagnosed,
    Event,
    NodeFinished,
    OutputReceived,
    PlanMade,
    SetupFinished,
    StageAssessed,
    StageFinished,
    StageSettling,
    StepFinished,
    StepQuiet,
    StepStarted,
    SurveyStarted,
)
from gpu_wizard.model.stage import Assessment

WORD_WIDTH = 22


class TextFace(Headless):
    """Plain lines for a person: what was found, what is changed, the output as it comes, the verdict."""

    def __init__(
        self, stream: TextIO, language: Language, order: tuple[str, ...], *, plan_only: bool = False
    ) -> None:
        """`order`: the ids of all stages, the proof last. `plan_only`: nothing is going to be done."""
        super().__init__(stream)
        self._language, self._order = language, order
        self._plan_only = plan_only
        self._paper = Paper(self.outlet)
        self._say = self._paper.say
        self._met: set[str] = set()
        self._steps: dict[str, Step] = {}
        self._diffs: Mapping[str, str] = {}
        self._explained: set[tuple[str, str]] = set()
        self._last: dict[tuple[str | None, str], StageAssessed] = {}

    async def show(self, event: Event) -> None:
        """Print one event."""
        match event:
            case SurveyStarted(node=node) if node and node not in self._met:
                self._met.add(node)
                self._say("", f"{node}")
            case StageAssessed():
                self._assessed(event)
            case PlanMade():
                self._plan(event)
            case StepStarted():
                self._step_started(event)
            case OutputReceived():
                self._paper.output(event.chunk.text)
            case StepFinished():
                self._step_finished(event)
            case _:
                self._rest(event)

    def _rest(self, event: Event) -> None:
        match event:
            case StepQuiet():
                self._say(f"     {self._word('quiet', seconds=f'{event.seconds:.0f}')}")
            case StageSettling():
                self._say(f"   … {wording.settling(event.assessment, self._language)}")
            case StageFinished():
                self._stage_finished(event)
            case ConnectionLost():
                self._say(f"   ! {self._word('lost', host=event.host)}")
            case ConnectionRestored():
                self._say(
                    f"   ✓ {self._word('restored', host=event.host, seconds=f'{event.seconds:.0f}')}"
                )
            case Diagnosed():
                self._say(*(f"   {line}" for line in wording.diagnosed(event, self._language)))
            case NodeFinished():
                self._node_finished(event)
            case SetupFinished():
                self._setup_finished(event)

    def _assessed(self, event: StageAssessed) -> None:
        """What a stage was judged to be, told once."""
        last = self._last.get((event.node, event.stage))
        self._last[event.node, event.stage] = event
        if last and (last.assessment, last.found) == (event.assessment, event.found):
            return
        self._say(
            f" {self._mark(event.assessment.state)}{self._title(event.stage)}: {self._judged(event.assessment)}"
        )
        for found in event.found if event.assessment.state != "done" else ():
            label, value = wording.row(found, self._language)
            self._say(f"     {GLYPHS.get(found.state or '', ' ')} {label}: {value}")
        for note in wording.notes(event.assessment, self._language):
            self._say(f"     ! {note}")
        self._advise(event.assessment)

    def _advise(self, assessment: Assessment) -> None:
        if assessment.question is not None:
            for line in wording.recording_line(assessment.question, self._language).splitlines():
                self._say(f"     {line}")
        for line in wording.advice(assessment, self._language).splitlines():
            self._say(f"     → {line}")

    def _plan(self, event: PlanMade) -> None:
        """The whole plan where nothing is done; else each step is told when it begins."""
        self._diffs = event.diffs
        head = self._word(
            "foreseen" if event.provisional else "will-do", count=str(len(event.plan))
        )
        self._say(f"   {self._title(event.stage)}. {head}")
        for number, step in enumerate(event.plan if self._plan_only else (), 1):
            self._say(f"   {number}. {wording.step_title(step, self._language)}")
            self._step(step)
            self._words(step)

    def _step(self, step: Step) -> None:
        """A step's command, what else it disturbs, and its diff."""
        where = wording.place(step.action, self._language)
        first, *rest = wording.command(step.action, self._language).splitlines()
        self._say(
            f"      {first}{f'   ({where})' if where else ''}",
            *(f"        {line}" for line in rest),
        )
        if wording.risk(step, self._language):
            self._say(f"      ! {wording.risk(step, self._language)}")
        if cannot_be_undone(step):
            no_undo = sentence("ui", "plan.no-undo", {}, self._language)
            self._say(f"      ! {no_undo}")
        diff = wording.diff(self._diffs.get(step.id, ""), self._language)
        seen = wording.unseen(step.action, self._language) or diff
        self._say(*(f"      {line}" for line in seen.splitlines()))

    def _words(self, step: Step) -> None:
        """Each word of the step's command with its meaning, each told once in a plan."""
        words = (
            explain_command(step.action.argv, self._language)
            if isinstance(step.action, Run)
            else ()
        )
        for word in words:
            if word.meaning and (word.text, word.meaning) not in self._explained:
                self._explained.add((word.text, word.meaning))
                indent = "  " * word.depth
                label = (
                    word.text if len(word.text) <= WORD_WIDTH else f"{word.text[: WORD_WIDTH - 1]}…"
                )
                self._say(f"          {indent}{label:{WORD_WIDTH}}  {word.meaning}")

    def _step_started(self, event: StepStarted) -> None:
        self._steps[event.step.id] = event.step
        self._say(f"   ► {event.number}. {wording.step_title(event.step, self._language)}")
        self._step(event.step)

    def _step_finished(self, event: StepFinished) -> None:
        self._paper.end_line()
        if event.outcome == "failed" and event.error is not None:
            self._error(event.error, "     × ")
        elif event.outcome == "undone":
            self._say(f"     ↶ {self._word('undone', step=self._step_name(event.step))}")
        else:
            step = self._steps.get(event.step)
            plain = step is not None and not step.change
            word = "done" if plain else "changed" if event.changed else "unchanged"
            self._say(f"     ✓ {self._word(word)} · {event.seconds:.1f} s")

    def _step_name(self, step_id: str) -> str:
        step = self._steps.get(step_id)
        return wording.step_title(step, self._language) if step else step_id

    def _stage_finished(self, event: StageFinished) -> None:
        if event.error is not None:
            self._error(event.error, "   × ")
        if event.outcome == "done" and not self._steps:
            return
        self._steps = {}
        count = self._word("changes", count=str(event.changes))
        mark = "" if event.outcome == "done" else self._mark(event.outcome)
        self._say(f"   {mark}{count} · {event.seconds:.1f} s")

    def _node_finished(self, event: NodeFinished) -> None:
        if event.error is not None:
            self._error(event.error, " × ")
        self._say("", f"{event.node}: {self._mark(event.outcome)}")
        for stage in self._order:
            state = event.states.get(stage)
            if state:
                self._say(f"   {self._mark(state)}{self._title(stage)}")

    def _setup_finished(self, event: SetupFinished) -> None:
        word, count = "changes" if event.changes else "no-changes", event.changes
        if event.plan:
            word, count = "planned", event.planned
        self._say("", f"{self._mark(event.outcome)}{self._word(word, count=str(count))}")
        if event.folder:
            self._say(self._word("folder", path=event.folder))

    def _judged(self, assessment: Assessment) -> str:
        return wording.assessed(assessment, self._language)

    def _mark(self, state: str) -> str:
        return f"{GLYPHS[state]} {sentence('state', state, {}, self._language)}  "

    def _title(self, stage: str) -> str:
        return sentence("stage", stage, {}, self._language)

    def _word(self, word: str, **params: str) -> str:
        return sentence("word", word, params, self._language)

    def _error(self, error: WizardError, prefix: str) -> None:
        first, *rest = wording.error_lines(error, self._language)
        self._say(f"{prefix}{first}", *(f"     {line}" for line in rest))
