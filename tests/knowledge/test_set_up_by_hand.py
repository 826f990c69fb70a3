"""The pages alone are enough: their commands, typed over SSH in their order, lead to a pod with a GPU, and back."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import asyncssh
import pytest

from gpu_wizard.knowledge.guide import STAGE_PAGES
from gpu_wizard.knowledge.store import document
from gpu_wizard.lab.serve import LabThread

ATTEMPTS = 120
TAKEN = (
    *("Look", "Do", "Do (Debian, Ubuntu)", "Look again"),
    *("The plugin", "Allocatable", "A pod with a GPU", "A pod without a GPU", "Clean up"),
)
"""The heads that this machine needs; others are for another system, or for what is in order here."""
TOKEN = "/etc/rancher/k3s/gpu-wizard.token'"
EXPECTED: dict[str, str | re.Pattern[str]] = {
    "kubectl get nodes -o wide": "control-plane",
    "/ping": "pong",
    "token create": "K10",
    "-g 'CA hash'": "token CA hash does not match the Cluster CA certificate hash",
    "journalctl -u k3s-agent -o cat": "k3s agent is up and running",
    "kubectl get node NODE -o wide": " Ready ",
    "nvidia-smi -L": "GPU 0: ",
    "gpg --show-keys": "C95B321B61E88C1809C4F759DDCAE044F796ECB0",
    "apt-cache madison": "1.20.0-1",
    "nvidia-ctk --version": "1.20.0",
    "-g 'nvidia container runtime": "Found nvidia container runtime at",
    "grep BinaryName": "/usr/bin/nvidia-container-runtime",
    "kind: DaemonSet": "created",
    "kubectl get runtimeclass nvidia": "nvidia",
    "runtimeHandlers": "nvidia",
    "kubectl label node NODE nvidia.com/gpu=present": "labeled",
    "get pods -n NAMESPACE": re.compile(r"device-plugin\S* +1/1 +Running"),
    "kubectl logs -n NAMESPACE POD": "Registered device plugin",
    "{.status.allocatable}": '"nvidia.com/gpu":"1"',
    "kubectl logs gpu-test": "GPU 0: ",
    "name: gpu-none": "executable file not found",
    "kubectl delete node NODE": "deleted",
}
"""What the pages promise of these commands, at once or after a while."""


OURS = {"NAMESPACE": "kube-system", "NAME": "nvidia-device-plugin-daemonset"}
"""The plugin of stage 5, where none was there before."""


@dataclass
class Hands:
    """Somebody with two terminals. `values`: what the pages have one fill in, as it is found on the way."""

    machines: dict[str, asyncssh.SSHClientConnection]
    password: str
    unit: str = "k3s-agent"
    values: dict[str, str] = field(default_factory=lambda: dict(OURS))
    said: list[str] = field(default_factory=list)

    async def typed(self, on: str, run: str, *, once: bool = False) -> str:
        """Type a block of a page where it belongs, again until it shows what is promised; `once`: just to look."""
        promised = (text for part, text in EXPECTED.items() if part in run and not once)
        wanted = next(promised, "")
        line = self.filled(run)
        if on == "kubectl":
            line = re.sub(r"^kubectl", "sudo k3s kubectl", line, flags=re.MULTILINE)
        machine = self.machines["gpu1" if on == "node" else "control"]
        asked = f"echo '{self.password}' | sudo -S -v 2>/dev/null\n{line}\n"
        for _ in range(ATTEMPTS):
            ended = await machine.run(asked, timeout=60)
            shown = str(ended.stdout) + str(ended.stderr)
            if re.search(re.escape(wanted) if isinstance(wanted, str) else wanted, shown):
                break
            await asyncio.sleep(0.25)
        else:
            pytest.fail(f"{run}\n{shown}")
        self.said.append(shown)
        self.learn(run, shown)
        return shown

    def filled(self, run: str) -> str:
        for name, value in self.values.items():
            run = re.sub(rf"\b{name}\b", value, run)
        if run.endswith(TOKEN):
            run += f" <<'PASTED'\n{self.values['TOKEN']}\nPASTED"
        return re.sub(r"\bk3s-agent\b(?!-)", self.unit, run)

    def learn(self, run: str, shown: str) -> None:
        """What a reader copies from one answer into the next commands."""
        if run == "hostname":
            self.values["NODE"] = shown.strip()
        elif run == "kubectl get nodes -o wide":
            line = next(line for line in shown.splitlines() if "control-plane" in line)
            self.values["SERVER"] = line.split()[5]
        elif "--version" in run and "k3s version" in shown:
            self.values["VERSION"] = shown.split()[2]
        elif "token create" in run:
            self.values["TOKEN"] = shown.strip().splitlines()[-1]
        elif "get daemonset -A" in run and "k8s-device-plugin" in shown:
            (line,) = (line for line in shown.splitlines() if "k8s-device-plugin" in line)
            self.values["NAMESPACE"], self.values["NAME"] = line.split()[:2]
        elif "get pods -n NAMESPACE" in run:
            for pod in re.findall(r"^(\S*device-plugin\S*) +1/1 ", shown, re.MULTILINE):
                self.values["POD"] = pod


def blocks(page: str, heads: tuple[str, ...] = TAKEN) -> Iterator[tuple[str, str]]:
    """Where, and what is to be typed there, of the parts of a page that apply here."""
    head = "Look"
    for block in (document("pages", page) or {})["block"]:
        head = block["head"][0] if "head" in block else head
        if "run" in block and head in heads:
            yield block["on"], block["run"].strip()


@asynccontextmanager
async def at_the_machines(scenario: str, directory: Path) -> AsyncIterator[Hands]:
    """Logged in to server and node of a scenario."""
    with LabThread(scenario=scenario, directory=directory, speed=50):
        config = str(directory / "ssh_config")
        password = (directory / "sudo-password").read_text(encoding="utf-8").strip()
        async with (
            asyncssh.connect("control", config=config) as control,
            asyncssh.connect("gpu1", config=config) as node,
        ):
            yield Hands({"control": control, "gpu1": node}, password)


async def test_the_pages_set_up_a_node_and_take_it_back(tmp_path: Path) -> None:
    async with at_the_machines("fresh", tmp_path) as hands:
        for page in STAGE_PAGES:
            for on, run in blocks(page):
                await hands.typed(on, run)
        for on, run in blocks("undo"):
            await hands.typed(on, run)
        left = await hands.typed("kubectl", "kubectl get nodes -o wide")
    assert "gpu1" not in left
    assert not [text for text in hands.said if "command not found" in text]


async def test_a_token_of_another_cluster_is_replaced(tmp_path: Path) -> None:
    """As the page says under the line: stop, steps 1 and 2 anew, start."""
    async with at_the_machines("fresh", tmp_path) as hands:
        for on, run in blocks("join", ("Look", "Do")):
            await hands.typed(on, run)
            if "token create" in run:
                hands.values["TOKEN"] = f"K10{'ab' * 32}::server:of-another-cluster"
        await hands.typed("node", "sudo journalctl -u k3s-agent --no-pager -g 'CA hash'")
        await hands.typed("node", "sudo systemctl stop k3s-agent")
        make, write, *_, start = blocks("join", ("Do",))
        for on, run in (make, write, start, *blocks("join", ("Look again",))):
            await hands.typed(on, run)


SECTION = "sudo grep BinaryName /var/lib/rancher/k3s/agent/etc/containerd/config.toml"


@pytest.mark.parametrize(
    ("scenario", "cure"),
    [
        ("custom-template", "If it is found, and there is still no section"),
        ("spoilt-template", "If K3s starts again and again"),
    ],
)
async def test_a_template_that_hides_the_runtime_or_stops_containerd(
    scenario: str, cure: str, tmp_path: Path
) -> None:
    async with at_the_machines(scenario, tmp_path) as hands:
        for head in ("Look", "Do"):
            for on, run in blocks("runtime", (head,)):
                await hands.typed(on, run)
        assert "config-v3.toml.tmpl" in "".join(hands.said)
        for head in (cure, "Do", "Look again"):
            for on, run in blocks("runtime", (head,)):
                await hands.typed(on, run)
        await hands.typed("node", SECTION)


async def test_a_plugin_that_helm_brought_gets_the_class(tmp_path: Path) -> None:
    """By the names that the reader finds, not by those of the page's own plugin."""
    kept = ("Look", "If there is one already", "Do, only if one of them is missing")
    async with at_the_machines("helm-plugin", tmp_path) as hands:
        await hands.typed("node", "hostname")
        for page in ("device-plugin", "runtime-class", "plugin-runtime"):
            for on, run in blocks(page, kept):
                await hands.typed(on, run, once=page == "device-plugin")
        release, _ = blocks("plugin-runtime", ("Do, if Helm installed it",))
        assert "nvdp nvidia-device-plugin-0.17.4" in await hands.typed(*release)
        await hands.typed(*next(blocks("plugin-runtime")))
        for page in ("labels", "proof"):
            for on, run in blocks(page):
                await hands.typed(on, run)
    assert hands.values["NAME"] == "nvdp-nvidia-device-plugin"
    assert any("class= " in said for said in hands.said)
    assert any("class=nvidia" in said for said in hands.said)


async def test_on_a_server_with_the_card_the_unit_is_another_one(tmp_path: Path) -> None:
    """As stage 1 says: it is done there, and later stages speak of k3s instead of k3s-agent."""
    with LabThread(scenario="server-is-gpu-node", directory=tmp_path, speed=50):
        config = str(tmp_path / "ssh_config")
        password = (tmp_path / "sudo-password").read_text(encoding="utf-8").strip()
        (name,) = re.findall(r"^Host (\S+)$", Path(config).read_text("utf-8"), re.MULTILINE)
        async with asyncssh.connect(name, config=config) as server:
            hands = Hands({"control": server, "gpu1": server}, password, "k3s")
            await hands.typed("node", "hostname")
            for page in STAGE_PAGES[1:]:
                for on, run in blocks(page):
                    await hands.typed(on, run)
