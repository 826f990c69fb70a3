"""Nodes as looks see them, without a look: ten, two hundred, and none that answers."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta

from textual.pilot import Pilot

from gpu_wizard.engine.fleet import Arrived, NodeSeen
from gpu_wizard.engine.gpu_watch import CardSource
from gpu_wizard.faces.tui.look import Look
from gpu_wizard.faces.tui.watching.app import WatchApp
from gpu_wizard.faces.tui.watching.nodes_view import Eyes
from gpu_wizard.facts.nvidia_smi import Gpu
from gpu_wizard.facts.overview import Overview, Owner
from gpu_wizard.facts.versions import version_table
from gpu_wizard.model.errors import UnreachableError
from gpu_wizard.model.events import StageAssessed
from gpu_wizard.model.stage import Assessment, Found, blocked, done, needed, unknown, waiting
from gpu_wizard.stages import LOOKED_AT

CHAIN = [stage.id for stage in LOOKED_AT]
AT = datetime.fromisoformat("2026-11-26T14:03:20+00:00")
_FOUND = (
    Found("join.node", "Ready", "done"),
    Found("join.unit", "k3s-agent.service, active", "done"),
)


def node(name: str, cards: int = 8, ctk: str = "1.20.0", **judged: Assessment) -> NodeSeen:
    """A node where every stage is done but those that are given, by id with `_` for `-`."""
    stages = tuple(
        StageAssessed(
            node=name,
            stage=stage,
            assessment=judged.get(stage.replace("-", "_"), _done(stage, name)),
            found=_FOUND if stage == "join" else (),
        )
        for stage in CHAIN
    )
    found = {
        "k3s": "v1.34.3+k3s1",
        "containerd": "2.1.5-k3s1",
        "driver": "580.159.04",
        "cuda": "13.0",
        "toolkit": ctk,
        "device-plugin": "v0.20.0",
    }
    glance = Overview(
        versions=version_table(found, "v1.34.3+k3s1"),  # type: ignore[arg-type]  # components by name
        cards=tuple(
            Gpu(at, "NVIDIA H200", f"GPU-3f1c{at:04}", memory_bytes=150754820096)
            for at in range(cards)
        ),
        owners=(Owner("nfd"),),
        allocatable={"nvidia.com/gpu": 0 if judged else cards},
    )
    return NodeSeen(name, name, stages, glance)


def _done(stage: str, name: str) -> Assessment:
    if stage == "proof":
        return done("proof.evidence", node=name)
    return done("labels.set", node=name)


def silent(name: str) -> NodeSeen:
    """A node that does not answer."""
    why = unknown("node-timed-out", host=name, seconds="12")
    stages = tuple(StageAssessed(node=name, stage=stage, assessment=why) for stage in CHAIN)
    return NodeSeen(name, "", stages, error=UnreachableError(why.code, f"{name} hangs."))


def broken(name: str) -> NodeSeen:
    """The toolkit is missing, and what comes after it waits."""
    return node(
        name,
        2,
        "",
        toolkit=needed("toolkit.missing", want="1.20.0"),
        runtime=waiting("runtime.join-first"),
        proof=waiting("proof.no-node", node=name),
    )


def hidden(name: str) -> NodeSeen:
    """Only a person can solve it, and the toolkit is old."""
    return node(
        name,
        1,
        "1.17.4",
        runtime=blocked(
            "runtime.template-hides",
            path="/var/lib/rancher/k3s/agent/etc/containerd/config.toml.tmpl",
        ),
    )


def ten() -> list[NodeSeen]:
    """Ten nodes, three of them not done."""
    done_ones = [node(f"gpu-node-{n}") for n in (1, 2, 3, 5, 6, 8)]
    return [
        *done_ones[:3],
        broken("gpu-node-4"),
        *done_ones[3:],
        hidden("gpu-node-7"),
        silent("edge-2"),
        node("k3s-1", 1),
    ]


def two_hundred() -> list[NodeSeen]:
    """Two hundred nodes in three racks, thirteen of them not done."""
    names = [f"gpu-node-{n:03}" for n in range(1, 121)] + [f"rack7-{n:02}" for n in range(1, 81)]
    seen = {name: node(name) for name in names}
    for name in names[3:120:12]:
        seen[name] = broken(name)
    seen["gpu-node-107"] = hidden("gpu-node-107")
    seen["rack7-03"], seen["rack7-44"] = silent("rack7-03"), silent("rack7-44")
    return [seen[name] for name in names]


class Clock:
    """Time that goes on when it is told to."""

    def __init__(self) -> None:
        self.now = AT

    def __call__(self) -> datetime:
        return self.now

    def on(self, seconds: float) -> None:
        self.now += timedelta(seconds=seconds)


class Looks:
    """What each look sees, one after the other; the last again and again. `stopped`: no look ends."""

    def __init__(self, *looks: Sequence[NodeSeen], stopped: bool = False) -> None:
        self.looks, self.count, self.stopped = looks, 0, stopped

    async def look(self, arrived: Arrived) -> tuple[NodeSeen, ...]:
        seen = self.looks[min(self.count, len(self.looks) - 1)]
        while self.stopped:
            await asyncio.sleep(0.05)
        for one in seen:
            await arrived(one)
        self.count += 1
        return tuple(seen)


def watch_app(
    looks: Looks,
    *,
    ascii_only: bool = False,
    plain: bool = False,
    clock: Clock | None = None,
    telemetry: Callable[[str], CardSource] | None = None,
) -> WatchApp:
    """The watch over these looks, which come at `r` alone after the first."""
    return WatchApp(
        [one.node for one in looks.looks[0]],
        Eyes(looks.look, telemetry),
        every_seconds=3600,
        setup="setup.toml",
        look=Look(ascii_only=ascii_only),
        now=clock or Clock(),
        plain=plain,
    )


async def drawn(pilot: Pilot[int]) -> None:
    """Until what came is on the screen."""
    app = pilot.app
    assert isinstance(app, WatchApp)
    await pilot.pause(0.05)
    app.paint()
    await pilot.pause()
