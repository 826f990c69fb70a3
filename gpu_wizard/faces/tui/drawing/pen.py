"""What every drawing needs."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from gpu_wizard.faces.tui.look import Look
from gpu_wizard.faces.tui.words import Words


@dataclass(frozen=True)
class Pen:
    """What every drawing needs: look, words, width, and the time that ages are counted from."""

    look: Look
    words: Words
    width: int
    now: datetime
