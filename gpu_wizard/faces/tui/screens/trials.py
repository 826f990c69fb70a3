"""What is named on the first screen is tried at once; its row says how it went."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from textual.widgets import Input

from gpu_wizard.faces.exchanged import Tested
from gpu_wizard.faces.machines import Machine, named_in
from gpu_wizard.faces.tui.drawing.starting import shown_name, trouble_text
from gpu_wizard.faces.tui.widgets.buttons import ButtonRow
from gpu_wizard.model.errors import WizardError

if TYPE_CHECKING:
    from gpu_wizard.faces.exchanged import Asker
    from gpu_wizard.faces.tui.screens.start import StartScreen
    from gpu_wizard.model.setup_file import SetupFile


async def host(screen: StartScreen, name: str, target: str) -> None:
    """Log in to a machine, and look at it briefly."""
    from gpu_wizard.model.setup_file import HostEntry

    asker: Asker = screen.app.asker  # type: ignore[attr-defined]  # our own app
    await screen.paint()
    field, ui = screen.fields[name], screen.ui
    try:
        field.tested = await ui.services.test(HostEntry(target), asker)
    except WizardError as error:
        field.trouble = trouble_text(error, ui.words.language)
    field.testing = False
    await screen.paint()


def refill(screen: StartScreen, setup: SetupFile) -> None:
    """The machines of an earlier run into the fields, each tried anew."""
    named = named_in(setup)
    for name, machine in zip(("gpu", "control"), named or (), strict=False):
        screen.fields[name] = machine
        match machine.kind:
            case "same":
                machine.tested = Tested("")
            case "kubeconfig":
                machine.testing = True
                screen.run_worker(_api(screen, machine), group="kubeconfig", exclusive=True)
            case _:
                machine.testing = True
                work = host(screen, name, machine.host)
                screen.run_worker(work, group=f"test-{name}", exclusive=True)
        shown = shown_name(machine, screen.ui.words)
        screen.query_one(f"#field-{name}", Input).value = shown
    screen.query_one(ButtonRow).focus_on()


async def _api(screen: StartScreen, field: Machine) -> None:
    """Whether the API of a kubeconfig answers."""
    from gpu_wizard.model.setup_file import ClusterEntry

    try:
        field.tested = await screen.ui.services.test_api(ClusterEntry(field.host, field.context))
    except WizardError as error:
        field.trouble = trouble_text(error, screen.ui.words.language)
    field.testing = False
    await screen.paint()


async def kubeconfig(screen: StartScreen) -> None:
    """A file, one of its contexts where it has several, and whether the API answers."""
    from gpu_wizard.faces.tui.asking import ask_context, ask_kubeconfig
    from gpu_wizard.model.setup_file import ClusterEntry

    ui = screen.ui
    path = await ask_kubeconfig(screen.app, ui)
    if not path:
        return
    field = screen.fields["control"] = Machine(path, "kubeconfig", testing=True)
    screen.query_one("#field-control", Input).value = path
    screen.query_one(ButtonRow).focus_on()
    await screen.paint()
    try:
        names = await asyncio.to_thread(ui.services.contexts, path)
        if len(names) > 1:
            field.context = await ask_context(screen.app, ui, names)
        field.tested = await ui.services.test_api(ClusterEntry(path, field.context))
    except WizardError as error:
        field.trouble = trouble_text(error, ui.words.language)
    field.testing = False
    await screen.paint()
