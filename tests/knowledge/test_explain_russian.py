"""Both languages are whole: nothing missing, nothing left in English, no word that the project does not use."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import gpu_wizard.knowledge

FOLDER = Path(gpu_wizard.knowledge.__file__).parent
FILES = sorted(path for path in FOLDER.rglob("*.toml") if path.parent.name != "languages")
"""All that the project says itself; `languages` holds what other programs say."""
NAMES = frozenset(
    (
        *(
            "allocatable",
            "Allocatable",
            "apt",
            "ClearML",
            "ClusterPolicy",
            "class",
            "containerd",
            "Container",
        ),
        *("control", "Control", "controller", "CUDA", "DaemonSet", "device", "Device", "Discovery"),
        *("Docker", "English", "Feature", "GeForce", "get", "GPU", "Handler", "handler"),
        *("hostPath", "K3s", "Kubelet", "kubeconfig", "kubectl", "mode", "MicroK8s", "MIG"),
        *("MPS", "Node", "nvidia", "Operator", "Persistence", "persistence", "plane", "plugin"),
        *(
            "RTX",
            "RuntimeClass",
            "runtimeClassName",
            "Runtime",
            "runtime",
            "Secure",
            "Boot",
            "selector",
        ),
        *(
            "sudo",
            "SystemdCgroup",
            "time-slicing",
            "Toolkit",
            "toolkit",
            "Xid",
            "create",
            "Rootless",
        ),
        *("logs", "k0s"),
    )
)
"""Words that stand in Russian as they are: names in manifests, logs and NVIDIA's and Kubernetes' own."""
UNTRANSLATED = (
    *("argv", "files", "refs", "patterns", "sources", "broad", "loose", "unless", "where"),
    *("loose_unless", "words", "when", "yields_to"),
)
CODE = re.compile(r"`[^`]*`|\{[^}]*\}|«[^»]*»|https?://\S+|[\w.-]+ = \w+|\S*/\S+|\"[^\"]*\"")
CYRILLIC = re.compile(r"[А-Яа-яЁё]")
WORD = re.compile(r"[А-Яа-яЁё]{4,}")
FOREIGN = re.compile(
    r"\bузел|\bузл[аыоу]|пожалуйста|межсетев|\bнод[аы] GPU\b|лейбл|токен[ао]м доступа",
    re.IGNORECASE,
)


def pairs(value: Any, where: str) -> Iterator[tuple[str, str, str]]:
    """Every English text with its Russian one, however a file holds them."""
    if isinstance(value, dict):
        for key, text in value.items():
            if key in UNTRANSLATED:
                continue
            if (
                key.endswith("en")
                and (key == "en" or key.endswith("_en"))
                and isinstance(text, str)
            ):
                yield f"{where}.{key}", text, value.get(f"{key[:-2]}ru", "")
            elif isinstance(text, dict | list):
                yield from pairs(text, f"{where}.{key}")
    elif isinstance(value, list):
        if len(value) == 2 and all(isinstance(part, str) for part in value):
            yield where, value[0], value[1]
        elif len(value) in (3, 4) and isinstance(value[-1], str) and isinstance(value[1], str):
            yield f"{where}.{value[0]}", value[1], value[2]
            if isinstance(value[0], list):
                yield from pairs(value[0], where)
        else:
            for index, part in enumerate(value):
                yield from pairs(part, f"{where}[{index}]")


def translated() -> Iterator[tuple[str, str, str]]:
    for path in FILES:
        content = tomllib.loads(path.read_text(encoding="utf-8"))
        yield from pairs(content, path.stem)


TEXTS = tuple(translated())


def is_name(text: str) -> bool:
    """Only names, numbers, commands and drawings: nothing to translate."""
    words = re.findall(r"[A-Za-z][\w.+/-]*", CODE.sub("", text))
    return all(word in NAMES or re.search(r"[\d_./+-]", word) or word.isupper() for word in words)


def test_there_are_as_many_texts_as_one_expects() -> None:
    assert len(TEXTS) > 1500


def test_no_text_is_missing() -> None:
    assert [
        where for where, english, russian in TEXTS if not english.strip() or not russian.strip()
    ] == []


def test_no_russian_text_is_the_english_one() -> None:
    same = [(where, ru) for where, en, ru in TEXTS if en == ru and not is_name(en)]
    assert same == []


def test_every_sentence_has_a_russian_word() -> None:
    poor = [
        (where, sentence)
        for where, _, russian in TEXTS
        if "─" not in russian and not is_name(russian)
        for sentence in sentences(russian)
        if not WORD.search(sentence)
    ]
    assert poor == []


def sentences(text: str) -> list[str]:
    """Sentences of a text, code left out, as an indented line is; what is nothing but code or a name is none."""
    parts = re.split(r"(?<=[.!?])\s+(?=[А-ЯЁA-Z«`])|\n", re.sub(r"(?m)^ +.*", "", text))
    bare = [CODE.sub("", part) for part in parts]
    return [part for part in bare if re.search(r"[A-Za-zА-Яа-яЁё]{2,}", part) and not is_name(part)]


def test_english_texts_are_english() -> None:
    assert [
        where for where, english, _ in TEXTS if CYRILLIC.search(english.replace("русский", ""))
    ] == []


def test_words_are_those_of_the_project() -> None:
    assert [(where, ru) for where, _, ru in TEXTS if FOREIGN.search(ru)] == []


def test_a_runtime_keeps_its_name() -> None:
    """«runtime», «toolkit» and «drop-in» stand in Latin letters, as in manifests, logs and the guide."""
    other = re.compile(
        r"\bсред(?:[аыеу]|ой) (?:nvidia|по умолчанию)|рантайм|тулкит|дополнени[ея] containerd", re.I
    )
    assert [(where, ru) for where, _, ru in TEXTS if other.search(ru)] == []


def test_nobody_shouts() -> None:
    loud = re.compile(r"[A-Za-zА-Яа-яё]!(?=\s|$)")
    assert [
        where
        for where, en, ru in TEXTS
        if loud.search(CODE.sub("", en)) or loud.search(CODE.sub("", ru))
    ] == []


@pytest.mark.parametrize("path", FILES, ids=lambda path: f"{path.parent.name}/{path.stem}")
def test_parameters_are_the_same_in_both_languages(path: Path) -> None:
    content = tomllib.loads(path.read_text(encoding="utf-8"))
    if path.parent.name != "texts":
        return
    for where, english, russian in pairs(content, path.stem):
        assert set(re.findall(r"\{\w+\}", english)) == set(re.findall(r"\{\w+\}", russian)), where
