"""Every signature is reachable, harmless lines and healthy logs are left in peace, recorded faults are named."""

from __future__ import annotations

import re
from itertools import combinations
from pathlib import Path

import pytest

from gpu_wizard.facts.k3s_causes import CODES
from gpu_wizard.knowledge.diagnose import diagnose
from gpu_wizard.knowledge.diagnosis.catalogue import LAYERS, Signature, catalogue
from gpu_wizard.knowledge.diagnosis.conditions import CONDITIONS
from gpu_wizard.knowledge.diagnosis.layers import commands_of
from gpu_wizard.knowledge.texts import Language

RECORDED = Path(__file__).parent.parent / "recorded"
SIGNATURES = catalogue().signatures
# fmt: off
STAGES = frozenset({
    "ssh", "apt", "join", "driver", "toolkit", "containerd", "plugin", "runtimeclass", "patch", "label", "verify",
})
# fmt: on


def rows(name: str) -> list[list[str]]:
    lines = (RECORDED / "diagnose" / name).read_text(encoding="utf-8").splitlines()
    return [line.split(" | ") for line in lines if line and not line.startswith("# ")]


def loud(text: str) -> list[str]:
    """The ids of what is found above info, best first."""
    found = diagnose(text.splitlines()).findings
    return [finding.id for finding in found if finding.severity != "info"]


FRAGMENTS = [(row[0], row[1], " | ".join(row[2:])) for row in rows("fragments.txt")]
POSITIVES = [
    (row[0], " | ".join(row[1:]))
    for path in sorted((RECORDED / "diagnose").glob("positives*.txt"))
    for row in rows(path.name)
]
_PLACE = re.compile(r"\{[a-z_]+\}")
_BOTH: tuple[Language, ...] = ("en", "ru")
HARMLESS = [" | ".join(row) for row in rows("harmless.txt")]


@pytest.mark.parametrize(("name", "stage", "text"), FRAGMENTS, ids=range(len(FRAGMENTS)))
def test_fragment_of_the_corpus_is_named_first(name: str, stage: str, text: str) -> None:
    found = diagnose([text], stage=stage).findings
    assert found[0].id == name


@pytest.mark.parametrize(("name", "text"), POSITIVES, ids=[name for name, _ in POSITIVES])
def test_signature_is_reachable(name: str, text: str) -> None:
    found = diagnose([text]).findings
    assert name in [finding.id for finding in found][:3]
    assert not any(_PLACE.search(each.title(to) + each.cause(to)) for each in found for to in _BOTH)


def test_each_signature_has_a_positive() -> None:
    tried = {row[0] for row in FRAGMENTS} | {row[0] for row in POSITIVES}
    assert tried == {signature.id for signature in SIGNATURES}
    assert len(SIGNATURES) >= 250


def test_no_wording_is_written_twice() -> None:
    told = [(each.id, words) for each in SIGNATURES for words in each.told.items()]
    assert [(name, kind) for name, (kind, words) in told if len(words) != len(set(words))] == []


def test_two_signatures_share_a_wording_only_where_one_waits_for_the_other() -> None:
    tellers: dict[str, list[Signature]] = {}
    for each in SIGNATURES:
        for wording in () if each.bare else each.told.get("patterns", ()):
            tellers.setdefault(wording, []).append(each)
    pairs = [pair for told in tellers.values() for pair in combinations(told, 2)]
    alike = [(a.id, b.id) for a, b in pairs if a.id not in b.yields_to and b.id not in a.yields_to]
    assert alike == []


@pytest.mark.parametrize("text", HARMLESS)
def test_harmless_line_is_no_fault(text: str) -> None:
    assert loud(text) == []


@pytest.mark.parametrize("signature", SIGNATURES, ids=lambda each: each.id)
def test_signature_is_whole(signature: Signature) -> None:
    known = {each.id for each in SIGNATURES}
    conditions = {
        *signature.facts,
        *signature.confirmed_by,
        *signature.ruled_out_by,
        *(condition for variant in signature.variants for condition in variant.conditions),
    }
    assert signature.layer in LAYERS
    assert commands_of(signature.layer)
    assert signature.stage in STAGES
    assert signature.sources
    assert signature.fixes
    assert set(signature.texts) == {"title_en", "title_ru", "cause_en", "cause_ru"}
    assert set(signature.yields_to) <= known - {signature.id}
    assert conditions <= CONDITIONS.keys()
    assert any("а" <= letter <= "я" for letter in signature.texts["cause_ru"].lower())


def test_every_wording_is_a_regular_expression() -> None:
    known = catalogue()
    told = (
        each
        for one in SIGNATURES
        for each in (*one.wordings, *one.broad, *one.loose, *one.unless, *one.loose_unless)
    )
    cleared = (each.wording for each in known.recoveries)
    assert all(each.pattern for each in (*told, *cleared, *known.harmless))


def test_ids_are_unique_and_codes_of_k3s_all_used() -> None:
    ids = [signature.id for signature in SIGNATURES]
    assert len(set(ids)) == len(ids)
    assert {code for signature in SIGNATURES for code in signature.codes} == set(CODES)


JOINS = sorted((RECORDED / "k3s-journal").glob("*.txt"))
BY_CODE = {code: signature.id for signature in SIGNATURES for code in signature.codes}


@pytest.mark.parametrize("path", JOINS, ids=[path.stem for path in JOINS])
def test_recorded_start_of_k3s_is_named_first(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    cause = next(line[9:] for line in text.splitlines() if line.startswith("# cause: "))
    body = "\n".join(line for line in text.splitlines() if not line.startswith("# "))
    found = loud(body)
    if cause == "none":
        assert found == []
    else:
        assert found[0] == BY_CODE[cause]


PLUGIN = {
    "success": "",
    "success-time-slicing-4": "",
    "no-nvml": "plugin-incompatible-strategy",
    "no-nvml-fail-on-init-error-false": "plugin-incompatible-strategy",
    "nvml-driver-not-loaded": "driver-not-loaded",
    "nvml-no-devices": "plugin-no-devices-found",
    "bad-config-file": "plugin-config-broken",
    "kubelet-directory-not-mounted": "plugin-register-failed",
}
LOGS = sorted((RECORDED / "device-plugin").glob("*.log"))


@pytest.mark.parametrize("path", LOGS, ids=[path.stem for path in LOGS])
def test_recorded_log_of_the_plugin_is_named_first(path: Path) -> None:
    situation = path.stem.split(".")[-1]
    assert (loud(path.read_text(encoding="utf-8")) or [""])[0] == PLUGIN[situation]


HEALTHY = sorted((RECORDED / "diagnose" / "healthy").glob("*.txt"))


@pytest.mark.parametrize("path", HEALTHY, ids=[path.stem for path in HEALTHY])
def test_healthy_log_has_nothing_above_info(path: Path) -> None:
    assert loud(path.read_text(encoding="utf-8")) == []
