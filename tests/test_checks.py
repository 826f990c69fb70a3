"""The rules of the code itself: format, lint, types, import contracts, sizes and words."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

pytestmark = pytest.mark.xdist_group("checks")
"""Types take a while, and the tools many modules."""
ROOT = Path(__file__).parent.parent
PACKAGE = ROOT / "gpu_wizard"
SCRIPTS = Path(sys.executable).parent
SOURCES = sorted(PACKAGE.rglob("*.py"))


@pytest.mark.parametrize(
    "command",
    [
        ("ruff", "format", "--check", "."),
        ("ruff", "check", "."),
        ("mypy",),
        ("lint-imports",),
    ],
    ids=["format", "lint", "types", "imports"],
)
def test_the_tool_is_content(command: tuple[str, ...]) -> None:
    checked = subprocess.run(
        [SCRIPTS / command[0], *command[1:]], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert checked.returncode == 0, checked.stdout + checked.stderr


def definitions(kind: type[ast.AST] | tuple[type[ast.AST], ...]) -> Iterator[tuple[str, int]]:
    for path in SOURCES:
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, kind):
                name, first = getattr(node, "name", ""), getattr(node, "lineno", 0)
                last = getattr(node, "end_lineno", first)
                yield f"{path.relative_to(ROOT)}:{first} {name}", last - first + 1


def test_files_stay_small() -> None:
    lengths = {str(path.relative_to(ROOT)): len(path.read_text().splitlines()) for path in SOURCES}
    assert {name: lines for name, lines in lengths.items() if lines > 300} == {}


def test_classes_stay_small() -> None:
    assert {name: lines for name, lines in definitions(ast.ClassDef) if lines > 200} == {}


def test_functions_stay_small() -> None:
    found = dict(definitions((ast.FunctionDef, ast.AsyncFunctionDef)))
    assert {name: lines for name, lines in found.items() if lines > 40} == {}
    assert sorted(found.values())[len(found) // 2] < 10


def test_no_file_is_a_drawer() -> None:
    drawers = re.compile(r"(utils?|manager|helpers?|base|common|misc)$")
    assert [str(path) for path in SOURCES if drawers.search(path.stem)] == []


def test_secrets_are_revealed_at_the_edges_only() -> None:
    allowed = re.compile(r"gpu_wizard/(host/|cluster/kube|model/secret)")
    revealing = [
        path.relative_to(ROOT).as_posix()
        for path in SOURCES
        if re.search(r"\.reveal\(\)", path.read_text())
        and not allowed.match(path.relative_to(ROOT).as_posix())
    ]
    assert revealing == []
