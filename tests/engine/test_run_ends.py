"""However a run ends, it says so: each node once, the run once, with what was changed until then."""

from __future__ import annotations

import asyncio
import contextlib
from pathlib import Path
from typing import NoReturn

import pytest

from gpu_wizard.engine.setup import Course, Target, run_setup
from gpu_wizard.journal.journal import FileJournal
from gpu_wizard.lab.serve import Lab
from gpu_wizard.model.events import (
    ConnectionLost,
    Event,
    NodeFinished,
    PlanMade,
    SetupFinished,
    StageAssessed,
    StepFinished,
    StepStarted,
)
from gpu_wizard.model.ports import Node
from gpu_wizard.model.spec import Spec
from gpu_wizard.stages import PROOF, STAGES
from tests.engine.lab_runs import Run, Watcher, run_on
from tests.engine.test_faults_on_the_lab import CONFIG, TOKEN, At, lab

_DESCRIPTORS = Path("/proc/self/fd")
"""Of this process, in which both the program and the lab run."""


def ends(face: Watcher) -> list[tuple[str, str | None, str]]:
    """The last events of all nodes and of the run: type, node, outcome."""
    return [
        (type(event).__name__, event.node, event.outcome)
        for event in face.events
        if isinstance(event, NodeFinished | SetupFinished)
    ]


async def connecting(running: Lab, tmp_path: Path, face: Watcher, **options: bool) -> Run:
    return await run_on(running.directory / "setup.toml", tmp_path / "runs", face=face, **options)


async def test_a_bug_ends_node_and_run_before_it_is_reported(tmp_path: Path) -> None:
    async def broken() -> tuple[Spec, Node]:
        raise LookupError("a bug")

    face, journal = Watcher(), FileJournal(tmp_path / "run")
    with pytest.raises(LookupError):
        await run_setup([Target(Spec("gpu1"), broken)], Course(STAGES, PROOF), face, journal)
    journal.close()
    assert ends(face) == [("NodeFinished", "gpu1", "failed"), ("SetupFinished", None, "failed")]


async def test_a_stop_before_a_node_begins_leaves_it_alone(tmp_path: Path) -> None:
    async def never() -> NoReturn:
        raise AssertionError("connected")

    face, journal = Watcher(), FileJournal(tmp_path / "run")
    face.request_stop()
    await run_setup([Target(Spec("gpu1"), never)], Course(STAGES, PROOF), face, journal)
    journal.close()
    assert ends(face) == [("SetupFinished", None, "stopped")]


def _is_socket(descriptor: Path) -> bool:
    with contextlib.suppress(OSError):
        return descriptor.is_socket()
    return False


async def test_a_node_that_lacks_a_secret_leaves_no_connection_open(tmp_path: Path) -> None:
    def sockets() -> int:
        # The lab's shells, in this process too, open pollers of their own when they like.
        return sum(_is_socket(one) for one in _DESCRIPTORS.iterdir())

    async with lab("done", tmp_path) as running:
        text = (running.directory / "setup.toml").read_text()
        text += '\n[stages.join]\ntoken = {from = "env", name = "GPU_WIZARD_NOT_SET"}\n'
        (tmp_path / "setup.toml").write_text(text)
        before = sockets()
        run = await run_on(tmp_path / "setup.toml", tmp_path / "runs")
        async with asyncio.timeout(20):
            while sockets() > before:
                await asyncio.sleep(0.05)
    (finished,) = run.face.of(NodeFinished)
    assert finished.error.code == "variable-missing"


async def test_an_abandoned_run_tells_its_node_and_its_changes(tmp_path: Path) -> None:
    async with lab("not-restarted", tmp_path) as running:
        face = At("device-plugin.apply", StepFinished)
        work = asyncio.create_task(connecting(running, tmp_path, face))
        await asyncio.wait_for(face.reached.wait(), 60)
        work.cancel()
        run = await work
    assert ends(face) == [("NodeFinished", "gpu1", "stopped"), ("SetupFinished", None, "stopped")]
    assert run.finished.changes == 2
    assert run.face.states()["runtime"] == "done"


async def test_a_stop_also_ends_a_plan(tmp_path: Path) -> None:
    class Stopping(Watcher):
        async def show(self, event: Event) -> None:
            await super().show(event)
            if isinstance(event, StageAssessed):
                self.request_stop()

    async with lab("done", tmp_path) as running:
        run = await connecting(running, tmp_path, Stopping(), plan=True)
    assert (run.finished.outcome, run.face.of(PlanMade)) == ("stopped", [])


async def test_what_cannot_be_taken_back_does_not_keep_the_rest(tmp_path: Path) -> None:
    class Meddling(Watcher):
        async def show(self, event: Event) -> None:
            await super().show(event)
            if isinstance(event, StepFinished) and event.step == "join.start":
                gpu.files.write(CONFIG, b"# mine now\n")

    async with lab("wrong-token", tmp_path) as running:
        gpu = running.world.machines["gpu1"]
        run = await connecting(running, tmp_path, Meddling())
        assert gpu.files.read(CONFIG) == b"# mine now\n"
        assert not gpu.files.exists(TOKEN)
    failed = [event for event in run.face.of(StepFinished) if event.outcome == "failed"]
    assert [(event.step, event.error.code) for event in failed] == [("join.config", "file-changed")]
    records = run.journal()
    begun = {record["entry"] for record in records if record["record"] == "begin"}
    assert begun == {record["entry"] for record in records if record["record"] == "end"}


async def test_an_api_that_goes_away_is_waited_for_and_no_host_is_called_lost(
    tmp_path: Path,
) -> None:
    async with lab("not-restarted", tmp_path) as running:
        assert running.api is not None
        cluster = running.api.cluster

        class Cutting(Watcher):
            async def show(self, event: Event) -> None:
                await super().show(event)
                is_labelling = isinstance(event, StepStarted) and event.step.id == "labels.apply"
                if is_labelling and "labels.apply" not in [e.step for e in self.of(StepFinished)]:
                    cluster.set_available(False, "maintenance")
                    asyncio.get_running_loop().call_later(1.0, cluster.set_available, True)

        run = await connecting(running, tmp_path, Cutting())
    assert run.finished.outcome == "done", run.face.codes()
    assert run.face.of(ConnectionLost) == []
    outcomes = [e.outcome for e in run.face.of(StepFinished) if e.step == "labels.apply"]
    assert outcomes == ["failed", "done"]
