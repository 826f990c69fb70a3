"""Diagnosis on the practice lab: the cause is named, and where a stage is said to cure it, the run ends well."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path

import pytest

from gpu_wizard.engine.progress import fold_all
from gpu_wizard.engine.token_form import token_form
from gpu_wizard.faces.tui.drawing.troubles import recognised
from gpu_wizard.faces.tui.output_log import OutputLog
from gpu_wizard.knowledge.diagnose import Finding
from gpu_wizard.knowledge.diagnosis.catalogue import catalogue
from gpu_wizard.lab.serve import Lab
from gpu_wizard.model.events import Event, StageStarted
from gpu_wizard.model.secret import Secret
from tests.engine.lab_runs import Run, run_on

CURED = {
    "containerd-no-nvidia-runtime": ("config-without-nvidia", "runtime"),
    "plugin-incompatible-strategy": ("helm-plugin", "plugin-runtime"),
    "gpu-not-advertised": ("old-toolkit", "device-plugin"),
    "k3s-not-running": ("hung-node", "join"),
    "toolkit-not-installed": ("no-toolkit", "toolkit"),
}
"""Signature → a scenario that shows it, and the stage that cures it."""


async def run_of(scenario: str, tmp_path: Path) -> Run:
    folder = tmp_path / "lab"
    folder.mkdir()
    async with Lab(scenario, folder, speed=25.0) as running:
        return await run_on(running.directory / "setup.toml", tmp_path / "runs")


def found(events: list[Event]) -> tuple[Finding, ...]:
    """What the troubleshooting screen recognises from the facts and the errors alone."""
    with closing(OutputLog()) as log:
        return recognised(fold_all(tuple(events)).nodes["gpu1"], log)


def test_every_cure_that_is_promised_is_tried_here() -> None:
    promised = {each.id: each.ours for each in catalogue().signatures if each.ours}
    assert promised == {name: stage for name, (_, stage) in CURED.items()}


@pytest.mark.parametrize("name", CURED)
async def test_what_a_stage_cures_is_named_first_and_the_run_ends_well(
    name: str, tmp_path: Path
) -> None:
    scenario, stage = CURED[name]
    run = await run_of(scenario, tmp_path)
    begun = [event.stage for event in run.face.of(StageStarted)]
    before = run.face.events[
        : next(n for n, each in enumerate(run.face.events) if isinstance(each, StageStarted))
    ]
    assert found(before)[0].id == name
    assert stage in begun, (run.face.codes(), run.finished)
    assert run.finished.outcome == "done", run.face.codes()
    assert found(run.face.events) == ()


async def test_a_refused_password_is_told_from_an_expired_token(tmp_path: Path) -> None:
    run = await run_of("wrong-token", tmp_path)
    first = found(run.face.events)[0]
    assert first.id == "k3s-token-rejected"
    assert "password" in first.title()


HASH = b"K10" + b"a1" * 32


@pytest.mark.parametrize(
    ("token", "form"),
    [
        (b"abc123.0123456789abcdef", "bootstrap"),
        (HASH + b"::abc123.0123456789abcdef\n", "bootstrap"),
        (HASH + b"::server:0123456789abcdef", "password"),
        (HASH + b"::node:pass word", "malformed"),
        (HASH + b"::server", "malformed"),
        (HASH[:40] + b"::server:0123456789abcdef", "malformed"),
        (b"just-a-password", "short"),
    ],
)
def test_the_form_of_a_token_is_told_by_its_marks(token: bytes, form: str) -> None:
    assert token_form(Secret(token)) == form
