"""While a stage runs: each cause is told once, as soon as its line is whole."""

from __future__ import annotations

from gpu_wizard.knowledge.diagnose import STAGES, LiveDiagnosis
from gpu_wizard.knowledge.diagnosis.catalogue import catalogue

TOKEN = 'msg="token CA hash does not match the Cluster CA certificate hash: aa != bb"\n'
LOCK = "E: Could not get lock /var/lib/dpkg/lock-frontend. It is held by process 812 (apt-get)\n"


def test_a_cause_is_told_once_when_its_line_is_whole() -> None:
    live = LiveDiagnosis("join")
    assert live.feed("starting\n" + TOKEN[:30]) == []
    assert [each.id for each in live.feed(TOKEN[30:])] == ["k3s-token-ca-hash-mismatch"]
    assert live.feed(TOKEN * 50) == []
    assert [each.id for each in live.standing()] == ["k3s-token-ca-hash-mismatch"]


def test_the_last_line_may_lack_its_end() -> None:
    live = LiveDiagnosis("toolkit")
    assert live.feed(LOCK.rstrip()) == []
    assert [each.id for each in live.end()][:1] == ["apt-lock-held"]


def test_the_stage_makes_short_wordings_tell() -> None:
    assert LiveDiagnosis("join").feed("401 Unauthorized\n")[0].id == "k3s-token-rejected"
    assert LiveDiagnosis("proof").feed("401 Unauthorized\n") == []


def test_every_stage_of_the_wizard_is_a_stage_of_the_catalogue() -> None:
    assert set(STAGES.values()) <= {signature.stage for signature in catalogue().signatures}
