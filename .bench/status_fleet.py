"""What a look at many nodes costs the client: CPU and memory a node, wall time, exchanges, API requests.

    python .bench/status_fleet.py [NODES] [--profile] [--keep] [--no-cluster]

The nodes are doors (tests/engine/doors.py) in a process of their own: real SSH connections, one lab node's answers.
The cluster is the lab's, with a Node for every door.
"""

from __future__ import annotations

import asyncio
import copy
import cProfile
import json
import pstats
import resource
import subprocess
import sys
import tempfile
import time
from dataclasses import replace
from pathlib import Path

ROOT = Path(__file__).parent.parent
sys.path.insert(0, str(ROOT))


async def serve(folder: Path, count: int) -> None:
    from gpu_wizard.lab.serve import Lab
    from tests.engine.doors import Doors

    (folder / "lab").mkdir()
    (folder / "doors").mkdir()
    names = [f"node-{number:04}" for number in range(count)]
    async with Lab("done", folder / "lab", speed=5.0) as lab:
        cluster = lab.site.control.cluster
        for name in names:
            node = copy.deepcopy(cluster.get("Node", "", "gpu1") or {})
            node["metadata"] = {
                "name": name,
                "labels": {**node["metadata"]["labels"], "kubernetes.io/hostname": name},
            }
            cluster.put(node)
        head = (folder / "lab" / "setup.toml").read_text().partition("[[nodes]]")[0]
        port = lab.ssh["gpu1"].port
        async with Doors(
            names, port, folder / "lab" / "id_ed25519", folder / "doors", head=head
        ) as doors:
            print("up", flush=True)
            await asyncio.to_thread(sys.stdin.readline)
            told = {
                "exchanges": sum(door.exchanges for door in doors.doors.values()) / count,
                "roots": sum(door.roots for door in doors.doors.values()) / count,
                "api": len(lab.api.requests if lab.api else ()) / count,
            }
            print(json.dumps(told), flush=True)


async def look(setup_file: Path, profile: bool) -> None:
    from gpu_wizard.cli.edges import READERS, load_kubernetes
    from gpu_wizard.cli.reach import Reach
    from gpu_wizard.engine.fleet import Fleet, NodeSeen
    from gpu_wizard.journal.recording import read_setup
    from gpu_wizard.model.setup_file import ClusterEntry
    from gpu_wizard.stages import LOOKED_AT

    await load_kubernetes()
    setup = read_setup(setup_file)
    if "--no-cluster" in sys.argv:
        setup = replace(setup, control_plane=None, cluster=ClusterEntry())
    count = len(setup.nodes)
    reach = Reach(setup, READERS, {})
    await reach.begin()
    fleet = Fleet(
        [reach.berth(node) for node in setup.nodes], LOOKED_AT, keep_open="--keep" in sys.argv
    )

    async def arrived(_seen: NodeSeen) -> None:
        """Counted at the end."""

    for number in ("first", "second"):
        before, began, used = (
            resource.getrusage(resource.RUSAGE_SELF).ru_maxrss,
            time.time(),
            time.process_time(),
        )
        profiler = cProfile.Profile()
        if profile:
            profiler.enable()
        seen = await fleet.look(arrived)
        profiler.disable()
        cpu, wall = time.process_time() - used, time.time() - began
        memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
        answered = sum(each.error is None for each in seen)
        print(
            f"{number}: {count} nodes, {answered} answered, {wall:.1f} s, CPU {cpu / count * 1000:.1f} ms a node, {memory / count:.0f} KB a node"
        )
        if profile:
            pstats.Stats(profiler).sort_stats("tottime").print_stats(40)
            pstats.Stats(profiler).sort_stats("cumulative").print_stats(70)
    await fleet.close()
    await reach.close()


def main() -> None:
    if sys.argv[1:2] == ["--serve"]:
        asyncio.run(serve(Path(sys.argv[2]), int(sys.argv[3])))
        return
    count = int(next((word for word in sys.argv[1:] if word.isdecimal()), "200"))
    with tempfile.TemporaryDirectory() as name:
        argv = [sys.executable, __file__, "--serve", name, str(count)]
        with subprocess.Popen(
            argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        ) as server:
            if server.stdout is None or server.stdin is None:
                raise RuntimeError("pipes were asked for")
            server.stdout.readline()
            asyncio.run(look(Path(name) / "doors" / "setup.toml", "--profile" in sys.argv))
            server.stdin.write("\n")
            server.stdin.flush()
            print("a node, both looks:", server.stdout.readline().strip())


if __name__ == "__main__":
    main()
