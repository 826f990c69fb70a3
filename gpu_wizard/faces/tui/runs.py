"""Runs of the engine under the screens: one at a time, begun, gone on with, abandoned."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING

from textual.worker import Worker, WorkerCancelled, WorkerFailed

from gpu_wizard.faces.tui.look import ERROR
from gpu_wizard.faces.tui.screens.catalogue import make_screen
from gpu_wizard.faces.tui.ui import RunWanted
from gpu_wizard.model.errors import WizardError

if TYPE_CHECKING:
    from gpu_wizard.faces.exchanged import RunRequest
    from gpu_wizard.faces.tui.app import WizardApp
    from gpu_wizard.faces.tui.asked import Asked


class Runs:
    """The run in hand, and how another one begins."""

    def __init__(self, app: WizardApp) -> None:
        """`app`: whose worker it is, and who shows it."""
        self._app, self._ui = app, app.ui
        self._worker: Worker[None] | None = None
        self._request: RunRequest | None = None

    @property
    def in_hand(self) -> bool:
        """Whether a run that changes something, or looks, goes on."""
        return self._worker is not None and self._worker.is_running

    def abandon(self) -> None:
        """Break off the action in hand."""
        if self._worker is not None:
            self._worker.cancel()

    def end(self) -> None:
        """Stop the run in hand after its step, then leave the program; told twice, abandon the run."""
        if self._app.ending:
            self.abandon()
            return
        self._app.ending = True
        self._ui.control.request_stop()
        self._app.run_worker(self._leave(), group="end")

    async def _leave(self) -> None:
        from gpu_wizard.faces.tui import asking

        asking.withdraw(self._app)
        if self._worker is not None:
            with suppress(WorkerFailed, WorkerCancelled):
                await self._worker.wait()
        self._app.exit()

    def begin(self, wanted: RunWanted) -> None:
        """Start a run, unless one is going on; one that waits for the person makes way for it."""
        from gpu_wizard.faces.exchanged import RunRequest

        ui = self._ui
        if ui.control.waiting is not None and not wanted.plan:
            self._go_on(ui.control.waiting.asked)
            return
        if ui.busy or ui.setup is None or self.in_hand or self._app.ending:
            self._app.say(ui.words("line.busy"))
            return
        ui.notice = ("", "")
        ui.control.stopping = False
        ui.follow = ui.follow or not wanted.plan
        self._request = RunRequest(ui.setup, wanted.stages, wanted.plan, wanted.prove)
        work = self._carry_out(self._request)
        self._worker = self._app.run_worker(work, group="run", exit_on_error=True)

    def _go_on(self, asked: Asked) -> None:
        """A stage failed, and all that remains is wanted: the run goes on where it can, else another one begins."""
        ui = self._ui
        whole = self._request is not None and not self._request.stages
        if whole and (asked.node, asked.stage) == (ui.node, ui.remaining()[0]):
            ui.control.answer("retry")
            return

        async def anew(failed: Worker[None] | None) -> None:
            ui.control.answer("stop")
            if failed is not None:
                await failed.wait()
            self.begin(RunWanted())

        self._app.run_worker(anew(self._worker), group="anew")

    async def _carry_out(self, request: RunRequest) -> None:
        app, ui = self._app, self._ui
        try:
            finished = await ui.services.run(request, ui.control, app.asker)
        except WizardError as error:
            app.say(ui.words.trouble(error), ERROR)
            return
        for node in ui.control.progress.nodes.values():
            if node.finished is not None and node.finished.error is not None:
                app.say(f"{node.name}: {ui.words.trouble(node.finished.error)}", ERROR)
        if finished.outcome == "done" and not finished.plan and not request.stages:
            self._finished_well()

    def _finished_well(self) -> None:
        """The evidence is shown by itself where the person was watching."""
        if self._ui.follow and self._app.screen.name == "stages":
            self._app.push_screen(make_screen("finish", self._ui))
