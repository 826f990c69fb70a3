"""A K3s server of the lab: tokens, endpoints, files, RuntimeClasses, restarts, the installer, uninstalling."""

from __future__ import annotations

import asyncio
import re
from datetime import timedelta

import pytest

from tests.lab.world_bench import Pair, serving

V134, V136 = "v1.34.3+k3s1", "v1.36.2+k3s1"
SERVER = "/var/lib/rancher/k3s/server"
AGENT_INSTALL = "INSTALL_K3S_SKIP_DOWNLOAD=true INSTALL_K3S_EXEC=agent sh /root/install.sh"
INFO = "[INFO]  "


async def with_agent() -> Pair:
    """A server, and a machine with the installer and the binary."""
    made = await serving()
    made.gpu.install_k3s()
    got = await made.gpu.sh("curl -sfL https://get.k3s.io -o /root/install.sh")
    assert got.status == 0
    assert made.world.control
    token = made.world.control.server_token()
    made.gpu.machine.files.write("/etc/rancher/k3s/t", token.encode(), mode=0o600)
    text = b"server: https://10.20.0.10:6443\ntoken-file: /etc/rancher/k3s/t\n"
    made.gpu.machine.files.write("/etc/rancher/k3s/config.yaml", text)
    return made


async def test_files_of_a_server() -> None:
    made = await serving()
    got = await made.server.sh(
        f'for f in token node-token agent-token; do stat -L -c "%a %s" {SERVER}/$f; '
        f"readlink {SERVER}/$f; done; cat {SERVER}/token; stat -c %a /etc/rancher/k3s/k3s.yaml; "
        f"sha256sum {SERVER}/tls/server-ca.crt"
    )
    lines = got.out.split("\n")
    assert lines[:5] == ["600 109", "600 109", f"{SERVER}/token", "600 109", f"{SERVER}/token"]
    found = re.fullmatch(r"K10([0-9a-f]{64})::server:[0-9a-f]{32}", lines[5])
    assert found
    assert lines[6] == "600"
    assert lines[7].startswith(found[1])
    await made.world.close()


async def test_tokens_are_made_listed_and_deleted() -> None:
    made = await serving()
    got = await made.server.sh("k3s token create --ttl 1h --description 'joins gpu1'")
    token = re.fullmatch(r"K10[0-9a-f]{64}::([a-z0-9]{6})\.[a-z0-9]{16}\n", got.out)
    assert token
    identity = token[1]
    got = await made.server.sh("k3s token list; k3s token list -o json")
    table, row, json_line = got.out.splitlines()
    head = "TOKEN     TTL       EXPIRES                USAGES                   DESCRIPTION   "
    assert table == f"{head}EXTRA GROUPS"
    group = "system:bootstrappers:k3s:default-node-token"
    assert re.fullmatch(
        rf"{identity}    59m       \S{{20}}   authentication,signing   joins gpu1    {group}", row
    )
    assert json_line.startswith('[{"token":{},"description":"joins gpu1","expires":"')
    assert json_line.endswith(f'"usages":["authentication","signing"],"groups":["{group}"]}}]')
    got = await made.server.sh(f"k3s token delete {identity}; k3s token list")
    empty = "TOKEN     TTL       EXPIRES   USAGES    DESCRIPTION   EXTRA GROUPS\n"
    assert got.out == f'bootstrap token "{identity}" deleted\n{empty}'
    got = await made.server.sh(
        "k3s token create --ttl 0 --description forever >/dev/null; k3s token list"
    )
    assert "   <forever>   <never>   authentication" in got.out
    got = await made.server.sh("k3s token generate")
    assert re.fullmatch(r"[a-z0-9]{6}\.[a-z0-9]{16}\n", got.out)
    await made.world.close()


@pytest.mark.parametrize(
    ("version", "text"),
    [
        (
            V134,
            r"failed to delete bootstrap token \"secrets \\\"bootstrap-token-nosuch\\\" not found\""
            r': secrets \"bootstrap-token-nosuch\" not found"',
        ),
        (
            V136,
            r"failed to delete bootstrap token \"nosuch\": secrets \"bootstrap-token-nosuch\" "
            r'not found"',
        ),
    ],
)
async def test_a_token_that_is_not_there(version: str, text: str) -> None:
    made = await serving(version)
    got = await made.server.sh("k3s token delete nosuch")
    assert got.status == 1
    assert got.err.endswith(f'level=fatal msg="Error: {text}\n')
    await made.world.close()


async def test_errors_of_the_token_commands() -> None:
    made = await serving()
    got = await made.server.sh("k3s token create --ttl 1x")
    assert got.status == 1
    assert got.out.startswith('Incorrect Usage: invalid value "1x" for flag -ttl: parse error\n')
    got = await made.server.sh("/usr/local/bin/k3s token list", user="anna")
    denied = 'error loading config file "/etc/rancher/k3s/k3s.yaml": open /etc/rancher/k3s/k3s.yaml'
    assert (got.status, got.err) == (1, f"{denied}: permission denied\n")
    got = await made.server.sh("systemctl stop k3s; k3s token create --ttl 1h")
    assert got.status == 1
    assert "dial tcp 127.0.0.1:6443: connect: connection refused" in got.err
    made.gpu.install_k3s()
    got = await made.gpu.sh("/usr/local/bin/k3s token list; /usr/local/bin/k3s kubectl get nodes")
    assert "Error: stat /etc/rancher/k3s/k3s.yaml: no such file or directory" in got.err
    assert "The connection to the server localhost:8080 was refused" in got.err
    await made.world.close()


async def test_endpoints_without_credentials() -> None:
    made = await serving()
    url = "https://10.20.0.10:6443"

    async def status(path: str, more: str = "-k") -> str:
        got = await made.gpu.sh(f"curl -s {more} -o /dev/null -w '%{{http_code}}' {path}")
        return f"{got.status} {got.out}"

    for path, answer in (
        *((f"{url}/ping", "0 200"), (f"{url}/cacerts", "0 200"), (f"{url}/version", "0 401")),
        *((f"{url}/readyz", "0 401"), (f"{url}/v1-k3s/config", "0 403"), (f"{url}/", "0 401")),
        ("http://10.20.0.10:6443/ping", "0 400"),
        ("https://10.20.0.10:7443/ping", "7 000"),
        ("https://10.20.0.99:6443/ping", "7 000"),
        ("https://nowhere.example:6443/", "6 000"),
        ("https://10.20.0.10:22/", "35 000"),
    ):
        assert (path, await status(path)) == (path, answer)
    assert await status(f"{url}/ping", "") == "60 000"
    assert await status(f"{url}/v1-k3s/config", "-k -u node:wrong") == "0 401"
    assert await status("-f https://10.20.0.10:6443/version", "-k") == "22 401"
    got = await made.gpu.sh(f"curl -sk {url}/cacerts | sha256sum")
    assert made.world.control
    assert got.out == f"{made.world.control.ca_hash}  -\n"
    got = await made.gpu.sh(f"curl -sk {url}/cacerts > ca.pem; curl -s --cacert ca.pem {url}/ping")
    assert got.out == "pong"
    await made.world.close()


async def test_runtime_classes_come_and_go_with_the_server() -> None:
    made = await serving()
    cluster = made.cluster

    async def classes(count: int) -> None:
        async with asyncio.timeout(60):
            while len(cluster.list("RuntimeClass")) != count:
                await asyncio.sleep(0.002)

    await classes(10)
    cluster.remove("RuntimeClass", "", "nvidia")
    own = {
        "apiVersion": "node.k8s.io/v1",
        "kind": "RuntimeClass",
        "metadata": {"name": "nvidia", "uid": "own", "labels": {"mine": "1"}},
        "handler": "nvidia",
    }
    cluster.put(own)
    assert (await made.server.sh("systemctl restart k3s")).status == 0
    async with asyncio.timeout(60):
        while "annotations" not in cluster.objects["RuntimeClass", "", "nvidia"]["metadata"]:
            await asyncio.sleep(0.002)
    adopted = cluster.get("RuntimeClass", "", "nvidia")
    assert adopted
    assert (adopted["metadata"]["uid"], adopted["metadata"]["labels"]["mine"]) == ("own", "1")
    made.server.machine.files.write("/etc/rancher/k3s/config.yaml", b"disable:\n  - runtimes\n")
    await made.server.sh("systemctl restart k3s")
    await classes(0)
    made.server.machine.files.remove("/etc/rancher/k3s/config.yaml")
    await made.server.sh("systemctl restart k3s")
    await classes(10)
    await made.world.close()


async def test_a_restart_takes_port_and_api_away_in_the_recorded_order() -> None:
    made = await serving()
    made.cluster.told.clear()
    assert (await made.server.sh("systemctl restart k3s")).status == 0
    closed, warming = (False, ""), (False, "starting")
    assert made.cluster.told == [closed, warming, warming, (True, "")]
    assert "k3s is up and running" in made.server.journal("k3s.service")[-2]
    await made.world.close()


async def test_node_labels_are_put_back_at_every_start() -> None:
    made = await with_agent()
    labels = b'node-label: ["nvidia.com/gpu=present", "lab=1"]\n'
    made.gpu.machine.files.write("/etc/rancher/k3s/config.yaml.d/60-x.yaml", labels)
    assert (await made.gpu.sh(AGENT_INSTALL)).status == 0

    def lab_labels() -> dict[str, str]:
        node = made.cluster.objects["Node", "", "gpu1"]
        return dict(node["metadata"]["labels"])

    assert lab_labels() == {"nvidia.com/gpu": "present", "lab": "1"}
    made.cluster.objects["Node", "", "gpu1"]["metadata"]["labels"] = {"lab": "2"}
    await made.gpu.sh("systemctl restart k3s-agent")
    async with asyncio.timeout(60):
        while lab_labels() == {"lab": "2"}:
            await asyncio.sleep(0.002)
    assert lab_labels() == {"nvidia.com/gpu": "present", "lab": "1"}
    await made.world.close()


async def test_the_installer_again_on_a_joined_agent() -> None:
    made = await with_agent()
    first = await made.gpu.sh(AGENT_INSTALL)
    assert first.out.splitlines() == [
        f"{INFO}Skipping k3s download and verify",
        f"{INFO}Skipping installation of SELinux RPM",
        *(
            f"{INFO}Creating /usr/local/bin/{x} symlink to k3s"
            for x in ("kubectl", "crictl", "ctr")
        ),
        f"{INFO}Creating killall script /usr/local/bin/k3s-killall.sh",
        f"{INFO}Creating uninstall script /usr/local/bin/k3s-agent-uninstall.sh",
        f"{INFO}env: Creating environment file /etc/systemd/system/k3s-agent.service.env",
        f"{INFO}systemd: Creating service file /etc/systemd/system/k3s-agent.service",
        f"{INFO}systemd: Enabling k3s-agent unit",
        f"{INFO}systemd: Starting k3s-agent",
    ]
    got = await made.gpu.sh(AGENT_INSTALL)
    assert got.out.endswith(f"{INFO}No change detected so skipping service start\n")
    assert "Created symlink" in got.err
    await made.gpu.sh("echo 'debug: true' > /etc/rancher/k3s/config.yaml.d/60-x.yaml")
    got = await made.gpu.sh(AGENT_INSTALL)
    assert "No change detected" in got.out
    environment = "K3S_DEBUG=false HTTP_PROXY= NO_PROXY=10.0.0.0/8"
    got = await made.gpu.sh(
        f"env {environment} {AGENT_INSTALL}; cat /etc/systemd/system/k3s-agent.service.env; "
        "stat -c %a /etc/systemd/system/k3s-agent.service.env"
    )
    assert "Starting k3s-agent" in got.out
    assert set(got.out.splitlines()[-4:]) == {
        "K3S_DEBUG='false'",
        "HTTP_PROXY=''",
        "NO_PROXY='10.0.0.0/8'",
        "600",
    }
    await made.world.close()


@pytest.mark.parametrize(
    ("variables", "text"),
    [
        (
            "K3S_URL=https://10.20.0.10:6443",
            "Defaulted k3s exec command to 'agent' because K3S_URL is defined, but K3S_TOKEN or "
            "K3S_TOKEN_FILE is not defined.",
        ),
        (
            "K3S_URL=http://10.20.0.10:6443 K3S_TOKEN=x",
            "Only https:// URLs are supported for K3S_URL (have http://10.20.0.10:6443)",
        ),
    ],
)
async def test_the_installer_refuses(variables: str, text: str) -> None:
    made = await with_agent()
    got = await made.gpu.sh(f"{variables} INSTALL_K3S_SKIP_DOWNLOAD=true sh /root/install.sh")
    assert (got.status, got.err) == (1, f"[ERROR]  {text}\n")
    await made.world.close()


async def test_the_installer_downloads_what_the_version_names() -> None:
    made = await with_agent()
    await made.gpu.sh("rm /usr/local/bin/k3s")
    variables = "INSTALL_K3S_EXEC=agent INSTALL_K3S_SKIP_START=true"
    got = await made.gpu.sh(
        f"INSTALL_K3S_VERSION=v1.36.2+k3s1 {variables} sh /root/install.sh; k3s --version"
    )
    assert f"{INFO}Using v1.36.2+k3s1 as release\n" in got.out
    assert "k3s version v1.36.2+k3s1 (af977adf)\n" in got.out
    got = await made.gpu.sh(f"{variables} sh /root/install.sh; k3s --version")
    assert "Finding release for channel stable" in got.out
    assert "k3s version v1.36.3+k3s1" in got.out
    got = await made.gpu.sh(f"INSTALL_K3S_VERSION=v9.9.9+k3s1 {variables} sh /root/install.sh")
    assert (got.status, got.err) == (1, "[ERROR]  Download failed\n")
    await made.world.close()


async def test_uninstalling_leaves_what_the_recording_leaves() -> None:
    made = await with_agent()
    await made.gpu.sh(AGENT_INSTALL)
    got = await made.gpu.sh("/usr/local/bin/k3s-agent-uninstall.sh")
    assert got.status == 0
    got = await made.gpu.sh(
        "ls -d /etc/rancher/* /usr/local/bin/* /var/lib/rancher /var/lib/kubelet /run/k3s "
        "/etc/systemd/system/k3s* /etc/systemd/system/multi-user.target.wants/k3s* 2>/dev/null"
    )
    assert got.out.split() == ["/etc/rancher/node", "/var/lib/rancher"]
    assert made.cluster.get("Node", "", "gpu1")
    assert made.cluster.get("Secret", "kube-system", "gpu1.node-password.k3s")
    await made.world.close()


async def test_uninstalling_beside_another_k3s_unit_keeps_nearly_all() -> None:
    made = await with_agent()
    await made.gpu.sh(AGENT_INSTALL)
    made.gpu.machine.files.write("/etc/systemd/system/k3s-other.service", b"[Unit]\n")
    got = await made.gpu.sh("/usr/local/bin/k3s-agent-uninstall.sh; ls /usr/local/bin")
    assert "Additional k3s services installed, skipping uninstall of k3s" in got.out
    assert "k3s-killall.sh" in got.out
    await made.world.close()


async def test_an_expired_token_is_not_listed() -> None:
    made = await serving()
    assert made.world.control
    made.world.control.create_token(timedelta(seconds=-1), "old")
    got = await made.server.sh("k3s token list")
    assert "old" not in got.out
    await made.world.close()
