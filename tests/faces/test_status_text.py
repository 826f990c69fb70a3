"""The text of the read-only look: rows, the order of what is broken, hostile words, small terminals."""

from __future__ import annotations

import io
from collections.abc import Sequence

import pytest

from gpu_wizard.engine.fleet import NodeSeen
from gpu_wizard.faces.ranges import folded
from gpu_wizard.faces.status import WHOLE_AT_MOST, StatusFace
from gpu_wizard.faces.status_words import next_step
from gpu_wizard.faces.wording import error_text
from gpu_wizard.facts.evidence import PluginState
from gpu_wizard.facts.nvidia_smi import Gpu
from gpu_wizard.facts.overview import Overview, Owner
from gpu_wizard.facts.plugin_log import PluginLog
from gpu_wizard.facts.versions import version_table
from gpu_wizard.model.errors import UnreachableError, Where
from gpu_wizard.model.events import StageAssessed
from gpu_wizard.model.stage import (
    Assessment,
    Found,
    Option,
    Question,
    ask_person,
    done,
    needed,
    unknown,
    waiting,
)
from gpu_wizard.stages import LOOKED_AT

CHAIN = [stage.id for stage in LOOKED_AT]
VERSIONS = version_table({"k3s": "v1.34.3+k3s1", "toolkit": "1.17.4"}, "v1.34.3+k3s1")


def seen(name: str, found: Sequence[Found] = (), cards: int = 1, **judged: Assessment) -> NodeSeen:
    """A node where every stage is done but those that are given, by id with `_` for `-`."""
    stages = tuple(
        StageAssessed(
            node=name,
            stage=stage,
            assessment=judged.get(stage.replace("-", "_"), done("labels.set", node=name)),
            found=tuple(found) if stage == CHAIN[0] else (),
        )
        for stage in CHAIN
    )
    glance = Overview(
        versions=VERSIONS,
        cards=tuple(Gpu(at, "H100", f"GPU-{at}") for at in range(cards)),
        owners=(Owner("nfd"),) if name == "owned" else (),
        allocatable={"nvidia.com/gpu": cards},
        plugin=PluginState(None, PluginLog()),
    )
    return NodeSeen(name, name, stages, glance)


def unreached(name: str) -> NodeSeen:
    why = unknown("connection-refused", host=name)
    stages = tuple(StageAssessed(node=name, stage=stage, assessment=why) for stage in CHAIN)
    return NodeSeen(name, "", stages, error=UnreachableError(why.code, f"{name} refused."))


async def shown(*nodes: NodeSeen, encoding: str = "utf-8", setup: str = "") -> str:
    stream = io.TextIOWrapper(io.BytesIO(), encoding=encoding, errors="replace", newline="")
    face = StatusFace(stream, "en", [node.node for node in nodes], setup)
    face.begin()
    for node in nodes:
        await face.arrived(node)
    face.finish(nodes)
    return stream.buffer.getvalue().decode(encoding)


async def test_rows_in_the_order_of_arrival_then_the_broken_ones_worst_first() -> None:
    text = await shown(
        seen("gpu-1"),
        seen("gpu-2", labels=waiting("labels.no-node", node="gpu-2")),
        seen("gpu-3", toolkit=needed("toolkit.missing", want="1.20.0")),
        unreached("gpu-4"),
        setup="my.toml",
    )
    lines = text.splitlines()
    rows = lines[1:5]
    assert [row.split()[0] for row in rows] == ["gpu-1", "gpu-2", "gpu-3", "gpu-4"]
    assert "✓✓✓✓✓✓✓✓ ✓  ✓ done" in rows[0]
    assert "✓✓✓✓✓✓✓○ ✓  ○ waiting" in rows[1]
    assert "3 Toolkit: Not installed; version 1.20.0 is to be installed." in rows[2]
    assert rows[0].index("1/1") == rows[3].index("?      1 Join")
    heads = [line for line in lines[5:] if line.startswith("gpu-")]
    assert [line.split()[0] for line in heads] == ["gpu-3", "gpu-2", "gpu-4"]
    assert (
        "     → gpu-wizard can do this; see the plan first: gpu-wizard --auto my.toml --plan"
        in lines
    )
    assert "  gpu-4 refused. (host" not in text
    assert "answered 3 of 4" in lines[-1]


async def test_versions_that_several_nodes_share_are_one_line() -> None:
    text = await shown(*(seen(f"node-{number:02}") for number in range(1, 13)))
    (line,) = [line for line in text.splitlines() if "1.17.4" in line]
    assert line.split("  ")[-1] == "node-[01-12]"
    assert "below the security floor" in line


async def test_one_node_is_shown_whole_and_owners_are_named() -> None:
    text = await shown(seen("owned"))
    lines = text.splitlines()
    assert lines[0] == "owned  ✓ done"
    assert sum(line.startswith("  ✓ ") for line in lines) == 9
    assert any("Node Feature Discovery: " in line for line in lines)


async def test_beyond_some_nodes_a_row_says_enough() -> None:
    many = [unreached(f"node-{number:03}") for number in range(WHOLE_AT_MOST + 5)]
    text = await shown(*many)
    assert "5 more need a look" in text


async def test_what_a_machine_says_does_not_steer_the_terminal() -> None:
    hostile = "\x1b]0;owned\x07\x1b[2J\u202e[red]x"
    text = await shown(
        seen(
            "gpu-1",
            [Found("found.node", hostile, "needed")],
            join=unknown("unreadable", detail=hostile),
        )
    )
    assert not set("\x1b\x07\u202e") & set(text)
    assert "[red]x" in text


async def test_a_stream_that_cannot_carry_the_glyphs_gets_ascii() -> None:
    node = seen("gpu-1", toolkit=needed("toolkit.missing", want="1.20.0"))
    text = await shown(node, seen("gpu-2"), encoding="ascii")
    assert "++*+++++ +  * needed" in text


@pytest.mark.parametrize(
    ("sentence", "host", "is_behind"),
    [
        ("The name gpu-7.lan has no address.", "gpu-7.lan", False),
        ("The connection to anna@gpu-7 was lost.", "anna@gpu-7", False),
        ("No answer from gpu-7.", "gpu-7", False),
        ("The gpu-wizard's question came to nothing.", "gpu", True),
        ("K3s has no unit there.", "a", True),
        ("10.0.0.12 does not answer.", "10.0.0.1", True),
    ],
)
def test_an_error_names_its_host_once(sentence: str, host: str, is_behind: bool) -> None:
    text = error_text(UnreachableError("x", sentence, where=Where(host=host)), "en")
    assert text == (f"{sentence} (host {host})" if is_behind else sentence)


def test_a_question_says_where_its_answer_goes() -> None:
    question = Question(
        "labels.nvidia.com/gpu", (Option("keep"), Option("overwrite"), Option("stop"))
    )
    said = next_step(ask_person(question), "my.toml", "en")
    assert '"labels.nvidia.com/gpu"' in said
    assert "keep, overwrite" in said
    assert "stop" not in said


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        ([], ""),
        (["a"], "a"),
        (["gpu-2", "gpu-1"], "gpu-[1-2]"),
        (["gpu-9", "gpu-10", "gpu-12"], "gpu-[9-10,12]"),
        (["n01", "n02", "n3"], "n[01-02,3]"),
        (["n08", "n09", "n10", "n011"], "n[08-10,011]"),
        (["r1-n1", "r1-n2", "r2-n1", "x"], "x, r1-n[1-2], r2-n1"),
        (["10.0.0.1", "10.0.0.2", "anna@h:22"], "10.0.0.[1-2], anna@h:22"),
    ],
)
def test_names_are_folded(names: list[str], expected: str) -> None:
    assert folded(names) == expected
