"""Screens by their names; each is imported when it is first wanted, so that the first frame comes early."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from gpu_wizard.faces.tui.screens.wizard_screen import WizardScreen
    from gpu_wizard.faces.tui.ui import Ui


def make_screen(name: str, ui: Ui, stages: tuple[str, ...] = ()) -> WizardScreen:
    """A new screen. Raises: KeyError: there is none of this name."""
    match name:
        case "start":
            from gpu_wizard.faces.tui.screens.start import StartScreen

            return StartScreen(ui)
        case "stages":
            from gpu_wizard.faces.tui.screens.stages import StagesScreen

            return StagesScreen(ui)
        case "plan":
            from gpu_wizard.faces.tui.screens.plan import PlanScreen

            return PlanScreen(ui, stages)
        case "output":
            from gpu_wizard.faces.tui.screens.output import OutputScreen

            return OutputScreen(ui)
        case _:
            return _later(name, ui)


def _later(name: str, ui: Ui) -> WizardScreen:
    match name:
        case "explain":
            return _commands_of(ui)
        case "config":
            from gpu_wizard.faces.tui.screens.config import ConfigScreen

            return ConfigScreen(ui)
        case "gpu":
            from gpu_wizard.faces.tui.screens.gpu import GpuScreen

            return GpuScreen(ui)
        case "trouble":
            from gpu_wizard.faces.tui.screens.trouble import TroubleScreen

            return TroubleScreen(ui)
        case "bundle":
            from gpu_wizard.faces.tui.screens.bundle import BundleScreen

            return BundleScreen(ui)
        case "finish":
            from gpu_wizard.faces.tui.screens.finish import FinishScreen

            return FinishScreen(ui)
    raise KeyError(name)


def _commands_of(ui: Ui) -> WizardScreen:
    """The commands of the stage shown, explained; where nothing is to be done, those that look at it."""
    from gpu_wizard.faces.tui.drawing.explained import commands, looking
    from gpu_wizard.faces.tui.order import number_of
    from gpu_wizard.faces.tui.screens.explain import ExplainScreen

    stage = ui.stage
    return ExplainScreen(
        ui,
        lambda: f"{number_of(stage)} {ui.words(f'title.{stage}')}",
        lambda: commands(ui.shown.stage(stage), ui.words) or looking(stage, ui.words),
    )
