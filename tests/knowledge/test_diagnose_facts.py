"""What is known of the host and its cluster judges what the text leaves open."""

from __future__ import annotations

from pathlib import Path

import pytest

from gpu_wizard.facts.containerd import CRICTL_INFO, CriInfo
from gpu_wizard.facts.k3s_server import PORT_BY_CURL, ServerPort
from gpu_wizard.facts.kernel import DRIVER_FILES, DRIVER_STATE, DriverFiles, DriverState
from gpu_wizard.facts.objects import NODE, NodeObject
from gpu_wizard.facts.pci import CARDS
from gpu_wizard.facts.runtime_classes import RUNTIME_CLASSES
from gpu_wizard.facts.systemd import UNITS, K3sUnits, UnitState
from gpu_wizard.facts.toolkit import CTK_VERSION, TOOLKIT_FILES, ToolkitFiles
from gpu_wizard.knowledge.diagnose import Finding, diagnose
from gpu_wizard.knowledge.diagnosis.conditions import TOKEN_FORM
from gpu_wizard.model.fact import ABSENT, Fact, Known, Unknown

JOURNAL = Path(__file__).parent.parent / "recorded" / "k3s-journal"
IDLE = NodeObject("gpu", "u", "True", "b", {}, {}, {}, "", "", ())
READY = NodeObject("gpu", "u", "True", "b", {}, {}, {"nvidia.com/gpu": "1"}, "", "", ())


def recorded(name: str) -> list[str]:
    path = next(JOURNAL.glob(f"1.36.2-{name}-*"))
    return [line for line in path.read_text(encoding="utf-8").splitlines() if line[:2] != "# "]


def first(lines: list[str], facts: dict[str, Fact[object]]) -> Finding:
    return diagnose(lines, facts).findings[0]


NEARER: list[tuple[str, str, Fact[object], str]] = [
    ("14", PORT_BY_CURL.id, Known(ServerPort("refused")), "refuses"),
    ("15", PORT_BY_CURL.id, Known(ServerPort("no-route")), "No such machine"),
    ("16", PORT_BY_CURL.id, Known(ServerPort("unresolved")), "does not resolve"),
    ("12", TOKEN_FORM, Known("bootstrap"), "bootstrap token has expired"),
    ("13", TOKEN_FORM, Known("bootstrap"), "bootstrap token has expired"),
    ("01", TOKEN_FORM, Known("password"), "password is wrong or cut"),
    ("02", TOKEN_FORM, Known("password"), "password is wrong or cut"),
    ("07", TOKEN_FORM, Known("password"), "password is wrong or cut"),
    ("31", NODE.id, Known(READY), "Another machine"),
    ("40", NODE.id, ABSENT, "leftover password"),
]


@pytest.mark.parametrize(("recording", "probe", "fact", "title"), NEARER)
def test_facts_tell_apart_what_the_journal_can_not(
    recording: str, probe: str, fact: Fact[object], title: str
) -> None:
    lines = recorded(recording)
    judged = first(lines, {probe: fact})
    assert title in judged.title()
    assert title not in first(lines, {}).title()
    assert judged.title("ru") != first(lines, {}).title("ru")
    assert judged.fixes() != first(lines, {}).fixes()


ALONE: list[tuple[str, dict[str, Fact[object]]]] = [
    ("driver-nouveau-in-use", {DRIVER_STATE.id: Known(DriverState(nouveau_loaded=True))}),
    (
        "driver-library-mismatch",
        {
            DRIVER_STATE.id: Known(DriverState("580.95.05")),
            DRIVER_FILES.id: Known(DriverFiles(("580.105.08",))),
        },
    ),
    ("driver-no-gpu", {CARDS.id: Known(())}),
    ("gpu-not-advertised", {NODE.id: Known(IDLE)}),
    ("runtimeclass-not-found", {NODE.id: Known(IDLE), RUNTIME_CLASSES.id: Known(())}),
    ("containerd-no-nvidia-runtime", {CRICTL_INFO.id: Known(CriInfo())}),
    (
        "toolkit-not-installed",
        {
            CRICTL_INFO.id: Known(CriInfo()),
            TOOLKIT_FILES.id: Known(ToolkitFiles()),
            CTK_VERSION.id: ABSENT,
        },
    ),
    (
        "k3s-not-running",
        {
            UNITS.id: Known(K3sUnits(UnitState("k3s-agent", loaded=True), UnitState("k3s"))),
            NODE.id: Known(IDLE),
        },
    ),
]


@pytest.mark.parametrize(("name", "facts"), ALONE, ids=[name for name, _ in ALONE])
def test_facts_alone_tell_a_cause(name: str, facts: dict[str, Fact[object]]) -> None:
    found = {each.id: each for each in diagnose([], facts).findings}
    assert name in found
    assert found[name].lines == ()
    assert found[name].confirmed


def test_what_nobody_could_look_at_tells_nothing() -> None:
    unknown: dict[str, Fact[object]] = {
        probe: Unknown("timed-out")
        for probe in (CARDS.id, NODE.id, DRIVER_STATE.id, DRIVER_FILES.id, CRICTL_INFO.id)
    }
    assert diagnose([], unknown).findings == ()


def test_a_toolkit_that_lies_elsewhere_is_not_missing() -> None:
    facts: dict[str, Fact[object]] = {
        CRICTL_INFO.id: Known(CriInfo()),
        TOOLKIT_FILES.id: Known(ToolkitFiles(operator_runtime=True)),
        CTK_VERSION.id: ABSENT,
    }
    assert [each.id for each in diagnose([], facts).findings] == ["containerd-no-nvidia-runtime"]


def test_a_service_that_starts_is_not_stopped() -> None:
    starting = UnitState("k3s-agent", loaded=True, active="activating")
    facts: dict[str, Fact[object]] = {
        UNITS.id: Known(K3sUnits(starting, UnitState("k3s"))),
        NODE.id: Known(IDLE),
    }
    assert "k3s-not-running" not in [each.id for each in diagnose([], facts).findings]


def test_a_loaded_driver_rules_out_that_it_is_missing() -> None:
    line = "NVIDIA-SMI has failed because it couldn't communicate with the NVIDIA driver."
    assert diagnose([line]).findings
    loaded: dict[str, Fact[object]] = {DRIVER_STATE.id: Known(DriverState("580.95.05"))}
    assert "driver-not-loaded" in [each.id for each in diagnose([line]).findings]
    assert "driver-not-loaded" not in [each.id for each in diagnose([line], loaded).findings]


def test_facts_say_why_where_the_text_tells_only_what() -> None:
    line = "NVIDIA-SMI has failed because it couldn't communicate with the NVIDIA driver."
    nouveau: dict[str, Fact[object]] = {DRIVER_STATE.id: Known(DriverState(nouveau_loaded=True))}
    assert first([line], nouveau).id == "driver-nouveau-in-use"


def test_an_answering_server_is_not_unreachable() -> None:
    answers: dict[str, Fact[object]] = {PORT_BY_CURL.id: Known(ServerPort("k3s"))}
    ids = [each.id for each in diagnose(recorded("14"), answers).findings]
    assert "k3s-server-unreachable" not in ids
