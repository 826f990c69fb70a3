"""Whole journeys by keys alone, judged by the node and the API, not by the screen alone."""

from __future__ import annotations

import tarfile
from pathlib import Path
from typing import Any

import pytest

from gpu_wizard.journal.recording import read_setup
from tests.engine.lab_runs import run_on
from tests.faces.tui.bench import as_text
from tests.faces.tui.journeys import Journey, on_lab


@pytest.fixture(autouse=True)
def _own_state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))


def allocatable(journey: Journey) -> object:
    node: Any = journey.node()
    return node["status"]["allocatable"].get("nvidia.com/gpu")


async def test_two_keys_take_a_fresh_machine_to_a_proven_pod(tmp_path: Path) -> None:
    async with on_lab("fresh", tmp_path) as journey:
        await journey.looked()
        await journey.press("enter")
        assert journey.app.screen.name == "plan"
        await journey.press("enter")
        await journey.until(lambda: journey.app.screen.name == "finish", "the evidence")
        assert allocatable(journey) == "1"
        assert journey.lab.api is not None
        assert journey.lab.api.cluster.list("Pod", "default") == []
        gpu = journey.lab.world.machines["gpu1"]
        assert gpu.files.exists("/usr/bin/nvidia-container-runtime")
        assert journey.state("proof") == "done"


async def test_the_saved_file_replays_without_a_question_and_without_a_change(
    tmp_path: Path,
) -> None:
    target = tmp_path / "saved.toml"
    async with on_lab("fresh", tmp_path) as journey:
        await journey.looked()
        await journey.press("a", "enter")
        await journey.until(lambda: journey.app.screen.name == "finish", "the evidence")
        await journey.press("w")
        await journey.until(lambda: bool(journey.app.screen.query("#entry")), "the dialog")
        field: Any = journey.app.screen.query_one("#entry")
        field.value = str(target)
        await journey.press("enter")
        await journey.until(target.exists, "the file")
        assert target.stat().st_mode & 0o777 == 0o600
        password = (journey.lab.directory / "sudo-password").read_text().strip()
        assert password not in target.read_text()
        assert read_setup(target).nodes == read_setup(journey.lab.directory / "setup.toml").nodes
        again = await run_on(target, tmp_path / "again")
    assert (again.finished.outcome, again.finished.changes) == ("done", 0)
    assert again.face.steps() == []


async def test_only_this_stage_leaves_the_others_alone(tmp_path: Path) -> None:
    async with on_lab("old-toolkit", tmp_path) as journey:
        await journey.looked()
        await journey.press("3", "s", "enter")
        await journey.until(lambda: journey.state("toolkit") == "done", "the toolkit")
        await journey.until(lambda: not journey.app.runs.in_hand, "the end")
        assert journey.state("proof") != "done"
        assert journey.app.screen.name == "stages"
        assert journey.lab.api is not None
        assert journey.lab.api.cluster.list("Pod", "default") == []


async def _bundle_is_shown_then_written(journey: Journey, target: Path) -> None:
    await journey.press("b")
    await journey.until(lambda: "1 join: failed" in as_text(journey.app), "the bundle")
    pane: Any = journey.app.screen.query_one("OutputPane")
    shown = pane.view.log.text()
    assert "k3s-token-rejected" in shown
    assert "── journal.jsonl" in shown
    assert "anna@" not in shown
    assert not target.exists()
    await journey.press("enter")
    await journey.until(lambda: bool(journey.app.screen.query("#entry")), "the dialog")
    field: Any = journey.app.screen.query_one("#entry")
    field.value = str(target)
    await journey.press("enter")
    await journey.until(target.exists, "the file")
    with tarfile.open(target) as archive:
        assert "bundle/findings.txt" in archive.getnames()
    await journey.press("escape")
    await journey.until(lambda: journey.app.screen.name == "trouble", "the way back")


async def test_a_failure_shows_its_cause_and_leaves_the_node_as_it_was(tmp_path: Path) -> None:
    async with on_lab("wrong-token", tmp_path) as journey:
        gpu = journey.lab.world.machines["gpu1"]
        await journey.looked()
        await journey.press("enter", "enter")
        control = journey.app.ui.control
        await journey.until(lambda: control.waiting is not None, "the question")
        assert journey.state("join") == "failed"
        await journey.press("enter")
        await journey.until(lambda: journey.app.screen.name == "trouble", "the cause")
        assert "The token's password" in as_text(journey.app)
        await _bundle_is_shown_then_written(journey, tmp_path / "bundle.tar.gz")
        await journey.press("escape")
        await journey.press("tab", "tab", "tab", "enter")
        await journey.until(lambda: journey.finished and not journey.app.runs.in_hand, "the end")
        assert not gpu.files.exists("/etc/rancher/k3s/gpu-wizard.token")
        assert not gpu.files.exists("/etc/rancher/k3s/config.yaml.d/50-gpu-wizard.yaml")
        assert journey.state("toolkit") != "done"


async def test_stopped_in_the_middle_and_resumed(tmp_path: Path) -> None:
    async with on_lab("fresh", tmp_path) as journey:
        await journey.looked()
        await journey.press("enter", "enter")
        await journey.until(lambda: journey.state("toolkit") == "running", "the toolkit")
        await journey.press("q")
        await journey.until(lambda: journey.app.screen.name is None, "the dialog")
        await journey.press("right", "enter")
        await journey.until(lambda: journey.finished and not journey.app.runs.in_hand, "the stop")
        assert journey.state("join") == "done"
        assert journey.state("toolkit") in ("stopped", "needed", "done")
        assert journey.state("device-plugin") != "done"
        assert allocatable(journey) is None
        left = journey.app.ui.services.unfinished()
        assert [one.node for one in left] == ["gpu1"]
        await journey.press("a", "enter")
        await journey.until(lambda: journey.app.screen.name == "finish", "the evidence")
        assert allocatable(journey) == "1"
        assert journey.app.ui.services.unfinished() == ()


async def test_a_connection_that_is_lost_comes_back_and_the_run_goes_on(tmp_path: Path) -> None:
    async with on_lab("fresh", tmp_path) as journey:
        await journey.looked()
        await journey.press("enter", "enter")
        await journey.until(lambda: journey.state("toolkit") == "running", "the toolkit")
        server = journey.lab.ssh["gpu1"]
        await server.stop()
        await journey.until(lambda: journey.app.ui.shown.lost is not None, "the loss")
        await server.start()
        await journey.until(lambda: journey.app.screen.name == "finish", "the evidence")
        assert allocatable(journey) == "1"


async def _fixed(journey: Journey, finding: str) -> None:
    """From the troubleshooting screen to the end of what its fix begins: Enter, Enter."""
    assert journey.app.screen.name == "trouble"
    chosen: Any = journey.app.screen
    entry = chosen._entry()
    assert (entry.finding.id, entry.finding.explained_by) == (finding, "")
    await journey.press("enter")
    await journey.until(lambda: journey.app.screen.name == "plan", "the plan of the fix")
    await journey.press("enter")
    await journey.until(lambda: journey.app.screen.name == "finish", "the evidence")
    assert journey.state("proof") == "done"
    assert allocatable(journey) == "1"


async def test_troubleshooting_mends_a_configuration_without_the_runtime(tmp_path: Path) -> None:
    async with on_lab("config-without-nvidia", tmp_path) as journey:
        gpu = journey.lab.world.machines["gpu1"]
        config = "/var/lib/rancher/k3s/agent/etc/containerd/config.toml"
        await journey.looked()
        assert "nvidia" not in gpu.files.read(config).decode()
        await journey.press("d")
        await _fixed(journey, "containerd-no-nvidia-runtime")
        assert "nvidia" in gpu.files.read(config).decode()
        await journey.press("d")
        assert "containerd-no-nvidia-runtime" not in as_text(journey.app)


async def test_troubleshooting_gives_a_foreign_plugin_its_runtime_class(tmp_path: Path) -> None:
    async with on_lab("helm-plugin", tmp_path) as journey:
        assert journey.lab.api is not None
        cluster = journey.lab.api.cluster
        await journey.looked()
        await journey.press("d")
        await _fixed(journey, "plugin-incompatible-strategy")
        classes = [
            each["spec"]["template"]["spec"].get("runtimeClassName")
            for each in cluster.list("DaemonSet", "")
            if "nvidia" in each["metadata"]["name"]
        ]
        assert classes == ["nvidia"]


async def test_troubleshooting_sets_up_what_a_missing_gpu_waits_for(tmp_path: Path) -> None:
    async with on_lab("old-toolkit", tmp_path) as journey:
        await journey.looked()
        await journey.press("d")
        assert allocatable(journey) is None
        await _fixed(journey, "gpu-not-advertised")
        assert journey.state("toolkit") == "done"
