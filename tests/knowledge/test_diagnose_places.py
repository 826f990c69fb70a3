"""Anchors in a line are found all at once: just those that a search for each by itself finds."""

from __future__ import annotations

from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from gpu_wizard.knowledge.diagnosis.anchors import Index
from gpu_wizard.knowledge.diagnosis.catalogue import catalogue
from gpu_wizard.knowledge.diagnosis.places import Places, made
from gpu_wizard.knowledge.diagnosis.scanning import Scanner
from gpu_wizard.knowledge.diagnosis.wording import without_digits

MADE = made(catalogue())
ANCHORS = [each.encode() for each in MADE["anchors"]]
PLACES = Places(MADE)
RECORDED = Path(__file__).parent.parent / "recorded" / "diagnose"


def one_by_one(line: bytes) -> list[int]:
    return [number for number, anchor in enumerate(ANCHORS) if anchor in line]


def test_each_anchor_is_found_at_any_place() -> None:
    for number, anchor in enumerate(ANCHORS):
        for before in (b"", b"x", b"xy", b"xyz", b"wxyz"):
            assert number in PLACES.standing_in(before + anchor)
            assert number in PLACES.standing_in(before + anchor + b"z")


def test_in_recorded_lines_the_same_are_found() -> None:
    texts = (path.read_text(encoding="utf-8") for path in sorted(RECORDED.glob("*.txt")))
    lines = [without_digits(line).encode() for text in texts for line in text.splitlines()]
    assert all(PLACES.standing_in(line) == one_by_one(line) for line in lines[::5])


@settings(max_examples=60, deadline=None)
@given(st.lists(st.sampled_from(ANCHORS) | st.binary(max_size=9), max_size=4).map(b"".join))
def test_in_any_line_the_same_are_found(line: bytes) -> None:
    assert PLACES.standing_in(line) == one_by_one(line)


def test_a_line_too_short_for_any_anchor_holds_none() -> None:
    assert [PLACES.standing_in(b"x" * count) for count in range(8)] == [[]] * 8


def test_ready_made_and_made_anew_say_the_same() -> None:
    text = b"".join(path.read_bytes() for path in sorted(RECORDED.glob("positives*.txt")))
    ready, anew = Scanner(), Scanner(known=Index(catalogue()))
    for scanner in (ready, anew):
        scanner.feed(text)
        scanner.end()
    assert ready.hits
    assert ready.hits == anew.hits
