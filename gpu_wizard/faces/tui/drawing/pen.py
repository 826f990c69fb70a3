"""What every drawing needs."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from gpu_wizard.faces.tui.look import Look
    from gpu_wizard.faces.words import Words


class Pen(NamedTuple):
    """What every drawing needs: look, words, width, and the time that ages are counted from."""

    look: Look
    words: Words
    width: int
    now: datetime
