"""A passage explained word by word: the word in reverse, its meaning below."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import ClassVar

from textual.binding import Binding, BindingType
from textual.containers import VerticalScroll
from textual.widget import Widget

from gpu_wizard.faces.tui.drawing.explained import Passage
from gpu_wizard.faces.tui.look import BODY, HEADING, MUTED, STRONG, Line, Part
from gpu_wizard.faces.tui.screens.wizard_screen import BACK, HELP, QUIT, WizardScreen
from gpu_wizard.faces.tui.ui import Ui
from gpu_wizard.faces.tui.widgets.bars import Hint
from gpu_wizard.faces.tui.widgets.drawn import Drawn

Passages = Callable[[], Sequence[Passage]]
"""Made anew for every drawing: the language may have changed."""


class ExplainScreen(WizardScreen):
    """Commands, keys or lines of output; ← → goes from word to word, ↑ ↓ from one to the next."""

    CSS_PATH = "explain.tcss"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("left", "word(-1)", "does.word", show=False),
        Binding("right", "word(1)", "does.word", show=False),
        Binding("up,k,л", "passage(-1)", "does.passage", show=False),
        Binding("down,j,о", "passage(1)", "does.passage", show=False),
        Binding("pageup", "page(-1)", "does.page", show=False),
        Binding("pagedown", "page(1)", "does.page", show=False),
    ]

    def __init__(self, ui: Ui, title: Callable[[], str], passages: Passages) -> None:
        """`title`: whose words these are. Begins with the first passage."""
        super().__init__(ui)
        self._about, self._passages = title, passages
        self._at = 0
        self._word = 0

    def body(self) -> Iterator[Widget]:
        """The passage above, what its words mean below."""
        with VerticalScroll(id="explain", can_focus=False):
            yield Drawn(self._drawn)

    def title_parts(self) -> tuple[list[Part], list[Part]]:
        """Whose words these are."""
        passages = self._passages()
        count = f"{self._at + 1} / {len(passages)}" if passages else ""
        return [(f"  {self._about()}", HEADING)], [(count, MUTED)]

    def hints(self) -> Sequence[Hint]:
        """The keys."""
        return (Hint("←→", "key.word"), Hint("↑↓", "key.passage"), BACK, HELP, QUIT)

    def _drawn(self, width: int) -> list[Line]:
        look, passages = self.ui.look, self._passages()
        if not passages:
            return look.wrapped(self.ui.words("explain.nothing"), width, MUTED)
        passage = passages[self._at]
        self._word = max(0, min(len(passage.words) - 1, self._word))
        lines = look.wrapped(passage.title, width, STRONG) if passage.title else []
        lines += [look.line("")] if passage.title else []
        lines += [*self._passage_lines(passage, width), look.line("")]
        chosen = passage.words[self._word]
        lines += look.wrapped(chosen.text, width, HEADING)
        meaning = chosen.meaning or self.ui.words("explain.untold")
        lines += [*look.wrapped(meaning, width, BODY), look.line("")]
        for word in passage.words:
            if word.meaning and word is not chosen:
                lines += look.wrapped(f"{word.text}  {word.meaning}", width, MUTED, "    ", "  ")
        return lines

    def _passage_lines(self, passage: Passage, width: int) -> list[Line]:
        """The passage as it is, the chosen word in reverse."""
        look, text = self.ui.look, passage.text
        start, end, *_ = passage.words[self._word]
        shown = look.line(
            (text[:start], BODY), (text[start:end], f"{STRONG} reverse"), (text[end:], BODY)
        )
        lead = passage.lead
        rows = shown.wrap(max(8, width - len(lead)))
        indent = " " * len(lead)
        return [look.line((lead if n == 0 else indent, MUTED)) + row for n, row in enumerate(rows)]

    async def action_word(self, by: int) -> None:
        """The next word."""
        self._word = max(0, self._word + by)
        await self.paint()

    async def action_passage(self, by: int) -> None:
        """The next passage."""
        self._at = max(0, min(len(self._passages()) - 1, self._at + by))
        self._word = 0
        self.query_one(VerticalScroll).scroll_home(animate=False)
        await self.paint()

    def action_page(self, by: int) -> None:
        """What does not fit, a page on."""
        pane = self.query_one(VerticalScroll)
        pane.scroll_relative(y=by * max(1, pane.size.height - 1), animate=False)
