"""What goes wrong on the way: stops, cut connections, refusals. Nothing is left half-done."""

from __future__ import annotations

import asyncio
from pathlib import Path

import yaml

from gpu_wizard.facts.manifests import control_pod
from gpu_wizard.lab.machine import Machine
from gpu_wizard.lab.serve import Lab
from gpu_wizard.model.errors import AccessError, TrustError, UnreachableError
from gpu_wizard.model.events import (
    ConnectionLost,
    ConnectionRestored,
    Diagnosed,
    Event,
    NodeFinished,
    OutputReceived,
    SetupFinished,
    StageFinished,
    StageSettling,
    StepFinished,
    StepStarted,
)
from gpu_wizard.model.spec import Spec
from tests.engine.lab_runs import Run, Watcher, run_on

SPEED = 25.0
CONFIG = "/etc/rancher/k3s/config.yaml.d/50-gpu-wizard.yaml"
TOKEN = "/etc/rancher/k3s/gpu-wizard.token"


def lab(scenario: str, tmp_path: Path) -> Lab:
    folder = tmp_path / "lab"
    folder.mkdir()
    return Lab(scenario, folder, speed=SPEED)


class At(Watcher):
    """A face that does something when a step says its first word."""

    def __init__(self, step: str, kind: type[Event]) -> None:
        super().__init__()
        self.step, self.kind, self.reached = step, kind, asyncio.Event()

    async def show(self, event: Event) -> None:
        await super().show(event)
        step = getattr(event, "step", "")
        if isinstance(event, self.kind) and self.step in (step, getattr(step, "id", "")):
            self.reached.set()


async def test_a_stop_ends_after_the_step_in_hand_and_the_next_run_goes_on(tmp_path: Path) -> None:
    class Stopping(At):
        async def show(self, event: Event) -> None:
            await super().show(event)
            if self.reached.is_set():
                self.request_stop()

    async with lab("fresh", tmp_path) as running:
        face = Stopping("toolkit.source", StepStarted)
        run = await run_on(running.directory / "setup.toml", tmp_path / "runs", face=face)
        assert run.finished.outcome == "stopped"
        assert "toolkit.source" in run.face.steps()
        assert "toolkit.install" not in run.face.steps()
        assert [type(event) for event in run.face.events[-2:]] == [NodeFinished, SetupFinished]
        again = await run_on(running.directory / "setup.toml", tmp_path / "runs")
        assert again.finished.outcome == "done"
        assert "join.install" not in again.face.steps()


async def test_a_cut_connection_is_opened_again_and_the_node_is_asked(tmp_path: Path) -> None:
    async with lab("fresh", tmp_path) as running:
        face = At("toolkit.install", OutputReceived)
        work = asyncio.create_task(
            run_on(running.directory / "setup.toml", tmp_path / "runs", face=face)
        )
        await asyncio.wait_for(face.reached.wait(), 60)
        await running.ssh["gpu1"].stop()
        await asyncio.sleep(0.2)
        await running.ssh["gpu1"].start()
        run = await work
        assert run.finished.outcome == "done", run.face.codes()
        assert len(run.face.of(ConnectionLost)) == len(run.face.of(ConnectionRestored)) >= 1


async def run_until_control_is_back(
    running: Lab, tmp_path: Path, face: Watcher, cut: asyncio.Event
) -> Run:
    """A run whose face cuts the control plane off and sets `cut`; its SSH server comes back then."""
    work = asyncio.create_task(
        run_on(running.directory / "setup.toml", tmp_path / "runs", face=face)
    )
    await asyncio.wait_for(cut.wait(), 60)
    await running.ssh["control"].start()
    return await asyncio.wait_for(work, 60)


async def test_a_control_plane_that_is_cut_off_is_the_one_that_is_called_lost(
    tmp_path: Path,
) -> None:
    class Cutting(Watcher):
        async def show(self, event: Event) -> None:
            await super().show(event)
            is_token = isinstance(event, StepStarted) and event.step.id == "join.token"
            if is_token and not self.of(ConnectionLost):
                await control.stop()
            if isinstance(event, ConnectionLost):
                asyncio.get_running_loop().call_later(0.3, lost.set)
            if isinstance(event, ConnectionRestored):
                self.request_stop()

    async with lab("fresh", tmp_path) as running:
        control, lost = running.ssh["control"], asyncio.Event()
        run = await run_until_control_is_back(running, tmp_path, Cutting(), lost)
    told = [*run.face.of(ConnectionLost), *run.face.of(ConnectionRestored)]
    assert [event.host.rpartition(":")[2] for event in told] == [str(control.port)] * 2


async def test_what_a_cut_off_control_plane_did_not_give_is_fetched_anew_at_once(
    tmp_path: Path,
) -> None:
    class Cutting(Watcher):
        async def show(self, event: Event) -> None:
            await super().show(event)
            if not isinstance(event, StepStarted) or event.step.id != "join.token":
                return
            if self.of(ConnectionLost):
                self.request_stop()
            else:
                await control.stop()
                asyncio.get_running_loop().call_later(0.3, cut.set)

    async with lab("fresh", tmp_path) as running:
        control, cut = running.ssh["control"], asyncio.Event()
        run = await run_until_control_is_back(running, tmp_path, Cutting(), cut)
    assert len(run.face.of(ConnectionRestored)) == 1
    assert [e.step.id for e in run.face.of(StepStarted)].count("join.token") == 2
    assert run.face.of(StageSettling) == []


async def test_a_restart_that_a_reboot_refuses_is_sat_out(tmp_path: Path) -> None:
    """Source: systemd 252: while it goes down, `systemctl restart` is a destructive transaction, status 4."""

    class Rebooting(At):
        gpu: Machine

        async def show(self, event: Event) -> None:
            await super().show(event)
            if self.reached.is_set() and not self.gpu.stopping and self.gpu.up:
                self.gpu.stopping = True
            if isinstance(event, StepFinished) and event.outcome == "failed":
                self.gpu.stopping = False
                self.gpu.reboot()
                self.reached.clear()

    async with lab("not-restarted", tmp_path) as running:
        face = Rebooting("runtime.restart", StepStarted)
        face.gpu = gpu = running.world.machines["gpu1"]
        before = gpu.boot_id
        run = await run_on(running.directory / "setup.toml", tmp_path / "runs", face=face)
    assert run.finished.outcome == "done", run.face.codes()
    assert gpu.boot_id != before
    assert len(run.face.of(ConnectionLost)) == len(run.face.of(ConnectionRestored)) == 1


async def test_a_template_that_would_break_the_start_is_found_before_the_restart(
    tmp_path: Path,
) -> None:
    async with lab("spoilt-template", tmp_path) as running:
        gpu = running.world.machines["gpu1"]
        before = gpu.systemd.state("k3s-agent.service").invocation
        run = await run_on(running.directory / "setup.toml", tmp_path / "runs")
        unit = gpu.systemd.state("k3s-agent.service")
        assert (unit.active, unit.invocation) == ("active", before)
        await gpu.systemd.stop("k3s-agent.service")
        await gpu.systemd.start("k3s-agent.service")
        # It says that it is up before containerd ends it, and is started again and again.
        async with asyncio.timeout(60):
            while gpu.systemd.state("k3s-agent.service").active == "active":
                await asyncio.sleep(0.05)
    codes = run.face.codes()
    assert codes.get("runtime") == "runtime.restart-breaks", (codes, run.finished)


async def test_an_api_that_is_away_before_a_stage_is_waited_for_and_said(tmp_path: Path) -> None:
    class Leaving(Watcher):
        async def show(self, event: Event) -> None:
            await super().show(event)
            if isinstance(event, StageFinished) and event.stage == "runtime-class":
                port.close()
            if isinstance(event, StageSettling) and event.assessment.state == "unknown":
                asyncio.get_running_loop().call_later(1.5, port.open)

    async with lab("fresh", tmp_path) as running:
        assert running.api is not None
        port = running.api.api.listener
        run = await run_on(running.directory / "setup.toml", tmp_path / "runs", face=Leaving())
    assert run.finished.outcome == "done", run.face.codes()
    waited = [each for each in run.face.of(StageSettling) if each.assessment.state == "unknown"]
    assert [each.assessment.code for each in waited] == ["api-unreachable"]


async def test_abandoning_the_proof_leaves_no_pod(tmp_path: Path) -> None:
    async with lab("fresh", tmp_path) as running:
        face = At("proof.test-pod", StepFinished)
        work = asyncio.create_task(
            run_on(running.directory / "setup.toml", tmp_path / "runs", face=face)
        )
        await asyncio.wait_for(face.reached.wait(), 90)
        work.cancel()
        run = await work
        assert run.finished.outcome == "stopped"
        assert running.api is not None
        left = [
            pod
            for pod in running.api.cluster.list("Pod", "default")
            if "deletionTimestamp" not in pod["metadata"]
        ]
        assert left == []


async def test_a_proof_that_was_killed_is_cleared_and_run_by_the_next_run(tmp_path: Path) -> None:
    async with lab("done", tmp_path) as running:
        assert running.api is not None
        spec = Spec("gpu1", kubernetes_node="gpu1", run_id="20260101-000000-dead")
        running.api.cluster.put(control_pod(spec, "docker.io/nvidia/cuda:13.0.1-base", "gpu1"))
        run = await run_on(running.directory / "setup.toml", tmp_path / "runs")
        assert (run.finished.outcome, run.finished.changes) == ("done", 0)
        assert run.face.states()["proof"] == "done"
        left = [
            pod["metadata"]["name"]
            for pod in running.api.cluster.list("Pod", "default")
            if "deletionTimestamp" not in pod["metadata"]
        ]
        assert left == []
        again = await run_on(running.directory / "setup.toml", tmp_path / "runs")
        assert again.face.states()["proof"] == "unknown"


async def test_a_refused_token_is_named_in_seconds_and_everything_of_the_join_is_taken_back(
    tmp_path: Path,
) -> None:
    async with lab("wrong-token", tmp_path) as running:
        run = await run_on(running.directory / "setup.toml", tmp_path / "runs")
        gpu = running.world.machines["gpu1"]
        assert run.face.codes() == {"join": "join.token-rejected"}
        assert not gpu.files.exists(TOKEN)
        assert not gpu.files.exists(CONFIG)
        assert gpu.files.exists("/usr/local/bin/k3s")
        assert running.api is not None
        assert running.api.cluster.get("Node", "", "gpu1") is None
        undone = [event.step for event in run.face.of(StepFinished) if event.outcome == "undone"]
        assert undone.index("join.start") < undone.index("join.token")


async def test_a_changed_host_key_ends_the_node_before_anything_is_sent(tmp_path: Path) -> None:
    async with lab("fresh", tmp_path) as running:
        known = running.directory / "known_hosts"
        first, second = known.read_text().splitlines()[:2]
        key = {line.split()[0]: line.split()[2] for line in (first, second)}
        names = list(key)
        known.write_text(
            "\n".join(
                f"{name} ssh-ed25519 {key[other]}"
                for name, other in zip(names, reversed(names), strict=True)
            )
            + "\n"
        )
        run = await run_on(running.directory / "setup.toml", tmp_path / "runs")
    error = run.finished.outcome, run.face.of(NodeFinished)[-1].error
    assert error[0] == "failed"
    assert isinstance(error[1], TrustError)
    assert "known_hosts" in str(error[1])
    assert run.face.steps() == []


async def test_a_wrong_sudo_password_is_said_and_changes_nothing(tmp_path: Path) -> None:
    async with lab("fresh", tmp_path) as running:
        (running.directory / "sudo-password").write_text("not-it\n")
        run = await run_on(running.directory / "setup.toml", tmp_path / "runs")
        assert run.finished.outcome == "failed"
        error = run.face.of(NodeFinished)[-1].error
        assert isinstance(error, AccessError)
        assert "sudo" in error.code
        assert run.finished.changes == 0


async def test_a_view_only_account_sees_what_it_may_and_changes_nothing(tmp_path: Path) -> None:
    async with lab("done", tmp_path) as running:
        assert running.api is not None
        config = tmp_path / "viewer"
        config.write_text(yaml.safe_dump(running.api.kubeconfig("eve", ["viewers"])))
        setup = running.directory / "setup.toml"
        text = setup.read_text().replace("[cluster]", f'[cluster]\nkubeconfig = "{config}"')
        (tmp_path / "setup.toml").write_text(text)
        run = await run_on(tmp_path / "setup.toml", tmp_path / "runs")
    assert run.finished.outcome == "failed"
    assert run.finished.changes == 0
    states = run.face.states()
    assert states["toolkit"] == "done"
    assert states["labels"] == "unknown"


async def test_a_dead_node_does_not_stop_the_others_if_told_to_keep_going(tmp_path: Path) -> None:
    async with lab("done", tmp_path) as running:
        text = (running.directory / "setup.toml").read_text()
        dead = '\n[[nodes]]\nname = "dead"\nhost = "anna@127.0.0.1:1"\n'
        head, first, rest = text.partition("[[nodes]]")
        (tmp_path / "setup.toml").write_text(head + dead + "\n" + first + rest)
        stopped = await run_on(tmp_path / "setup.toml", tmp_path / "runs")
        assert stopped.finished.nodes == {"dead": "failed"}
        going = await run_on(tmp_path / "setup.toml", tmp_path / "runs", keep_going=True)
        assert going.finished.nodes == {"dead": "failed", "gpu1": "done"}
        assert isinstance(going.face.of(NodeFinished)[0].error, UnreachableError)


async def test_a_full_disk_leaves_the_old_state_and_no_half_file(tmp_path: Path) -> None:
    async with lab("fresh", tmp_path) as running:
        gpu = running.world.machines["gpu1"]
        gpu.tree.limit(100)
        run = await run_on(running.directory / "setup.toml", tmp_path / "runs")
        assert run.finished.outcome == "failed"
        assert not gpu.files.exists(CONFIG)
        assert [name for name in gpu.files.list("/etc/rancher/k3s") if "gpu-wizard" in name] == []


async def test_a_failed_stage_is_explained_from_its_units_journal(tmp_path: Path) -> None:
    async with lab("wrong-token", tmp_path) as running:
        run = await run_on(running.directory / "setup.toml", tmp_path / "runs")
    told = [event.signature for event in run.face.of(Diagnosed)]
    assert told[0] == "k3s-token-rejected"
    assert len(told) == len(set(told))
