"""Commands that a person types: the guide's, those of the pages, and those that the program advises."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from gpu_wizard.facts import driver_commands
from gpu_wizard.facts.identity import OsRelease
from gpu_wizard.facts.pci import PciCard
from gpu_wizard.knowledge.guide import PAGES
from gpu_wizard.knowledge.store import document
from gpu_wizard.knowledge.texts import catalogue

GUIDE = (
    "sudo cat /var/lib/rancher/k3s/server/node-token",
    "curl -sfL https://get.k3s.io | K3S_URL=https://192.0.2.1:6443 K3S_TOKEN=<TOKEN> sh -",
    "kubectl get nodes",
    "nvidia-smi",
    "dpkg -l | grep nvidia-container",
    "curl -fsSL https://nvidia.github.io/libnvidia-container/gpgkey | sudo gpg --dearmor -o /usr/share/keyrings/k.gpg",
    "curl -s -L https://example.invalid/nvidia-container-toolkit.list | sed 's#deb https://#deb [x] https://#g'"
    " | sudo tee /etc/apt/sources.list.d/nvidia-container-toolkit.list",
    "sudo apt-get update",
    "sudo apt-get install -y nvidia-container-toolkit",
    "sudo cat /var/lib/rancher/k3s/agent/etc/containerd/config.toml",
    "sudo nvidia-ctk runtime configure --runtime=containerd --config=/etc/containerd/config.toml",
    "sudo systemctl restart k3s-agent",
    "kubectl apply -f https://raw.githubusercontent.com/NVIDIA/k8s-device-plugin/v0.17.0/deployments/static/"
    "nvidia-device-plugin.yml",
    "kubectl apply -f manifest.yaml",
    "kubectl create -f - <<'EOF'\nkind: RuntimeClass\nEOF",
    "kubectl patch daemonset nvidia-device-plugin-daemonset -n kube-system --type='json' -p='[]'",
    "kubectl label nodes gpu1 node-role.kubernetes.io/gpu=true",
    "kubectl get pods -n kube-system -l name=nvidia-device-plugin-ds -o wide",
    "kubectl logs -n kube-system -l name=x --field-selector spec.nodeName=gpu1",
    "kubectl get nodes gpu1 -o jsonpath='{.status.allocatable}' | jq .",
    "kubectl run gpu-test --rm -it --restart=Never --image=nvidia/cuda:12.5.0 --overrides='{}' -- nvidia-smi",
    "k3s --version",
    "k3s ctr version",
    "kubectl get ds -n kube-system",
)
ADVISED = (
    "systemctl status k3s",
    "ss -ltnp | grep :6443",
    "sudo timedatectl set-ntp true",
    "sudo -n nvidia-smi",
    "sudo id -u",
    "ssh -F ssh_config gpu1",
    "sh -s",
    "gpu-wizard explain join",
    "ssh-keygen -l -f /etc/ssh/ssh_host_ed25519_key.pub",
    "kubectl --kubeconfig kubeconfig get nodes",
    "gpu-wizard --auto setup.toml --plan",
    "gpu-wizard --auto setup.toml --prove",
    "gpu-wizard demo",
    "gpu-wizard status --setup setup.toml",
    "gpu-wizard gpu gpu1",
    "gpu-wizard diagnose k3s.log --json --lang ru",
    "gpu-wizard bundle",
    "gpu-wizard completion bash",
    "gpu-wizard demo --serve --dir DIR",
    "gpu-wizard status gpu1 --control-plane k3s-1 --watch",
    "gpu-wizard explain --guide",
    "gpu-wizard --plain",
    "gpu-wizard --auto setup.toml --keep-going",
    "sudo k3s token list",
    "kubectl label node gpu1 nvidia.com/gpu=present --overwrite",
)
"""What help texts, the practice lab and messages name without backquotes."""
WRAPPED = (
    "sudo -k -S -p PROMPT -- sh -c 'exit 0'",
    "setsid sh -s",
    "command -v sudo",
    "timeout -k 2 15 cat /etc/os-release",
    "kill -s TERM -- -4711",
    "kill -s KILL 4711",
)
"""What stands around a command on a host: host/sudo.py, host/running.py, host/script.py."""
_SYSTEMS = (
    OsRelease("ubuntu", "24.04", ("debian",), "Ubuntu 24.04"),
    OsRelease("debian", "13", (), "Debian 13"),
    OsRelease("rocky", "9.6", ("rhel", "fedora"), "Rocky Linux 9.6"),
    OsRelease("rhel", "10", ("fedora",), "RHEL 10"),
    OsRelease("opensuse-leap", "15.6", ("suse",), "openSUSE Leap 15.6"),
)
_CODE = re.compile(r"`([^`]+)`")


def commands() -> Iterator[tuple[str, str]]:
    """Where it stands, and the line."""
    yield from (("guide", line) for line in GUIDE)
    for name in PAGES:
        content = document("pages", name) or {}
        yield from ((name, block["run"]) for block in content.get("block", ()) if "run" in block)
        yield from ((name, line) for line in _quoted(content))
    program = document("pages", "program") or {}
    entries = (*program["asked"], *program["done"])
    yield from ((entry["id"], entry["run"]) for entry in entries if "run" in entry)
    yield from (("advised", line) for line in (*ADVISED, *WRAPPED))
    yield from (("driver", line) for line in _driver())
    yield from _advised()


def _quoted(content: Mapping[str, Any]) -> Iterator[str]:
    for block in content.get("block", ()):
        for found in _CODE.findall(" ".join(block.get("text", [""])[:1])):
            if " " in found and ": " not in found and not found.startswith("echo"):
                yield found


def _driver() -> Iterator[str]:
    for system in _SYSTEMS:
        for device in (0x2330, 0x1B06):
            cards = (PciCard("0000:01:00.0", device),)
            for secure in (True, False):
                yield from driver_commands.driver_commands(system, cards, secure, "x86_64")
        yield from driver_commands.rebuild_commands(system)
        yield from driver_commands.nouveau_commands(system)
        yield from driver_commands.secure_boot_commands(system)


def _advised() -> Iterator[tuple[str, str]]:
    """Commands in backquotes in what a person is told to do next."""
    for kind, entries in catalogue().items():
        for code, entry in entries.items():
            for found in _CODE.finditer(entry.get("next_en", "") + entry["en"]):
                words = found[1].split(" ")
                if len(words) > 1 and words[1] != "=" and not words[0].endswith(":"):
                    yield f"{kind}.{code}", found[1]
