"""Python's search for garbage, made rare: a look at 200 nodes spends a twelfth of its time in it otherwise."""

from __future__ import annotations

import gc

OBJECTS = 20_000
"""New ones between two searches, 700 by Python's own measure: what a node's connection leaves behind is two thousand."""


def search_seldom() -> None:
    """Leave out what is there by now, mostly what was imported, and search the rest seldom."""
    gc.freeze()
    gc.set_threshold(OBJECTS)
