"""Screens by their names."""

from __future__ import annotations

from gpu_wizard.faces.tui.screens.stages import StagesScreen
from gpu_wizard.faces.tui.screens.wizard_screen import WizardScreen
from gpu_wizard.faces.tui.ui import Ui


def make_screen(name: str, ui: Ui, stages: tuple[str, ...] = ()) -> WizardScreen:
    """A new screen; each is imported when it is first wanted, so that the first frame comes early."""
    match name:
        case _:
            return StagesScreen(ui)
