"""What programs say in the language of their system is read as the same in English, and quoted as it was said."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from gpu_wizard.knowledge.diagnose import diagnose
from gpu_wizard.knowledge.sources import content, files

RECORDED = Path(__file__).parent.parent / "recorded" / "diagnose" / "languages.txt"
ROWS = [
    line.split(" | ", 2)
    for line in RECORDED.read_text(encoding="utf-8").splitlines()
    if not line.startswith("# ")
]
LANGUAGES = ("de", "es", "fr", "pt", "ru", "zh")
MORE = ("ca", "cs", "it", "ja", "ko", "nl", "pl", "sv", "tr", "uk")
FILES = (*LANGUAGES[:3], "more", *LANGUAGES[3:], "zh_tw")
FILL = ("nvidia-driver-550", "11", "libcuda1", "first", "second", "third", "fourth")


def ids(text: str) -> list[str]:
    return [finding.id for finding in diagnose([text]).findings]


@pytest.mark.parametrize(("name", "whose", "text"), ROWS, ids=[f"{a}-{b}" for a, b, _ in ROWS])
def test_message_in_another_language_is_named_first(name: str, whose: str, text: str) -> None:
    assert ids(text)[:1] == [name]


def test_each_language_tells_of_each_of_the_common_programs() -> None:
    told = {tuple(whose.split()) for _, whose, _ in ROWS}
    common = ("apt", "libapt", "dpkg", "bash", "glibc", "wget", "dnf", "rpm")
    missing = {(language, each) for language in LANGUAGES for each in common} - told
    assert files("languages") == FILES
    assert missing <= {("zh", "rpm")}
    more = content("languages", "more")
    assert {
        (language, each) for language in MORE for each in ("apt", "bash", "glibc", "sudoers")
    } <= {tuple(name.split()) for name in more}
    assert {language for language, _ in told} == {*LANGUAGES, *MORE, "zh_tw"}


def pairs(language: str) -> Iterator[tuple[str, str]]:
    for table in content("languages", language).values():
        yield from table["texts"]


def filled(text: str) -> str:
    return re.sub(r"\{(\d)\}", lambda place: FILL[int(place[1]) - 1], text)


@pytest.mark.parametrize("language", FILES)
def test_every_saying_is_read_as_its_english(language: str) -> None:
    for english, said in pairs(language):
        assert ids(f"E: {filled(said)}") == ids(f"E: {filled(english)}"), said


@pytest.mark.parametrize("language", FILES)
def test_sayings_name_only_places_that_they_have(language: str) -> None:
    for english, said in pairs(language):
        assert set(re.findall(r"\{\d\}", english)) <= set(re.findall(r"\{\d\}", said)), said


def test_the_line_is_quoted_as_it_was() -> None:
    found = diagnose(["ok", "bash: nvidia-smi: команда не найдена", "ok"]).findings
    assert (found[0].id, found[0].lines) == ("driver-not-installed", (2,))
    assert found[0].text == "bash: nvidia-smi: команда не найдена"


def test_the_next_line_is_quoted_for_itself() -> None:
    lines = ["E: Невозможно найти пакет nvidia-container-toolkit", "sudo: no tty present"]
    lines += ["modprobe: ERROR: could not insert 'nvidia': Required key not available"]
    texts = [finding.text for finding in diagnose(lines).findings]
    assert "modprobe: ERROR: could not insert 'nvidia': Required key not available" in texts


def test_parameters_come_from_a_foreign_line() -> None:
    found = diagnose(["E: Невозможно найти пакет libfoo-dev"]).findings
    assert "libfoo-dev" in found[0].params.values()


def test_numbers_in_a_foreign_line_still_tell_causes_apart() -> None:
    lines = [f"E: Невозможно найти пакет {name}" for name in ("nvidia-driver-550", "htop")]
    assert {each.id for each in diagnose(lines).findings} == {
        "apt-driver-not-found",
        "apt-package-not-found",
    }


@pytest.mark.parametrize("language", FILES)
def test_a_line_that_repeats_a_saying_is_read_in_bounded_steps(language: str) -> None:
    """With an expression that tries all ways one such line took a quarter of a minute."""
    for _, said in pairs(language):
        parts = re.split(r"\{\d\}", said)
        diagnose([(parts[0] + "x".join(parts[1:-1]) + "x") * 100])
