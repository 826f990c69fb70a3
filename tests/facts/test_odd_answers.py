"""An answer of any shape is a fact, known or not: no program and no API ends a run by what it says."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gpu_wizard.model.fact import Absent, Known, Unknown
from gpu_wizard.model.question import (
    AnyProbe,
    Command,
    FileFound,
    Files,
    FilesFound,
    LogsFound,
    ObjectsFound,
    Output,
    PodLog,
    PodLogs,
    probes_of,
)
from gpu_wizard.model.spec import Spec
from gpu_wizard.stages import PROOF, STAGES

SPEC = Spec("gpu-1", "https://10.0.0.1:6443", "gpu-1", True, prove=True, run_id="run-1")
PROBES: dict[str, AnyProbe] = {
    probe.id: probe for stage in (*STAGES, PROOF) for probe in probes_of(stage.facts_type).values()
}
KEYS = [
    *("metadata", "spec", "status", "items", "name", "labels", "annotations", "ownerReferences"),
    *(
        "template",
        "containers",
        "image",
        "affinity",
        "nodeAffinity",
        "conditions",
        "handler",
        "kind",
    ),
    *("requiredDuringSchedulingIgnoredDuringExecution", "nodeSelectorTerms", "runtimeHandlers"),
]
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(KEYS) | st.text(max_size=4), inner, max_size=5)
    ),
    max_leaves=12,
)
OBJECTS = st.dictionaries(st.sampled_from(KEYS), JSON, max_size=5)
WORDS = st.binary(max_size=60) | st.sampled_from(
    [
        b"",
        b"\xff\xfe",
        b"GPU 0: (UUID: )\n",
        b"a, b, c\n",
        b"version = \n[x\n",
        b"{",
        b"-1\n",
        b"0" * 40,
    ]
)


def answers(probe: AnyProbe) -> st.SearchStrategy[Any]:
    """Answers of the kind that this probe's question gets."""
    question = probe.question(SPEC)
    match question:
        case Command():
            return st.builds(Output, st.sampled_from([0, 1, 2, 127, 255, -9]), WORDS, WORDS)
        case Files():
            paths = st.sampled_from([*question.patterns, "/x"])
            kinds = st.sampled_from(["file", "directory", "link", "device", "other"])
            number, content = st.integers(-1, 1 << 40), st.none() | WORDS
            found = st.builds(
                FileFound,
                paths,
                kinds,
                number,
                st.text(max_size=4),
                number,
                number,
                content=content,
            )
            return st.builds(lambda files: FilesFound(tuple(files)), st.lists(found, max_size=3))
        case PodLogs():
            text = st.text(max_size=60)
            log = st.builds(PodLog, text, text, text, text, text)
            return st.builds(lambda logs: LogsFound(tuple(logs)), st.lists(log, max_size=2))
        case _:
            return st.builds(lambda all_: ObjectsFound(tuple(all_)), st.lists(OBJECTS, max_size=2))


@settings(max_examples=15, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.data())
def test_no_answer_raises(data: st.DataObject) -> None:
    for probe in PROBES.values():
        if probe.question(SPEC) is not None:
            assert isinstance(probe.read(data.draw(answers(probe))), Known | Absent | Unknown)


class Timeless(FileFound):
    """A file whose time nobody may look at."""

    @property
    def mtime(self) -> int:
        raise AssertionError("the question has no `times`")


@pytest.mark.parametrize("kind", ["file", "directory"])
def test_times_are_read_only_where_they_were_asked_for(kind: str) -> None:
    for probe in PROBES.values():
        question = probe.question(SPEC)
        if isinstance(question, Files) and not question.times:
            files = tuple(Timeless(path, kind, 0o755, "root", 1, 0) for path in question.patterns)
            assert isinstance(probe.read(FilesFound(files)), Known | Absent | Unknown)


def test_an_object_of_another_shape_spoils_its_own_fact_alone() -> None:
    fact = PROBES["cluster.plugin-sets"].read(ObjectsFound(({"metadata": {"name": "x"}},)))
    assert isinstance(fact, Unknown)
    assert (fact.code, fact.detail) == ("unreadable", "cluster.plugin-sets: KeyError: 'spec'")
