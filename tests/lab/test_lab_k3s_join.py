"""The unit k3s-agent against the recorded table of joins, good ones and failures."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta

import pytest

from gpu_wizard.lab.k3s_control import ControlPlane
from tests.lab.world_bench import Bench, Pair, serving

URL = "https://10.20.0.10:6443"
V134, V136 = "v1.34.3+k3s1", "v1.36.2+k3s1"
INSTALL = (
    "curl -sfL https://get.k3s.io > /root/install.sh && INSTALL_K3S_SKIP_DOWNLOAD=true "
    "INSTALL_K3S_EXEC=agent INSTALL_K3S_SKIP_START=true sh /root/install.sh"
)
SHOW = "systemctl show k3s-agent -p ActiveState,SubState,Result,NRestarts,ExecMainStatus,StatusText"


async def prepared(
    version: str,
    token: str | None,
    server: str | None = URL,
    more: str = "",
    *,
    factor: float = 200,
) -> Pair:
    """A world with a server, and an agent installed but not started."""
    made = await serving(version, factor=factor)
    made.gpu.install_k3s(version)
    got = await made.gpu.sh(INSTALL)
    assert got.status == 0, got
    lines = [f"server: {server}"] if server else []
    if token is not None:
        lines.append("token-file: /etc/rancher/k3s/t")
        made.gpu.machine.files.write("/etc/rancher/k3s/t", token.encode(), mode=0o600)
    text = "\n".join([*lines, more, ""])
    made.gpu.machine.files.write("/etc/rancher/k3s/config.yaml.d/50-x.yaml", text.encode())
    return made


def control(made: Pair) -> ControlPlane:
    """The control plane."""
    assert made.world.control
    return made.world.control


async def settle(gpu: Bench, text: str, count: int = 1) -> list[str]:
    """Wait until lines of the journal hold a text, and give the journal."""
    async with asyncio.timeout(60):
        while sum(text in line for line in gpu.journal()) < count:
            await asyncio.sleep(0.005)
    return gpu.journal()


@pytest.mark.parametrize("version", [V134, V136])
async def test_a_join_with_config_dir_and_token_file(version: str) -> None:
    made = await prepared(version, None)
    token = control(made).create_token(timedelta(hours=1), "joins gpu1")
    made.gpu.machine.files.write("/etc/rancher/k3s/t", token.encode(), mode=0o600)
    text = f"server: {URL}\ntoken-file: /etc/rancher/k3s/t\n".encode()
    made.gpu.machine.files.write("/etc/rancher/k3s/config.yaml.d/50-x.yaml", text)
    got = await made.gpu.sh("systemctl start k3s-agent; systemctl is-active k3s-agent")
    assert (got.status, got.out) == (0, "active\n")
    order = [
        "Preparing data dir",
        f"Starting k3s agent {version}",
        "Running load balancer k3s-agent-load-balancer 127.0.0.1:6444",
        "Running containerd -c",
        "containerd is now running",
        "Running kubelet",
        "Annotations and labels have been set successfully on node: gpu1",
        "k3s agent is up and running",
        "Started k3s-agent.service - Lightweight Kubernetes.",
    ]
    journal = made.gpu.journal()
    places = [next(at for at, line in enumerate(journal) if text in line) for text in order]
    assert places == sorted(places)
    assert made.cluster.get("Node", "", "gpu1")
    secret = made.cluster.get("Secret", "kube-system", "gpu1.node-password.k3s")
    assert secret
    assert secret["metadata"]["ownerReferences"][0]["name"] == "gpu1"
    files = made.gpu.machine.files
    assert oct(files.mode("/etc/rancher/node/password")) == "0o600"
    await made.world.close()


async def test_a_restart_is_up_and_running_before_containerd() -> None:
    made = await prepared(V134, "", factor=10)
    made.gpu.machine.files.write("/etc/rancher/k3s/t", control(made).server_token().encode())
    assert (await made.gpu.sh("systemctl start k3s-agent")).status == 0
    mark = len(made.gpu.journal())
    got = await made.gpu.sh("systemctl restart k3s-agent; k3s crictl info")
    assert got.status == 1
    assert "validate CRI v1 runtime API" in got.err
    await settle(made.gpu, "Annotations and labels", 2)
    later = made.gpu.journal()[mark:]
    up = next(at for at, line in enumerate(later) if "up and running" in line)
    running = next(at for at, line in enumerate(later) if "containerd is now running" in line)
    assert up < running
    assert "k3s-agent.service: Deactivated successfully." in later
    assert (await made.gpu.sh("k3s crictl info")).status == 0
    await made.world.close()


@dataclass(frozen=True)
class Blocks:
    """A start that never ends, with the line that it repeats."""

    name: str
    token: Callable[[ControlPlane], str]
    line: str
    server: str = URL
    more: str = ""


def _word(text: str) -> Callable[[ControlPlane], str]:
    return lambda _plane: text


def _cut(count: int) -> Callable[[ControlPlane], str]:
    return lambda plane: plane.server_token()[:-count]


def _good(plane: ControlPlane) -> str:
    return plane.server_token()


def _deleted(plane: ControlPlane) -> str:
    token = plane.create_token(timedelta(hours=1), "")
    plane.delete_token(token.rpartition("::")[2].partition(".")[0])
    return token


WAITING = "Waiting to retrieve agent configuration; server is not ready: "
NOT_AUTHORIZED = f"{WAITING}failed to retrieve configuration from server: not authorized"
FAILED = f"Failed to validate connection to cluster at {URL}: "
EOF_TEXT = r"failed to get CA certs: Get \"https://127.0.0.1:6444/cacerts\": "
REJECTED = (
    f"{WAITING}/var/lib/rancher/k3s/agent/serving-kubelet.crt: Node password rejected, duplicate "
    "hostname or contents of '/etc/rancher/node/password' may not match server node-passwd entry, "
    "try enabling a unique node name with the --with-node-id flag"
)
BLOCKING = [
    Blocks("01", lambda p: f"K10{p.ca_hash}::node:wrong", NOT_AUTHORIZED),
    Blocks("02", lambda p: f"K10{p.ca_hash}::server:wrong", NOT_AUTHORIZED),
    Blocks(
        "03",
        lambda p: f"K10{'ab' * 32}::server:{p.password}",
        f"{FAILED}token CA hash does not match the Cluster CA certificate hash: {'ab' * 32} != ",
    ),
    Blocks("04", lambda p: p.server_token()[:40], f"{FAILED}invalid token format"),
    Blocks("05", lambda p: p.server_token()[:67], f"{FAILED}invalid token format"),
    Blocks(
        "06",
        lambda p: f"K10{p.ca_hash[:-8]}::server:{p.password}",
        f"{FAILED}invalid token CA hash length",
    ),
    Blocks("07", _cut(5), NOT_AUTHORIZED),
    Blocks(
        "08",
        lambda p: p.create_token(timedelta(hours=1), "")[:-4],
        f"{FAILED}invalid token format",
    ),
    Blocks("12", lambda p: p.create_token(timedelta(seconds=-5), ""), NOT_AUTHORIZED),
    Blocks("13", _deleted, NOT_AUTHORIZED),
    Blocks("14", _good, EOF_TEXT, server="https://10.20.0.10:7443"),
    Blocks("15", _good, "connection reset by peer", server="https://10.20.0.99:6443"),
    Blocks("16", _good, EOF_TEXT, server="https://k3s.example.invalid:6443"),
    Blocks(
        "17",
        _good,
        "tls: first record does not look like a TLS handshake",
        server="https://10.20.0.10:22",
    ),
    Blocks("18", _good, "cacerts: 404 Not Found", server="https://10.20.0.10:10250"),
    Blocks(
        "24",
        _good,
        "only https:// URLs are supported, invalid scheme: http://127.0.0.1:6444",
        server="http://10.20.0.10:6443",
    ),
    Blocks("31", _good, REJECTED, more="node-name: control"),
    Blocks("39", _good, "Unable to register node with API server", more="node-name: GPU_Two"),
]


@pytest.mark.parametrize("version", [V134, V136])
@pytest.mark.parametrize("case", BLOCKING, ids=lambda case: case.name)
async def test_a_start_that_blocks(case: Blocks, version: str) -> None:
    made = await prepared(version, "", case.server, case.more)
    made.gpu.machine.files.write("/etc/rancher/k3s/t", case.token(control(made)).encode())
    started = asyncio.create_task(made.gpu.sh("systemctl start k3s-agent"))
    journal = await settle(made.gpu, case.line, 2)
    assert not started.done()
    got = await made.gpu.sh(f"{SHOW}; systemctl is-active k3s-agent")
    assert got.status == 3
    assert set(got.out.split()) >= {"ActiveState=activating", "SubState=start", "NRestarts=0"}
    assert not any("up and running" in line for line in journal)
    assert (await made.gpu.sh("systemctl stop k3s-agent")).status == 0
    assert (await asyncio.wait_for(started, 5)).status == 1
    await made.world.close()


@dataclass(frozen=True)
class Fails:
    """A start that fails within seconds, and is repeated every five."""

    name: str
    line: str
    result: str
    token: str | None = "good"
    server: str | None = URL
    more: str = ""
    versions: tuple[str, ...] = (V134, V136)


FAILING = [
    Fails("09", 'level=fatal msg="Error: --token is required"', "exit-code", token=""),
    Fails("22", 'level=fatal msg="Error: --token is required"', "exit-code", token=None),
    Fails("23", 'level=fatal msg="Error: --server is required"', "exit-code", server=None),
    Fails(
        "25",
        'level=fatal msg="Error: flag provided but not defined: -write-kubeconfig-mode"',
        "exit-code",
        more='write-kubeconfig-mode: "0644"',
    ),
    Fails(
        "26",
        'level=fatal msg="Error: flag provided but not defined: -nodename"',
        "exit-code",
        more="nodename: x",
    ),
    Fails(
        "27",
        "level=fatal msg=\"yaml: line 4: did not find expected ',' or ']'\"",
        "exit-code",
        more="node-label: [a=b\nfoo bar",
    ),
    Fails(
        "28",
        "kubelet exited: failed to validate kubelet flags: unknown 'kubernetes.io' or 'k8s.io' "
        "labels specified with --node-labels: [kubernetes.io/gpu]",
        "protocol",
        more='node-label: ["kubernetes.io/gpu=yes"]',
    ),
    Fails(
        "29",
        "labels specified with --node-labels: [node-role.kubernetes.io/gpu]",
        "protocol",
        more='node-label: ["node-role.kubernetes.io/gpu=true"]',
    ),
    Fails(
        "30",
        "invalid node labels: 'a b' - a valid label must be an empty string or consist of",
        "protocol",
        more='node-label: ["lab=a b"]',
    ),
    Fails(
        "32",
        "failed to start container runtime: default runtime nvidia was not found",
        "protocol",
        more="default-runtime: nvidia",
    ),
    Fails(
        "33",
        "kubelet exited: failed to parse kubelet flag: unknown flag: --no-such-flag",
        "protocol",
        more="kubelet-arg: [no-such-flag=1]",
    ),
]


@pytest.mark.parametrize("version", [V134, V136])
@pytest.mark.parametrize("case", FAILING, ids=lambda case: case.name)
async def test_a_start_that_fails_and_restarts(case: Fails, version: str) -> None:
    made = await prepared(version, case.token, case.server, case.more, factor=50)
    if case.token:
        made.gpu.machine.files.write("/etc/rancher/k3s/t", control(made).server_token().encode())
    got = await made.gpu.sh(f"systemctl start k3s-agent; echo $?; {SHOW}")
    reason = (
        "the control process exited with error code"
        if case.result == "exit-code"
        else "the service did not take the steps required by its unit configuration"
    )
    assert got.err.startswith(f"Job for k3s-agent.service failed because {reason}.\nSee ")
    assert got.out.startswith("1\n")
    assert f"Result={case.result}" in got.out
    assert "ActiveState=activating" in got.out
    # Once the certificates are there, a restart meets the trap of a missing Node instead.
    again = case.line if case.result == "exit-code" else "Node authorization rejected"
    journal = await settle(made.gpu, again, 2)
    assert any(case.line in line for line in journal)
    assert f"k3s-agent.service: Failed with result '{case.result}'." in journal
    shutdowns = [line for line in journal if "Shutdown request received: " in line]
    assert all((r"received: \"" in line) == (version == V136) for line in shutdowns)
    assert any("restart counter is at 1" in line for line in journal)
    await made.world.close()


@pytest.mark.parametrize("version", [V134, V136])
async def test_a_missing_token_file_is_waited_for_four_minutes(version: str) -> None:
    made = await prepared(version, "x", factor=2000)
    made.gpu.machine.files.remove("/etc/rancher/k3s/t")
    got = await made.gpu.sh("systemctl start k3s-agent")
    assert got.status == 1
    journal = made.gpu.journal()
    waiting, end = {
        V134: (
            r"Waiting for /etc/rancher/k3s/t to be available\n",
            "Error: Timeout while trying to read the file",
        ),
        V136: (
            r"Waiting for file \"/etc/rancher/k3s/t\" to be created\n",
            "Error: context deadline exceeded",
        ),
    }[version]
    assert sum(waiting in line for line in journal) >= 119
    assert any(end in line for line in journal)
    await made.world.close()


async def test_a_stop_while_it_waits_for_the_token_file_kills_after_90_s() -> None:
    made = await prepared(V134, "x", factor=500)
    made.gpu.machine.files.remove("/etc/rancher/k3s/t")
    await made.gpu.sh("systemctl --no-block start k3s-agent")
    await settle(made.gpu, "to be available")
    got = await made.gpu.sh(
        "systemctl stop k3s-agent; systemctl show k3s-agent -p ActiveState,Result"
    )
    assert set(got.out.split()) == {"ActiveState=failed", "Result=timeout"}
    assert "k3s-agent.service: State 'stop-sigterm' timed out. Killing." in made.gpu.journal()
    await made.world.close()


@pytest.mark.parametrize("version", [V134, V136])
async def test_cgroup_v1_stops_1_36_only(version: str) -> None:
    made = await prepared(version, "x")
    made.gpu.machine.cgroup = 1
    made.gpu.machine.files.write("/etc/rancher/k3s/t", control(made).server_token().encode())
    got = await made.gpu.sh("systemctl start k3s-agent")
    assert got.status == (0 if version == V134 else 1)
    refused = any("not run on a host using cgroup v1" in line for line in made.gpu.journal())
    assert refused == (version == V136)
    await made.world.close()


async def test_a_clock_behind_the_certificates_blocks() -> None:
    made = await prepared(V134, "x")
    made.gpu.machine.clock_offset = timedelta(hours=-3)
    made.gpu.machine.files.write("/etc/rancher/k3s/t", control(made).server_token().encode())
    await made.gpu.sh("systemctl --no-block start k3s-agent")
    await settle(made.gpu, "certificate has expired or is not yet valid: current time 20")
    await made.world.close()


@pytest.mark.parametrize("kind", ["password", "bootstrap"])
async def test_a_short_token_joins_with_a_warning(kind: str) -> None:
    made = await prepared(V134, "x")
    full = control(made).create_token(None, "") if kind == "bootstrap" else ""
    text = full.rpartition("::")[2] or control(made).password
    made.gpu.machine.files.write("/etc/rancher/k3s/t", text.encode())
    assert (await made.gpu.sh("systemctl start k3s-agent")).status == 0
    assert any("the token does not include a CA hash" in line for line in made.gpu.journal())
    await made.world.close()


async def test_the_token_must_stay_though_a_deleted_one_is_good_enough() -> None:
    made = await prepared(V134, "x")
    plane = control(made)
    token = plane.create_token(timedelta(hours=1), "")
    made.gpu.machine.files.write("/etc/rancher/k3s/t", token.encode())
    assert (await made.gpu.sh("systemctl start k3s-agent")).status == 0
    plane.delete_token(token.rpartition("::")[2].partition(".")[0])
    assert (await made.gpu.sh("systemctl restart k3s-agent")).status == 0
    text = f"server: {URL}\n".encode()
    made.gpu.machine.files.write("/etc/rancher/k3s/config.yaml.d/50-x.yaml", text)
    await made.gpu.sh("systemctl --no-block restart k3s-agent")
    await settle(made.gpu, f"{FAILED}token must not be empty", 2)
    await made.world.close()


async def test_a_deleted_node_comes_back_without_its_client_certificate_only() -> None:
    made = await prepared(V134, "x")
    made.gpu.machine.files.write("/etc/rancher/k3s/t", control(made).server_token().encode())
    assert (await made.gpu.sh("systemctl start k3s-agent")).status == 0
    made.cluster.remove("Node", "", "gpu1")
    assert made.cluster.get("Secret", "kube-system", "gpu1.node-password.k3s") is None
    await made.gpu.sh("systemctl --no-block restart k3s-agent")
    await settle(made.gpu, "Node authorization rejected, retrying without client certificate", 2)
    assert any("with Body length 0" in line for line in made.gpu.journal())
    agent = "/var/lib/rancher/k3s/agent/client-kubelet"
    got = await made.gpu.sh(
        f"systemctl stop k3s-agent; rm {agent}.crt {agent}.key; systemctl start k3s-agent"
    )
    assert got.status == 0
    assert made.cluster.get("Node", "", "gpu1")
    await made.world.close()


async def test_a_stale_node_password_secret_is_refused() -> None:
    made = await prepared(V134, "x")
    control(made).vouch("gpu1", "another machine's")
    made.gpu.machine.files.write("/etc/rancher/k3s/t", control(made).server_token().encode())
    await made.gpu.sh("systemctl --no-block start k3s-agent")
    await settle(made.gpu, REJECTED)
    made.cluster.remove("Secret", "kube-system", "gpu1.node-password.k3s")
    await settle(made.gpu, "k3s agent is up and running")
    await made.world.close()
