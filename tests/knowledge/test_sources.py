"""Texts are read ready-made, an edit shows at once, and `explain` loads little more than `--help`."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import gpu_wizard
from tests.knowledge import compiled

PACKAGE = Path(gpu_wizard.__file__).parent
TOPICS = ("", "toolkit", "--dearmor", "--guide", "--json", "SystemdCgroup", "config.toml")
BESIDE = frozenset(
    ("json", "json.decoder", "json.encoder", "json.scanner", "_json", "zlib", "shlex", "textwrap")
)
"""What it loads beside the program's own modules and what `--help` loads."""


def test_every_ready_made_form_is_up_to_date() -> None:
    wanted = dict(compiled.files())
    found = {
        path: path.read_text(encoding="utf-8")
        for kind in compiled.KINDS
        for path in (compiled.FOLDER / kind).glob("*.json")
    }
    behind = [path.name for path in wanted if found.get(path) != wanted[path]]
    assert behind == [], "to write them anew: python -m tests.knowledge.compiled"
    assert found.keys() == wanted.keys()


def loaded(*argv: str) -> set[str]:
    """The modules that one command line loads; standard output goes nowhere."""
    code = f"""\
import sys
from gpu_wizard.cli import main
try:
    main({list(argv)!r})
except SystemExit:
    pass
print(*sys.modules, file=sys.stderr)
"""
    ran = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60
    )
    return set(ran.stderr.split())


@pytest.mark.parametrize("topic", TOPICS)
def test_explain_loads_little_more_than_help(topic: str) -> None:
    more = loaded("explain", *filter(None, [topic])) - loaded("--help")
    foreign = {name for name in more if not name.startswith("gpu_wizard")}
    assert foreign - BESIDE == set()
    assert len(more) < 25


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """The package, to be changed."""
    return Path(shutil.copytree(PACKAGE, tmp_path / "gpu_wizard"))


def explained(copy: Path, *argv: str) -> str:
    ran = subprocess.run(
        [sys.executable, "-m", "gpu_wizard", "explain", *argv],
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
        cwd=copy.parent,
        env={**os.environ, "PYTHONPATH": str(copy.parent)},
    )
    return ran.stdout


def test_an_edit_shows_at_once(copy: Path) -> None:
    file = copy / "knowledge" / "commands" / "packages.toml"
    before = file.read_text(encoding="utf-8")
    after = before.replace("answers yes", "says aye")
    assert after != before
    file.write_text(after, encoding="utf-8")
    assert "says aye" in explained(copy, "apt-get", "install", "-y")


def test_a_file_that_is_new_has_no_ready_made_form_and_is_read(copy: Path) -> None:
    new = copy / "knowledge" / "keys" / "zz.toml"
    new.write_text(
        '[zz]\ntitle = ["Z", "З"]\n\n[zz.names]\nzz-key = ["a new key", "новый ключ"]\n',
        encoding="utf-8",
    )
    assert "a new key" in explained(copy, "zz-key")
