"""Answers of real programs, one file a case: which probe, where it comes from, what must be read from it.

`expect` is the fact's value as JSON (a mapping may leave keys out), or `absent`, or `unknown`.
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gpu_wizard.facts import disk, kernel, nvidia_smi, packages, toolkit
from gpu_wizard.model.fact import Absent, Known, Unknown
from gpu_wizard.model.question import AnyProbe, Output, Probe

FOLDER = Path(__file__).parent.parent / "recorded" / "answers"
CASES = sorted(FOLDER.rglob("*.txt"))
MODULES = (disk, kernel, nvidia_smi, packages, toolkit)
PROBES: dict[str, AnyProbe] = {
    value.id: value
    for module in MODULES
    for value in vars(module).values()
    if isinstance(value, Probe)
}


def read_case(path: Path) -> tuple[AnyProbe, Output, object]:
    head, _, rest = path.read_bytes().decode().partition("--- stdout\n")
    stdout, _, stderr = rest.partition("--- stderr\n")
    fields = dict(line.split(": ", 1) for line in head.splitlines())
    output = Output(int(fields["status"]), stdout.encode(), stderr.encode())
    return PROBES[fields["probe"]], output, json.loads(fields["expect"])


def plain(value: object) -> object:
    """Nested dataclasses and tuples as JSON has them."""
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {f.name: plain(getattr(value, f.name)) for f in dataclasses.fields(value)}
    if isinstance(value, Mapping):
        return {key: plain(item) for key, item in value.items()}
    if isinstance(value, tuple):
        return [plain(item) for item in value]
    return value


@pytest.mark.parametrize("path", CASES, ids=lambda path: f"{path.parent.name}/{path.stem}")
def test_the_answer_is_read_as_expected(path: Path) -> None:
    probe, output, expected = read_case(path)
    fact = probe.read(output)
    if expected == "absent":
        assert isinstance(fact, Absent)
    elif expected == "unknown":
        assert isinstance(fact, Unknown)
    else:
        assert isinstance(fact, Known)
        assert kept(plain(fact.value), expected) == expected


def kept(value: object, expected: object) -> object:
    """Of a mapping, the keys that the case names; packages and log lines are compared whole."""
    if isinstance(value, dict) and isinstance(expected, dict):
        whole = not value.keys() >= expected.keys() or all(
            isinstance(v, dict) for v in value.values()
        )
        return value if whole else {key: value[key] for key in expected}
    return value


COMMANDS = [probe for probe in PROBES.values() if probe.id in {path.parent.name for path in CASES}]


@pytest.mark.parametrize("probe", COMMANDS, ids=lambda probe: probe.id)
@given(status=st.integers(0, 255), out=st.binary(max_size=300), err=st.binary(max_size=80))
def test_no_answer_makes_a_parser_fail(
    probe: AnyProbe, status: int, out: bytes, err: bytes
) -> None:
    fact: Any = probe.read(Output(status, out, err))
    assert isinstance(fact, Known | Absent | Unknown)


@pytest.mark.parametrize(
    ("driver", "cuda"),
    [
        ("580.159.04", "13.0"),
        ("580.65.06", "13.0"),
        ("575.64", "12.9"),
        ("555.52.04", "12.5"),
        ("535.309.01", "12.2"),
        ("470.256.02", ""),
        ("", ""),
        ("?", ""),
    ],
)
def test_cuda_follows_from_the_driver_where_nothing_tells(driver: str, cuda: str) -> None:
    assert nvidia_smi.cuda_of_driver(driver) == cuda


@pytest.mark.parametrize(
    ("left", "right", "same"),
    [
        ("580.159.04", "580.159", True),
        ("580.159.04", "580.159.04", True),
        ("580.159.04", "580.95.05", False),
        ("580.159", "535.309", False),
    ],
)
def test_shortened_versions_agree_as_far_as_they_go(left: str, right: str, same: bool) -> None:
    assert nvidia_smi.same_version(left, right) is same
