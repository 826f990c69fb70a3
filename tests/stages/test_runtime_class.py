"""Stage 6: adopt, wait, create, or stop at a foreign handler."""

from __future__ import annotations

import pytest

from gpu_wizard.facts.runtime_classes import RuntimeClassObject
from gpu_wizard.model.fact import ABSENT, Known, Unknown
from gpu_wizard.stages.runtime_class import RuntimeClass, RuntimeClassFacts
from tests.stages.cluster_facts import SPEC

STAGE = RuntimeClass()


def facts(*classes: RuntimeClassObject) -> RuntimeClassFacts:
    return RuntimeClassFacts(classes=Known(classes), api=ABSENT)


@pytest.mark.parametrize("maker", ["k3s", "operator", "gpu-wizard", "hand"])
def test_a_class_with_the_right_handler_is_adopted_whoever_made_it(maker: str) -> None:
    assessment = STAGE.assess(facts(RuntimeClassObject("nvidia", "nvidia", maker)), SPEC)
    assert (assessment.state, assessment.code) == ("done", f"runtime-class.{maker}")


def test_a_foreign_handler_stops() -> None:
    given = facts(RuntimeClassObject("nvidia", "kata", "hand"))
    assert STAGE.assess(given, SPEC).state == "blocked"
    assert STAGE.found(given, SPEC)[1].state == "blocked"


def test_before_k3s_made_any_class_it_may_still_come() -> None:
    assert STAGE.assess(facts(), SPEC).settling
    assert STAGE.assess(facts(RuntimeClassObject("kata", "kata", "hand")), SPEC).settling


def test_with_its_siblings_there_it_was_deleted_and_is_made_at_once() -> None:
    assessment = STAGE.assess(facts(RuntimeClassObject("crun", "crun", "k3s")), SPEC)
    assert (assessment.state, assessment.settling) == ("needed", False)
    (step,) = STAGE.plan(facts(), SPEC)
    assert step.id == "runtime-class.create"


def test_could_not_look_is_not_absent() -> None:
    given = RuntimeClassFacts(classes=Unknown("api-timed-out"), api=ABSENT)
    assert STAGE.assess(given, SPEC).state == "unknown"
