"""`status` on the practice lab, as its user runs it: over real SSH and HTTPS, and nothing is ever changed."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml

from gpu_wizard.cli import main
from gpu_wizard.cli.edges import READERS, Edges
from gpu_wizard.cli.reach import Reach
from gpu_wizard.cluster.api import KubeCluster, KubeReader
from gpu_wizard.engine.fleet import Fleet, NodeSeen
from gpu_wizard.faces import status_json
from gpu_wizard.host.ssh import SshHost, SshReader, connect_reader
from gpu_wizard.host.target import SshOptions, SshTarget
from gpu_wizard.journal.recording import read_setup
from gpu_wizard.lab.serve import Lab
from gpu_wizard.lab.tree import Node
from gpu_wizard.model.ports import ClusterReader, HostReader
from gpu_wizard.model.question import Command, Files
from gpu_wizard.model.readonly import is_read_only
from gpu_wizard.stages import LOOKED_AT

CHAIN = [stage.id for stage in LOOKED_AT]
LOGS = ("/var/log/", "/run/", "/var/lib/sudo/", "/proc/", "/sys/", "/dev/")
"""Where a login and sudo leave their traces, and what the kernel makes up."""
Capture = pytest.CaptureFixture[str]


def lab(scenario: str, tmp_path: Path) -> Lab:
    folder = tmp_path / "lab"
    folder.mkdir()
    return Lab(scenario, folder, speed=25.0)


async def status(*arguments: str) -> int:
    """The command, in a thread and a loop of its own beside the lab's."""
    return await asyncio.to_thread(main, ["status", *arguments])


async def document(capsys: Capture, *arguments: str) -> tuple[int, dict[str, Any]]:
    """What it says once K3s of the lab, which has only just started, has been up for a while."""
    for _ in range(40):
        capsys.readouterr()
        code = await status(*arguments, "--json")
        seen: dict[str, Any] = json.loads(capsys.readouterr().out)
        if not any(passing(stage) for node in seen["nodes"] for stage in node["stages"][:4]):
            break
        await asyncio.sleep(1.0)
    return code, seen


def passing(stage: dict[str, Any]) -> bool:
    """Whether time alone is waited for; a server that is away stays away."""
    return bool(stage["settling"]) and stage["state"] == "waiting"


def states(node: dict[str, Any]) -> dict[str, str]:
    return {stage["stage"]: stage["state"] for stage in node["stages"]}


def codes(node: dict[str, Any]) -> dict[str, str]:
    return {stage["stage"]: stage["code"] for stage in node["stages"]}


def everything(at: Node, path: str = "") -> dict[str, tuple[Any, ...]]:
    """Path → what a file system keeps of it, times of access apart."""
    found: dict[str, tuple[Any, ...]] = {}
    for name, child in (at.children or {}).items():
        here = f"{path}/{name}"
        if not f"{here}/".startswith(LOGS):
            own = (child.mode, child.uid, child.gid, child.content, child.target)
            found[here] = (*own, None if child.children is not None else child.modified)
            found |= everything(child, here)
    return found


async def test_a_finished_node_is_all_done_and_nothing_on_it_or_in_the_cluster_is_touched(
    tmp_path: Path, capsys: Capture
) -> None:
    async with lab("done", tmp_path) as running:
        assert running.api is not None
        setup = running.directory / "setup.toml"
        before = {n: everything(m.tree.node("/")) for n, m in running.world.machines.items()}
        asked = len(running.api.requests)
        code, seen = await document(capsys, "--setup", str(setup))
        after = {n: everything(m.tree.node("/")) for n, m in running.world.machines.items()}
        requests = running.api.requests[asked:]
    assert code == 0
    (node,) = seen["nodes"]
    assert (node["node"], node["kubernetes_node"], node["state"]) == ("gpu1", "gpu1", "done")
    assert [stage["stage"] for stage in node["stages"]] == CHAIN
    assert set(states(node).values()) == {"done"}
    assert [s.get("test_pod") for s in node["stages"]] == [None] * 8 + ["not-run"]
    assert node["versions"]["toolkit"] == {
        "found": "1.20.0",
        "recommended": "1.20.0",
        "security_floor": "1.17.8",
        "skew": None,
        "verdict": "ok",
    }
    assert node["versions"]["k3s"]["found"] == "v1.34.3+k3s1"
    assert [card["name"] for card in node["gpus"]] == ["NVIDIA RTX A6000"]
    assert node["allocatable"] == {"nvidia.com/gpu": 1}
    assert node["plugin"]["ready"] is True
    assert list(node["plugin"]["registered"]) == ["nvidia.com/gpu"]
    assert {request.method for request in requests} == {"GET"}
    assert after == before
    undocumented = {key for key in keys_of(seen) if f"`{key}`" not in (status_json.__doc__ or "")}
    # Names of resources and of versions' owners are values that stand as keys.
    assert {key for key in undocumented if "/" not in key} == {"test_pod"}


async def test_a_bare_machine_needs_the_join_first(tmp_path: Path, capsys: Capture) -> None:
    async with lab("fresh", tmp_path) as running:
        setup = str(running.directory / "setup.toml")
        code, seen = await document(capsys, "--setup", setup)
        text_code = await status("--setup", setup, "--lang", "ru")
        text = capsys.readouterr().out
    assert code == text_code == 3
    (node,) = seen["nodes"]
    assert node["state"] == "needed"
    assert (states(node)["join"], states(node)["driver"]) == ("needed", "done")
    assert f"--auto {setup} --plan" in node["stages"][0]["next"]
    lines = text.splitlines()
    assert lines[0] == "gpu1  ● нужно"
    assert "1 Подключение" in lines[1]
    assert any("--plan" in line for line in lines[:10])
    assert "только чтение" in lines[-1]


@pytest.mark.parametrize(
    ("scenario", "first", "state", "code"),
    [
        ("api-down", "join", "blocked", "join.port-refused"),
        ("custom-template", "runtime", "blocked", "runtime.template-hides"),
        ("old-toolkit", "toolkit", "needed", "toolkit.old"),
        ("driver-mismatch", "driver", "blocked", "choice.driver.reboot"),
        ("hung-node", "join", "needed", "join.stopped"),
    ],
)
async def test_the_first_broken_link_is_named(
    tmp_path: Path, capsys: Capture, scenario: str, first: str, state: str, code: str
) -> None:
    async with lab(scenario, tmp_path) as running:
        status_code, seen = await document(capsys, "--setup", str(running.directory / "setup.toml"))
    (node,) = seen["nodes"]
    judged = codes(node)
    chain = [stage["stage"] for stage in node["stages"] if stage["state"] != "done"]
    assert status_code == 3
    assert (chain[0], node["state"], judged[first]) == (first, state, code)


async def test_gpu_operator_is_named_as_an_owner(tmp_path: Path, capsys: Capture) -> None:
    async with lab("gpu-operator", tmp_path) as running:
        _, seen = await document(capsys, "--setup", str(running.directory / "setup.toml"))
    (node,) = seen["nodes"]
    assert {"owner": "gpu-operator", "name": "cluster-policy"} in node["owners"]
    assert states(node)["proof"] == "done"


async def test_with_less_than_everything_the_rest_is_seen_and_the_reason_is_said(
    tmp_path: Path, capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("GPU_WIZARD_SUDO_PASSWORD", raising=False)
    async with lab("done", tmp_path) as running:
        await document(capsys, "--setup", str(running.directory / "setup.toml"))
        await without_sudo(running, tmp_path, capsys)
        await with_a_view_only_account(running, tmp_path, capsys)
        await with_bare_targets(running, tmp_path, capsys, monkeypatch)
        await without_the_control_plane(running, capsys)


async def without_sudo(running: Lab, tmp_path: Path, capsys: Capture) -> None:
    text = (running.directory / "setup.toml").read_text()
    lines = [line for line in text.splitlines() if not line.startswith("sudo = ")]
    kubeconfig = f'[cluster]\nkubeconfig = "{running.directory}/kubeconfig"'
    (tmp_path / "setup.toml").write_text("\n".join(lines).replace("[cluster]", kubeconfig))
    code, seen = await document(capsys, "--setup", str(tmp_path / "setup.toml"))
    (node,) = seen["nodes"]
    assert code == 1
    judged, reasons = states(node), codes(node)
    assert (judged["driver"], judged["toolkit"], judged["labels"]) == ("done", "done", "done")
    assert (judged["runtime"], reasons["runtime"]) == ("unknown", "sudo-password-needed")
    assert (judged["proof"], reasons["proof"]) == ("unknown", "sudo-password-needed")


async def with_a_view_only_account(running: Lab, tmp_path: Path, capsys: Capture) -> None:
    assert running.api is not None
    config = tmp_path / "viewer"
    config.write_text(yaml.safe_dump(running.api.kubeconfig("eve", ["viewers"])))
    setup = (running.directory / "setup.toml").read_text()
    setup = setup.replace("[cluster]", f'[cluster]\nkubeconfig = "{config}"')
    (tmp_path / "setup.toml").write_text(setup)
    code, seen = await document(capsys, "--setup", str(tmp_path / "setup.toml"))
    (node,) = seen["nodes"]
    assert code == 1
    assert (states(node)["toolkit"], states(node)["runtime"]) == ("done", "done")
    assert codes(node)["labels"] == codes(node)["proof"] == "api-forbidden"


async def with_bare_targets(
    running: Lab, tmp_path: Path, capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    ssh = tmp_path / "home" / ".ssh"
    ssh.mkdir(parents=True)
    (ssh / "config").write_text((running.directory / "ssh_config").read_text())
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    password = (running.directory / "sudo-password").read_text().strip()
    monkeypatch.setenv("GPU_WIZARD_SUDO_PASSWORD", password)
    kubeconfig = str(running.directory / "kubeconfig")
    for reach in (("--control-plane", "control"), ("--kubeconfig", kubeconfig)):
        code, seen = await document(capsys, "gpu1", *reach)
        assert (code, seen["nodes"][0]["state"]) == (0, "done")
    code, seen = await document(capsys, "gpu1")
    (node,) = seen["nodes"]
    assert (code, node["node"], node["kubernetes_node"]) == (1, "gpu1", "gpu1")
    assert codes(node)["labels"] == codes(node)["proof"] == "no-cluster"
    assert states(node)["driver"] == states(node)["toolkit"] == "done"


async def without_the_control_plane(running: Lab, capsys: Capture) -> None:
    await running.ssh["control"].stop()
    code, seen = await document(capsys, "--setup", str(running.directory / "setup.toml"))
    (node,) = seen["nodes"]
    assert (code, node["error"]) == (1, None)
    assert (states(node)["driver"], states(node)["runtime"]) == ("done", "done")
    assert codes(node)["labels"] == "connection-refused"


class Recorded:
    """What was asked of readers, and of what kind they were."""

    def __init__(self) -> None:
        self.asked: list[Any] = []
        self.readers: list[object] = []

    def edges(self) -> Edges[HostReader, ClusterReader]:
        async def connect(target: SshTarget, options: SshOptions) -> HostReader:
            reader = await connect_reader(target, options)
            ask = reader.ask

            async def asked(asks: Sequence[Any]) -> list[Any]:
                self.asked += asks
                return list(await ask(asks))

            reader.ask = asked  # type: ignore[method-assign]  # notes, and asks all the same
            self.readers.append(reader)
            return reader

        return replace(READERS, remote=connect)


async def test_every_command_is_on_the_read_only_list_and_no_reader_can_write(
    tmp_path: Path,
) -> None:
    recorded = Recorded()
    async with lab("done", tmp_path) as running:
        setup = read_setup(running.directory / "setup.toml")
        reach = Reach(setup, recorded.edges(), {})
        fleet = Fleet([reach.berth(node) for node in setup.nodes], LOOKED_AT)

        async def arrived(_seen: NodeSeen) -> None:
            """Only what was asked matters here."""

        await fleet.look(arrived)
        await reach.close()
    commands = [asked for asked in recorded.asked if isinstance(asked, Command)]
    assert len(commands) > 15
    assert [asked.argv for asked in commands if not is_read_only(asked.argv)] == []
    assert [asked for asked in recorded.asked if not isinstance(asked, Command | Files)] == []
    assert {type(reader) for reader in recorded.readers} == {SshReader}
    writing = set(dir(SshHost)) - set(dir(SshReader))
    assert writing >= {"run", "put", "restore", "capture"}
    assert READERS.cluster is KubeReader
    assert set(dir(KubeCluster)) - set(dir(KubeReader)) >= {"apply", "delete"}


def keys_of(value: Any) -> set[str]:
    if isinstance(value, list):
        return set().union(*map(keys_of, value)) if value else set()
    if not isinstance(value, dict):
        return set()
    inner = [keys_of(item) for key, item in value.items() if key != "params"]
    return set(value).union(*inner)
