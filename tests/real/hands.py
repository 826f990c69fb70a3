"""What a person did by hand before the product came: joined a machine, installed the toolkit, applied a plugin."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from .bed import SERVER_URL, Bed, install_k3s, until
from .machine import Machine
from .prepared import TOOLKIT, VERSION

Object = dict[str, Any]

CONTAINERD = "/var/lib/rancher/k3s/agent/etc/containerd"
TEMPLATE = f"{CONTAINERD}/config-v3.toml.tmpl"
RUNTIME_PROGRAMS = (
    "nvidia-container-runtime",
    "nvidia-container-runtime-hook",
    "nvidia-ctk",
    "nvidia-cdi-hook",
)
CUDA = "nvidia/cuda:12.5.1-base-ubuntu22.04"


def join(bed: Bed, machine: Machine, config: str = "") -> None:
    """The machine is a Node, Ready."""
    token = bed.server.sh("k3s token create --ttl 1h")
    machine.put("/etc/rancher/k3s/token", token, 0o600)
    lines = f"server: {SERVER_URL}\ntoken-file: /etc/rancher/k3s/token\n{config}"
    machine.put("/etc/rancher/k3s/config.yaml", lines, 0o600)
    install_k3s(machine, "agent")
    until(f"{machine.name} is Ready", lambda: bed.ready(machine.name))


def install_toolkit(machine: Machine, version: str = VERSION) -> None:
    """From the repository, by apt, as NVIDIA's instructions say."""
    machine.sh(TOOLKIT.format(version))


def copy_toolkit(machine: Machine, folder: str) -> None:
    """The programs alone, in an odd place, of no package."""
    machine.sh(f"mkdir -p {folder}")
    for name in RUNTIME_PROGRAMS:
        machine.put(f"{folder}/{name}", (machine.supplies.programs / name).read_bytes(), 0o755)


def restart(machine: Machine, unit: str = "k3s-agent") -> None:
    """Restarted, and containerd up again."""
    mark = machine.sh("date +%s").strip()
    machine.sh(f"systemctl restart {unit}")
    until(
        "containerd runs",
        lambda: (
            machine.run(
                f"journalctl -u {unit} --since @{mark} -o cat | grep -q 'containerd is now running'"
            ).status
            == 0
        ),
    )


def daemonset(
    name: str = "nvidia-device-plugin-daemonset",
    namespace: str = "kube-system",
    *,
    tag: str = "v0.17.4",
    pod: Mapping[str, object] | None = None,
) -> Object:
    """NVIDIA's static manifest as it is: no selector, no class."""
    labels = {"name": "nvidia-device-plugin-ds"}
    return {
        "apiVersion": "apps/v1",
        "kind": "DaemonSet",
        "metadata": {"name": name, "namespace": namespace},
        "spec": {
            "selector": {"matchLabels": labels},
            "template": {
                "metadata": {"labels": labels},
                "spec": {
                    "tolerations": [
                        {"key": "nvidia.com/gpu", "operator": "Exists", "effect": "NoSchedule"}
                    ],
                    "priorityClassName": "system-node-critical",
                    "containers": [
                        {
                            "name": "nvidia-device-plugin-ctr",
                            "image": f"nvcr.io/nvidia/k8s-device-plugin:{tag}",
                            "env": [{"name": "FAIL_ON_INIT_ERROR", "value": "false"}],
                            "securityContext": {
                                "allowPrivilegeEscalation": False,
                                "capabilities": {"drop": ["ALL"]},
                            },
                            "volumeMounts": [
                                {
                                    "name": "device-plugin",
                                    "mountPath": "/var/lib/kubelet/device-plugins",
                                }
                            ],
                        }
                    ],
                    "volumes": [
                        {
                            "name": "device-plugin",
                            "hostPath": {"path": "/var/lib/kubelet/device-plugins"},
                        }
                    ],
                    **(pod or {}),
                },
            },
        },
    }


def pod(
    name: str, node: str, script: str, *, cards: int = 0, runtime_class: str = "nvidia"
) -> Object:
    """A pod of the CUDA image on that node."""
    container: Object = {"name": "c", "image": CUDA, "command": ["sh", "-c", script]}
    if cards:
        container["resources"] = {"limits": {"nvidia.com/gpu": str(cards)}}
    spec: Object = {"restartPolicy": "Never", "nodeName": node, "containers": [container]}
    if runtime_class:
        spec["runtimeClassName"] = runtime_class
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": name, "namespace": "default"},
        "spec": spec,
    }


def phase(bed: Bed, name: str) -> str:
    """Of a pod in the default namespace."""
    found: str = bed.get("pod", name, namespace="default")["status"].get("phase", "")
    return found
