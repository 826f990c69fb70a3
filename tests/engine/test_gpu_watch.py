"""Cards watched together with the pods of their node, over the lab's real SSH and API."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import aclosing, asynccontextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from gpu_wizard.cli.edges import READERS
from gpu_wizard.cli.gpu import connect_machine
from gpu_wizard.engine.gpu_watch import GpuWatch, Watched
from gpu_wizard.facts.gpu_warnings import UNUSED_SECONDS
from gpu_wizard.facts.objects import PodObject, gpu_pods, parse_pod
from gpu_wizard.journal.recording import read_setup
from gpu_wizard.lab.serve import Lab
from gpu_wizard.model.ports import ClusterReader, HostReader, TelemetrySource
from gpu_wizard.model.question import ClusterAnswer, Objects, ObjectsFound
from gpu_wizard.model.sample import GpuProcess, GpuSample, Sample
from gpu_wizard.model.setup_file import SetupFile

CONTAINER = "dfaf29a1398d58ff95540089092381c05547958661b1c23009f0ebeb5cd84132"


class Played:
    """Samples that are given, again and again, each a minute later than the last."""

    def __init__(self, *processes: GpuProcess) -> None:
        card = GpuSample(0, "GPU-0", "RTX A6000", utilisation_percent=90, processes=processes)
        self._sample = Sample(0.0, "nvml", "580.95.05", (card,))

    async def samples(self, every_seconds: float) -> AsyncIterator[Sample]:
        at = 0.0
        while True:
            at += UNUSED_SECONDS
            yield replace(self._sample, at=at)
            await asyncio.sleep(every_seconds)


@asynccontextmanager
async def lab(
    scenario: str, folder: Path
) -> AsyncIterator[tuple[SetupFile, HostReader, ClusterReader]]:
    """The lab, and readers of its GPU machine and its API."""
    async with Lab(scenario, folder, speed=25.0):
        setup = read_setup(folder / "setup.toml")
        assert setup.control_plane is not None
        host = await READERS.host(setup.nodes[0].host)
        control = await READERS.host(setup.control_plane)
        cluster = await READERS.api(setup.cluster, control)
        assert cluster is not None
        try:
            yield setup, host, cluster
        finally:
            await cluster.close()
            await control.close()
            await host.close()


async def first_of_node(
    source: TelemetrySource, host: HostReader, cluster: ClusterReader
) -> Watched:
    """The second sample that knows its node: the first has no history yet."""
    watch = GpuWatch(source, host, cluster)
    seen = 0
    async with asyncio.timeout(60), aclosing(watch.watch(0.02)) as watched:
        async for one in watched:
            seen += bool(one.node)
            if seen == 2:
                return one
    raise AssertionError("the samples ended")


async def computing_pod(cluster: ClusterReader) -> PodObject:
    (answer,) = await cluster.ask([Objects("Pod")])
    assert isinstance(answer, ObjectsFound)
    (pod,) = gpu_pods(tuple(parse_pod(item) for item in answer.objects))
    return pod


async def test_a_process_in_a_pod_of_the_cluster_has_its_name(tmp_path: Path) -> None:
    async with lab("gpu-pods-running", tmp_path) as (_, host, cluster):
        pod = await computing_pod(cluster)
        cgroup = f"/kubepods/besteffort/pod{pod.uid}/{CONTAINER}"
        source = Played(GpuProcess(77, "python train.py", 1 << 30, cgroup=cgroup))
        watched = await first_of_node(source, host, cluster)
    assert watched.node == "gpu1"
    (process,) = watched.sample.gpus[0].processes or ()
    assert process.pod == f"{pod.namespace}/{pod.name}"
    assert [(use.pod, use.verdict, use.asked) for use in watched.uses] == [(process.pod, "used", 1)]
    assert watched.warnings == ()


async def test_a_pod_that_holds_a_card_and_leaves_it_unused_is_named(tmp_path: Path) -> None:
    async with lab("gpu-pods-running", tmp_path) as (_, host, cluster):
        pod = await computing_pod(cluster)
        watched = await first_of_node(Played(), host, cluster)
    (warn,) = watched.warnings
    assert (warn.code, warn.params["pod"]) == ("gpu.pod-unused", f"{pod.namespace}/{pod.name}")


async def test_a_machine_without_python_is_read_through_its_nvidia_smi(tmp_path: Path) -> None:
    async with lab("two-gpus", tmp_path) as (setup, _, _):
        machine = await connect_machine(setup.nodes[0].host, READERS)
        source = GpuWatch(machine.source, machine.host)
        async with asyncio.timeout(60), aclosing(source.watch(0.1)) as samples:
            one, two = (await anext(samples)).sample, (await anext(samples)).sample
        await machine.host.close()
    assert [gpu.name for gpu in one.gpus] == ["NVIDIA RTX A6000"] * 2
    assert (one.source, one.fallback, one.failure) == ("nvidia-smi", "no-python3", "")
    assert two.at > one.at


@pytest.mark.parametrize(
    ("scenario", "failure"), [("no-driver", "no-nvidia-smi"), ("driver-mismatch", "mismatch")]
)
async def test_a_machine_without_a_driver_says_why(
    tmp_path: Path, scenario: str, failure: str
) -> None:
    async with lab(scenario, tmp_path) as (setup, _, _):
        machine = await connect_machine(setup.nodes[0].host, READERS)
        async with asyncio.timeout(60), aclosing(GpuWatch(machine.source).watch(0.1)) as watched:
            one = await anext(watched)
        await machine.host.close()
    assert (one.sample.failure, [warn.code for warn in one.warnings]) == (
        failure,
        [f"gpu.{failure}"],
    )


async def test_a_bug_in_asking_for_pods_is_not_swallowed(tmp_path: Path) -> None:
    class Broken:
        async def ask(self, _asks: object) -> list[ClusterAnswer]:
            raise ZeroDivisionError

        async def close(self) -> None:
            return

    async with lab("done", tmp_path) as (setup, _, _):
        machine = await connect_machine(setup.nodes[0].host, READERS)
        watch = GpuWatch(machine.source, machine.host, Broken())
        async with asyncio.timeout(60), aclosing(watch.watch(0.1)) as watched:
            with pytest.raises(ZeroDivisionError):
                async for _ in watched:
                    pass
        await machine.host.close()
