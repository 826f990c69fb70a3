"""Samples as they arrive: recorded ones agree with each other, hostile ones do no harm."""

from __future__ import annotations

import json
from dataclasses import fields
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gpu_wizard.model.sample import GpuSample, Sample
from gpu_wizard.telemetry.reading import sample_of, sample_of_line

RECORDED = Path(__file__).parents[1] / "recorded" / "telemetry"
NAMES = [field.name for kind in (Sample, GpuSample) for field in fields(kind)]
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(NAMES) | st.text(), inner, max_size=6)
    ),
    max_leaves=20,
)


def series(name: str) -> list[Sample]:
    lines = (RECORDED / f"{name}.jsonl").read_bytes().splitlines()
    samples = [sample_of_line(line) for line in lines]
    return [sample for sample in samples if sample is not None]


@pytest.mark.parametrize("cards", ["h100", "two-h100"])
@pytest.mark.parametrize(("source", "watts"), [("sent", 12.0), ("smi", 0.1)])
def test_the_sources_agree_on_real_cards(cards: str, source: str, watts: float) -> None:
    """nvidia-smi was read at the same moments as NVML, the sent sampler up to a tenth of a second apart."""
    local = series(f"{cards}-local")
    compared = 0
    for sample in series(f"{cards}-{source}"):
        near = min(local, key=lambda one: abs(one.at - sample.at))
        if abs(near.at - sample.at) <= 0.12:
            for mine, other in zip(sample.gpus, near.gpus, strict=True):
                agree(mine, other, watts)
                compared += 1
    assert compared >= 8


def agree(mine: GpuSample, other: GpuSample, watts: float) -> None:
    assert (mine.index, mine.uuid, mine.name) == (other.index, other.uuid, other.name)
    assert mine.utilisation_percent == other.utilisation_percent
    assert abs((mine.memory_used_bytes or 0) - (other.memory_used_bytes or 0)) < 1 << 20
    assert abs((mine.temperature_celsius or 0) - (other.temperature_celsius or 0)) <= 2
    assert abs((mine.power_watts or 0) - (other.power_watts or 0)) <= watts
    assert abs((mine.sm_clock_mhz or 0) - (other.sm_clock_mhz or 0)) <= 90
    assert mine.throttle_reasons == other.throttle_reasons


def test_a_real_loaded_card_reads_as_loaded() -> None:
    (gpu,) = series("h100-local")[-1].gpus
    assert gpu.utilisation_percent == 100
    assert gpu.throttle_reasons == ("sw-power-cap",)
    assert gpu.fan_percent is None
    assert [process.name for process in gpu.processes or ()] == ["python3 burn.py"]


@given(JSON)
def test_any_json_is_a_sample_or_none(data: object) -> None:
    sample_of_line(json.dumps(data).encode())
    if isinstance(data, dict):
        sample = sample_of(data)
        assert sample.source.isprintable()
        assert all(gpu.name.isprintable() for gpu in sample.gpus)


@given(st.binary())
def test_any_bytes_are_a_sample_or_none(line: bytes) -> None:
    sample_of_line(line)


def test_escapes_and_direction_marks_of_a_name_are_dropped() -> None:
    sample = sample_of(
        {"source": "nvml", "gpus": [{"name": "A\x1b[31mB\u202eC\n", "processes": 3}]}
    )
    assert sample.gpus[0].name == "A[31mBC"
    assert sample.gpus[0].processes is None
