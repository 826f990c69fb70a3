"""What every screen has at hand, and what screens ask of the program."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING

from textual.message import Message

from gpu_wizard.faces.tui.drawing.pen import Pen
from gpu_wizard.faces.tui.order import ORDER, shown_state

if TYPE_CHECKING:
    from gpu_wizard.engine.progress import NodeProgress
    from gpu_wizard.faces.tui.control import Control
    from gpu_wizard.faces.tui.look import Look
    from gpu_wizard.faces.tui.services import Services
    from gpu_wizard.faces.words import Words
    from gpu_wizard.model.setup_file import SetupFile

TO_DO = ("needed", "waiting", "failed", "stopped", "unknown")


@dataclass
class Ui:
    """Shared by the screens of one program. `node`: the one shown; `setup`: what is being set up, once known.

    `every_seconds`: how often values are painted. `notice`: a line above the footer. `finding`: the id of the one that troubleshooting opens with. `follow`: the view goes with the run, until the person goes elsewhere.
    """

    look: Look
    words: Words
    now: Callable[[], datetime]
    services: Services
    control: Control
    setup: SetupFile | None = None
    node: str = ""
    stage: str = ORDER[0]
    notice: tuple[str, str] = ("", "")
    follow: bool = True
    plain_output: bool = False
    saved_to: str = ""
    every_seconds: float = 1.0
    finding: str = ""
    opened: set[str] = field(default_factory=set)

    def pen(self, width: int) -> Pen:
        """What drawings of this width need."""
        return Pen(self.look, self.words, width, self.now())

    def finding_title(self, signature: str) -> str:
        """What a finding is, in a few words."""
        from gpu_wizard.knowledge.diagnosis.catalogue import catalogue

        known = catalogue().by_id.get(signature)
        return known.texts[f"title_{self.words.language}"] if known else signature

    @property
    def shown(self) -> NodeProgress:
        """The node shown."""
        return self.control.progress.node(self.node)

    @property
    def skipped(self) -> set[str]:
        """The stages of the node shown that are left out."""
        return self.control.skipped.setdefault(self.node, set())

    @property
    def busy(self) -> bool:
        """Whether a run is going on."""
        return self.control.active

    def followed(self) -> str:
        """The stage to show: a view that nobody touched goes with the run, to the stage in hand or the one that asks."""
        progress = self.control.progress
        if not self.node or (self.follow and progress.active and progress.current):
            self.node = progress.current or self.node
        if not self.follow:
            return self.stage
        waiting, running = self.control.waiting, self.shown.running
        if waiting is not None:
            return waiting.asked.stage
        if running is not None:
            return running.id
        return self.stage if progress.active else (*self.remaining(), self.stage)[0]

    def remaining(self) -> tuple[str, ...]:
        """Stages of the node shown that a run would set up, the proof too where something is to be done."""
        states = {stage: shown_state(self.shown, stage, self.skipped) for stage in ORDER}
        open_stages = tuple(stage for stage in ORDER[:-1] if states[stage] in TO_DO)
        proof = ORDER[-1:] if open_stages or states[ORDER[-1]] in ("needed", "failed") else ()
        return open_stages + proof


class RunWanted(Message):
    """A run is to begin. `stages`: ids, empty for all; `plan`: look only."""

    def __init__(
        self, stages: tuple[str, ...] = (), *, plan: bool = False, prove: bool = False
    ) -> None:
        """`prove`: also where nothing is to be changed."""
        super().__init__()
        self.stages, self.plan, self.prove = stages, plan, prove


class ScreenWanted(Message):
    """Another screen is to be shown."""

    def __init__(self, name: str, stages: tuple[str, ...] = ()) -> None:
        """`stages`: what it is about, for the plan overview."""
        super().__init__()
        self.name, self.stages = name, stages


class SetupChosen(Message):
    """What is to be set up is known."""

    def __init__(self, setup: SetupFile) -> None:
        """`setup`: machines and options."""
        super().__init__()
        self.setup = setup


class FindingWanted(Message):
    """The person wants to know more of a finding."""

    def __init__(self, signature: str) -> None:
        """`signature`: its id."""
        super().__init__()
        self.signature = signature
