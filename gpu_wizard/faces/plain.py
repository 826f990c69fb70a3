"""The wizard as a dialogue: one line a fact, every question numbered, no cursor control; piped input drives it."""

from __future__ import annotations

from gpu_wizard.engine.progress import Progress
from gpu_wizard.engine.stage_progress import StageProgress
from gpu_wizard.faces import wording
from gpu_wizard.faces.exchanged import ShownKey
from gpu_wizard.faces.printable import uncoloured
from gpu_wizard.faces.risks import cannot_be_undone, disturbs
from gpu_wizard.faces.terminal import Choice, Terminal
from gpu_wizard.faces.words import Words
from gpu_wizard.model.action import Step
from gpu_wizard.model.events import (
    ConnectionLost,
    ConnectionRestored,
    Diagnosed,
    Event,
    NodeFinished,
    OutputReceived,
    StageAssessed,
    StageFinished,
    StageSettling,
    StepFinished,
    StepQuiet,
    StepStarted,
)
from gpu_wizard.model.secret import RememberedSecrets, Secret
from gpu_wizard.model.stage import Question


class PlainFace:
    """A face for the engine that prints and asks. `order`: stage ids, the proof last."""

    def __init__(self, terminal: Terminal, order: tuple[str, ...]) -> None:
        """Nothing is skipped yet."""
        self.terminal, self.order = terminal, order
        self.progress = Progress()
        self.skipped: set[str] = set()
        self._given = RememberedSecrets(terminal.secret)
        self.choices: dict[str, str] = {}
        self.looking = False
        self._stopping = False
        self._tail = ""

    @property
    def words(self) -> Words:
        """The words of the terminal's language."""
        return self.terminal.words

    def request_stop(self) -> None:
        """Stop after the step in hand."""
        self._stopping = True

    def begin(self, *, looking: bool) -> None:
        """A run begins. `looking`: it changes nothing, and only judgements are told."""
        self.looking, self._stopping = looking, False

    def stop_requested(self) -> bool:
        """Whether to stop after the step in hand."""
        return self._stopping or self.terminal.ended

    async def show(self, event: Event) -> None:
        """Print one event."""
        self.progress = self.progress.fold(event)
        if isinstance(event, OutputReceived):
            self._output(event.chunk.text)
            return
        for line in self._lines(event):
            self.terminal.say(line)

    def _lines(self, event: Event) -> list[str]:
        words = self.words
        match event:
            case StageAssessed() if self.looking or event.assessment.question:
                return self.stage_lines(event.node or "", event.stage)
            case StepStarted():
                title = words.step(event.step)
                return [self._step_line(event, words("plain.running", n=event.number, title=title))]
            case StepFinished():
                return [self._finished(event)]
            case StepQuiet():
                return [words("run.quiet", time=words.took(event.seconds))]
            case StageSettling():
                return [wording.settling(event.assessment, words.language)]
            case StageFinished():
                return self._stage_finished(event)
        return self._other(event)

    def _other(self, event: Event) -> list[str]:
        words = self.words
        match event:
            case ConnectionLost():
                return [words.of("word", "lost", {"host": event.host})]
            case ConnectionRestored():
                seconds = f"{event.seconds:.0f}"
                return [words.of("word", "restored", {"host": event.host, "seconds": seconds})]
            case Diagnosed():
                return wording.diagnosed(event, words.language)
            case NodeFinished(error=error) if error is not None:
                return wording.error_lines(error, words.language)
        return []

    def _step_line(self, event: StepStarted, text: str) -> str:
        self._tail = ""
        return f"{self._stage_name(event.stage)}, {text}"

    def _stage_name(self, stage: str) -> str:
        number = self.order.index(stage) + 1
        return self.words("plain.stage", n=number, all=len(self.order))

    def _finished(self, event: StepFinished) -> str:
        if event.outcome == "failed" and event.error is not None:
            return "\n".join(wording.error_lines(event.error, self.words.language))
        code = {"undone": "plain.undone", "done": "plain.done"}.get(event.outcome, "plain.failed")
        return self.words(code, time=self.words.took(event.seconds))

    def _stage_finished(self, event: StageFinished) -> list[str]:
        words = self.words
        state = words.state(event.outcome)
        changes = words.count("plan.changes", event.changes)
        lines = [f"{self._stage_name(event.stage)}: {state}, {changes}."]
        if event.outcome == "failed":
            lines += self._trouble(self.progress.node(event.node or "").stage(event.stage))
        return lines

    def _trouble(self, stage: StageProgress) -> list[str]:
        lines: list[str] = []
        if stage.assessment is not None:
            lines.append(self.words.assessed(stage.assessment))
            lines += [line for line in self.words.advice(stage.assessment).splitlines() if line]
        if stage.error is not None:
            lines += wording.error_lines(stage.error, self.words.language)
        return lines

    def _output(self, text: str) -> None:
        """Whole lines only; of a line that returns on itself the last state."""
        *whole, self._tail = (self._tail + uncoloured(text)).split("\n")
        for line in whole:
            self.terminal.say(f"  {line.rstrip(chr(13)).rsplit(chr(13), 1)[-1]}")

    def stage_lines(self, node: str, stage_id: str) -> list[str]:
        """A stage as a screen reader speaks it: state first, then what was found."""
        words, stage = self.words, self.progress.node(node).stage(stage_id)
        name = words(f"title.{stage_id}")
        state = words.state(stage.state)
        lines = [f"{self._stage_name(stage_id)}, {name}: {state}."]
        if stage.assessment is not None:
            lines.append(words.assessed(stage.assessment))
            lines += [words("plain.note", text=note) for note in words.notes(stage.assessment)]
        if stage.state not in ("done", "looking"):
            rows = [": ".join(words.found(found)) for found in stage.found]
            lines += [". ".join(rows) + "."] if rows else []
        if stage.state in ("blocked", "unknown") and stage.assessment is not None:
            lines += [line for line in words.advice(stage.assessment).splitlines() if line]
        return lines

    def plan_lines(self, node: str, stage_id: str, *, commands: bool) -> list[str]:
        """What a stage will do, numbered; with its commands and diffs, or with its risks alone."""
        words, stage = self.words, self.progress.node(node).stage(stage_id)
        if not stage.plan:
            return []
        count = words.count("plan.steps", len(stage.plan))
        lines = [f"{words('plan.will-do')}, {count}."]
        for number, step in enumerate(stage.plan, 1):
            lines.append(f"{number}: {words.step(step)}.")
            if commands:
                language = words.language
                lines.append(f"   {wording.command(step.action, language)}")
                diff = wording.diff(stage.diffs.get(step.id, ""), language)
                seen = wording.unseen(step.action, language) or diff
                lines += [f"   {row}" for row in seen.splitlines()]
            lines += self._risk(step)
        return lines

    def _risk(self, step: Step) -> list[str]:
        lines = [self.words("plain.risk", text=self.words.risk(step))] if step.risk else []
        return [*lines, self.words("plan.no-undo")] if cannot_be_undone(step) else lines

    async def choose(self, question: Question) -> str | None:
        """The person's answer; a calm plan was agreed to already."""
        node = self.progress.current
        stage = question.params.get("stage", "")
        if stage in self.skipped and question.id in ("approve", "failed"):
            return "skip"
        plan = self.progress.node(node).stage(stage).plan
        if question.id == "approve" and not disturbs(plan):
            return "approve"
        if question.id == "approve":
            self.terminal.say(*self.plan_lines(node, stage, commands=False))
        self.terminal.say(self.words.of("question", question.id, dict(question.params)))
        choice = await self.terminal.choose(self._options(question), self._default(question))
        if question.id not in ("approve", "failed") and choice not in ("stop", "skip"):
            self.choices[question.id] = choice
        return choice

    def _options(self, question: Question) -> list[Choice]:
        """The options with `stop` last, which the end of the input means."""
        options = {
            option.id: self.words.of("option", option.id, {**question.params, **option.params})
            for option in question.options
        }
        stop = options.pop("stop", self.words.of("option", "stop"))
        return [*options.items(), ("stop", stop)]

    @staticmethod
    def _default(question: Question) -> str:
        """What an empty line means: never what disturbs running work, nor an endless retry."""
        return "stop" if question.id in ("approve", "failed") else question.default

    async def trust(self, key: ShownKey) -> bool:
        """Whether to remember a host key; an empty line refuses."""
        words = self.words
        self.terminal.say(
            words("trust.title", host=key.host),
            words("trust.text"),
            f"{key.algorithm} {key.fingerprint}",
            f"{words('trust.compare')} ssh-keygen -lf /etc/ssh/ssh_host_ed25519_key.pub",
        )
        choices = (("trust", words("trust.yes")), ("refuse", words("trust.no")))
        return await self.terminal.choose(choices, "refuse") == "trust"

    async def secret(self, purpose: str, refused: int = 0) -> Secret | None:
        """A password, kept for the next connection."""
        return await self._given(purpose, refused)
