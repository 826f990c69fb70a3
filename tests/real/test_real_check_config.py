"""`check-config` against the containerd 2.1.5 of the bed: the daemon itself is asked, file by file."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from .bed import Bed
from .machine import Machine
from .places import REPOSITORY

RECORDED = REPOSITORY / "tests" / "recorded" / "containerd"
INPUTS = sorted(path.name for path in (RECORDED / "inputs").iterdir())

_ASK = r"""
cd /tmp/inputs
for file in *; do
  rm -rf /tmp/x; mkdir -p /tmp/x
  /opt/bed/bin/containerd -c "$file" config dump >/tmp/x/dump 2>/tmp/x/errors; loads=$?
  cri=none; info=null
  if [ "$loads" = 0 ]; then
    /opt/bed/bin/containerd -c "$file" --root /tmp/x/root --state /tmp/x/state -a /tmp/x/sock >/tmp/x/log 2>&1 &
    pid=$!
    for try in $(seq 100); do
      /opt/bed/bin/ctr -a /tmp/x/sock plugins ls >/tmp/x/plugins 2>/dev/null && break
      kill -0 $pid 2>/dev/null || break
      sleep 0.05
    done
    cri=$(awk '$1 == "io.containerd.cri.v1" && $2 == "runtime" { print $NF }' /tmp/x/plugins)
    info=$(/opt/bed/bin/crictl -r unix:///tmp/x/sock info 2>/dev/null) || info=null
    kill -9 $pid; wait $pid 2>/dev/null
  fi
  printf '{"file": "%s", "loads": %s, "cri": "%s", "info": %s}\n' "$file" "$([ $loads = 0 ] && echo true || echo false)" "$cri" \
    "$(printf %s "$info" | tr -d '\n')"
done
"""

Verdict = dict[str, Any]


@pytest.fixture(scope="module")
def machine(bed: Bed) -> Iterator[Machine]:
    yield bed.add("bare")
    bed.remove("bare")


@pytest.fixture(scope="module")
def asked(machine: Machine) -> dict[str, Verdict]:
    """What the daemon made of each file."""
    for name in INPUTS:
        machine.put(f"/tmp/inputs/{name}", (RECORDED / "inputs" / name).read_bytes())
    for path in (RECORDED / "dropins").rglob("*.toml"):
        machine.put(f"/etc/containerd/{path.relative_to(RECORDED / 'dropins')}", path.read_bytes())
    lines = machine.sh(_ASK, seconds=240).splitlines()
    return {answer["file"]: answer for answer in map(json.loads, lines)}


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Stands before the paths that the files import."""
    place = tmp_path_factory.mktemp("root")
    shutil.copytree(RECORDED / "dropins", place / "etc" / "containerd")
    return place


@pytest.mark.parametrize("name", INPUTS)
def test_verdict_is_the_daemons(asked: dict[str, Verdict], root: Path, name: str) -> None:
    real = asked[name]
    command = [sys.executable, "-m", "gpu_wizard", "check-config", "--json", "--root", str(root)]
    said = subprocess.run(
        [*command, str(RECORDED / "inputs" / name)],
        cwd=REPOSITORY,
        capture_output=True,
        text=True,
        timeout=60,
    )
    verdict = json.loads(said.stdout)

    assert verdict["loads"] == real["loads"], said.stdout
    if not real["loads"]:
        assert said.returncode != 0
        return
    assert verdict["cri"] == (real["cri"] or "error"), "a daemon that ends has no CRI"
    runtimes = real["info"]["config"]["containerd"] if real["info"] else None
    if runtimes:
        assert verdict["default_runtime"] == runtimes["defaultRuntimeName"]
        assert (verdict["nvidia"] is not None) == ("nvidia" in runtimes["runtimes"])
