"""What the pages say beside the program's own plans agrees with it: containerd's settings, drivers' commands."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from gpu_wizard.facts import containerd_schema, driver_commands
from gpu_wizard.facts.identity import OsRelease
from gpu_wizard.facts.pci import PciCard
from gpu_wizard.knowledge.store import document, table

RENDERED = Path(__file__).parents[1] / "recorded" / "k3s-containerd"
NAMES = {"runhcs-wcow-process", "runc", "nvidia", "cri", "nvidia-experimental"}
"""Runtimes and parts in recorded files, by the names that they were given."""
OTHERS = {"default_runtime", "untrusted_workload_runtime", "nvidia-cdi", "bin_dirs"}
"""Told of as well: deprecated tables of a runtime, what K3s may find, and what newer K3s renders."""


def told(name: str) -> set[str]:
    return set((table("keys", name) or {}).get("names", {}))


def keys(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        for key, inner in value.items():
            yield key
            yield from keys(inner)


def settings() -> Iterator[str]:
    """The path of each, as the schema writes it."""
    held = vars(containerd_schema)
    texts = [value for name, value in held.items() if name.isupper() and isinstance(value, str)]
    tables = [value for name, value in held.items() if name.startswith("_OTHERS")]
    texts += [text for each in tables for text in each.values()]
    for piece in re.split(r"[;\n]", "\n".join(texts)):
        if len(piece.split()) == 2:
            yield piece.split()[0]


def test_every_setting_in_both_directions() -> None:
    judged = {part for line in settings() for part in line.split(".")} - {"*", "@", "[]"}
    rendered = {
        key
        for path in sorted(RENDERED.glob("1.3*.toml"))
        for key in keys(tomllib.loads(path.read_text(encoding="utf-8")))
    }
    assert len(judged) > 150
    assert (judged | rendered) - told("config-toml") - told("containerd-config") - NAMES == set()
    assert told("containerd-config") - judged - rendered - OTHERS == set()


@pytest.mark.parametrize(
    "system",
    [
        OsRelease("ubuntu", "24.04", ("debian",), "Ubuntu 24.04"),
        OsRelease("debian", "13", (), "Debian 13"),
        OsRelease("rocky", "9.6", ("rhel", "fedora"), "Rocky Linux 9.6"),
    ],
    ids=lambda system: system.id,
)
def test_the_driver_page_installs_as_the_program_advises(system: OsRelease) -> None:
    shown = [block.get("run", "").strip() for block in document("pages", "driver")["block"]]  # type: ignore[index]  # there is such a page
    from_turing = (PciCard("0000:01:00.0", 0x2330),)
    advised = driver_commands.driver_commands(system, from_turing, False, "x86_64")
    assert "\n".join(advised) in shown
    assert system.id != "debian" or "\n".join(driver_commands.nouveau_commands(system)) in shown
