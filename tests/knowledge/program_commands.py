"""Writes gpu_wizard/knowledge/pages/program.toml: what the program asks and does, stage by stage.

The pages show it without importing a stage. `python -m tests.knowledge.program_commands` writes it anew;
a test compares.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from gpu_wizard.knowledge.texts import sentence
from gpu_wizard.model.action import Action, ApplyObject, DeleteObject, PutFile
from gpu_wizard.model.question import ApiGet, Ask, Command, Files, Objects, PodLogs
from tests.knowledge import compiled
from tests.knowledge.representative import argv_of, asks, runs, steps

TARGET = Path(__file__).parents[2] / "gpu_wizard" / "knowledge" / "pages" / "program.toml"
_TAKEN_BACK = ["Taken back:", "Откат:"]
_HEAD = """\
# Written by `python -m tests.knowledge.program_commands` from the probes and plans themselves.
title = ["What gpu-wizard asks and does", "Что gpu-wizard спрашивает и делает"]

[heading]
asked = ["What gpu-wizard asks here, changing nothing (not needed by hand)", "Что gpu-wizard здесь спрашивает, ничего не меняя (вручную не нужно)"]
done = ["What gpu-wizard may do here and take back (not needed by hand)", "Что gpu-wizard может здесь сделать и откатить (вручную не нужно)"]
"""


def text() -> str:
    """The whole file."""
    return (
        _HEAD
        + "".join(_table("asked", entry) for entry in _asked())
        + "".join(_table("done", e) for e in _done())
    )


def _asked() -> Iterator[dict[str, Any]]:
    for stage, probe, question in asks():
        yield {
            "stage": stage,
            "id": probe,
            "title": _titles("probe", probe, {}),
            **_shown(question),
        }


def _titles(kind: str, code: str, params: Mapping[str, str]) -> list[str]:
    return [sentence(kind, code, params, language) for language in ("en", "ru")]


def _shown(question: Ask[Any]) -> dict[str, Any]:
    match question:
        case Command():
            argv = (("sudo",) if question.root else ()) + question.argv
            return {"on": _place(question.on), "argv": list(argv)}
        case Files():
            return {"on": _place(question.on), "files": list(question.patterns)}
        case Objects():
            return {"on": "kubectl", "run": _get(question)}
        case ApiGet():
            return {"on": "kubectl", "run": "kubectl version"}
        case PodLogs():
            namespace = f"-n {question.namespace}" if question.namespace else "-A"
            selector = (
                f"-l {question.labels}"
                if question.labels
                else f"--field-selector spec.nodeName={question.node}"
            )
            return {
                "on": "kubectl",
                "run": f"kubectl get pods {namespace} {selector} -o name\nkubectl logs POD",
            }
    raise AssertionError(question)


def _get(question: Objects) -> str:
    words = ["kubectl", "get", question.kind.lower()]
    words += [question.name] if question.name else []
    namespaced = question.kind in ("Pod", "DaemonSet", "Secret")
    words += ["-n", question.namespace] if question.namespace else (["-A"] if namespaced else [])
    words += ["-l", question.labels] if question.labels else []
    words += ["--field-selector", question.fields] if question.fields else []
    return " ".join([*words, "-o", "json"])


def _place(on: str) -> str:
    return "server" if on == "control_plane" else "node"


def _done() -> Iterator[dict[str, Any]]:
    seen: set[tuple[str, ...]] = set()
    for stage, step in steps():
        for part, action in ((0, step.action), *((1, undo) for undo in step.undo)):
            for shown in _acts(action):
                words = shown.get("argv") or shown["run"].split(" ")
                mark = (step.id, str(part), *_program(words))
                if mark not in seen and not any("proxy=" in word for word in words):
                    seen.add(mark)
                    titles = _TAKEN_BACK if part else _titles("step", step.id, step.params)
                    yield {"stage": stage, "id": step.id, "title": titles, **shown}


def _program(words: Sequence[str]) -> list[str]:
    """The program and its first word, whatever stands before it: one example of each is enough."""
    rest = [word for word in words if word not in ("sudo", "env") and "=" not in word]
    return rest[:2]


def _acts(action: Action) -> Iterator[dict[str, Any]]:
    for run in runs(action):
        yield {"on": _place(run.on), "argv": list(argv_of(run))}
    match action:
        case PutFile(content=None):
            yield {"on": _place(action.on), "run": f"sudo rm -f {action.path}"}
        case PutFile():
            yield {
                "on": _place(action.on),
                "run": f"sudo install -m {action.mode:o} /dev/stdin {action.path}",
            }
        case ApplyObject():
            yield {
                "on": "kubectl",
                "run": "kubectl apply --server-side --field-manager=gpu-wizard -f -",
            }
        case DeleteObject():
            place = f" -n {action.namespace}" if action.namespace else ""
            yield {
                "on": "kubectl",
                "run": f"kubectl delete {action.kind.lower()} {action.name}{place} --ignore-not-found",
            }


def _table(part: str, entry: dict[str, Any]) -> str:
    lines = [f"\n[[{part}]]"]
    for key, value in entry.items():
        raw = isinstance(value, str) and ("\n" in value or '"' in value) and "'''" not in value
        shown = (
            f"'''{value}'''"
            if raw and not value.endswith("'")
            else json.dumps(value, ensure_ascii=False)
        )
        lines.append(f"{key} = {shown}")
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    TARGET.write_text(text(), encoding="utf-8")
    compiled.write()
