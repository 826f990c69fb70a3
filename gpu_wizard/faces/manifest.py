"""Objects as YAML, with a comment on each line that matters."""

from __future__ import annotations

import json
import re
import textwrap
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from gpu_wizard.knowledge.texts import Language, sentence

WIDTH = 80
_PLAIN = re.compile(r"[A-Za-z/][A-Za-z0-9/._:+-]*[A-Za-z0-9]|[A-Za-z]")
_WORDS = ("true", "false", "yes", "no", "on", "off", "null", "y", "n")
_COMMENTS = {
    "runtimeClassName": "runtimeClassName",
    "nodeSelector": "nodeSelector",
    "tolerations": "tolerations",
    "limits": "limits",
    "image": "image",
    "replicas": "replicas",
    "strategy": "strategy",
    "matchLabels": "matchLabels",
    "command": "command",
    "capabilities": "capabilities",
    "containerPort": "metrics",
    "hostPath": "pod-resources",
}
"""Key → id of its comment; the resource itself is named by the cluster."""


def as_yaml(
    objects: Sequence[Mapping[str, Any]], language: Language, *, comments: bool = True
) -> str:
    """Documents separated by `---`; strict YAML 1.1 and 1.2 alike."""
    tell = _Comments(language if comments else None)
    documents = ("\n".join(_mapping(each, 0, tell)) for each in objects)
    return "\n---\n".join(documents) + "\n"


class _Comments:
    """Each comment once a document, where its key first stands."""

    def __init__(self, language: Language | None) -> None:
        self._language = language
        self._said: set[str] = set()

    def behind(self, key: str) -> str:
        code = (
            "gpu"
            if key.startswith("nvidia.com/") and "limits" in self._said
            else _COMMENTS.get(key, "")
        )
        if self._language is None or not code or code in self._said:
            return ""
        self._said.add(code)
        return f"# {sentence('comment', code, {}, self._language)}"


def _mapping(values: Mapping[str, Any], depth: int, tell: _Comments) -> Iterator[str]:
    blank = "  " * depth
    for key, value in values.items():
        nested = isinstance(value, Mapping) or _is_items(value)
        shown = f"{blank}{_scalar(key)}:{'' if nested else f' {_scalar(value)}'}"
        yield from _commented(shown, tell.behind(key), blank)
        if isinstance(value, Mapping):
            yield from _mapping(value, depth + 1, tell)
        elif nested:
            for item in value:
                yield from _item(item, depth, tell)


def _is_items(value: object) -> bool:
    return isinstance(value, list) and bool(value) and isinstance(value[0], Mapping)


def _commented(line: str, comment: str, blank: str) -> Iterator[str]:
    """The comment behind its line, or above it where both together are too long."""
    if not comment:
        yield line
    elif len(line) + len(comment) + 2 <= WIDTH:
        yield f"{line}  {comment}"
    else:
        yield from (
            f"{blank}# {part}" for part in textwrap.wrap(comment[2:], WIDTH - len(blank) - 2)
        )
        yield line


def _item(item: Mapping[str, Any], depth: int, tell: _Comments) -> Iterator[str]:
    first = True
    for line in _mapping(item, depth + 1, tell):
        begins = first and not line.lstrip().startswith("#")
        yield f"{'  ' * depth}- {line.lstrip()}" if begins else line
        first = first and not begins


def _scalar(value: object) -> str:
    """Plain where that can't be misread, else as JSON, which is YAML too."""
    if isinstance(value, str) and _PLAIN.fullmatch(value) and value.lower() not in _WORDS:
        return value
    return json.dumps(value, ensure_ascii=False)
