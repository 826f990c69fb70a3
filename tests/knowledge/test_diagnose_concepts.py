"""A concept: its terms near each other in one line, in any order, each at a word's start."""

from __future__ import annotations

import pytest

from gpu_wizard.knowledge.diagnosis.wording import wordings

SECURE = "secure boot & {nvidia|module} & {not signed|unsigned}"
DRIVER = "{nvidia driver|nvidia drivers} & @missing"


def told(concept: str, text: str) -> bool:
    return any(each.search(text) for each in wordings(concept))


@pytest.mark.parametrize(
    ("concept", "text"),
    [
        (SECURE, "Secure Boot is on and the module is unsigned"),
        (SECURE, "the module (unsigned) can't be used with Secure  Boot"),
        (DRIVER, "ERROR: the NVIDIA driver isn't installed"),
        (DRIVER, "not found: NVIDIA drivers of this release"),
        (DRIVER, "one line\nanother line: nvidia driver missing\nthe last"),
    ],
)
def test_terms_are_found_in_any_order(concept: str, text: str) -> None:
    assert told(concept, text)


@pytest.mark.parametrize(
    ("concept", "text"),
    [
        (SECURE, "Secure Boot is on and the module is signed"),
        (SECURE, "Secure Boot\nthe module is unsigned"),
        (SECURE, "Secure Boot, submodule, unsigned"),
        (DRIVER, "nvidia driver" + " is here" * 40 + ", firmware missing"),
        (DRIVER, "nvidia driver, dismissing"),
    ],
)
def test_terms_apart_or_within_words_tell_nothing(concept: str, text: str) -> None:
    assert not told(concept, text)


def test_the_place_is_that_of_the_first_term() -> None:
    found = wordings(DRIVER)[0].search("missing: NVIDIA driver")
    assert found is not None
    assert found[0] == "NVIDIA driver"


def test_a_repeated_first_term_is_not_looked_at_without_end() -> None:
    assert not told(DRIVER, "nvidia driver " * 5000)


def test_a_concept_needs_a_first_term_that_can_be_looked_for() -> None:
    with pytest.raises(ValueError, match="no literal"):
        wordings("{MOK|key} & enrolled")
