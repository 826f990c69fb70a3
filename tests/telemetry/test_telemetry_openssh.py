"""Both ways of sampling through OpenSSH's own server: they end with their channel, and leave nothing."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable, Iterator
from contextlib import aclosing
from pathlib import Path

import pytest

from gpu_wizard.host.ssh import SshTransport
from gpu_wizard.telemetry.held import Open
from gpu_wizard.telemetry.remote import RemoteTelemetry
from gpu_wizard.telemetry.smi import SmiTelemetry
from tests.host.openssh import SSHD, Sshd, make_key, running_sshd
from tests.telemetry.conftest import Cards

pytestmark = pytest.mark.skipif(
    not Path(SSHD).exists() or os.geteuid() != 0, reason="OpenSSH's server is started as root"
)
ROW = "1, 0, GPU-1, 580.159.04, 100, 41, 5659, 81559, 49, 450.44, 700.00, 1980, 2619, [N/A], 0, 0x4, Disabled, NVIDIA H100"


@pytest.fixture
def server(cards: Cards, tmp_path: Path) -> Iterator[Sshd]:
    """A server whose sessions find the pretend library, and an nvidia-smi that is silent after its first row."""
    programs = tmp_path / "programs"
    programs.mkdir()
    (programs / "nvidia-smi").write_text(f"#!/bin/sh\necho '{ROW}'\nexec sleep 600\n")
    (programs / "nvidia-smi").chmod(0o755)
    settings = (
        f"LD_LIBRARY_PATH={cards.library.parent} FAKE_NVML={cards.answers} "
        f"PATH={programs}:{os.environ['PATH']} GPU_WIZARD_TEST={tmp_path.name}"
    )
    with running_sshd(tmp_path, make_key(tmp_path / "key"), f"SetEnv {settings}") as sshd:
        yield sshd


def left(mark: str) -> list[str]:
    """The command lines of processes that a session of this test started."""
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            if f"GPU_WIZARD_TEST={mark}".encode() in (folder / "environ").read_bytes().split(b"\0"):
                found.append((folder / "cmdline").read_bytes().decode())
        except OSError:
            continue
    return found


@pytest.mark.parametrize(
    ("make", "source"), [(RemoteTelemetry, "nvml"), (SmiTelemetry, "nvidia-smi")]
)
@pytest.mark.parametrize("cut", [False, True])
async def test_nothing_is_left_on_the_machine(
    server: Sshd,
    tmp_path: Path,
    make: Callable[[Open], RemoteTelemetry | SmiTelemetry],
    source: str,
    cut: bool,
) -> None:
    transport = SshTransport(server.target(), server.options())
    async with asyncio.timeout(60):
        async with aclosing(make(transport.open).samples(0.2)) as samples:
            sample = await anext(samples)
            assert (sample.source, sample.gpus[0].power_watts) == (source, 450.44)
            assert left(tmp_path.name)
            if cut:
                server.cut()
        await transport.close()
        while left(tmp_path.name):
            await asyncio.sleep(0.05)
