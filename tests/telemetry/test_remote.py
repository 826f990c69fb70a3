"""The sampler that is sent, nvidia-smi in its place, lost connections; and that nothing stays behind."""

from __future__ import annotations

import ast
import asyncio
import os
import subprocess
import sys
from collections.abc import Callable
from contextlib import aclosing
from pathlib import Path

import pytest

from gpu_wizard.host.local import LocalTransport
from gpu_wizard.model.errors import UnreachableError
from gpu_wizard.model.ports import TelemetrySource
from gpu_wizard.model.sample import Sample
from gpu_wizard.telemetry import parcel, remote, sampler, smi
from gpu_wizard.telemetry.remote import RemoteTelemetry
from gpu_wizard.telemetry.smi import SmiTelemetry
from tests.telemetry.conftest import Cards, build
from tests.telemetry.ssh_server import machine

TWO_H100 = """\
2, 0, GPU-a0000002-1111-2222-3333-000000000002, 580.159.04, 100, 41, 5659, 81559, 49, 450.44, 700.00, 1980, 2619, [N/A], 0, 0x0000000000000004, Disabled, NVIDIA H100 80GB HBM3
2, 1, GPU-a0000001-1111-2222-3333-000000000001, 580.159.04, 100, 40, 1551, 81559, 48, 479.89, 700.00, 1980, 2619, [N/A], [N/A], 0x0000000000000000, Enabled, NVIDIA H100 80GB HBM3
"""
LOST = """\
2, 0, GPU-a0000002-1111-2222-3333-000000000002, 580.159.04, 100, 41, 5659, 81559, 49, 450.44, 700.00, 1980, 2619, [N/A], 0, 0x0000000000000004, Disabled, NVIDIA H100 80GB HBM3
2, 1, [GPU is lost], [GPU is lost], [GPU is lost], [GPU is lost], [GPU is lost], [GPU is lost], [GPU is lost], [GPU is lost], [GPU is lost], [GPU is lost], [GPU is lost], [GPU is lost], [GPU is lost], [GPU is lost], [GPU is lost], [GPU is lost]
"""
Programs = Callable[..., None]


@pytest.fixture
def programs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Programs:
    """Programs that are found before the machine's own: name → shell text."""
    folder = tmp_path / "bin"
    folder.mkdir()
    monkeypatch.setenv("PATH", f"{folder}:{os.environ['PATH']}")

    def add(**texts: str) -> None:
        for name, text in texts.items():
            file = folder / name.replace("_", "-")
            file.write_text(f"#!/bin/sh\n{text}\n")
            file.chmod(0o755)

    return add


def rows(text: str) -> str:
    return f"while :; do cat <<'END'\n{text}END\nsleep 0.05; done"


async def first(source: TelemetrySource, wanted: Callable[[Sample], bool] = bool) -> Sample:
    """The first sample that is as wanted."""
    async with asyncio.timeout(30), aclosing(source.samples(0.05)) as samples:  # type: ignore[type-var]  # ours are generators
        async for sample in samples:
            if wanted(sample):
                return sample
    raise AssertionError("the samples ended")


async def all_ended(pids: list[int]) -> None:
    async with asyncio.timeout(10):
        while any(_runs(pid) for pid in pids):
            await asyncio.sleep(0.02)


def _runs(pid: int) -> bool:
    """Whether a process of this session is there."""
    listed = subprocess.run(["ps", "-o", "pid=", "-s", str(pid)], capture_output=True, check=False)
    return bool(listed.stdout.strip())


async def test_the_sent_sampler_tells_what_nvml_says_and_leaves_nothing(
    cards: Cards, tmp_path: Path
) -> None:
    cards.say(cards=2, pid=os.getpid())
    pids: list[int] = []
    async with machine(tmp_path, os.environ, pids) as transport:
        sample = await first(RemoteTelemetry(transport.open))
        assert (sample.source, sample.driver_version) == ("nvml", "580.159.04")
        assert [gpu.power_watts for gpu in sample.gpus] == [450.44, 450.44]
        assert [one.pid for one in sample.gpus[0].processes or ()] == [os.getpid()]
        assert (sample.cannot_tell, sample.fallback) == ((), "")
        await all_ended(pids)


async def test_a_machine_without_the_library_says_so_until_it_is_there(
    cards: Cards, monkeypatch: pytest.MonkeyPatch
) -> None:
    library = cards.library.read_bytes()
    cards.library.write_bytes(b"")
    seen: list[str] = []

    def note(sample: Sample) -> bool:
        if not seen:
            new = cards.library.with_suffix(".new")
            new.write_bytes(library)
            new.replace(cards.library)
        seen.append(sample.failure)
        return sample.failure == ""

    await first(RemoteTelemetry(LocalTransport().open), note)
    assert seen[0] == "no-library"


async def test_a_driver_that_was_updated_is_found_without_a_new_sampler(
    cards: Cards, tmp_path: Path
) -> None:
    """The library that was loaded is of the old driver: only letting go of it cures the mismatch."""
    (tmp_path / "new").mkdir()
    newer = build(tmp_path / "new", 590)
    cards.say(init=18)
    seen: list[str] = []

    def note(sample: Sample) -> bool:
        seen.append(sample.failure)
        if len(seen) == 1:
            newer.replace(cards.library)
            cards.say()
        return sample.failure == ""

    sample = await first(RemoteTelemetry(LocalTransport().open), note)
    assert seen[0] == "mismatch"
    assert sample.driver_version == "590.159.04"


async def test_what_a_login_says_is_no_sample(cards: Cards) -> None:
    async def noisy(command: str) -> object:
        return await LocalTransport().open(f"echo Welcome; echo '{{}}'; echo '[1'; {command}")

    sample = await first(RemoteTelemetry(noisy))  # type: ignore[arg-type]  # it gives what the transport gives
    assert sample.driver_version == "580.159.04"


@pytest.mark.parametrize(
    ("python", "reason"),
    [("exit 127", "no-python3"), ("exit 3", "python-too-old"), ("exit 1", "python-failed")],
)
async def test_without_a_python_nvidia_smi_serves_and_says_what_it_cannot_tell(
    programs: Programs, tmp_path: Path, python: str, reason: str
) -> None:
    programs(python3=python, nvidia_smi=rows(TWO_H100))
    pids: list[int] = []
    async with machine(tmp_path, os.environ, pids) as transport:
        sample = await first(RemoteTelemetry(transport.open))
        assert (sample.source, sample.fallback) == ("nvidia-smi", reason)
        assert "processes" in sample.cannot_tell
        first_card, second = sample.gpus
        assert first_card.memory_used_bytes == 5659 << 20
        assert (first_card.power_watts, first_card.power_limit_watts) == (450.44, 700.0)
        assert (first_card.fan_percent, first_card.processes) == (None, None)
        assert first_card.throttle_reasons == ("sw-power-cap",)
        assert (second.throttle_reasons, second.ecc_errors, second.mig_enabled) == ((), None, True)
        await all_ended(pids)


async def test_a_field_that_an_old_nvidia_smi_refuses_is_asked_by_its_older_name(
    programs: Programs,
) -> None:
    programs(
        nvidia_smi='case "$*" in *clocks_event_reasons.active*)'
        """ echo 'Field "clocks_event_reasons.active" is not a valid field to query.'; exit 2;; esac\n"""
        'case "$*" in *clocks_throttle_reasons.active*) ;; *) exit 9;; esac\n' + rows(TWO_H100)
    )
    sample = await first(SmiTelemetry(LocalTransport().open))
    assert sample.failure == ""
    assert sample.gpus[0].throttle_reasons == ("sw-power-cap",)


async def test_a_card_that_nvidia_smi_has_lost_fails_alone(programs: Programs) -> None:
    programs(nvidia_smi=rows(LOST))
    sample = await first(SmiTelemetry(LocalTransport().open))
    assert [gpu.failure for gpu in sample.gpus] == ["", "fell-off-the-bus"]
    assert (sample.gpus[1].power_watts, sample.gpus[1].name) == (None, "")


@pytest.mark.parametrize(
    ("status", "failure"),
    [
        (9, "driver-not-loaded"),
        (12, "no-library"),
        (18, "mismatch"),
        (6, ""),
        (77, "nvidia-smi-failed"),
    ],
)
async def test_nvidia_smi_that_fails_is_a_sample_and_is_tried_again(
    programs: Programs, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, status: int, failure: str
) -> None:
    monkeypatch.setattr(smi, "RETRY_SECONDS", 0.05)
    back = tmp_path / "back"
    programs(nvidia_smi=f"[ -e {back} ] || exit {status}\n{rows(TWO_H100)}")
    seen: list[Sample] = []

    def note(sample: Sample) -> bool:
        seen.append(sample)
        back.touch()
        return bool(sample.gpus)

    await first(SmiTelemetry(LocalTransport().open), note)
    assert (seen[0].failure, seen[0].gpus) == (failure, ())


async def test_a_connection_that_is_lost_is_told_and_opened_anew(
    cards: Cards, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(remote, "RETRY_SECONDS", 0.05)
    pids: list[int] = []
    async with machine(tmp_path, os.environ, pids) as transport:
        source = RemoteTelemetry(transport.open)
        async with asyncio.timeout(30), aclosing(source.samples(0.05)) as samples:
            await anext(samples)
            await transport.close()
            while len(pids) < 2:
                await anext(samples)
            assert (await anext(samples)).gpus
        await all_ended(pids)


async def test_a_machine_that_was_never_reached_raises() -> None:
    async def nowhere(command: str) -> object:
        raise UnreachableError("connect-refused", "There is no machine.")

    with pytest.raises(UnreachableError):
        await first(RemoteTelemetry(nowhere))  # type: ignore[arg-type]  # it never gives anything


def test_a_sampler_whose_reader_is_gone_ends_by_itself(cards: Cards) -> None:
    """Its input stays open and nothing comes, as on a connection that hangs."""
    script = f"import {sampler.__name__} as s; s.ORPHAN_SECONDS = 1; s.serve(0.05)"
    with subprocess.Popen(
        [sys.executable, "-c", script], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as started:
        assert started.wait(30) != 0


def test_a_sampler_whose_output_is_closed_ends(cards: Cards) -> None:
    script = f"import {sampler.__name__} as s; s.serve(0.05)"
    with subprocess.Popen(
        [sys.executable, "-c", script], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as started:
        assert started.stdout is not None
        started.stdout.close()
        assert started.wait(30) == 0


@pytest.mark.parametrize("name", parcel.MODULES)
def test_what_is_sent_is_python_3_7(name: str) -> None:
    source = (Path(parcel.__file__).parent / f"{name}.py").read_text()
    tree = ast.parse(source, feature_version=(3, 7))
    imported = [node.module or "" for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)]
    own = {f"gpu_wizard.telemetry.{module}" for module in parcel.MODULES}
    assert {module for module in imported if module.startswith("gpu_wizard")} <= own
    assert "__future__" in imported


def test_the_parcel_is_small_and_nothing_of_it_is_in_an_argument() -> None:
    sent = parcel.parcel(1.0)
    assert len(sent.content) < 64 << 10
    assert len(sent.command) < 1000
