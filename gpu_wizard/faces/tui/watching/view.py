"""What every read-only screen has at hand."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from textual.message import Message

from gpu_wizard.faces.tui.drawing.pen import Pen
from gpu_wizard.faces.tui.look import Look
from gpu_wizard.faces.words import Words


@dataclass
class View:
    """How things are shown to this person."""

    look: Look
    words: Words
    now: Callable[[], datetime]

    def pen(self, width: int) -> Pen:
        """What drawings of this width need."""
        return Pen(self.look, self.words, width, self.now())


class ValuesCame(Message):
    """What is shown may read otherwise by now; it is painted when the program next does."""
