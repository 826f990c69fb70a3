"""Questions to the person, as dialogs over whatever screen is shown."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from textual.app import App

from gpu_wizard.faces.exchanged import ShownKey
from gpu_wizard.faces.tui.asked import Asked
from gpu_wizard.faces.tui.live_keys import live_keys
from gpu_wizard.faces.tui.look import ERROR
from gpu_wizard.faces.tui.screens.dialogs import Dialog, EntryDialog, Said, plain
from gpu_wizard.faces.tui.screens.too_small import TooSmall
from gpu_wizard.faces.tui.screens.wizard_screen import WizardScreen
from gpu_wizard.faces.tui.ui import Ui
from gpu_wizard.faces.tui.widgets.buttons import Action
from gpu_wizard.model.errors import WizardError
from gpu_wizard.model.secret import RememberedSecrets, Secret, SecretSource
from gpu_wizard.model.setup_file import HostEntry, SetupFile

if TYPE_CHECKING:
    from gpu_wizard.faces.tui.app import WizardApp

_PURPOSE = re.compile(r"(?P<what>SSH password of|sudo password on|K3s join token for) (?P<who>.+)")
_KINDS = {"SSH password of": "login", "sudo password on": "sudo", "K3s join token for": "token"}


async def ask(app: App[Any], dialog: Dialog) -> str:
    """Show a dialog and wait for its end; callable from any task."""
    answer: asyncio.Future[str] = asyncio.get_running_loop().create_future()

    def ended(result: str | None) -> None:
        if not answer.done():
            answer.set_result(result or "")

    await app.push_screen(dialog, ended)
    return await answer


async def _ask_in_run(app: WizardApp, make: Callable[[], Dialog]) -> str:
    """As `ask`; "" where the program is about to end, and nobody is asked any more."""
    return "" if app.ending else await ask(app, make())


def withdraw(app: App[Any]) -> None:
    """Close the dialogs, with no answer."""
    while isinstance(app.screen, Dialog | TooSmall):
        app.screen.dismiss()


async def put(app: WizardApp, asked: Asked) -> str:
    """A question of the engine; ends with an option's id."""
    from gpu_wizard.faces.tui.drawing import questions

    ui = app.ui
    make = questions.approval if asked.question.id == "approve" else questions.question
    return await _ask_in_run(app, lambda: make(ui, asked)) or "stop"


async def ask_kubeconfig(app: App[Any], ui: Ui) -> str:
    """The path of a kubeconfig; "" where the person has none to name."""

    def say() -> Said:
        text = plain(ui, ui.words("start.kubeconfig-text"))
        return Said(ui.words("start.kubeconfig"), text, _actions(ui, "button.ok"))

    dialog = EntryDialog(say, secret=False, text="~/.kube/config")
    return dialog.typed if await ask(app, dialog) == "ok" else ""


async def ask_context(app: App[Any], ui: Ui, names: Sequence[str]) -> str:
    """One of a kubeconfig's contexts, the first by itself; "" where the person would rather not."""

    def say() -> Said:
        text = plain(ui, ui.words("start.context-text"), *(f"  {name}" for name in names))
        return Said(ui.words("start.context"), text, _actions(ui, "button.ok"))

    dialog = EntryDialog(say, secret=False, text=names[0])
    return dialog.typed if await ask(app, dialog) == "ok" else ""


async def save(app: WizardApp) -> None:
    """Ask where to, and write the setup file."""
    ui = app.ui
    if ui.setup is None:
        return
    chosen = {**ui.setup.choices, **ui.control.choices}
    setup = app.asker.recorded(replace(ui.setup, choices=chosen))
    name = f"{ui.node or 'setup'}.toml"
    path = await ask_path(app, ui, "save.title", "save.text", name)
    if not path:
        return
    try:
        ui.services.save_setup(setup, Path(path))
    except WizardError as error:
        app.say(ui.words("line.not-saved", reason=ui.words.trouble(error)), ERROR)
        return
    ui.saved_to = path
    app.say(ui.words("line.saved", path=path))


async def ask_path(app: App[Any], ui: Ui, title: str, text: str, name: str) -> str:
    """Where to write a file, its `~` expanded; "" where the person would rather not. `title`, `text`: codes of words."""

    def say() -> Said:
        return Said(ui.words(title), plain(ui, ui.words(text)), _actions(ui, "button.save"))

    dialog = EntryDialog(say, secret=False, text=name)
    if await ask(app, dialog) != "ok" or not dialog.typed:
        return ""
    return _expanded(dialog.typed)


def _actions(ui: Ui, take: str) -> list[Action]:
    """The button that takes what was typed, and the one that does not."""
    return [
        Action("ok", ui.words(take), "primary"),
        Action("cancel", ui.words("button.cancel")),
    ]


def _expanded(typed: str) -> str:
    return str(Path(typed).expanduser())


def leave(app: WizardApp) -> None:
    """Quit where nothing runs; else ask how to stop."""
    ui = app.ui
    if not app.runs.in_hand or not (ui.shown.running or ui.control.waiting):
        app.runs.abandon()
        app.exit(0)
        return

    from gpu_wizard.faces.tui.drawing import questions

    def ended(result: str | None) -> None:
        if result == "finish":
            ui.control.request_stop()
            app.say(ui.words("line.press-again"))
        elif result == "abandon":
            ui.control.stopping = True
            app.runs.abandon()

    app.push_screen(questions.stopping(ui), ended)


def show_help(app: WizardApp) -> None:
    """The keys of the screen at hand, from its live bindings."""
    from gpu_wizard.faces.tui.drawing import questions

    ui, screen = app.ui, app.screen
    if not isinstance(screen, WizardScreen):
        return
    text = questions.help_lines(ui, live_keys(screen, ui.words))

    def say() -> Said:
        title = ui.words("help.here", screen=ui.words(f"command.{screen.name}"))
        return Said(title, text, [Action("close", ui.words("button.close"), "primary")])

    app.push_screen(Dialog(say, escape="close"))


class ScreenAsker:
    """Asks in dialogs while a connection is made. Passwords are kept in memory, for this run of the program only."""

    def __init__(self, app: WizardApp) -> None:
        """`app`: whose screen the dialogs are shown on."""
        self._app = app
        self._given = RememberedSecrets(self._ask)

    def recorded(self, setup: SetupFile) -> SetupFile:
        """The same, with a prompt named as the source of each password that was asked for."""
        plane = setup.control_plane
        return replace(
            setup,
            control_plane=self._prompted(plane) if plane else None,
            nodes=tuple(replace(node, host=self._prompted(node.host)) for node in setup.nodes),
        )

    def _prompted(self, host: HostEntry) -> HostEntry:
        bare = re.sub(r"^.*@|:\d+$", "", host.host)
        prompt = SecretSource("prompt")
        for purpose in self._given.purposes:
            if not purpose.endswith(host.host) and not purpose.endswith(bare):
                continue
            if purpose.startswith("sudo") and host.sudo is None:
                host = replace(host, sudo=prompt)
            elif purpose.startswith("SSH") and host.password is None:
                host = replace(host, password=prompt)
        return host

    async def trust(self, key: ShownKey) -> bool:
        """Whether to remember a host key."""
        from gpu_wizard.faces.tui.drawing import questions

        app = self._app
        return await _ask_in_run(app, lambda: questions.host_key(app.ui, key)) == "trust"

    async def secret(self, purpose: str, refused: int = 0) -> Secret | None:
        """A password, kept for the next run; asked again where it was not accepted."""
        return await self._given(purpose, refused)

    async def _ask(self, purpose: str, refused: int = 0) -> Secret | None:
        dialog = self._entry(purpose, refused)
        if await _ask_in_run(self._app, lambda: dialog) != "ok" or not dialog.typed:
            return None
        return Secret(dialog.typed.encode())

    def _entry(self, purpose: str, refused: int) -> EntryDialog:
        ui = self._app.ui
        found = _PURPOSE.fullmatch(purpose)
        kind = _KINDS[found["what"]] if found else "login"
        who = found["who"] if found else purpose

        def say() -> Said:
            words = ui.words
            again = [words("password.again", n=refused)] if refused else []
            actions = [
                Action("ok", words("button.ok"), "primary"),
                Action("cancel", words(f"password.{kind}.without")),
            ]
            draw = plain(ui, words(f"password.{kind}.text", who=who), *again)
            return Said(words(f"password.{kind}.title", who=who), draw, actions)

        return EntryDialog(say, secret=True)
