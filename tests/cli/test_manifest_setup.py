"""`manifest --setup` on the practice lab: it asks the cluster, and what it prints runs there."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from gpu_wizard.cli import main
from gpu_wizard.lab.cluster.cluster import Cluster
from gpu_wizard.lab.serve import Lab

Capture = pytest.CaptureFixture[str]
KINDS = ("pod", "deployment", "dcgm-exporter")
NAMES = ("gpu-pod", "ml-worker", "dcgm-exporter")


def lab(scenario: str, tmp_path: Path) -> Lab:
    folder = tmp_path / "lab"
    folder.mkdir()
    return Lab(scenario, folder, speed=25.0)


async def manifest(capsys: Capture, running: Lab, *words: str) -> tuple[str, str]:
    """The command in a thread beside the lab's loop: what it prints, and what it warns of."""
    capsys.readouterr()
    arguments = ["manifest", *words, "--setup", str(running.directory / "setup.toml")]
    status = await asyncio.to_thread(main, arguments)
    printed = capsys.readouterr()
    assert status == 0, printed.err
    return printed.out, printed.err


async def until(test: Callable[[], object]) -> None:
    async with asyncio.timeout(60):
        while not test():
            await asyncio.sleep(0.05)


def cluster_of(running: Lab) -> Cluster:
    assert running.api is not None
    return running.api.cluster


def offered(found: Cluster) -> int:
    """GPUs that the lab's node has on offer."""
    nodes = [each["status"].get("allocatable", {}) for each in found.list("Node")]
    return sum(int(each.get("nvidia.com/gpu", 0)) for each in nodes)


def running_pods(found: Cluster, beginning: str) -> list[dict[str, Any]]:
    return [
        pod
        for pod in found.list("Pod")
        if pod["metadata"]["name"].startswith(beginning) and pod["status"].get("phase") == "Running"
    ]


@pytest.mark.parametrize(("kind", "name"), zip(KINDS, NAMES, strict=True))
async def test_what_is_printed_runs(tmp_path: Path, capsys: Capture, kind: str, name: str) -> None:
    async with lab("done", tmp_path) as running:
        found = cluster_of(running)
        await until(lambda: offered(found) == 1)
        text, warned = await manifest(capsys, running, kind)
        assert warned == ""
        for each in yaml.safe_load_all(text):
            found.put(each)
        await until(lambda: running_pods(found, name))
        (pod,) = running_pods(found, name)
        assert pod["spec"]["runtimeClassName"] == "nvidia"
        assert pod["spec"]["nodeSelector"] == {"nvidia.com/gpu": "present"}
        container = pod["spec"]["containers"][0]
        if kind != "dcgm-exporter":
            assert container["resources"]["limits"] == {"nvidia.com/gpu": "1"}
            # The lab's driver runs CUDA 13.0.
            assert container["image"].startswith("docker.io/nvidia/cuda:13.0.")
            log = found.log(pod, container["name"], previous=False)
            await until(lambda: any("RTX A6000" in line.text for line in log.lines))


async def test_what_exceeds_the_cluster_is_said(tmp_path: Path, capsys: Capture) -> None:
    async with lab("done", tmp_path) as running:
        await until(lambda: offered(cluster_of(running)) == 1)
        _, warned = await manifest(capsys, running, "deployment", "--replicas", "3")
        assert warned.startswith("! 3 of nvidia.com/gpu are asked for, the cluster has 1")
        _, warned = await manifest(capsys, running, "deployment", "--replicas", "3", "--lang", "ru")
        assert "в кластере 1" in warned


async def test_a_cluster_that_is_not_set_up_yet_is_asked_all_the_same(
    tmp_path: Path, capsys: Capture
) -> None:
    async with lab("two-gpus", tmp_path) as running:
        before = [each["metadata"]["uid"] for _, each in cluster_of(running).store.every()]
        text, warned = await manifest(capsys, running, "pod")
        assert "! " in warned
        assert "explain proof" in warned
        assert yaml.safe_load(text)["spec"]["runtimeClassName"] == "nvidia"
        after = [each["metadata"]["uid"] for _, each in cluster_of(running).store.every()]
        assert set(before) <= set(after)
        assert running_pods(cluster_of(running), "gpu-pod") == []


@pytest.mark.skipif(shutil.which("kubectl") is None, reason="no kubectl binary on PATH")
@pytest.mark.parametrize("scenario", ["done", "two-gpus"])
async def test_kubectl_finds_nothing_wrong(tmp_path: Path, capsys: Capture, scenario: str) -> None:
    """A strict dry run at the API server, with comments and without."""
    async with lab(scenario, tmp_path) as running:
        for kind in KINDS:
            for more in ((), ("--no-comments",)):
                text, _ = await manifest(capsys, running, kind, *more)
                status, said = await _dry_run(running.directory / "kubeconfig", text)
                assert (status, "configured" in said or "created" in said) == (0, True), said


async def _dry_run(kubeconfig: Path, text: str) -> tuple[int, str]:
    process = await asyncio.create_subprocess_exec(
        *("kubectl", "--kubeconfig", str(kubeconfig), "apply"),
        *("--dry-run=server", "--validate=strict", "-f", "-"),
        env={"HOME": str(kubeconfig.parent), "PATH": "/usr/bin:/bin:/usr/local/bin"},
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    out, _ = await asyncio.wait_for(process.communicate(text.encode()), 30)
    return process.returncode or 0, out.decode()
