"""What a look at many nodes costs the client: CPU and memory a node, wall time, exchanges, API requests.

    python .bench/status_fleet.py [NODES] [--profile] [--keep] [--no-cluster] [--hang]

The nodes are doors (tests/engine/doors.py) in a process of their own: real SSH connections, one lab node's answers.
The cluster is the lab's, settled, with a Node, a plugin pod and that pod's log for every door; each differs from the
next as nodes do. `--hang`: one door never answers. Beside it the peer on the same doors: asyncssh alone, logging in
and running the same script once, nothing parsed; in a process of its own, whose memory is not the look's.

Memory is what the process's peak grew by, from after the imports on: also by what a look needs once, whatever its
nodes are (logging in to the control plane, tunnel and TLS, library code that is used for the first time). With 2
nodes the figure is hardly anything else.
"""

from __future__ import annotations

import asyncio
import copy
import cProfile
import json
import logging
import pstats
import resource
import shlex
import subprocess
import sys
import tempfile
import time
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from gpu_wizard.lab.cluster.cluster import Cluster

ROOT = Path(__file__).parent.parent
sys.path.insert(0, str(ROOT))


async def serve(folder: Path, count: int, *, hang: bool) -> None:
    from gpu_wizard.lab.serve import Lab
    from tests.engine.doors import Doors

    # Who has its answers hangs up; what a door still says to that goes nowhere, and asyncio warns of the fifth word.
    logging.getLogger("asyncio").setLevel(logging.ERROR)

    (folder / "lab").mkdir()
    (folder / "doors").mkdir()
    names = [f"node-{number:04}" for number in range(count)]
    async with Lab("done", folder / "lab", speed=5.0) as lab:
        await settled(folder / "lab" / "setup.toml")
        multiply(lab.site.control.cluster, names)
        head = (folder / "lab" / "setup.toml").read_text().partition("[[nodes]]")[0]
        port = lab.ssh["gpu1"].port
        async with Doors(
            names,
            port,
            folder / "lab" / "id_ed25519",
            folder / "doors",
            hanging=names[:1] if hang else (),
            head=head,
        ) as doors:
            print("up", flush=True)
            await asyncio.to_thread(sys.stdin.readline)
            told = {
                "exchanges": sum(door.exchanges for door in doors.doors.values()) / count,
                "roots": sum(door.roots for door in doors.doors.values()) / count,
                "api": len(lab.api.requests if lab.api else ()) / count,
            }
            print(json.dumps(told), flush=True)


async def settled(setup_file: Path) -> None:
    """Wait until a look finds nothing more to wait for: what is copied is copied from then on."""
    from gpu_wizard.cli.edges import READERS
    from gpu_wizard.cli.reach import Reach
    from gpu_wizard.engine.fleet import Fleet
    from gpu_wizard.journal.recording import read_setup
    from gpu_wizard.stages import LOOKED_AT

    reach = Reach(read_setup(setup_file), READERS, {})
    await reach.begin()
    fleet = Fleet([reach.berth(node) for node in read_setup(setup_file).nodes[:1]], LOOKED_AT)
    async with asyncio.timeout(120):
        while (await fleet.look(in_silence))[0].state != "done":
            reach.renew()
            await asyncio.sleep(0.5)
    await reach.close()


def multiply(cluster: Cluster, names: list[str]) -> None:
    """A Node for each name, with the pods of gpu1 and their logs: other names, ids and times, the same otherwise."""
    from gpu_wizard.lab.api.podlogs import Line, Log

    pods = [pod for pod in cluster.list("Pod") if pod["spec"].get("nodeName") == "gpu1"]
    logs = {
        (pod["metadata"]["name"], each["name"]): cluster.log(pod, each["name"], previous=False)
        for pod in pods
        for each in pod["spec"]["containers"]
    }
    for name in names:
        node = copy.deepcopy(cluster.get("Node", "", "gpu1") or {})
        node["metadata"] = {
            "name": name,
            "labels": {**node["metadata"]["labels"], "kubernetes.io/hostname": name},
        }
        cluster.put(node)
        for pod in map(copy.deepcopy, pods):
            pod["metadata"] |= {"name": f"{pod['metadata']['name']}-{name}", "uid": ""}
            pod["spec"]["nodeName"] = name
            cluster.put(pod)
            place = pod["metadata"]["namespace"], pod["metadata"]["name"]
            # Whoever makes a pod does not tell its status: its kubelet does.
            cluster.registry.write_status(
                "Pod", *place, lambda status, pod=pod: status.update(pod["status"]), "k3s"
            )

    def log(pod: dict[str, Any], container: str, *, previous: bool) -> Log:
        node = pod["spec"]["nodeName"]
        later = names.index(node) / 1e6
        wrote = logs[pod["metadata"]["name"].removesuffix(f"-{node}"), container]
        return Log([Line(line.at + later, line.text) for line in wrote.lines], closed=True)

    cluster.log = log


async def in_silence(_seen: object) -> None:
    """What is seen is counted at the end."""


def peer_of(setup_file: Path) -> float:
    """CPU seconds a node of the peer."""
    argv = [sys.executable, __file__, "--bare", str(setup_file)]
    return float(subprocess.run(argv, check=True, capture_output=True, text=True).stdout)


async def bare(setup_file: Path) -> float:
    """CPU seconds of logging in to all and asking each the same, with asyncssh alone."""
    import asyncssh

    from gpu_wizard.cli.garbage import search_seldom
    from gpu_wizard.engine.survey import probes_for
    from gpu_wizard.host.script import Token, questions, setting
    from gpu_wizard.journal.recording import read_setup
    from gpu_wizard.model.question import Command
    from gpu_wizard.model.spec import Spec
    from gpu_wizard.stages import LOOKED_AT

    asked = [probe.question(Spec("x")) for probe in probes_for(LOOKED_AT)]
    mine = [one for one in asked if isinstance(one, Command) and one.on == "node" and not one.root]
    setup, turns = read_setup(setup_file), asyncio.Semaphore(64)
    known = asyncssh.read_known_hosts(str(setup.nodes[0].host.known_hosts))
    key = asyncssh.read_private_key(setup.nodes[0].host.identity_file)
    script = setting(Token()) + questions(dict(enumerate(mine, 1)))

    async def one(host: str) -> None:
        user, _, rest = host.partition("@")
        name, _, port = rest.partition(":")
        async with (
            turns,
            asyncssh.connect(
                name, int(port), username=user, client_keys=[key], known_hosts=known, config=None
            ) as connection,
        ):
            await connection.run(f"exec sh -c {shlex.quote(script)}", encoding=None)

    search_seldom()
    used = time.process_time()
    nodes = setup.nodes[1:]
    await asyncio.gather(*(one(node.host.host) for node in nodes))
    return (time.process_time() - used) / len(nodes)


async def look(setup_file: Path, profile: bool) -> None:
    from gpu_wizard.cli.edges import READERS, load_kubernetes
    from gpu_wizard.cli.garbage import search_seldom
    from gpu_wizard.cli.reach import Reach
    from gpu_wizard.engine.fleet import Fleet
    from gpu_wizard.journal.recording import read_setup
    from gpu_wizard.model.setup_file import ClusterEntry
    from gpu_wizard.stages import LOOKED_AT

    search_seldom()  # as `status` does: before the Kubernetes library is there
    await load_kubernetes()
    setup = read_setup(setup_file)
    if "--no-cluster" in sys.argv:
        setup = replace(setup, control_plane=None, cluster=ClusterEntry())
    count = len(setup.nodes)
    reach = Reach(setup, READERS, {})
    await reach.begin()
    fleet = Fleet(
        [reach.berth(node) for node in setup.nodes],
        LOOKED_AT,
        keep_open="--keep" in sys.argv,
        deadline_seconds=20 if "--hang" in sys.argv else 90,
    )

    for number in ("first", "second"):
        before, began, used = (
            resource.getrusage(resource.RUSAGE_SELF).ru_maxrss,
            time.time(),
            time.process_time(),
        )
        reach.renew()
        profiler = cProfile.Profile()
        if profile:
            profiler.enable()
        seen = await fleet.look(in_silence)
        profiler.disable()
        cpu, wall = time.process_time() - used, time.time() - began
        memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
        answered = sum(each.error is None for each in seen)
        done = sum(each.state == "done" for each in seen)
        peer = await asyncio.to_thread(peer_of, setup_file)
        print(
            f"{number}: {count} nodes, {answered} answered, {done} done, {wall:.1f} s, CPU {cpu / count * 1000:.1f} ms a node, {memory / count:.0f} KB a node; "
            f"asyncssh alone: {peer * 1000:.1f} ms"
        )
        if profile:
            pstats.Stats(profiler).sort_stats("tottime").print_stats(40)
            pstats.Stats(profiler).sort_stats("cumulative").print_stats(70)
    await fleet.close()
    await reach.close()


def main() -> None:
    if sys.argv[1:2] == ["--serve"]:
        asyncio.run(serve(Path(sys.argv[2]), int(sys.argv[3]), hang="--hang" in sys.argv))
        return
    if sys.argv[1:2] == ["--bare"]:
        print(asyncio.run(bare(Path(sys.argv[2]))))
        return
    count = int(next((word for word in sys.argv[1:] if word.isdecimal()), "200"))
    with tempfile.TemporaryDirectory() as name:
        argv = [sys.executable, __file__, "--serve", name, str(count), *sys.argv[1:]]
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
