"""A module cut down to its use: what is used works, the licence stays, odd text is left whole."""

from __future__ import annotations

import importlib.util
import re
import sys
import types
from pathlib import Path

import pytest

from gpu_wizard.telemetry import parcel
from gpu_wizard.telemetry.pruning import pruned

SOURCE = '''\
# Licence: keep me.
import sys
from functools import wraps
from ctypes import *

ONE = 1
TWO = (1 +
    ONE)
_T = c_uint  # a type
ERROR_A = 5
TABLE = {"a": ONE}

def outer():
    """Text at the left:
"""
    return inner() + ONE

def inner():
    return len(sys.argv) and 2

@wraps(inner)
def unused():
    return Gone

class Gone(object):
    ONE = 2

outer_alias = outer
print
'''


def names(text: str) -> set[str]:
    return set(re.findall(r"^(?:def |class |@)?(\w+)", text, re.MULTILINE))


def test_what_is_used_stays_and_the_rest_goes() -> None:
    text = pruned(SOURCE, {"outer_alias"}, lambda name: name.startswith("ERROR"))
    assert text.startswith("# Licence: keep me.\n")
    assert {"ONE", "ERROR_A", "outer", "inner", "outer_alias"} <= names(text)
    assert "unused" not in text
    assert "class Gone" not in text
    assert "_T" not in text
    assert "functools" not in text
    module: dict[str, object] = {}
    exec(text, module)
    outer = module["outer_alias"]
    assert callable(outer)
    assert outer() == 3


def test_a_text_that_cannot_be_cut_is_left_whole() -> None:
    odd = 'def used():\n    return """\nclass Inside: """\n'
    assert pruned(odd, {"used"}, lambda _: False) == odd


def test_pynvml_keeps_all_that_the_sampler_uses() -> None:
    names, sources = parcel._sources()
    text = dict(zip(names, sources, strict=True))["pynvml"].decode()
    spec = importlib.util.find_spec("pynvml")
    assert spec is not None
    assert spec.origin is not None
    whole = Path(spec.origin).read_text()
    assert len(text) < len(whole) / 5
    assert "Redistributions of source code must retain the above copyright notice" in text
    module = sys.modules["cut"] = types.ModuleType("cut")
    try:
        exec(text, module.__dict__)
        used = {name for source in sources for name in re.findall(r"\bnv\.(\w+)", source.decode())}
        assert len(used) > 30
        assert [name for name in used if not hasattr(module, name)] == []
        with pytest.raises(module.NVMLError_GpuIsLost):
            module._nvmlCheckReturn(15)
    finally:
        del sys.modules["cut"]
