"""Samples as a table and as JSON lines, of any cards, in both languages."""

from __future__ import annotations

import io
import json
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gpu_wizard.engine.gpu_watch import Watched
from gpu_wizard.faces.gpu import GpuJson, GpuTable
from gpu_wizard.facts.attribution import PodUse, attribute
from gpu_wizard.facts.gpu_warnings import UseHistory, Warn, warnings
from gpu_wizard.knowledge.texts import Language
from gpu_wizard.model.sample import GpuProcess, GpuSample, MigInstance, Sample
from gpu_wizard.telemetry.reading import sample_of
from gpu_wizard.telemetry.smi import CANNOT_TELL

NUMBER = st.none() | st.integers() | st.floats() | st.text(max_size=3)
NAMES = [
    name for name in GpuSample.__dataclass_fields__ if name not in ("processes", "mig_instances")
]
CARD = st.dictionaries(
    st.sampled_from(NAMES), NUMBER | st.booleans() | st.lists(st.text(max_size=9))
)
SAMPLE = st.fixed_dictionaries({"at": NUMBER, "source": st.text(), "gpus": st.lists(CARD)})

PROCESS = GpuProcess(7, "cuburn", None, pod="host")
MIG = MigInstance("MIG-1", "1g.10gb", 4 << 30, 10 << 30, (PROCESS,))
GOOD = GpuSample(0, "GPU-0", "H100", memory_used_bytes=3 << 30, memory_total_bytes=80 << 30)
LOST = GpuSample(1, "GPU-1", "H100", failure="fell-off-the-bus", xid=79)


def watched(sample: Sample, *uses: PodUse) -> Watched:
    return Watched(sample, warnings(sample), uses, "gpu1" if uses else "")


def table(*samples: Sample, language: Language = "en") -> str:
    stream = io.StringIO()
    face = GpuTable(stream, language)
    for sample in samples:
        face.show(watched(sample))
    return stream.getvalue()


def sample(*gpus: GpuSample) -> Sample:
    return Sample(1.0, "nvml", "580.159.04", gpus)


def test_a_lost_card_keeps_its_row_and_says_why() -> None:
    lines = table(sample(GOOD, LOST)).splitlines()
    (row,) = [line for line in lines if line.startswith("1  H100")]
    assert "Fell off the bus (Xid 79)." in row
    assert any(line.startswith("! 1: Fell off the bus (Xid 79).") for line in lines)


def test_a_process_of_a_mig_instance_is_listed_once() -> None:
    card = replace(GOOD, mig_enabled=True, mig_instances=(MIG,), processes=(PROCESS,))
    text = table(sample(card))
    assert "MIG 1g.10gb" in text
    assert text.count("cuburn") == 1
    assert "4.0 / 10.0 GiB" in text
    assert "not told" in text


def test_what_a_source_cannot_tell_is_said_once() -> None:
    one = replace(sample(GOOD), source="nvidia-smi", cannot_tell=CANNOT_TELL, fallback="no-python3")
    assert table(one, one).count("processes") == 1
    assert "processes" in table(replace(one, fallback=""))


def test_no_card_is_said() -> None:
    assert "The driver shows no card." in table(sample())
    assert "Драйвер не показывает ни одной карты." in table(sample(), language="ru")


def test_json_names_pods_and_their_warnings() -> None:
    use = PodUse("ml/b", "exposed", 0, (), 2)
    stream = io.StringIO()
    one = Watched(sample(GOOD), UseHistory().warnings(1.0, [use]), (use,), "gpu1")
    GpuJson(stream, "1").show(one)
    line = json.loads(stream.getvalue().splitlines()[1])
    assert (line["node"], line["at"]) == ("gpu1", "1970-01-01T00:00:01.000Z")
    assert line["pods"] == [
        {"pod": "ml/b", "verdict": "exposed", "asked": 0, "cards": [], "sees": 2}
    ]
    assert line["warnings"][0]["text"].startswith("Pod ml/b asked for 0 cards and sees 2.")


@pytest.mark.parametrize("language", ["en", "ru"])
@given(data=SAMPLE)
def test_whatever_a_machine_sends_can_be_shown(language: Language, data: dict[str, object]) -> None:
    one = attribute(sample_of(data))
    assert "\x1b" not in table(one, language=language)
    stream = io.StringIO()
    GpuJson(stream, "1").show(watched(one))
    assert all(json.loads(line) for line in stream.getvalue().splitlines())


def test_a_warning_without_a_card_is_of_the_machine() -> None:
    stream = io.StringIO()
    failed = Sample(0.0, "nvml", None, (), failure="mismatch")
    GpuTable(stream, "en").show(Watched(failed, (Warn("gpu.mismatch", "error"),)))
    assert "! The loaded driver and its library are of different versions." in stream.getvalue()
