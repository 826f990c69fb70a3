"""The engine's whole journey on the practice lab: real SSH, real HTTPS, real files on a simulated node."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from gpu_wizard.lab.serve import Lab
from gpu_wizard.model.events import Diagnosed, OutputReceived, PlanMade, SetupFinished
from tests.engine.lab_runs import Run, run_on

SPEED = 25.0
"""Faster than the demo: the order and ratio of delays stay."""
IN_ONE_PROCESS = pytest.mark.xdist_group("bare-machine")


def lab(scenario: str, tmp_path: Path) -> Lab:
    folder = tmp_path / "lab"
    folder.mkdir()
    return Lab(scenario, folder, speed=SPEED)


@dataclass(frozen=True)
class Journey:
    """A bare machine that was set up, then asked once more."""

    first: Run
    second: Run
    node: dict[str, Any]
    """The Node object after the first."""
    pods: int
    """In the default namespace then."""
    methods: frozenset[str]
    """Of the API requests of the second."""
    secrets: tuple[str, ...]


@pytest.fixture(scope="module")
def journey(tmp_path_factory: pytest.TempPathFactory) -> Journey:
    """One for all tests that only look at what it left: it takes some seconds."""
    return asyncio.run(_travelled(tmp_path_factory.mktemp("bare")))


async def _travelled(folder: Path) -> Journey:
    async with lab("fresh", folder) as running:
        setup = running.directory / "setup.toml"
        first = await run_on(setup, folder / "runs")
        assert running.api is not None
        node = running.api.cluster.get("Node", "", "gpu1")
        assert node is not None
        pods = len(running.api.cluster.list("Pod", "default"))
        before = len(running.api.requests)
        second = await run_on(setup, folder / "runs")
        methods = frozenset(request.method for request in running.api.requests[before:])
        return Journey(first, second, dict(node), pods, methods, _secrets(running))


def _secrets(running: Lab) -> tuple[str, ...]:
    password = (running.directory / "sudo-password").read_text().strip()
    control = next(m for m in running.world.machines.values() if m.node.is_server)
    token = control.files.read("/var/lib/rancher/k3s/server/token").decode().strip()
    gpu = running.world.machines["gpu1"]
    joined_with = gpu.files.read("/etc/rancher/k3s/gpu-wizard.token").decode().strip()
    last = (token.rpartition(":")[2], joined_with.rpartition(".")[2])
    return (password, token, joined_with, *last)


@IN_ONE_PROCESS
def test_a_bare_machine_becomes_a_proven_gpu_node_and_a_second_run_changes_nothing(
    journey: Journey,
) -> None:
    first, second, node = journey.first, journey.second, journey.node
    assert first.finished.outcome == "done"
    assert set(first.face.states().values()) == {"done"}
    assert first.face.codes()["proof"] == "proof.proved"
    assert first.finished.changes > 0
    assert node["status"]["allocatable"]["nvidia.com/gpu"] == "1"
    assert node["metadata"]["labels"]["nvidia.com/gpu"] == "present"
    assert journey.pods == 0

    assert second.finished == SetupFinished(
        outcome="done",
        changes=0,
        nodes={"gpu1": "done"},
        folder=second.finished.folder,
        at=second.finished.at,
    )
    assert journey.methods == {"GET"}
    assert second.face.steps() == []
    # One survey exchange with each of the two hosts; the third reads the kubeconfig while connecting.
    assert sum(second.counter.exchanges.values()) == 3


@IN_ONE_PROCESS
def test_a_run_that_ends_well_recognises_no_error(journey: Journey) -> None:
    assert journey.first.face.of(Diagnosed) == []


@IN_ONE_PROCESS
def test_every_action_is_journalled_before_and_after(journey: Journey) -> None:
    run = journey.first
    records = run.journal()
    begun = [record["entry"] for record in records if record["record"] == "begin"]
    ended = [record["entry"] for record in records if record["record"] == "end"]
    assert sorted(begun) == sorted(ended) == sorted(set(begun))
    assert run.folder.stat().st_mode & 0o777 == 0o700
    assert {path.stat().st_mode & 0o777 for path in run.folder.iterdir()} == {0o600}
    prepared = {
        record["entry"]
        for record in records
        if record["record"] == "prepared" and record["inverse"]
    }
    written = {
        record["entry"]
        for record in records
        if record["record"] == "begin" and record["action"]["action"] == "PutFile"
    }
    assert written <= prepared


@IN_ONE_PROCESS
def test_no_secret_is_shown_or_written(journey: Journey) -> None:
    for text in (journey.first.everything_written(), journey.second.everything_written()):
        for secret in journey.secrets:
            assert secret
            assert secret not in text


async def test_a_plan_changes_nothing_and_foresees_every_stage(tmp_path: Path) -> None:
    async with lab("fresh", tmp_path) as running:
        gpu = running.world.machines["gpu1"]
        run = await run_on(running.directory / "setup.toml", tmp_path / "runs", plan=True)
        assert running.api is not None
        written = [
            request
            for request in running.api.requests
            if request.method != "GET" and "dryRun" not in request.path
        ]
        assert written == []
        assert not gpu.files.exists("/etc/rancher/k3s/config.yaml.d/50-gpu-wizard.yaml")
    assert (run.finished.plan, run.finished.changes) == (True, 0)
    plans: list[PlanMade] = run.face.of(PlanMade)
    assert [plan.stage for plan in plans] == [
        "join",
        "toolkit",
        "runtime",
        "device-plugin",
        "plugin-runtime",
        "labels",
    ]
    assert [plan.provisional for plan in plans] == [False, True, True, True, True, True]
    assert run.finished.planned == sum(len(plan.plan) for plan in plans) > 0
    diffs = {step: diff for plan in plans for step, diff in plan.diffs.items()}
    assert any("runtimeClassName: nvidia" in diff for diff in diffs.values())
    assert any("https://10.20.0.10:6443" in diff for diff in diffs.values())


@IN_ONE_PROCESS
def test_output_streams_while_a_step_runs(journey: Journey) -> None:
    heard: list[OutputReceived] = [
        e for e in journey.first.face.of(OutputReceived) if e.step == "toolkit.install"
    ]
    assert len(heard) > 1
    assert "nvidia-container-toolkit" in "".join(event.chunk.text for event in heard)


@pytest.mark.parametrize(
    ("scenario", "outcome", "stage", "code"),
    [
        ("done", "done", "", ""),
        ("server-is-gpu-node", "done", "proof", "proof.proved"),
        ("two-gpus", "done", "proof", "proof.proved"),
        ("three-nodes", "done", "proof", "proof.proved"),
        ("helm-plugin", "done", "proof", "proof.proved"),
        ("gpu-operator", "done", "", ""),
        ("old-toolkit", "done", "proof", "proof.proved"),
        ("config-without-nvidia", "done", "proof", "proof.proved"),
        ("apt-locked", "done", "proof", "proof.proved"),
        ("custom-template", "failed", "runtime", "runtime.template-hides"),
        ("spoilt-template", "failed", "runtime", "runtime.restart-breaks"),
        ("no-driver", "failed", "driver", "driver.missing"),
        ("driver-mismatch", "failed", "driver", "choice.driver.reboot"),
        ("nouveau", "failed", "driver", "driver.nouveau"),
        ("wrong-token", "failed", "join", "join.token-rejected"),
        ("api-down", "failed", "join", ""),
    ],
)
async def test_each_scenario_ends_as_it_should(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    scenario: str,
    outcome: str,
    stage: str,
    code: str,
) -> None:
    if scenario == "api-down":
        # A server that is away for good is given up sooner here.
        monkeypatch.setattr("gpu_wizard.engine.stage_run.AWAY_SECONDS", 2.0)
    async with lab(scenario, tmp_path) as running:
        run = await run_on(running.directory / "setup.toml", tmp_path / "runs")
    assert run.finished.outcome == outcome, run.face.codes()
    if code:
        assert run.face.codes()[stage] == code


async def test_shares_of_a_card_that_the_setup_file_asks_for(tmp_path: Path) -> None:
    async with lab("fresh", tmp_path) as running:
        setup = running.directory / "setup.toml"
        setup.write_text(f"{setup.read_text()}\n[stages.device-plugin]\nreplicas = 4\n")
        run = await run_on(setup, tmp_path / "runs")
        assert run.finished.outcome == "done", run.face.codes()
        assert running.api is not None
        node = running.api.cluster.get("Node", "", "gpu1")
        assert node is not None
        assert node["status"]["allocatable"]["nvidia.com/gpu"] == "4"
        again = await run_on(setup, tmp_path / "runs")
        assert again.finished.changes == 0


async def test_the_runtime_that_the_user_names_goes_before_the_packages(tmp_path: Path) -> None:
    chosen = "/opt/nvidia/bin/nvidia-container-runtime"
    async with lab("done", tmp_path) as running:
        gpu = running.world.machines["gpu1"]
        gpu.files.write(chosen, gpu.files.read("/usr/bin/nvidia-container-runtime"), mode=0o755)
        setup = running.directory / "setup.toml"
        setup.write_text(f'{setup.read_text()}\n[stages.runtime]\nbinary = "{chosen}"\n')
        run = await run_on(setup, tmp_path / "runs")
        assert run.finished.outcome == "done", run.face.codes()
        rendered = gpu.files.read("/var/lib/rancher/k3s/agent/etc/containerd/config.toml").decode()
        assert f'BinaryName = "{chosen}"' in rendered
        again = await run_on(setup, tmp_path / "runs")
        assert again.finished.changes == 0
