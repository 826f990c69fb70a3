"""Texts and signatures are read ready-made, an edit shows at once, and neither command loads much."""

from __future__ import annotations

import json
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


def test_diagnose_loads_no_module_that_reads_facts(tmp_path: Path) -> None:
    log = tmp_path / "log"
    log.write_text("fine\n", encoding="utf-8")
    more = loaded("diagnose", str(log)) - loaded("--help")
    ours = {name for name in more if name.startswith("gpu_wizard.")}
    assert {name for name in ours if name.startswith("gpu_wizard.facts.")} == {
        "gpu_wizard.facts.k3s_causes"
    }
    assert len(ours) < 30


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """The package, to be changed."""
    return Path(shutil.copytree(PACKAGE, tmp_path / "gpu_wizard"))


def explained(copy: Path, *argv: str) -> str:
    return said(copy, "explain", *argv)


def said(copy: Path, *argv: str, given: str = "") -> str:
    ran = subprocess.run(
        [sys.executable, "-m", "gpu_wizard", *argv],
        input=given,
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


SIGNATURE = """
[[signature]]
id = "quux-broken"
stage = "driver"
layer = "driver"
severity = "blocker"
patterns = ["the quux is * broken"]
sources = ["none"]
title_en = "Quux"
title_ru = "Кукс"
cause_en = "It broke."
cause_ru = "Он сломался."
[[signature.fix]]
en = "Mend it"
ru = "Почините"
"""


def test_a_new_signature_is_found_and_the_others_still_are(copy: Path) -> None:
    file = copy / "knowledge" / "signatures" / "driver.toml"
    file.write_text(file.read_text(encoding="utf-8") + SIGNATURE, encoding="utf-8")
    known = "Failed to initialize NVML: Driver/library version mismatch"
    found = said(copy, "diagnose", "--json", given=f"the quux is quite broken\n{known}\n")
    ids = {each["id"] for each in json.loads(found)["diagnoses"]}
    assert {"quux-broken", "driver-library-mismatch"} <= ids
