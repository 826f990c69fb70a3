"""The wizard over recorded events: no engine, no clock, no network."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from io import StringIO
from pathlib import Path
from typing import Any

from rich.console import Console
from textual.app import App
from textual.pilot import Pilot

from gpu_wizard.faces.exchanged import (
    Asker,
    Bundle,
    Candidate,
    Recent,
    RunRequest,
    Tested,
    Unfinished,
)
from gpu_wizard.faces.tui.app import WizardApp
from gpu_wizard.faces.tui.look import Look
from gpu_wizard.faces.tui.services import Services
from gpu_wizard.knowledge.texts import Language
from gpu_wizard.model.events import Event, SetupFinished
from gpu_wizard.model.ports import Face
from gpu_wizard.model.setup_file import ClusterEntry, HostEntry, NodeEntry, SetupFile

SETUP = SetupFile(
    nodes=(NodeEntry("gpu1", HostEntry("anna@10.20.0.21")),),
    control_plane=HostEntry("anna@10.20.0.10"),
    cluster=ClusterEntry(server="https://10.20.0.10:6443"),
)


async def _never(_request: RunRequest, _face: Face, _asker: Asker) -> SetupFinished:
    raise AssertionError("nothing runs over recorded events")


async def _tested(_entry: HostEntry, _asker: Asker) -> Tested:
    return Tested("Debian 13", "RTX A6000", "agent")


async def _never_asked(_entry: ClusterEntry) -> Tested:
    return Tested("Kubernetes v1.34.3+k3s1", role="api")


def _save(_content: SetupFile | str | Bundle, _path: Path) -> None:
    pass


def services(**more: Any) -> Services:
    """Services that answer without the world."""
    given: dict[str, Any] = {
        "run": _never,
        "test": _tested,
        "contexts": lambda _path: ("default",),
        "test_api": _never_asked,
        "candidates": lambda: (
            Candidate("gpu-node-1", "~/.ssh/config", "192.168.20.225"),
            Candidate("k3s-1", "~/.ssh/config", "192.168.20.221"),
        ),
        "unfinished": tuple[Unfinished, ...],
        "recent": tuple[Recent, ...],
        "save_setup": _save,
        "save_text": _save,
        "bundle": lambda _language, told: Bundle(told, 3, "bundle.tar.gz"),
        "save_bundle": _save,
        **more,
    }
    return Services(**given)


def recorded_app(
    events: Sequence[Event],
    *,
    language: Language = "en",
    ascii_only: bool = False,
    setup: SetupFile | None = SETUP,
    now: datetime | None = None,
    plain: bool = False,
    calm: bool = False,
    **more: Any,
) -> WizardApp:
    """The wizard as it stands after these events, some seconds later."""
    last = events[-1].at if events else datetime.fromisoformat("2026-11-26T14:03:20+00:00")
    app = WizardApp(
        services(**more),
        setup=setup,
        language=language,
        look=Look(ascii_only=ascii_only),
        now=lambda: now or last,
        look_at_once=False,
        plain=plain,
        calm=calm,
    )
    for event in events:
        app.ui.control.progress = app.ui.control.progress.fold(event)
        if event.node is not None:
            app.ui.control._log(event.node, event)
    return app


def as_text(app: App[int]) -> str:
    """The screen as a person sees it, without colours; dialogs over what is behind them."""
    width, height = app.size
    console = Console(
        width=width, height=height, file=StringIO(), force_terminal=True, color_system="truecolor", record=True, legacy_windows=False, safe_box=False
    )  # fmt: skip
    update = app.screen._compositor.render_update(
        full=True, screen_stack=app._background_screens, simplify=True
    )
    console.print(update)
    rows = console.export_text(styles=False).split("\n")
    return "\n".join(row.rstrip() for row in rows[:height]) + "\n"


async def settle(pilot: Pilot[int]) -> None:
    """Until all that was asked for is drawn."""
    await pilot.pause()
    await pilot.app.workers.wait_for_complete()
    if isinstance(pilot.app, WizardApp):
        await pilot.app.paint()
    await pilot.pause()
