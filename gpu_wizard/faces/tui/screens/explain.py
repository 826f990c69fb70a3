"""A command explained word by word: the word in reverse, its meaning below."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import ClassVar

from textual.binding import Binding, BindingType
from textual.containers import VerticalScroll
from textual.widget import Widget

from gpu_wizard.faces.tui.drawing.command import command_words
from gpu_wizard.faces.tui.look import BODY, HEADING, MUTED, STRONG, Line, Part
from gpu_wizard.faces.tui.order import number_of
from gpu_wizard.faces.tui.screens.wizard_screen import BACK, HELP, QUIT, WizardScreen
from gpu_wizard.faces.tui.ui import Ui
from gpu_wizard.faces.tui.widgets.bars import Hint
from gpu_wizard.faces.tui.widgets.drawn import Drawn
from gpu_wizard.knowledge.words import explain_command
from gpu_wizard.model.action import Run


@dataclass(frozen=True)
class _Word:
    text: str
    meaning: str


class ExplainScreen(WizardScreen):
    """The commands of the stage shown; ← → goes from word to word, ↑ ↓ from command to command."""

    CSS_PATH = "explain.tcss"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("left", "word(-1)", show=False),
        Binding("right", "word(1)", show=False),
        Binding("up,k,л", "command(-1)", show=False),
        Binding("down,j,о", "command(1)", show=False),
    ]

    def __init__(self, ui: Ui) -> None:
        """The first command that there is."""
        super().__init__(ui)
        self._command = 0
        self._word = 0

    def body(self) -> Iterator[Widget]:
        """The command above, what its words mean below."""
        with VerticalScroll(id="explain"):
            yield Drawn(self._drawn)

    def title_parts(self) -> tuple[list[Part], list[Part]]:
        """Whose commands these are."""
        words, stage = self.ui.words, self.ui.stage
        commands = self._commands()
        title = f"  {number_of(stage)} {words(f'title.{stage}')}"
        count = f"{self._command + 1} / {len(commands)}" if commands else ""
        return [(title, HEADING)], [(count, MUTED)]

    def hints(self) -> Sequence[Hint]:
        """The keys."""
        return (Hint("←→", "key.word"), Hint("↑↓", "key.steps"), BACK, HELP, QUIT)

    def _commands(self) -> list[tuple[str, Run]]:
        stage = self.ui.shown.stage(self.ui.stage)
        plan = stage.plan or tuple(one.step for one in stage.steps)
        return [(self.ui.words.step(s), s.action) for s in plan if isinstance(s.action, Run)]

    def _words(self, run: Run) -> list[_Word]:
        environment = [f"{key}={value}" for key, value in run.environment]
        argv = [
            *(["sudo"] if run.root else []),
            *(["env", *environment] if environment else []),
            *run.argv,
        ]
        explained = explain_command(argv, self.ui.words.language)
        return [_Word(word.text, word.meaning) for word in explained]

    def _drawn(self, width: int) -> list[Line]:
        look, commands = self.ui.look, self._commands()
        if not commands:
            return look.wrapped(self.ui.words("explain.nothing"), width, MUTED)
        title, run = commands[self._command]
        words = self._words(run)
        self._word = max(0, min(len(words) - 1, self._word))
        lines = [*look.wrapped(title, width, STRONG), look.line("")]
        lines += self._command_lines(run, words, width)
        lines.append(look.line(""))
        chosen = words[self._word]
        lines += look.wrapped(chosen.text, width, HEADING)
        meaning = chosen.meaning or self.ui.words("explain.untold")
        lines += [*look.wrapped(meaning, width, BODY), look.line("")]
        for word in words:
            if word.meaning and word is not chosen:
                lines += look.wrapped(f"{word.text}  {word.meaning}", width, MUTED, "    ", "  ")
        return lines

    def _command_lines(self, run: Run, words: list[_Word], width: int) -> list[Line]:
        """The command as it is, the chosen word in reverse."""
        look = self.ui.look
        command = " ".join(command_words(run))
        start, end = _places(command, words)[self._word]
        shown = look.line(
            (command[:start], BODY),
            (command[start:end], f"{STRONG} reverse"),
            (command[end:], BODY),
        )
        rows = shown.wrap(max(8, width - 2))
        return [look.line(("$ " if n == 0 else "  ", MUTED)) + row for n, row in enumerate(rows)]

    async def action_word(self, by: int) -> None:
        """The next word."""
        self._word = max(0, self._word + by)
        await self.paint()

    async def action_command(self, by: int) -> None:
        """The next command."""
        commands = self._commands()
        self._command = max(0, min(len(commands) - 1, self._command + by))
        self._word = 0
        self.query_one(VerticalScroll).scroll_home(animate=False)
        await self.paint()


def _places(command: str, words: list[_Word]) -> list[tuple[int, int]]:
    """Where each word stands in the command; a part that does not stand there by itself is where the one before is."""
    places: list[tuple[int, int]] = []
    at, last = 0, (0, 0)
    for word in words:
        found = command.find(word.text, at)
        if found >= 0 and word.text:
            last = (found, found + len(word.text))
            at = last[1]
        places.append(last)
    return places
