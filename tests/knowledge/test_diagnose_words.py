"""A cause told in a sentence that nobody wrote a pattern for: its few certain words, and what they give way to."""

from __future__ import annotations

import pytest

from gpu_wizard.knowledge.diagnose import diagnose
from tests.knowledge.test_diagnose_signatures import loud, rows

WORDS = [(row[0], " | ".join(row[1:])) for row in rows("positives-words.txt")]


@pytest.mark.parametrize(("name", "text"), WORDS, ids=range(len(WORDS)))
def test_other_words_tell_the_same_cause(name: str, text: str) -> None:
    assert loud(text)[0] == name


def test_known_sentence_silences_the_words_in_it() -> None:
    assert loud("the join token is wrong") == ["k3s-token-rejected"]
    assert loud("the join token is wrong, --token is required") == ["k3s-token-missing"]


def test_few_words_come_after_a_known_sentence() -> None:
    words = "the join token is wrong, says agent"
    sentence = "level=error msg=\"kubelet cgroup driver: 'systemd' is different from the other\""
    found = diagnose([words, sentence]).findings
    assert [(each.id, each.loose) for each in found] == [
        ("runc-cgroup-driver", False),
        ("k3s-token-rejected", True),
    ]


def test_known_sentence_later_makes_few_words_certain() -> None:
    found = diagnose(
        ["agent: join token is wrong", "token is not valid: https://10.0.0.5:6443"]
    ).findings
    assert [(each.id, each.loose) for each in found][:1] == [("k3s-token-rejected", False)]
