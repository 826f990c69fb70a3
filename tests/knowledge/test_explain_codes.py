"""Every code, key and field that the program uses has a text, and every text is of one that it uses."""

from __future__ import annotations

import ast
import dataclasses
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import gpu_wizard
from gpu_wizard.facts import containerd_repair, k3s_causes, manifests, nvidia_smi, rpm, systemd
from gpu_wizard.facts.workloads import Fit, Wanted, workload
from gpu_wizard.knowledge.guide import PAGES, meaning
from gpu_wizard.knowledge.store import document, names, table
from gpu_wizard.knowledge.texts import catalogue
from gpu_wizard.model import events
from gpu_wizard.model.question import probes_of
from gpu_wizard.model.setup_file import ClusterEntry, HostEntry
from gpu_wizard.model.spec import StageOptions
from tests.knowledge import representative
from tests.stages.test_runtime import MISSING, SPEC, STAGE

PACKAGE = Path(gpu_wizard.__file__).parent
SOURCES = [
    path for name in ("facts", "stages", "engine") for path in sorted((PACKAGE / name).glob("*.py"))
]
UNIT = Path(__file__).parents[1] / "recorded" / "k3s-unit" / "1.34.3-agent.service"
MAKERS = {
    **dict.fromkeys(("done", "needed", "waiting", "blocked", "unknown", "Assessment"), "reason"),
    "Note": "note",
    "Risk": "risk",
    "Step": "step",
    "Found": "found",
    "Option": "option",
    "Question": "question",
    "Probe": "probe",
    "Unknown": "reason",
}
CODE = re.compile(r"[a-z0-9]+(?:-[a-z0-9]+)*(?:\.[a-z0-9-]+)*")
STRUCTURE = (
    *("items", "status", "metadata", "spec", "conditions", "nodeInfo"),
    *("allocatable", "state", "waiting", "terminated", "reason", "message"),
    *("type", "uid", "template", "containers", "env", "key"),
    *("values", "nodeSelectorTerms", "matchExpressions", "matchFields", "operator", "limits"),
    *("address", "name", "namespace", "labels", "annotations", "generation"),
    *("creationTimestamp", "resources", "kind", "ready", "containerStatuses", "toolkit"),
    *(
        "enabled",
        "requiredDuringSchedulingIgnoredDuringExecution",
        "nodeAffinity",
        "Completed",
        "PodScheduled",
        "False",
    ),
    *("True", "app"),
)
"""Words of the API that only hold others; what they hold is told."""
OWN = {"reason", "note", "risk", "step", "found", "question", "option", "probe"}


def literals(node: ast.expr) -> Iterator[str]:
    """The texts that an argument can be."""
    for part in ast.walk(node):
        if isinstance(part, ast.Constant) and isinstance(part.value, str):
            yield part.value


def used() -> Iterator[tuple[str, str, str]]:
    """Kind, code, where: every code that is written out where something is made of it."""
    for path in SOURCES:
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if (
                not isinstance(node, ast.Call)
                or not isinstance(node.func, ast.Name)
                or not node.args
            ):
                continue
            kind = MAKERS.get(node.func.id, "")
            first = (
                node.args[1]
                if node.func.id == "Assessment" and len(node.args) > 1
                else node.args[0]
            )
            if kind and not isinstance(first, ast.JoinedStr):
                for code in literals(first):
                    if CODE.fullmatch(code):
                        yield kind, code, f"{path.name}:{node.lineno}"


def test_every_code_of_the_program_has_a_text() -> None:
    silent = [(kind, code, where) for kind, code, where in used() if code not in catalogue()[kind]]
    assert silent == []


def test_every_probe_and_step_of_the_plans_has_a_text() -> None:
    probes = {
        probe.id for stage in representative.ALL for probe in probes_of(stage.facts_type).values()
    }
    assert probes - set(catalogue()["probe"]) == set()
    for _, step in representative.steps():
        assert step.id in catalogue()["step"]
        assert step.risk is None or step.risk.code in catalogue()["risk"]


def test_causes_of_the_journal_have_a_text() -> None:
    assert [code for code in k3s_causes.CODES if f"join.{code}" not in catalogue()["reason"]] == []


def test_every_event_has_a_text_and_every_text_an_event() -> None:
    classes = [
        each
        for each in vars(events).values()
        if isinstance(each, type) and issubclass(each, events.Event)
    ]
    kinds = {
        re.sub(r"(?<!^)(?=[A-Z])", "-", each.__name__).lower()
        for each in classes
        if each is not events.Event
    }
    assert set(catalogue()["event"]) == kinds


@pytest.mark.parametrize("kind", sorted(OWN))
def test_every_text_is_of_something_that_there_is(kind: str) -> None:
    """A code is written whole, or put together from a prefix and a word that is written."""
    written = "\n".join(path.read_text(encoding="utf-8") for path in sorted(PACKAGE.rglob("*.py")))
    words = set(re.findall(r"[\"']([A-Za-z0-9./-]+)[\"'.{}]?", written)) | set(
        re.findall(r"[\w./-]+", written)
    )

    def is_used(code: str) -> bool:
        tail = code.partition(".")[2]
        composed = (f'"{code[: dash.end()]}{{' in written for dash in re.finditer("[-.]", code))
        return code in words or tail in words or any(composed)

    assert [code for code in catalogue()[kind] if not is_used(code)] == []


def known(*tables: str) -> set[str]:
    entries: set[str] = set()
    for name in tables:
        for kind in ("keys", "fields"):
            entries |= set((table(kind, name) or {}).get("names", {}))
    return entries


def test_setup_file_keys_in_both_directions() -> None:
    options = {
        f"stages.{stage.name.replace('_', '-')}.{option.name}"
        for stage in dataclasses.fields(StageOptions)
        for option in dataclasses.fields(getattr(StageOptions(), stage.name))
    }
    hosts = {field.name for field in dataclasses.fields(HostEntry)}
    cluster = {f"cluster.{field.name}" for field in dataclasses.fields(ClusterEntry)}
    top = {"version", "control_plane", "nodes", "nodes.name", "nodes.stages", "choices"}
    assert known("setup") == options | hosts | cluster | top


def test_keys_of_the_recorded_unit_in_both_directions() -> None:
    text = UNIT.read_text(encoding="utf-8")
    assert set(re.findall(r"^(\[\w+\]|\w+)(?==|$)", text, re.MULTILINE)) == known("unit")


def test_environment_that_the_program_sets() -> None:
    found = {name for _, _, argv in representative.commands() for name in _assigned(argv)}
    assert found - known("environment") == set()


def _assigned(argv: tuple[str, ...]) -> list[str]:
    if "env" not in argv:
        return []
    rest = argv[argv.index("env") + 1 :]
    count = next((n for n, word in enumerate(rest) if "=" not in word), len(rest))
    return [word.partition("=")[0] for word in rest[:count]]


def test_every_line_of_the_containerd_repairs() -> None:
    plans = [STAGE.plan(MISSING, SPEC)]
    plans += [plan for name, plan in representative.plans() if name == "runtime"]
    # The PATH of a unit is no TOML; its step says what it is.
    written = [step for plan in plans for step in plan if step.id != "runtime.write-path"]
    contents = [getattr(step.action, "content", None) for step in written]
    lines = {
        line.strip()
        for text in contents
        if isinstance(text, bytes)
        for line in text.decode().splitlines()
    }
    keys = {line.partition(" = ")[0] for line in lines if line and line != containerd_repair.MARK}
    headings = {key for key in keys if key.startswith("[")}
    assert {key for key in keys - headings if key not in known("config-toml")} == set()
    assert all("runtimes.'nvidia'" in heading for heading in headings)


def test_every_key_of_the_package_sources() -> None:
    text = rpm.repository_text("https://example.invalid")
    assert {line.partition("=")[0] for line in text.splitlines()} == known("rpm-source")


def test_every_field_of_the_objects() -> None:
    objects: list[Any] = [
        manifests.plugin_manifest(representative.SPEC),
        manifests.runtime_class_manifest("nvidia"),
        manifests.test_pod(representative.SPEC, "image", "host", "nvidia.com/gpu", 1),
        *(
            each
            for kind in ("pod", "deployment", "dcgm-exporter")
            for each in workload(Wanted(kind), Fit())
        ),
    ]
    fields = {key for each in objects for key in _keys(each)}
    told = known("object", "node", "environment", "runtimeclass")
    labels = {key for key in fields if "/" in key and key not in told} | {"app"}
    assert fields - told - labels - {"runAsNonRoot", "runAsUser"} == set()


def _keys(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        for key, inner in value.items():
            yield key
            yield from _keys(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _keys(inner)


def test_every_field_that_is_asked_for() -> None:
    assert set(nvidia_smi._FIELDS) - known("nvidia-smi") == set()
    assert set(systemd._PROPERTIES) - known("systemctl") == set()


def test_every_field_that_is_read_of_the_api() -> None:
    """What stands in brackets or in `get` where objects are read; words of structure are told with `object`."""
    structure = set(STRUCTURE)
    told = {
        each.rpartition(".")[2]
        for each in known("node", "pod", "daemonset", "runtimeclass", "object", "crictl")
    }
    read = {
        word
        for name in ("objects", "daemonsets", "runtime_classes", "operator", "proof_pods")
        for word in _read(PACKAGE / "facts" / f"{name}.py")
    }
    assert read - told - structure == set()


def _read(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        words: list[ast.expr] = []
        if (
            isinstance(node, ast.Call)
            and isinstance(node.func, ast.Attribute)
            and node.func.attr == "get"
        ):
            words = node.args[:1]
        elif isinstance(node, ast.Subscript):
            words = [node.slice]
        for word in words:
            if (
                isinstance(word, ast.Constant)
                and isinstance(word.value, str)
                and re.fullmatch(r"[a-zA-Z]+", word.value)
            ):
                yield word.value


def test_what_a_page_refers_to_is_told() -> None:
    lost = [
        (page, reference)
        for page in PAGES
        for block in (document("pages", page) or {}).get("block", ())
        for reference in block.get("refs", ())
        if not meaning(reference)
    ]
    assert lost == []


def test_tables_have_titles_and_no_name_twice() -> None:
    everything = [*names("keys"), *names("fields")]
    assert len(names("commands")) == len(set(names("commands")))
    assert len(everything) == len(set(everything))
    for kind in ("keys", "fields"):
        assert all((table(kind, name) or {}).get("title") for name in names(kind))
    assert json.dumps(catalogue())
