"""Every recorded join failure, made anew with real processes: bounded, the right cause, nothing half-done."""

from __future__ import annotations

import difflib
from concurrent.futures import Future

import pytest

from .attempts import ATTEMPTS, Outcome, try_all
from .bed import Bed

AT_ONCE = 6


@pytest.fixture(scope="module")
def outcomes(
    bed: Bed, request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> dict[str, Future[Outcome]]:
    """Of those attempts whose tests were chosen."""
    chosen = {item.name.partition("[")[2].rstrip("]") for item in request.session.items}
    attempts = {name: attempt for name, attempt in ATTEMPTS.items() if name in chosen}
    found = try_all(bed, tmp_path_factory.mktemp("attempts"), attempts, AT_ONCE)
    bed.tidy()
    return found


@pytest.mark.parametrize("name", ATTEMPTS)
def test_earlier_attempt_is_cured_or_its_cause_named(
    outcomes: dict[str, Future[Outcome]], name: str
) -> None:
    attempt, outcome = ATTEMPTS[name], outcomes[name].result()
    join = outcome.run.assessments()["join"]

    assert join["code"] == f"join.{attempt.code}", (
        f"{join}\n{outcome.run!r}\n{outcome.journal[-3000:]}"
    )
    assert join["state"] == ("done" if attempt.cured else "blocked")
    assert outcome.run.err == ""
    if not attempt.cured:
        assert changes(outcome) == [], repr(outcome.run)


def changes(outcome: Outcome) -> list[str]:
    """Files that the product left, took away or changed."""
    lines = difflib.ndiff(outcome.before.splitlines(), outcome.after.splitlines())
    return [line for line in lines if not line.startswith(" ")]
