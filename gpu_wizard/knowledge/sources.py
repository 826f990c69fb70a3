"""What the program says: TOML files that people edit, most of them also ready-made as JSON.

Reading JSON takes a tenth of the time of parsing TOML, and a page wants some twenty files. The ready-made form
holds the sum of its source: after an edit the source is parsed, so that what was edited shows at once.
`python -m tests.knowledge.compiled` writes all of them; a test compares. os.path and open: pathlib costs more than
a page.
"""

# ruff: noqa: PTH118, PTH120, PTH123, PTH208 - as said above

from __future__ import annotations

import json
import os
import zlib
from collections.abc import Mapping
from functools import cache
from typing import Any

_HERE = os.path.dirname(__file__)
_SUFFIX = ".toml"


@cache
def files(folder: str) -> tuple[str, ...]:
    """The names of a folder's files, without suffix, in their order."""
    found = sorted(os.listdir(os.path.join(_HERE, folder)))
    return tuple(each.removesuffix(_SUFFIX) for each in found if each.endswith(_SUFFIX))


@cache
def content(folder: str, file: str) -> Mapping[str, Any]:
    """One file's tables, not to be changed. Raises: OSError: there is no such file."""
    path = os.path.join(_HERE, folder, file)
    source = _bytes(path + _SUFFIX)
    made = _ready(path + ".json")
    if made.get("sum") == zlib.crc32(source):
        value: Mapping[str, Any] = made["content"]
        return value
    import tomllib  # only after an edit

    return tomllib.loads(source.decode())


@cache
def sum_of(folder: str) -> int:
    """The sum of all its sources."""
    total = 0
    for file in files(folder):
        total = zlib.crc32(_bytes(os.path.join(_HERE, folder, file) + _SUFFIX), total)
    return total


def derived(folder: str, name: str, wanted: int) -> Mapping[str, Any] | None:
    """What was made of all of a folder's sources when their sum was this; None where it is of another one."""
    made = _ready(os.path.join(_HERE, folder, name) + ".json")
    value: Mapping[str, Any] | None = made["content"] if made.get("sum") == wanted else None
    return value


def written(folder: str, file: str) -> str:
    """One file as it is written. Raises: OSError: there is no such file."""
    return _bytes(os.path.join(_HERE, folder, file) + _SUFFIX).decode()


def _ready(path: str) -> Mapping[str, Any]:
    """`sum` of the source and its `content`; empty where there is none."""
    try:
        ready: Mapping[str, Any] = json.loads(_bytes(path))
    except FileNotFoundError:
        return {}
    return ready


def _bytes(path: str) -> bytes:
    with open(path, "rb") as file:
        return file.read()
