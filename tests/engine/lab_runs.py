"""Runs of the engine on the practice lab, over real SSH and HTTPS, with what a face was shown."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from gpu_wizard.cli.auto import new_run_id, target
from gpu_wizard.cli.edges import Edges
from gpu_wizard.cluster.api import KubeCluster
from gpu_wizard.engine.setup import Course, run_setup
from gpu_wizard.faces.headless import Headless
from gpu_wizard.faces.jsonlines import as_json
from gpu_wizard.host.local import local_host
from gpu_wizard.host.ssh import SshHost, connect
from gpu_wizard.host.target import SshOptions, SshTarget
from gpu_wizard.journal.journal import FileJournal
from gpu_wizard.journal.recording import read_setup
from gpu_wizard.model.events import Event, NodeFinished, SetupFinished, StageFinished, StepFinished
from gpu_wizard.model.ports import Cluster, Host
from gpu_wizard.model.stage import Question
from gpu_wizard.stages import PROOF, STAGES


class Watcher(Headless):
    """A headless face that keeps what it was shown; questions are answered from `answers`."""

    def __init__(self, answers: dict[str, str] | None = None) -> None:
        super().__init__()
        self.events: list[Event] = []
        self.answers = answers or {}

    async def show(self, event: Event) -> None:
        self.events.append(event)

    async def choose(self, question: Question) -> str | None:
        return self.answers.get(question.id) or await super().choose(question)

    def of(self, kind: type[Any]) -> list[Any]:
        return [event for event in self.events if isinstance(event, kind)]

    def states(self) -> dict[str, str]:
        finished: list[NodeFinished] = self.of(NodeFinished)
        return dict(finished[-1].states)

    def codes(self) -> dict[str, str]:
        """Stage → the code that it ended with in this run."""
        finished: list[StageFinished] = self.of(StageFinished)
        return {event.stage: event.assessment.code for event in finished}

    def steps(self) -> list[str]:
        done: list[StepFinished] = self.of(StepFinished)
        return [event.step for event in done if event.outcome == "done"]


@dataclass
class Counter:
    """What a run asked of its hosts: one entry an exchange, its questions counted."""

    hosts: dict[str, list[SshHost]] = field(default_factory=dict)
    exchanges: dict[str, int] = field(default_factory=dict)

    def edges(self) -> Edges[Host, Cluster]:
        async def counted(where: SshTarget, options: SshOptions) -> SshHost:
            host = await connect(where, options)
            return _counting(host, self)

        return Edges(counted, local_host, KubeCluster)


def _counting(host: SshHost, counter: Counter) -> SshHost:
    ask = host.ask

    async def asked(asks: Sequence[Any]) -> list[Any]:
        counter.exchanges[host.name] = counter.exchanges.get(host.name, 0) + 1
        return list(await ask(asks))

    host.ask = asked  # type: ignore[method-assign]  # counts, and asks all the same
    counter.hosts.setdefault(host.name, []).append(host)
    return host


@dataclass
class Run:
    """A finished run."""

    finished: SetupFinished
    face: Watcher
    folder: Path
    counter: Counter

    def journal(self) -> list[dict[str, Any]]:
        lines = (self.folder / "journal.jsonl").read_text().splitlines()
        return [json.loads(line) for line in lines]

    def everything_written(self) -> str:
        """Every event as JSON, and every file of the run folder."""
        shown = json.dumps(
            [as_json(event) for event in self.face.events if dataclasses.is_dataclass(event)]
        )
        files = [path.read_text() for path in self.folder.iterdir()]
        return "\n".join([shown, *files])


async def run_on(
    setup_file: Path,
    folder: Path,
    *,
    face: Watcher | None = None,
    plan: bool = False,
    prove: bool = False,
    keep_going: bool = False,
) -> Run:
    """Run a setup file as `--auto` does, in this loop."""
    face = face or Watcher()
    setup, run_id, counter = read_setup(setup_file), new_run_id(), Counter()
    journal = FileJournal(folder / run_id)
    course = Course(STAGES, PROOF, plan, keep_going, prove)
    targets = [target(setup, node, run_id, counter.edges()) for node in setup.nodes]
    finished = await run_setup(targets, course, face, journal, str(folder / run_id))
    journal.close()
    return Run(finished, face, folder / run_id, counter)
