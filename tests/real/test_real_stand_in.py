"""The stand-in for k3s held to the recordings of K3s v1.34.3 (01-server, 02-join, 04-containerd, 06)."""

from __future__ import annotations

import json
import re

import pytest

from .bed import SERVER_URL, Bed, install_k3s, until
from .hands import CONTAINERD, install_toolkit, join, restart
from .machine import Machine
from .places import REPOSITORY

RENDERED = REPOSITORY / "tests" / "recorded" / "containerd" / "k3s-1.34.3-config.toml"
OF_THE_BED = re.compile(r"^ *(?:SystemdCgroup|restrict_oom_score_adj) = .*\n", re.MULTILINE)

GOOD_JOIN = (
    "Starting k3s agent v1.34.3+k3s1 (48ffa7b6)",
    "Updated load balancer k3s-agent-load-balancer default server: 10.123.0.10:6443",
    "Running load balancer k3s-agent-load-balancer 127.0.0.1:6444",
    "Logging containerd to /var/lib/rancher/k3s/agent/containerd/containerd.log",
    "Running containerd -c /var/lib/rancher/k3s/agent/etc/containerd/config.toml",
    "containerd is now running",
    "Running kubelet ",
    "Annotations and labels have been set successfully on node: gpu1",
    "k3s agent is up and running",
)


def in_order(text: str, parts: tuple[str, ...]) -> bool:
    position = 0
    for part in parts:
        position = text.find(part, position)
        if position < 0:
            return False
    return True


def test_good_join_says_what_is_recorded_in_that_order(bed: Bed, fresh: Machine) -> None:
    join(bed, fresh)

    assert in_order(fresh.journal("k3s-agent"), GOOD_JOIN), fresh.journal("k3s-agent")[-4000:]
    labels = bed.get("node", "gpu1")["metadata"]["labels"]
    assert labels["node.kubernetes.io/instance-type"] == "k3s"
    owner = bed.get("secret", "gpu1.node-password.k3s", namespace="kube-system")["metadata"]
    assert [each["kind"] for each in owner.get("ownerReferences", [])] in ([], ["Node"])


def test_rendered_config_is_the_recorded_one(bed: Bed, fresh: Machine) -> None:
    join(bed, fresh)
    install_toolkit(fresh)
    restart(fresh)

    rendered = fresh.sh(f"cat {CONTAINERD}/config.toml")

    recorded = RENDERED.read_text()
    assert OF_THE_BED.sub("", rendered).split("\n") == OF_THE_BED.sub("", recorded).split("\n")


def test_restart_is_ready_before_containerd(bed: Bed, fresh: Machine) -> None:
    join(bed, fresh)
    mark = fresh.sh("date +%s.%N").strip()
    fresh.sh("systemctl restart k3s-agent")
    until("containerd runs", lambda: "containerd is now running" in since(fresh, mark))

    assert in_order(
        since(fresh, mark), ("k3s agent is up and running", "containerd is now running")
    )


def test_restart_that_exits_0_and_then_dies(bed: Bed, fresh: Machine) -> None:
    join(bed, fresh)
    fresh.put(f"{CONTAINERD}/config-v3.toml.tmpl", '{{ template "base" . }}\n[plugins\n')

    assert fresh.run("systemctl restart k3s-agent").status == 0

    until(
        "it dies",
        lambda: (
            'Shutdown request received: containerd exited: exit status 1"'
            in fresh.journal("k3s-agent")
        ),
    )
    assert "failed to unmarshal TOML" in fresh.sh(
        "tail -3 /var/lib/rancher/k3s/agent/containerd/containerd.log"
    )
    assert bed.ready("gpu1")


def since(machine: Machine, mark: str) -> str:
    return machine.sh(f"journalctl -u k3s-agent --since @{mark} -o cat --no-pager")


@pytest.mark.parametrize(
    ("path", "status", "text"),
    [
        ("/ping", 200, "pong"),
        ("/version", 401, "Unauthorized"),
        ("/readyz", 401, "Unauthorized"),
        ("/v1-k3s/config", 403, "forbidden"),
        ("/v1-k3s/readyz", 403, "forbidden"),
        ("/nosuch", 401, "Unauthorized"),
    ],
)
def test_endpoints_without_credentials(bed: Bed, path: str, status: int, text: str) -> None:
    answer = bed.server.sh(f"curl -sk -w '\\n%{{http_code}}' {SERVER_URL}{path}")

    assert answer.rpartition("\n")[2] == str(status)
    assert text in answer


def test_ca_hash_and_token_forms(bed: Bed) -> None:
    digest = bed.server.sh(f"curl -sk {SERVER_URL}/cacerts | sha256sum").split()[0]
    created = bed.server.sh("k3s token create --ttl 1h --description x").strip()

    assert re.fullmatch(rf"K10{digest}::[a-z0-9]{{6}}\.[a-z0-9]{{16}}", created)
    identity = created.rpartition("::")[2].partition(".")[0]
    listed = json.loads(bed.server.sh("k3s token list -o json"))
    assert all(entry["token"] == {} for entry in listed)
    assert (
        bed.server.sh(f"k3s token delete {identity}") == f'bootstrap token "{identity}" deleted\n'
    )
    again = bed.server.run(f"k3s token delete {identity}")
    assert again.status == 1
    assert f'secrets \\"bootstrap-token-{identity}\\" not found' in again.err


def test_installer_run_again_changes_nothing(bed: Bed, fresh: Machine) -> None:
    join(bed, fresh)
    variables = "INSTALL_K3S_SKIP_DOWNLOAD=true INSTALL_K3S_EXEC=agent"

    said = fresh.sh(f"curl -sfL https://get.k3s.io | env {variables} sh -")

    assert said.splitlines()[-1] == "[INFO]  No change detected so skipping service start"
    unit = fresh.sh("cat /etc/systemd/system/k3s-agent.service")
    assert "Type=notify" in unit
    assert "KillMode=process" in unit


def test_pod_lives_through_the_agents_restart(bed: Bed, fresh: Machine) -> None:
    join(bed, fresh)
    spec = {
        "nodeName": "gpu1",
        "containers": [{"name": "c", "image": "busybox:1.36", "command": ["sleep", "600"]}],
    }
    bed.apply(
        {
            "apiVersion": "v1",
            "kind": "Pod",
            "metadata": {"name": "lives", "namespace": "default"},
            "spec": spec,
        }
    )
    until(
        "the pod runs",
        lambda: bed.get("pod", "lives", namespace="default")["status"].get("phase") == "Running",
    )
    before = bed.get("pod", "lives", namespace="default")["status"]["containerStatuses"][0][
        "containerID"
    ]

    restart(fresh)

    after = bed.get("pod", "lives", namespace="default")["status"]["containerStatuses"][0]
    assert (after["containerID"], after["restartCount"]) == (before, 0)
    assert bed.ready("gpu1")


def test_installers_start_blocks_on_a_wrong_token(bed: Bed, fresh: Machine) -> None:
    fresh.put(
        "/etc/rancher/k3s/config.yaml",
        f"server: {SERVER_URL}\ntoken: K10{'a' * 64}::node:x\n",
        0o600,
    )
    install_k3s(fresh, "agent", start=False)

    assert fresh.run("timeout 6 systemctl start k3s-agent").status == 124
    assert fresh.run("systemctl is-active k3s-agent").out == "activating\n"
