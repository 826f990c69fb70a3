"""Sentences that stand in the code have their Russian ones."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

import gpu_wizard
from gpu_wizard.journal.forms import FORMS
from gpu_wizard.journal.recording import read_setup
from gpu_wizard.knowledge.texts import entries
from gpu_wizard.knowledge.translated import translated
from gpu_wizard.model.errors import InputListError

SOURCES = sorted(Path(gpu_wizard.__file__).parent.rglob("*.py"))
RAISERS = {"InputError": 1, "_usage": 0, "_mistake": 0}
"""What makes a mistake of the user, and which of its arguments is the sentence."""


def test_english_stays_and_what_is_not_known_stays_english() -> None:
    assert translated("The file is empty.", "en") == "The file is empty."
    assert translated("Nobody said this.", "ru") == "Nobody said this."


def test_parts_are_filled_in_and_sentences_among_them_translated() -> None:
    assert translated("There is no scenario a.b.", "ru") == "Сценария a.b нет."
    told = translated("argument --k3s: invalid choice: '2' (choose from '1', '3')", "ru")
    assert told == "параметр --k3s: нет варианта '2'; возможны '1', '3'"


def test_of_two_that_fit_the_more_telling_one_is_taken() -> None:
    told = translated("x must be lower-case letters, digits, dots and dashes.", "ru")
    assert told == "x: только строчные буквы, цифры, точки и дефисы."


def test_every_form_of_a_setup_files_value_is_told_in_russian() -> None:
    english = [f"a.key {form.sentence}" for form in FORMS.values()]
    assert [text for text in english if translated(text, "ru") == text] == []


BROKEN = """
version = true
choices = 3
[control_plane]
host = "local"
user = "me"
[cluster]
context = "c"
server = "https://a:b@c:1"
[[nodes]]
name = "a"
host = "u@h"
user = "v"
identity_file = 7
sudo = "secret"
password = {from = "sky"}
[[nodes]]
name = "a"
host = ""
[[nodes]]
name = "-"
host = "u@h"
stages.join.token = {from = "env", name = "1"}
stages.jion = {}
stages.driver.reboot = "yes"
stages.proof.timeout_seconds = "long"
stages.device-plugin.replicas = 1.5
"""


def test_every_mistake_in_a_setup_file_is_told_in_russian(tmp_path: Path) -> None:
    path = tmp_path / "setup.toml"
    path.write_text(BROKEN, encoding="utf-8")
    with pytest.raises(InputListError) as caught:
        read_setup(path)
    told = [error.message for error in caught.value.errors]
    assert len(told) > 14
    assert [text for text in told if translated(text, "ru") == text] == []


def spoken() -> Iterator[tuple[str, str]]:
    """Each sentence about a mistake that stands in the code, its parts as X, and its code's name."""
    for path in SOURCES:
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            name = getattr(getattr(node, "func", None), "id", "")
            if isinstance(node, ast.Call) and name in RAISERS and len(node.args) > RAISERS[name]:
                code = node.args[0].value if isinstance(node.args[0], ast.Constant) else ""
                yield from ((text, str(code)) for text in sentence(node.args[RAISERS[name]]))


def sentence(node: ast.expr) -> list[str]:
    if isinstance(node, ast.IfExp):
        return [*sentence(node.body), *sentence(node.orelse)]
    if isinstance(node, ast.JoinedStr):
        parts = (each.value if isinstance(each, ast.Constant) else "X" for each in node.values)
        return ["".join(str(part) for part in parts)]
    return [str(node.value)] if isinstance(node, ast.Constant) else []


def test_every_mistake_that_stands_in_the_code_is_told_in_russian() -> None:
    found = list(spoken())
    assert len(found) > 20
    known = entries("reason")
    bare = ("X.", "X X", "X (X)", "The kubeconfig can't be usedX")  # told whole elsewhere
    assert [
        text
        for text, code in found
        if text not in bare and code not in known and translated(text, "ru") == text
    ] == []
