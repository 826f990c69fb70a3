"""Writes what gpu_wizard/knowledge/sources.py reads: what `explain`, `diagnose` and the first screen tell of, ready-made as JSON.

`python -m tests.knowledge.compiled` writes them anew; a test compares.
"""

from __future__ import annotations

import json
import tomllib
import zlib
from collections.abc import Iterator
from pathlib import Path

import gpu_wizard.knowledge
from gpu_wizard.knowledge.diagnosis import places
from gpu_wizard.knowledge.diagnosis.catalogue import FOLDER as SIGNATURES
from gpu_wizard.knowledge.diagnosis.catalogue import catalogue

FOLDER = Path(gpu_wizard.knowledge.__file__).parent
KINDS = ("signatures", "languages", "commands", "keys", "fields", "pages", "sentences", "texts")
SCREENS = b"\n[ui"
"""A file of `texts` is ready-made where it holds words of the screens: the first frame waits for them."""


def files() -> Iterator[tuple[Path, str]]:
    """Where each is to stand, and its whole text: a line for each sentence, as changes are read and merged by line."""
    for kind in KINDS:
        for path in sorted((FOLDER / kind).glob("*.toml")):
            source = path.read_bytes()
            if kind == "texts" and SCREENS not in source:
                continue
            made = {"sum": zlib.crc32(source), "content": tomllib.loads(source.decode())}
            yield (
                path.with_suffix(".json"),
                json.dumps(made, ensure_ascii=False, indent=0) + "\n",
            )
    yield FOLDER / SIGNATURES / f"{places.NAME}.json", _anchors()


def _anchors() -> str:
    """What is made of all signatures: a line for each anchor, run and beginning."""
    parts = (
        f'"{kind}": {{\n'
        + ",\n".join(
            f"{json.dumps(key, ensure_ascii=False)}: {json.dumps(value, separators=(',', ':'))}"
            for key, value in table.items()
        )
        + "\n}"
        for kind, table in places.made(catalogue()).items()
    )
    return f'{{"sum": {places.made_sum()}, "content": {{\n' + ",\n".join(parts) + "\n}}\n"


def write() -> None:
    """All of them."""
    for target, text in files():
        target.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    write()
