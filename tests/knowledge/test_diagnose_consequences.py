"""Whole pastes, an error amid its consequences and unrelated lines: what has to be cured stands first."""

from __future__ import annotations

from pathlib import Path

import pytest

from gpu_wizard.knowledge.diagnose import diagnose

_PASTES = Path(__file__).parent.parent / "recorded" / "diagnose" / "consequences.txt"


def _pastes() -> list[tuple[str, str, str]]:
    """The cause, what the paste shows, the paste itself."""
    blocks = _PASTES.read_text().split("\n=== ")[1:]
    heads = (block.split("\n", 1) for block in blocks)
    return [(*_head(head), text) for head, text in heads]


def _head(head: str) -> tuple[str, str]:
    cause, _, shown = head.partition(" | ")
    return cause, shown


@pytest.mark.parametrize(
    ("cause", "text"), [(a, c) for a, _, c in _pastes()], ids=[b for _, b, _ in _pastes()]
)
def test_what_has_to_be_cured_stands_first(cause: str, text: str) -> None:
    assert diagnose(text.splitlines()).findings[0].id == cause
