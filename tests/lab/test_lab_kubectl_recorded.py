"""The lab's kubectl prints what the recorded kubectl printed; a real one is tried where there is one."""

from __future__ import annotations

import asyncio
import json
import os
import re
import shlex
import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest
import yaml

from gpu_wizard.lab.api import patches
from gpu_wizard.lab.api.access import AUTHENTICATED, Identity
from gpu_wizard.lab.api.bodies import Caller
from gpu_wizard.lab.cluster.server import ClusterServer
from gpu_wizard.lab.kubectl.program import Kubectl
from gpu_wizard.lab.pki import Authority
from gpu_wizard.lab.ports import JsonObject, User
from tests.lab.cluster_bench import (
    NVIDIA_CLASS,
    FastClock,
    Machine,
    a_pod,
    plugin_daemons,
    until,
)

FOLDER = Path(__file__).parent.parent / "recorded" / "kubectl"
VERSION = "v1.36.2"
DAEMONS = "nvidia-device-plugin-daemonset"
ROOT = User("root", 0, 0, "/root")


@dataclass
class OneCall:
    """A run of a program whose output is kept."""

    argv: list[str]
    stdin: bytes = b""
    stdout: bytes = b""
    stderr: bytes = b""
    environment: dict[str, str] = field(default_factory=dict)
    directory: str = "/root"
    user: User = ROOT
    interactive: bool = False

    async def read(self) -> bytes:
        return self.stdin

    async def out(self, data: bytes) -> None:
        self.stdout += data

    async def err(self, data: bytes) -> None:
        self.stderr += data

    async def shell(self, script: str, *, user: User | None = None, stdin: bytes = b"") -> int:
        raise AssertionError("kubectl starts nothing")


@dataclass
class Result:
    exit: int
    stdout: str
    stderr: str


class Lab:
    """A cluster, and a kubectl on it that reads the files of a recording."""

    def __init__(self, server: ClusterServer, machine: Machine, clock: FastClock) -> None:
        self.server = server
        self.cluster = server.cluster
        self.machine = machine
        self.clock = clock

    async def run(
        self, command: str, files: dict[str, str] | None = None, user: str = ""
    ) -> Result:
        argv = shlex.split(command)
        who = Identity(user, ("viewers", AUTHENTICATED)) if user else None
        kubectl = Kubectl(self.cluster, VERSION, who) if who else Kubectl(self.cluster, VERSION)

        def read(path: str) -> bytes:
            name = path.rpartition("/")[2]
            if name not in (files or {}):
                raise FileNotFoundError(path)
            return (files or {})[name].encode()

        call = OneCall(argv)
        code = await asyncio.wait_for(kubectl.run(call, read), 20)
        return Result(code, call.stdout.decode(), call.stderr.decode())

    async def replay(self, *keys: str, user: str = "") -> None:
        for key in keys:
            wanted = load(key)
            found = await self.run(wanted["command"], wanted.get("files"), user)
            assert _normal(found.stderr) == _normal(wanted["stderr"]), key
            assert _agrees(found.stdout, wanted["stdout"]), (key, found.stdout)
            assert found.exit == wanted["exit"], key

    def phase(self, name: str) -> str:
        found = self.cluster.get("Pod", "default", name) or {}
        return str(found.get("status", {}).get("phase", ""))


def load(key: str) -> JsonObject:
    path = next(FOLDER.glob(f"{key}-*.json"))
    found: JsonObject = json.loads(path.read_text("utf-8"))
    return found


def _agrees(found: str, wanted: str) -> bool:
    """Equal; of a rollout's steps the recorded kubectl, which starts slowly, saw only some."""
    if "rollout" not in wanted and "rolled out" not in wanted:
        return _normal(found) == _normal(wanted)
    lines = iter(found.splitlines())
    return all(line in lines for line in wanted.splitlines())


def _normal(text: str) -> str:
    text = re.sub(r"^([IWE])\d{4} [\d:.]+ +\d+ ", r"\1 ", text, flags=re.MULTILINE)
    text = re.sub(r"\b\d+[smh](\d+[sm])?(?= |$)", "AGE", text, flags=re.MULTILINE)
    text = re.sub(r"AGE +", "AGE ", text)
    text = re.sub(r"v1\.36\.4", "v1.36.2", text)
    text = re.sub(r"Kustomize Version: .*", "Kustomize Version", text)
    return re.sub(rf"{DAEMONS}-\w{{5}}", f"{DAEMONS}-X", text)


@asynccontextmanager
async def lab(factor: float = 20.0) -> AsyncIterator[Lab]:
    clock = FastClock(factor)
    async with ClusterServer(clock, Authority(), version=VERSION) as server:
        found = Lab(server, Machine(), clock)
        server.cluster.register(found.machine, {})
        await until(lambda: not _node(found)["spec"].get("taints"))
        yield found


def _node(found: Lab) -> JsonObject:
    return found.cluster.get("Node", "", "gpu-node-1") or {"spec": {"taints": 1}}


async def with_plugin(found: Lab) -> None:
    found.cluster.put(NVIDIA_CLASS)
    found.cluster.put(plugin_daemons())

    def counted() -> bool:
        daemons = found.cluster.get("DaemonSet", "kube-system", DAEMONS) or {"status": {}}
        node = _node(found)["status"]["allocatable"]
        return "nvidia.com/gpu" in node and bool(daemons["status"].get("numberAvailable"))

    await until(counted)


def plugin_log(found: Lab) -> str:
    pods = [p for p in found.cluster.list("Pod", "kube-system") if p["spec"].get("nodeName")]
    running = [p for p in pods if p["status"].get("phase") == "Running"]
    if len(pods) != 1 or not running:
        return ""
    log = found.cluster.log(running[0], "nvidia-device-plugin-ctr", previous=False)
    return "\n".join(line.text for line in log.lines)


async def test_nodes_and_labels() -> None:
    async with lab() as found:
        await found.replay("k01", "k03", "k04", "k05", "k06", "k07", "k08", "k09", "k10", "k42")
        await found.replay("k46", "k47")
        await found.replay("k37", "k38", user="viewer")


async def test_runtime_classes() -> None:
    async with lab() as found:
        kind = found.cluster.registry.kind("RuntimeClass")
        found.cluster.registry.create(kind, "", dict(NVIDIA_CLASS), Caller(manager="recorder"))
        await found.replay("k11", "k12", "k13", "k14", "k48")


async def test_the_daemonset() -> None:
    async with lab(5) as found:
        await with_plugin(found)
        await found.replay("k02", "k16", "k17", "k18", "k19", "k20", "k21", "k22", "k23", "k24")
        await until(lambda: "Registered" in plugin_log(found))
        await found.replay("k36")


async def test_the_test_pod() -> None:
    async with lab(5) as found:
        await with_plugin(found)
        await found.replay("k25", "k26", "k27", "k28", "k29", "k30", "k31", "k32", "k33", "k34")
        await found.replay("k35")


async def test_an_apply_that_meets_other_owners() -> None:
    async with lab() as found:
        registry = found.cluster.registry
        kind = registry.kind("DaemonSet")
        registry.create(kind, "kube-system", plugin_daemons(), Caller(manager="recorder"))
        caller = Caller(manager="gpu-setup", named=True)
        name = DAEMONS
        body = plugin_daemons()
        registry.patch(kind, "kube-system", name, patches.APPLY, body, caller)
        await found.replay("k15")


async def test_a_server_that_is_down() -> None:
    async with lab() as found:
        found.cluster.set_available(False)
        wanted = load("k43")
        result = await found.run("kubectl --server https://127.0.0.1:16499 get nodes")
        assert _normal(result.stderr) == _normal(wanted["stderr"])
        assert result.exit == wanted["exit"]
        found.cluster.set_available(False, "starting")
        result = await found.run("kubectl get nodes")
        assert result.stderr.startswith("Error from server (ServiceUnavailable): the server is")


async def test_what_real_k3s_said_to_the_guide() -> None:
    """Recorded in recordings/k3s-h100, guide.txt."""
    async with lab() as found:
        overrides = (
            '{"spec":{"runtimeClassName":"nvidia","resources":{"limits":{"nvidia.com/gpu":"1"}}}}'
        )
        found.cluster.put(NVIDIA_CLASS)
        result = await found.run(
            "kubectl run gpu-test --restart=Never --image=docker.io/nvidia/cuda:12.5.0-base-ubuntu22.04 "
            f"--image-pull-policy=Never --overrides={shlex.quote(overrides)} -- nvidia-smi"
        )
        assert result.exit == 1
        assert result.stderr == (
            'The Pod "gpu-test" is invalid: spec.resources.limits[nvidia.com/gpu]: Unsupported value: '
            '"nvidia.com/gpu": supported values: "cpu", "hugepages-", "memory"\n'
        )
        result = await found.run(
            "kubectl logs -n kube-system -l name=x --field-selector spec.nodeName=gpu-node-1"
        )
        assert result.stderr == (
            "error: unknown flag: --field-selector\nSee 'kubectl logs --help' for usage.\n"
        )
        first = await found.run("kubectl label nodes gpu-node-1 nvidia.com/gpu=present")
        again = await found.run("kubectl label nodes gpu-node-1 nvidia.com/gpu=present")
        other = await found.run("kubectl label nodes gpu-node-1 nvidia.com/gpu=yes")
        assert (first.stdout, again.stdout) == (
            "node/gpu-node-1 labeled\n",
            "node/gpu-node-1 not labeled\n",
        )
        assert (
            other.stderr
            == "error: 'nvidia.com/gpu' already has a value (present), and --overwrite is false\n"
        )


async def test_describing_a_node() -> None:
    async with lab() as found:
        await with_plugin(found)
        wanted = load("k40")
        result = await found.run(wanted["command"])
        titles = [
            line.partition(":")[0] for line in wanted["stdout"].splitlines() if line[:1] not in " "
        ]
        here = [
            line.partition(":")[0] for line in result.stdout.splitlines() if line[:1] not in " "
        ]
        assert [title for title in titles if title] == [title for title in here if title]
        for line in wanted["stdout"].splitlines():
            if line.startswith(
                ("  Ready  ", "  nvidia.com/gpu:", "  InternalIP", "Taints", "PodCIDR")
            ):
                assert re.sub(r"\w{3}, .*? \+0000", "T", line) in re.sub(
                    r"\w{3}, .*? \+0000", "T", result.stdout
                )


async def test_output_formats() -> None:
    async with lab() as found:
        names = await found.run("kubectl get nodes -o name")
        assert names.stdout == "node/gpu-node-1\n"
        whole = yaml.safe_load((await found.run("kubectl get node gpu-node-1 -o yaml")).stdout)
        assert whole == json.loads((await found.run("kubectl get node gpu-node-1 -o json")).stdout)
        assert "managedFields" not in whole["metadata"]
        path = '{range .items[*]}{.metadata.name}{"\\t"}{.status.conditions[?(@.type=="Ready")].status}{"\\n"}{end}'
        result = await found.run(f"kubectl get nodes -o jsonpath={shlex.quote(path)}")
        assert result.stdout == "gpu-node-1\tTrue\n"
        wide = await found.run("kubectl get nodes -owide --show-labels")
        assert "INTERNAL-IP" in wide.stdout
        assert "kubernetes.io/hostname=gpu-node-1" in wide.stdout
        columns = await found.run("kubectl get nodes -L kubernetes.io/os -L nvidia.com/gpu")
        assert columns.stdout.split("\n")[0].split()[-2:] == ["OS", "GPU"]
        assert columns.stdout.split("\n")[1].split()[-1] == "linux"
        nothing = await found.run("kubectl get pods")
        assert (nothing.stdout, nothing.stderr) == (
            "",
            "No resources found in default namespace.\n",
        )
        unknown = await found.run("kubectl get foos")
        assert unknown.stderr == 'error: the server doesn\'t have a resource type "foos"\n'


async def test_files() -> None:
    async with lab() as found:
        text = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: x}\ndata: {a: b}\n"
        made = await found.run("kubectl apply -f x.yaml", {"x.yaml": text})
        assert made.stdout == "configmap/x created\n"
        again = await found.run("kubectl apply -f x.yaml", {"x.yaml": text})
        assert again.stdout == "configmap/x unchanged\n"
        less = text.replace("data: {a: b}", "data: {c: d}")
        changed = await found.run("kubectl apply -f x.yaml", {"x.yaml": less})
        assert changed.stdout == "configmap/x configured\n"
        shown = await found.run("kubectl get -f x.yaml -o jsonpath={.data}", {"x.yaml": text})
        assert shown.stdout == '{"c":"d"}'
        put = await found.run("kubectl replace -f x.yaml", {"x.yaml": text})
        assert put.stdout == "configmap/x replaced\n"
        missing = await found.run("kubectl apply -f y.yaml")
        assert (missing.exit, missing.stderr) == (1, 'error: the path "y.yaml" does not exist\n')
        other = await found.run("kubectl exec x -- true")
        assert other.stderr == "error: exec is not part of this lab's kubectl\n"


async def test_changing_nodes() -> None:
    async with lab(50) as found:
        found.cluster.put(a_pod("busy", "sleep 3600", terminationGracePeriodSeconds=1))
        await until(lambda: found.phase("busy") == "Running")
        taint = await found.run("kubectl taint nodes gpu-node-1 nvidia.com/gpu=present:NoSchedule")
        assert taint.stdout == "node/gpu-node-1 tainted\n"
        gone = await found.run("kubectl taint nodes gpu-node-1 nvidia.com/gpu:NoSchedule-")
        assert gone.stdout == "node/gpu-node-1 untainted\n"
        refused = await found.run("kubectl drain gpu-node-1")
        assert refused.exit == 1
        assert "use --force to override" in refused.stderr
        drained = await found.run("kubectl drain gpu-node-1 --force --timeout=100s")
        assert drained.stdout.splitlines() == [
            "node/gpu-node-1 already cordoned",
            "evicting pod default/busy",
            "pod/busy evicted",
            "node/gpu-node-1 drained",
        ]
        back = await found.run("kubectl uncordon gpu-node-1")
        assert back.stdout == "node/gpu-node-1 uncordoned\n"


async def test_watching_and_deleting() -> None:
    async with lab() as found:
        watching = asyncio.ensure_future(found.run("kubectl get pods -w"))
        await asyncio.sleep(0.05)
        manifest = json.dumps(a_pod("brief", "true"))
        made = await found.run("kubectl create -f brief.yaml", {"brief.yaml": manifest})
        assert made.stdout == "pod/brief created\n"
        await until(lambda: found.phase("brief") == "Succeeded")
        gone = await found.run("kubectl delete -f brief.yaml", {"brief.yaml": manifest})
        assert gone.stdout == 'pod "brief" deleted from default namespace\n'
        watching.cancel()
        with pytest.raises(asyncio.CancelledError):
            await watching


@pytest.mark.skipif(shutil.which("kubectl") is None, reason="no kubectl binary on PATH")
async def test_the_recorded_commands_by_a_real_kubectl(tmp_path: Path) -> None:
    """Exit codes and what is printed of objects; a kubectl of another version words some things anew."""
    async with lab(5) as found:
        config = tmp_path / "config"
        config.write_text(yaml.safe_dump(found.server.kubeconfig()))
        await with_plugin(found)
        keys = "k01 k02 k03 k04 k05 k06 k07 k08 k09 k10 k11 k16 k17 k18 k19 k20 k25 k26 k27 k28 k30"
        for key in [*keys.split(), "k31", "k32", "k33", "k34", "k35", "k36", "k42", "k47", "k48"]:
            wanted = load(key)
            for name, text in (wanted.get("files") or {}).items():
                (tmp_path / name).write_text(text)
            # A real program is slow to start, and has to find the pod while it runs.
            found.clock.factor = 1 if key in ("k25", "k26", "k27") else 5
            result = await _real(wanted["command"], tmp_path, config)
            assert result.exit == wanted["exit"], (key, result)
            # Since 1.34 kubectl says from which namespace it deletes.
            text = wanted["stdout"].replace(" deleted from default namespace", " deleted")
            shown = result.stdout.replace(" deleted from default namespace", " deleted")
            if "rolled out" in text:
                # Which steps it sees is up to how fast it starts.
                shown, text = shown.splitlines()[-1], text.splitlines()[-1]
            assert _agrees(shown, text), (key, shown)


async def _real(command: str, folder: Path, config: Path) -> Result:
    environment = {"KUBECONFIG": str(config), "HOME": str(folder), "PATH": os.environ["PATH"]}
    process = await asyncio.create_subprocess_exec(
        *shlex.split(command),
        cwd=folder,
        env=environment,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    out, err = await asyncio.wait_for(process.communicate(), 30)
    return Result(process.returncode or 0, out.decode(), err.decode())
