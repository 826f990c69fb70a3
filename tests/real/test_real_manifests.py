"""Every manifest, as it is printed, before a real API server: strict, on the server, nothing kept."""

from __future__ import annotations

import subprocess
import sys

import pytest

from .bed import Bed, until


@pytest.mark.parametrize("said", ["--lang=en", "--lang=ru", "--no-comments"])
@pytest.mark.parametrize("kind", ["pod", "deployment", "dcgm-exporter"])
def test_manifest_passes_a_strict_dry_run(bed: Bed, kind: str, said: str) -> None:
    printed = subprocess.run(
        [sys.executable, "-m", "gpu_wizard", "manifest", kind, said],
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )

    # K3s makes its class some seconds after the server is there, and a pod without it is refused.
    until("the class", lambda: bed.exists("runtimeclass", "nvidia"))

    out = bed.kubectl(
        "apply", "--dry-run=server", "--validate=strict", "-f", "-", text_in=printed.stdout
    )

    made = 2 if kind == "dcgm-exporter" else 1
    assert out.count("created (server dry run)") == made
